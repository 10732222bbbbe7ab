"""The [motion] section: every number of the detector and the heat map."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionSettings:
    """[motion]"""

    detector: str = field(
        default="track",
        metadata={
            "choices": ("track", "simple"),
            "doc": "track: follows changes against what is usual in each place. simple: the first Ratcam's algorithm.",
        },
    )
    sensitivity: int = field(
        default=5,
        metadata={
            "minimum": 1,
            "maximum": 9,
            "doc": "1 asks for much evidence, 9 for little. The key to try first; for the track detector.",
        },
    )
    auto_calibrate: bool = field(
        default=True,
        metadata={"doc": "Learn how high the score gets on quiet pictures, and keep the trigger clear of it."},
    )
    keep_vectors_mb: int = field(
        default=0,
        metadata={
            "minimum": 0,
            "maximum": 1000000,
            "doc": "Megabytes of motion fields kept of the last nights, for `ratcam tune`; 0 keeps none, and leaves "
            "what was kept before. They give way when the disk has less than 100 MB free.",
        },
    )
    noise_z: float = field(
        default=5.0,
        metadata={
            "minimum": 1,
            "maximum": 100,
            "doc": "track: a block is hit when it changes so many times as much beyond its usual as noise does. "
            "sensitivity scales it.",
        },
    )
    floor_rise_s: float = field(
        default=20.0,
        metadata={
            "minimum": 1,
            "maximum": 3600,
            "doc": "track: the time in which more change becomes usual; ten times as long where something is hit.",
        },
    )
    floor_fall_s: float = field(
        default=2.0,
        metadata={"minimum": 0.1, "maximum": 3600, "doc": "track: the time in which less change becomes usual."},
    )
    vector_weight: float = field(
        default=1.0,
        metadata={
            "minimum": 0,
            "maximum": 100,
            "doc": "track: what a Pi's vector in a block is worth, in units of noise_z. 0 looks at changes only.",
        },
    )
    light_guard: float = field(
        default=0.25,
        metadata={
            "minimum": 0,
            "maximum": 1,
            "doc": "track: when more than this share of the picture changes at once it is the light, or the camera was "
            "pushed: no motion. 0 turns the guard off.",
        },
    )
    light_guard_hold_s: float = field(
        default=0.3,
        metadata={"minimum": 0, "maximum": 10, "doc": "track: so long after such a change nothing counts yet."},
    )
    light_guard_max_s: float = field(
        default=4.0,
        metadata={
            "minimum": 0.5,
            "maximum": 600,
            "doc": "track: a change of the whole picture that lasts longer is how it is now: it is learned anew.",
        },
    )
    crowd_penalty: float = field(
        default=1.5,
        metadata={
            "minimum": 0,
            "maximum": 10,
            "doc": "track: how much more is asked of a hit while the whole picture is lively, or changes here and "
            "there all over: rain, flicker. 0 is off.",
        },
    )
    trigger_steps: float = field(
        default=2.5,
        metadata={
            "minimum": 0.5,
            "maximum": 100,
            "doc": "track: motion begins when clear hits follow one another for so many tenths of a second. More keep "
            "out what only flits past, such as insects, and delay every alert.",
        },
    )
    release_steps: float = field(
        default=1.5,
        metadata={"minimum": 0, "maximum": 100, "doc": "track: motion ends when no more than this is left of that."},
    )
    flit_s: float = field(
        default=1.2,
        metadata={
            "minimum": 0,
            "maximum": 60,
            "doc": "track: what leaps from place to place, as an insect at the lens, or floods in, as a light's edge, "
            "is motion only after so long; a line across the picture, as a spider's thread, not while it is there. "
            "0 treats them like all else.",
        },
    )
    hold_s: float = field(
        default=1.0,
        metadata={"minimum": 0, "maximum": 60, "doc": "track: motion is said to last so long after its end."},
    )
    false_alarms_per_week: float = field(
        default=1.0,
        metadata={
            "minimum": 0.001,
            "maximum": 10000,
            "doc": "track: with auto_calibrate, alarms without cause that may come in a quiet week.",
        },
    )
    fade_out_hours: float = field(
        default=3.0,
        metadata={
            "minimum": 0,
            "maximum": 1000,
            "doc": "track: blocks that move most of so long a time are faded out: a tree, a clock. 0 fades none out.",
        },
    )
    time_window_s: float = field(
        default=2.0,
        metadata={
            "minimum": 0.1,
            "maximum": 60,
            "doc": "The memory of the heat map, and of the simple detector: "
            "a full-scale value (255) falls below 1 after so long without motion.",
        },
    )
    trigger_level: float = field(
        default=12.0,
        metadata={
            "minimum": 0.1,
            "maximum": 255,
            "doc": "simple: a block moves when its accumulated motion reaches this.",
        },
    )
    release_level: float = field(
        default=3.0,
        metadata={
            "minimum": 0.1,
            "maximum": 255,
            "doc": "simple: while an event lasts, a block moves down to this level.",
        },
    )
    trigger_area: int = field(
        default=5,
        metadata={
            "minimum": 1,
            "maximum": 10000,
            "doc": "simple: blocks that must move to begin an event. "
            "5 is what the median leaves of a mover of 3x3 blocks.",
        },
    )
    release_area: int = field(
        default=1,
        metadata={"minimum": 1, "maximum": 10000, "doc": "simple: an event ends when fewer blocks than this move."},
    )
    settle_s: float = field(
        default=0.5, metadata={"minimum": 0, "maximum": 600, "doc": "Motion is ignored so long after a camera starts."}
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
