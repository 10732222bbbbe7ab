"""The clock of this machine."""

import time


class SystemClock:
    """Implements `ratcam.ports.Clock`."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    def unix_s(self) -> float:
        """Seconds since 1970; may jump."""
        return time.time()
