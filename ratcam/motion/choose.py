"""Which detector the settings ask for."""

from ratcam.motion.detector import Detector
from ratcam.motion.settings import MotionSettings
from ratcam.motion.simple import SimpleDetector
from ratcam.motion.track import TrackDetector
from ratcam.motion.zones import ZoneSettings


def uses_vectors(settings: MotionSettings) -> bool:
    """Whether the detector looks at vectors of a decoder: if not, nobody needs to read them.

    A Pi's come for nothing, and with every field.
    """
    return settings.detector == "simple"


def new_detector(settings: MotionSettings, zones: tuple[ZoneSettings, ...] = ()) -> Detector:
    """A detector as `settings.detector` says. The simple one knows no zones; it watches the whole picture."""
    if settings.detector == "simple":
        return SimpleDetector(settings)
    return TrackDetector(settings, zones)


def calibrates(settings: MotionSettings) -> bool:
    """Whether these settings' detector learns how quiet its camera is, so that `Detector.quiet` will be known."""
    return settings.detector == "track" and settings.auto_calibrate
