"""Camera sources: each file implements `ratcam.ports.CameraSource` for one kind of camera."""
