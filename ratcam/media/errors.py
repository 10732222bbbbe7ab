"""The one exception of the pure media code."""


class StreamError(ValueError):
    """A stream or file cannot be parsed or muxed; the message is a sentence for a person."""
