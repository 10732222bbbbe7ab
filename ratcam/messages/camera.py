"""What cameras deliver, and what they are told."""

from dataclasses import dataclass, field

from ratcam.messages.ids import CameraId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessUnit:
    """One coded picture. A key unit is an IDR picture and begins with the SPS and PPS it needs."""

    camera: CameraId
    run_id: RunId
    pts_90k: int
    """Presentation time; strictly increasing within a run in decoding order unless the stream reorders pictures."""
    is_key: bool
    data: bytes = field(repr=False)
    """Annex B byte stream (ISO/IEC 14496-10 annex B): start codes and NAL units of this picture only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionField:
    """The motion vectors of one picture in the form of picamera's MMAL: (columns + 1) x rows blocks of 4 bytes.

    A block is x (int8), y (int8), sad (uint16 little endian), rows from the top; the last column of a row is padding.
    x and y are in whole pixels, towards the block's place in the previous picture; sad is the block's change.
    """

    camera: CameraId
    run_id: RunId
    pts_90k: int
    columns: int
    rows: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One still, the answer to `TakeSnapshot`; an empty `jpeg` means that it failed for `reason`."""

    camera: CameraId
    run_id: RunId
    request_id: str
    pts_90k: int
    jpeg: bytes = field(repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStarted:
    """A run has begun: the first message of a run."""

    camera: CameraId
    run_id: RunId
    width: int
    height: int
    fps: float
    """Nominal pictures a second; the truth is in the timestamps."""
    started_unix_s: float
    """Wall-clock time of media time 0 of this run."""
    rotation: int = 0
    """By how much a player has to turn the coded pictures, in degrees clockwise: 0, 90, 180 or 270."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded:
    """A run is over: the last message of a run. `is_final` when the source has no more to give (a file's end)."""

    camera: CameraId
    run_id: RunId
    reason: str
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSnapshot:
    """Ask a camera for a still of the newest picture; answered by one `Snapshot` with the same `request_id`."""

    camera: CameraId
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKeyFrame:
    """Ask the encoder to make the next picture a key frame; a source that cannot does nothing."""

    camera: CameraId


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraLost:
    """A camera stopped delivering and is being started again."""

    camera: CameraId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRecovered:
    """A lost camera delivers again after `blind_s` seconds without pictures."""

    camera: CameraId
    blind_s: float


StreamMessage = AccessUnit | MotionField | Snapshot | StreamStarted | StreamEnded
"""What a camera process sends."""
CameraCommand = TakeSnapshot | RequestKeyFrame
"""What a camera process is told."""
