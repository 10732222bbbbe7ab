"""A loopback Telegram Bot API with a chat page: what `ratcam demo` and the tests talk to."""
