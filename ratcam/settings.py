"""The sections of ratcam.ini as frozen values: what each part is handed. `ratcam.config` reads and checks them.

Each field is a key of the ini; its metadata hold what the sample file and the checks need: `doc` (one sentence),
`minimum`, `maximum` (inclusive), `choices`, `secret`. The `[motion]` section is `motion.settings.MotionSettings`.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """[telegram]"""

    token: str = field(
        default="",
        repr=False,
        metadata={
            "secret": True,
            "doc": "The bot's token from @BotFather. The file must then be readable by its owner only (chmod 600). "
            "Better: token_file, or the environment variable RATCAM_TELEGRAM_TOKEN.",
        },
    )
    token_file: str = field(default="", metadata={"doc": "A file that holds the token and nothing else (mode 600)."})
    base_url: str = field(
        default="https://api.telegram.org",
        metadata={"doc": "Where the Bot API is. Plain http only for this machine (127.0.0.1, ::1, localhost)."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """[auth]"""

    passcode_minutes: int = field(
        default=10, metadata={"minimum": 1, "maximum": 60, "doc": "How long a passcode is good for."}
    )
    tries_per_chat: int = field(
        default=3, metadata={"minimum": 1, "maximum": 10, "doc": "Wrong passcodes a chat may send before it must wait."}
    )
    tries_total: int = field(
        default=20,
        metadata={"minimum": 1, "maximum": 100, "doc": "Wrong passcodes over all chats that end a passcode."},
    )
    retry_minutes: int = field(
        default=10, metadata={"minimum": 1, "maximum": 1440, "doc": "How long a refused chat waits to try again."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """[camera]"""

    name: str = field(default="camera", metadata={"doc": "What the chats call this camera: letters, digits, - and _."})
    source: str = field(
        default="demo",
        metadata={"doc": "demo: a drawn night kitchen. file:PATH: a video file, H.264 in it is not encoded again."},
    )
    width: int = field(
        default=640, metadata={"minimum": 64, "maximum": 4096, "doc": "Pixels, where the source can choose."}
    )
    height: int = field(
        default=480, metadata={"minimum": 64, "maximum": 4096, "doc": "Pixels, where the source can choose."}
    )
    fps: float = field(
        default=10.0, metadata={"minimum": 1, "maximum": 60, "doc": "Pictures a second, where the source can choose."}
    )
    bitrate_kbit: int = field(
        default=1500,
        metadata={
            "minimum": 100,
            "maximum": 25000,
            "doc": "What the encoder aims at, where Ratcam encodes, in kbit/s.",
        },
    )
    loop: bool = field(default=True, metadata={"doc": "Whether a file begins again at its end."})
    pace: str = field(
        default="realtime",
        metadata={
            "choices": ("realtime", "fast"),
            "doc": "realtime: a file plays at its own speed. fast: as fast as Ratcam takes it (for tests).",
        },
    )
    stall_timeout_s: float = field(
        default=5.0,
        metadata={"minimum": 1, "maximum": 120, "doc": "No picture for so long: the camera process is started again."},
    )
    start_timeout_s: float = field(
        default=20.0, metadata={"minimum": 2, "maximum": 300, "doc": "How long the first picture may take."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings:
    """[recording]"""

    pre_roll_s: float = field(
        default=5.0, metadata={"minimum": 0, "maximum": 60, "doc": "A clip begins so long before the movement did."}
    )
    post_roll_s: float = field(
        default=5.0, metadata={"minimum": 0, "maximum": 120, "doc": "A clip goes on so long after the last movement."}
    )
    segment_s: float = field(
        default=30.0, metadata={"minimum": 2, "maximum": 600, "doc": "A long clip is cut into parts of this length."}
    )
    segment_max_mb: float = field(
        default=9.5,
        metadata={
            "minimum": 1,
            "maximum": 45,
            "doc": "And into parts of at most so many MB; one below 10 MB plays at once in a chat. A part ends at a "
            "key frame, and the camera is asked for one. If none comes the part ends at 45 MB, as a bot cannot send "
            "more than 50, and pictures are missing up to the next key frame: then set the camera's key frame interval "
            "to one or two seconds.",
        },
    )
    ring_mb: int = field(
        default=32,
        metadata={"minimum": 1, "maximum": 1024, "doc": "Memory for the pre-roll; it shortens before it grows."},
    )
    video_s: float = field(
        default=10.0, metadata={"minimum": 1, "maximum": 60, "doc": "How long /video records when no length is given."}
    )
    max_video_s: float = field(
        default=60.0, metadata={"minimum": 1, "maximum": 600, "doc": "The longest /video that may be asked for."}
    )
    keep_clips: bool = field(
        default=False, metadata={"doc": "Keep delivered pictures and clips, in state_dir/media/kept."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """[daemon]"""

    state_dir: str = field(
        default="state",
        metadata={"doc": "Where authorisation, deliveries and clips are kept; relative to this file's folder."},
    )
    log_level: str = field(
        default="info", metadata={"choices": ("debug", "info", "warning", "error"), "doc": "How much is logged."}
    )
