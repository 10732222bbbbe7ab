"""Pure motion detection: motion fields in, scores, events and heat maps out. numpy and Pillow only."""
