"""The [motion] section: every number of the detector and the heat map."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionSettings:
    """[motion]"""

    time_window_s: float = field(
        default=2.0,
        metadata={
            "minimum": 0.1,
            "maximum": 60,
            "doc": "The accumulator's memory: a full-scale value (255) falls below 1 after so long without motion.",
        },
    )
    trigger_level: float = field(
        default=12.0,
        metadata={"minimum": 0.1, "maximum": 255, "doc": "A block moves when its accumulated motion reaches this."},
    )
    release_level: float = field(
        default=3.0,
        metadata={"minimum": 0.1, "maximum": 255, "doc": "While an event lasts, a block moves down to this level."},
    )
    trigger_area: int = field(
        default=5,
        metadata={
            "minimum": 1,
            "maximum": 10000,
            "doc": "Blocks (16x16 pixels) that must move to begin an event. "
            "5 is what the median leaves of a mover of 3x3 blocks.",
        },
    )
    release_area: int = field(
        default=1, metadata={"minimum": 1, "maximum": 10000, "doc": "An event ends when fewer blocks than this move."}
    )
    settle_s: float = field(
        default=2.0, metadata={"minimum": 0, "maximum": 600, "doc": "Motion is ignored so long after a camera starts."}
    )
    picture_after_s: float = field(
        default=1.5,
        metadata={
            "minimum": 0.2,
            "maximum": 30,
            "doc": "The heat map shows the strongest moment of the event's first so many seconds.",
        },
    )
    tint_strength: float = field(
        default=0.6,
        metadata={"minimum": 0, "maximum": 1, "doc": "How strongly the heat map is coloured where it moved most."},
    )
    jpeg_quality: int = field(
        default=85, metadata={"minimum": 20, "maximum": 95, "doc": "JPEG quality of the heat map."}
    )
