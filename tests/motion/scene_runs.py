"""From a scene to what a detector makes of it: encoded and decoded as from a camera, or as a Pi's encoder sees it.

And the measure: events found, false alarms, how late. Its words and rules are those of common labelled clips: events
are runs of label 1, joined over gaps of 2 s; an alarm is a run of motion on pictures that have been still for more than
2 s, after a warm-up of 5 s (or a fifth of the clip).
"""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np

from ratcam.cameras.decoding import FieldDecoder
from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.choose import new_detector
from ratcam.motion.detector import Detector, Observation
from ratcam.motion.settings import MotionSettings
from tests.motion.pi_fields import PiEstimator
from tests.motion.scenes import Luma, Scene, Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How a camera encodes."""

    preset: str = "veryfast"
    crf: int | None = 23
    kbit: int | None = None
    """A cap on the bit rate instead of a constant quality."""
    b_frames: int = 0
    gop: int = 30
    refs: int = 1
    profile: str = "main"


PLAIN = Encoding()
ENCODINGS = {
    "crf 23": PLAIN,
    "crf 30 ultrafast": Encoding(preset="ultrafast", crf=30, profile="baseline", gop=50),
    "700 kbit/s": Encoding(crf=None, kbit=700, gop=40),
    "B-frames, 3 refs": Encoding(preset="fast", b_frames=2, refs=3, gop=60),
    "crf 18, GOP 10": Encoding(crf=18, gop=10),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a detector is fed for one picture."""

    payload: bytes
    columns: int
    rows: int
    width: int
    height: int
    pts_90k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a detector did on one sequence."""

    events: int
    found: int
    alarms: int
    still_s: float
    latencies_s: tuple[float, ...]
    alarms_at: tuple[int, ...] = ()
    """The first picture of each alarm."""
    disturbed: tuple[str, ...] = ()
    """The kind of each nuisance interval, up to 2 s after it, in which an alarm began."""


def encode(pictures: Iterable[Luma], *, fps: float, encoding: Encoding = PLAIN) -> list[tuple[bytes, int]]:
    """Access units in decoding order, Annex B, with their presentation times in ticks of 1/90000 s."""
    units: list[tuple[bytes, int]] = []
    encoder: av.VideoCodecContext | None = None
    chroma = np.zeros((0, 0), np.uint8)
    for number, luma in enumerate(pictures):
        height, width = luma.shape
        if encoder is None:
            encoder = _encoder(width, height, fps, encoding)
            chroma = np.full((height // 2, width), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.concatenate([luma, chroma]), format="yuv420p")
        frame.pts, frame.time_base = round(number * TICKS_PER_S / fps), Fraction(1, TICKS_PER_S)
        units += _units(encoder.encode(frame))
    if encoder is not None:
        units += _units(encoder.encode(None))
    return units


def decoded_fields(
    units: Sequence[tuple[bytes, int]], *, width: int, height: int, b_frames: int = 0, has_vectors: bool = False
) -> Iterator[Field]:
    """The fields of encoded pictures, in order of presentation, by the decoder that the program uses."""
    decoder = FieldDecoder(reorder_depth=2 if b_frames else 0, has_vectors=has_vectors)
    for data, pts_90k in units:
        for field in decoder.feed(data, pts_90k):
            yield Field(
                payload=field.payload,
                columns=field.columns,
                rows=field.rows,
                width=width,
                height=height,
                pts_90k=field.pts_90k,
            )
    for field in decoder.flush():
        yield Field(
            payload=field.payload,
            columns=field.columns,
            rows=field.rows,
            width=width,
            height=height,
            pts_90k=field.pts_90k,
        )


@lru_cache(maxsize=64)
def luma_fields(scene: Scene, encoding: Encoding = PLAIN, *, has_vectors: bool = False) -> tuple[Field, ...]:
    """The fields of a scene encoded so and decoded; with the stream's vectors for a detector that uses them."""
    units = encode(_pictures(scene), fps=scene.fps, encoding=encoding)
    return tuple(
        decoded_fields(
            units, width=scene.width, height=scene.height, b_frames=encoding.b_frames, has_vectors=has_vectors
        )
    )


@lru_cache(maxsize=64)
def pi_fields(scene: Scene) -> tuple[Field, ...]:
    """The fields of a scene as the encoder of a Raspberry Pi would give them."""
    estimator = PiEstimator(scene.width, scene.height)
    return tuple(
        Field(
            payload=estimator.feed(picture),
            columns=estimator.columns,
            rows=estimator.rows,
            width=scene.width,
            height=scene.height,
            pts_90k=round(number * TICKS_PER_S / scene.fps),
        )
        for number, picture in enumerate(_pictures(scene))
    )


@lru_cache(maxsize=1)
def _pictures(scene: Scene) -> tuple[Luma, ...]:
    """A scene's pictures: often asked for twice in a row, once for each origin."""
    return tuple(scene.pictures())


def feed(detector: Detector, field: Field) -> Observation:
    """Feed one field."""
    return detector.feed(
        field.payload,
        columns=field.columns,
        rows=field.rows,
        width=field.width,
        height=field.height,
        pts_90k=field.pts_90k,
    )


def observe(fields: Iterable[Field], settings: MotionSettings | None = None) -> list[Observation]:
    """What a new detector sees in each."""
    detector = new_detector(settings or MotionSettings())
    return [feed(detector, field) for field in fields]


def moving(seen: Iterable[Observation], truth: Truth) -> list[bool]:
    """For each picture of the truth whether there was motion in it; pictures that nobody saw count as without."""
    flags = [False] * truth["frames"]
    for it in seen:
        number = round(it.pts_90k * truth["fps"] / TICKS_PER_S)
        if it.moving and 0 <= number < len(flags):
            flags[number] = True
    return flags


def measure(flags: Sequence[bool], truth: Truth) -> Result:
    """How motion by picture compares with the truth."""
    fps, count = truth["fps"], truth["frames"]
    label = np.full(count, -1)
    for first, last, value in truth["labels"]:
        label[first : last + 1] = value
    still, quiet, warm = np.zeros(count, bool), 0, min(5.0, 0.2 * count / fps) * fps
    for number in range(count):
        quiet = quiet + 1 if label[number] == 0 else 0
        still[number] = quiet > 2 * fps and number >= warm
    latencies: list[float] = []
    events = runs(label == 1, 2 * fps)
    for first, last in events:
        hit = next((at for at in range(first, min(last + 2, count)) if flags[at]), None)
        if hit is not None:
            latencies.append((hit - first) / fps)
    alarms = tuple(first for first, _ in runs(np.asarray(flags) & still, 2 * fps))
    disturbed = tuple(
        kind for first, last, kind in truth["nuisance"] if any(first <= at <= last + 2 * fps for at in alarms)
    )
    return Result(
        events=len(events),
        found=len(latencies),
        alarms=len(alarms),
        still_s=float(still.sum()) / fps,
        latencies_s=tuple(latencies),
        alarms_at=alarms,
        disturbed=disturbed,
    )


def f1(results: Iterable[Result]) -> float:
    """The harmonic mean of recall and precision over all events of several sequences."""
    rows = list(results)
    found, alarms, events = (sum(values) for values in zip(*((r.found, r.alarms, r.events) for r in rows), strict=True))
    return 2 * found / max(1, 2 * found + alarms + events - found)


def runs(flags: Iterable[bool] | np.ndarray, gap: float) -> list[tuple[int, int]]:
    """(first, last) of the runs of true flags, joined where they are at most `gap` apart."""
    out: list[tuple[int, int]] = []
    for at in np.flatnonzero(np.asarray(flags, bool)).tolist():
        if out and at - out[-1][1] <= gap:
            out[-1] = (out[-1][0], at)
        else:
            out.append((at, at))
    return out


def in_size(scene: Scene, width: int, height: int) -> Scene:
    """The same scene in pictures of another size."""
    return replace(scene, width=width, height=height)


def _units(packets: Iterable[Any]) -> list[tuple[bytes, int]]:
    return [(bytes(packet), packet.pts) for packet in packets]


def _encoder(width: int, height: int, fps: float, encoding: Encoding) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, TICKS_PER_S), Fraction(fps).limit_denominator(1001)
    encoder.thread_type, encoder.thread_count = "NONE", 1  # the same bits on any machine
    options = {
        "preset": encoding.preset,
        "bf": str(encoding.b_frames),
        "g": str(encoding.gop),
        "refs": str(encoding.refs),
        "profile": encoding.profile if not encoding.b_frames else "main",
        "x264-params": "annexb=1:repeat-headers=1:sliced-threads=0",
    }
    if encoding.crf is not None:
        options["crf"] = str(encoding.crf)
    if encoding.kbit is not None:
        encoder.bit_rate = encoding.kbit * 1000
        options |= {"maxrate": f"{encoding.kbit}k", "bufsize": f"{encoding.kbit}k"}
    encoder.options = options
    return encoder
