"""Ratcam: a camera as a contact in Telegram."""

__version__ = "0.1.0"
