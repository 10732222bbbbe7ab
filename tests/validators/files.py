"""The files that other people's tools are to judge: real streams, in every state that Ratcam leaves a file in."""

import random
from dataclasses import dataclass
from pathlib import Path

from ratcam.media.access_unit import parameter_sets
from ratcam.media.avc_config import shown_size
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import recover
from ratcam.media.sps import parse_sps
from ratcam.muxing import mux_file
from tests.media.players import Unit, encode
from tests.media.recordings import CREATED_UNIX_S, START_90K, gops, patched, saved, units_of

SIZES = {"high": "1280x720", "cropped": "1640x922"}
X264_STREAMS: dict[str, tuple[str, ...]] = {
    "high": ("-preset", "veryfast", "-profile:v", "high", "-bf", "0", "-g", "15"),
    "slices": ("-bf", "0", "-g", "15", "-x264-params", "slices=4:aud=1"),
    "reordered": ("-bf", "3", "-b_strategy", "0", "-g", "15"),
    "cropped": (
        *("-preset", "ultrafast", "-bf", "0", "-g", "15", "-vf", "setsar=4/3"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    ),
    "tiny": ("-profile:v", "baseline", "-g", "15"),
    "turned": ("-bf", "0", "-g", "15"),
}
ROTATIONS = {"turned": 90}
STATES = ("finished", "unfinished", "recovered", "muxed")
TITLE = "Kitchen ☕"
STEP_90K = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """A file and what is in it."""

    path: Path
    stream: str
    state: str
    shown_90k: tuple[int, ...]
    """When each picture is shown, in decoding order, from 0."""
    keys: tuple[int, ...]
    """The numbers of the key pictures, from 0."""
    duration_90k: int
    size: tuple[int, int]
    """Width and height of the coded picture."""
    shown_size: tuple[int, int]
    """Width and height as shown, before any rotation."""
    rotation: int
    """Degrees clockwise by which players are to turn it. `ratcam mux` turns nothing."""

    @property
    def is_progressive(self) -> bool:
        return self.state != "unfinished"


def make_files(folder: Path) -> dict[tuple[str, str], MadeFile]:
    """Every stream in every state."""
    found: dict[tuple[str, str], MadeFile] = {}
    for stream, options in X264_STREAMS.items():
        raw = encode(folder / f"{stream}.h264", *options, size=SIZES.get(stream, "160x120"), seconds=2)
        found |= {(stream, state): file for state, file in make_file(raw, folder).items()}
    return found


def make_file(raw: Path, folder: Path) -> dict[str, MadeFile]:
    """A raw stream in every state; the recovered file was torn within its last GOP."""
    stream = raw.stem
    even = units_of(raw, step_90k=STEP_90K)
    units = _jittered(even)
    end = max(unit.pts_90k for unit in units) + STEP_90K
    rotation = ROTATIONS.get(stream, 0)
    recording, content = _recorded(units, rotation)
    whole_gops = units[: len(units) - len(gops(units)[-1])]
    torn = content[: len(_recorded(whole_gops, rotation)[1]) + 3000]
    recovery = recover(lambda offset, length: torn[offset : offset + length], len(torn))
    named = folder / f"{TITLE}.h264"
    named.write_bytes(raw.read_bytes())
    mux_file(named, folder / "muxed.mp4", fps=None)
    finished = patched(content, recording.finish(end))
    recovered = patched(torn[: recovery.truncate_to], recovery.patches)
    states = {
        "finished": (finished, units, end - START_90K),
        "unfinished": (content, units, end - START_90K),
        "recovered": (recovered, whole_gops, recovery.duration_90k),
        "muxed": ((folder / "muxed.mp4").read_bytes(), even, len(even) * STEP_90K),
    }
    sps = parse_sps(parameter_sets(units[0].data).sps[0])
    return {
        state: MadeFile(
            path=saved(folder, data, f"{stream}-{state}.mp4"),
            stream=stream,
            state=state,
            shown_90k=tuple(unit.pts_90k - START_90K for unit in kept),
            keys=tuple(number for number, unit in enumerate(kept) if unit.is_key),
            duration_90k=duration_90k,
            size=(sps.width, sps.height),
            shown_size=shown_size(sps),
            rotation=0 if state == "muxed" else rotation,
        )
        for state, (data, kept, duration_90k) in states.items()
    }


def _jittered(units: list[Unit]) -> list[Unit]:
    """Captured as cameras do: not evenly, the first one at `START_90K`."""
    jitter = random.Random(len(units))
    times = {unit.pts_90k: unit.pts_90k + jitter.randint(-400, 400) for unit in units}
    times[START_90K] = START_90K
    return [Unit(pts_90k=times[unit.pts_90k], is_key=unit.is_key, data=unit.data) for unit in units]


def _recorded(units: list[Unit], rotation: int) -> tuple[Mp4Recording, bytes]:
    """A recording of whole GOPs, and what its file holds before it is finished."""
    recording = Mp4Recording(
        first=units[0].data, created_unix_s=CREATED_UNIX_S, title=TITLE, expected_frames=1800, rotation=rotation
    )
    content = recording.header() + b"".join(buffer for gop in gops(units) for buffer in recording.append(gop))
    return recording, content
