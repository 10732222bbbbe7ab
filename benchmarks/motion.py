"""What motion detection costs: microseconds of CPU time a picture, by stage, beside decoding and its peers.

A drawn scene in which a mouse comes and goes, encoded at the bit rate of a camera, in three sizes, at 10 and at 30
pictures a second; of 30, every third is compared. Each picture is decoded, made a field, and shown to the detector,
one after the other as in a camera process, so with the caches that the decoder leaves; medians over rounds. MOG2 and
frame differencing are those of `benchmarks.motion_quality`, on the same decoded pictures in the same run; without
OpenCV they are left out by name.

The stages are the functions and classes of `ratcam.motion` that the decoder and the detector call, found by looking.
"""
# PyAV's own annotations leave much unknown.
# pyright: basic

import argparse
import enum
import inspect
import io
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import av
import numpy as np
from PIL import Image

from benchmarks.motion_quality import frame_difference, mog2
from ratcam.cameras import decoding
from ratcam.motion.choose import new_detector
from ratcam.motion.heat_map import render
from ratcam.motion.settings import MotionSettings
from tests.motion.scene_catalogue import mouse
from tests.motion.scene_runs import Encoding, Field, decoded_fields, encode, feed
from tests.motion.scenes import Scene

SIZES = ((640, 360), (1280, 720), (1640, 922))
BARRED = (1280, 720)
BARS_US = {"with hits": 130.0, "without hits": 40.0}
"""At most, after decoding, for pictures of the barred size; those between count as without hits."""
DECODER_BAR, MOG2_BAR = 1 / 15, 1 / 40
"""At most, as a part of decoding and of MOG2, for the mean picture."""
RATES = (10.0, 30.0)
KBIT_A_PICTURE = 140.0
"""Of 1280x720, in proportion for others: what a camera spends that is set to 3.5 Mbit/s at 25 pictures a second."""
SECONDS = 12.0
KINDS = ("with hits", "without hits", "between")
"""Of pictures: compared ones, in which the detector has hits or none, and those that are not compared."""
WARM = ", caches warm"
"""What a picture costs when the same has just been done with it: the work alone, without fetching code and data from
memory, where decoding a picture has put them."""
Units = list[tuple[bytes, int]]


@dataclass(slots=True)
class Costs:
    """Nanoseconds of each picture, by what was done and round."""

    size: tuple[int, int]
    fps: float
    kbit: float
    kinds: list[str] = field(default_factory=list)
    """Of each picture, one of KINDS."""
    rounds: dict[str, list[list[int]]] = field(default_factory=lambda: defaultdict(list))

    def by_picture(self, name: str) -> np.ndarray:
        """The median over rounds, in microseconds, of each picture."""
        return np.median(np.asarray(self.rounds[name], float), axis=0) / 1000

    def median(self, name: str, kind: str = "") -> float:
        """The median over the pictures of a kind, or all; NaN if there are none."""
        values = self.by_picture(name)
        if kind:
            values = values[[it == kind for it in self.kinds]]
        return float(np.median(values)) if values.size else float("nan")

    def mean(self, name: str) -> float:
        """The mean over all pictures: what a second costs, divided by its pictures."""
        return float(self.by_picture(name).mean())


def measure(size: tuple[int, int], fps: float, *, rounds: int, peers: bool) -> Costs:
    """The costs of a picture of that size, so many a second."""
    scene = replace(mouse(241), width=size[0], height=size[1] // 2 * 2, fps=fps, seconds=SECONDS)
    encoding = Encoding(
        crf=None, kbit=round(KBIT_A_PICTURE * fps * size[0] * size[1] / (1280 * 720)), gop=round(3 * fps)
    )
    units = encode(scene.pictures(), fps=fps, encoding=encoding)
    kbit = sum(len(data) for data, _ in units) * 8 / scene.seconds / 1000
    costs = Costs(size=(scene.width, scene.height), fps=fps, kbit=kbit)
    for _ in range(rounds):
        costs.rounds["decoding"].append(_decode(units))
        _live(costs, units, scene)
        _stages(costs, units, scene)
        fields = list(decoded_fields(units, width=scene.width, height=scene.height, has_vectors=True))
        simple = new_detector(MotionSettings(detector="simple"))
        costs.rounds["simple detector"].append(_each(partial(feed, simple), fields))
        if peers:
            pictures = _grey(units)
            costs.rounds["MOG2"].append(_each(mog2(), pictures))
            costs.rounds["frame difference"].append(_each(frame_difference(), pictures))
    return costs


def _decode(units: Units) -> list[int]:
    context = av.CodecContext.create("h264", "r")
    context.thread_type = "NONE"
    return _each(lambda unit: context.decode(av.Packet(unit[0])), units)


def _grey(units: Units) -> list[np.ndarray]:
    context = av.CodecContext.create("h264", "r")
    context.thread_type = "NONE"
    return [frame.to_ndarray(format="gray") for data, _ in units for frame in context.decode(av.Packet(data))]


def _each(work: Callable[[Any], object], things: Sequence[Any]) -> list[int]:
    taken: list[int] = []
    for thing in things:
        began = time.thread_time_ns()
        work(thing)
        taken.append(time.thread_time_ns() - began)
    return taken


class _TimedDecoder(decoding.FieldDecoder):
    """Knows how long it took to make the last field, without decoding: that is too uneven to take it off later.

    `again` is another decoder, that has made a field of the same picture at once, with what is then in the caches.
    """

    took_ns = 0
    again: "_TimedDecoder | None" = None

    def _field(self, *args: Any) -> Any:
        began = time.thread_time_ns()
        made = super()._field(*args)
        self.took_ns = time.thread_time_ns() - began
        if self.again is not None:
            self.again._field(*args)
        return made


def _live(costs: Costs, units: Units, scene: Scene) -> None:
    """Each picture through the whole chain, twice: behind the decoder, and again at once."""
    decoder, again = _TimedDecoder(), _TimedDecoder()
    decoder.again = again
    detectors = new_detector(MotionSettings()), new_detector(MotionSettings())
    made: list[list[int]] = [[], []]
    seen: list[list[int]] = [[], []]
    costs.kinds = []
    for data, pts_90k in units:
        for it in decoder.feed(data, pts_90k):
            field_ = _field(it, scene)
            has_hits = False
            for which, detector in enumerate(detectors):
                began = time.thread_time_ns()
                found = feed(detector, field_)
                seen[which].append(time.thread_time_ns() - began)
                has_hits = bool(found.area) or any(left for _, left in found.stages)
            made[0].append(decoder.took_ns)
            made[1].append(again.took_ns)
            kind = "with hits" if has_hits else "without hits"
            costs.kinds.append(kind if any(it.payload) else "between")
    for which, suffix in enumerate(("", WARM)):
        costs.rounds["field" + suffix].append(made[which])
        costs.rounds["detector" + suffix].append(seen[which])
        both = zip(made[which], seen[which], strict=True)
        costs.rounds["after decoding" + suffix].append([sum(each) for each in both])


def _field(made: decoding.DecodedField, scene: Scene) -> Field:
    return Field(
        payload=made.payload,
        columns=made.columns,
        rows=made.rows,
        width=scene.width,
        height=scene.height,
        pts_90k=made.pts_90k,
    )


def _stages(costs: Costs, units: Units, scene: Scene) -> None:
    """The same with a clock in every stage, which itself takes time: for comparing stages only."""
    decoder, detector = decoding.FieldDecoder(), new_detector(MotionSettings())
    pictures: list[dict[str, int]] = []
    with _watched(decoding) as made, _watched(import_module(type(detector).__module__)) as seen:
        for data, pts_90k in units:
            made.clear()
            for it in decoder.feed(data, pts_90k):
                seen.clear()
                feed(detector, _field(it, scene))
                pictures.append({f"field: {name}": ns for name, ns in made.items()})
                pictures[-1] |= {f"detector: {name}": ns for name, ns in seen.items()}
    for name in {name for picture in pictures for name in picture}:
        costs.rounds[name].append([picture.get(name, 0) for picture in pictures])


@contextmanager
def _watched(module: ModuleType) -> Iterator[dict[str, int]]:
    """While it lasts, what `module` calls of `ratcam.motion` adds its nanoseconds to a dictionary, by name."""
    spent: dict[str, int] = defaultdict(int)
    undo: list[tuple[Any, str, Any]] = []
    is_inside = False

    def watch(owner: Any, name: str, label: str) -> None:
        plain = vars(owner)[name]

        def timed(*args: Any, **named: Any) -> Any:
            nonlocal is_inside
            if is_inside:  # counted where it was called from
                return plain(*args, **named)
            is_inside = True
            began = time.thread_time_ns()
            try:
                return plain(*args, **named)
            finally:
                spent[label] += time.thread_time_ns() - began
                is_inside = False

        undo.append((owner, name, plain))
        setattr(owner, name, timed)

    def watch_functions(owner: Any, home: str, label: str) -> None:
        for name, thing in list(vars(owner).items()):
            if inspect.isfunction(thing) and thing.__module__ == home and not name.startswith("_"):
                watch(owner, name, f"{label}.{name}")

    for name, thing in list(vars(module).items()):
        home = getattr(thing, "__name__" if inspect.ismodule(thing) else "__module__", "") or ""
        if not home.startswith("ratcam.motion") or home == module.__name__:
            continue
        if inspect.isfunction(thing):
            watch(module, name, name)
        elif inspect.ismodule(thing) or (
            inspect.isclass(thing) and not is_dataclass(thing) and not issubclass(thing, (enum.Enum, Exception, tuple))
        ):
            watch_functions(thing, home, name)
    try:
        yield spent
    finally:
        for owner, name, plain in reversed(undo):
            setattr(owner, name, plain)


def heat_map_us(size: tuple[int, int]) -> float:
    """The heat map of an alert: once an event."""
    random, still = np.random.default_rng(1), io.BytesIO()
    Image.fromarray(random.integers(0, 256, (size[1], size[0]), dtype=np.uint8)).save(still, "JPEG")
    accumulator = random.random((size[1] // 16, size[0] // 16)).astype(np.float32) * 100
    settings = MotionSettings()
    taken = _each(lambda _: render(still.getvalue(), accumulator, box=(0, 0, 64, 64), settings=settings), range(9))
    return statistics.median(taken) / 1000


def print_costs(all_costs: Sequence[Costs]) -> None:
    """A table with a column for each size and rate."""
    print(f"{'us a picture':<44}" + "".join(f"{f'{it.size[0]}x{it.size[1]}':>12}" for it in all_costs))
    print(f"{'pictures a second':<44}" + "".join(f"{it.fps:>12.0f}" for it in all_costs))
    print(f"{'kbit/s of the clip':<44}" + "".join(f"{it.kbit:>12.0f}" for it in all_costs))

    def line(name: str, values: Sequence[float]) -> None:
        print(f"{name:<44}" + "".join(f"{value:>12.1f}" for value in values))

    line("decoding", [it.median("decoding") for it in all_costs])
    for kind in KINDS:
        line(f"after decoding, {kind}", [it.median("after decoding", kind) for it in all_costs])
        for name in ("field", "detector", f"both{WARM}", f"  field{WARM}", f"  detector{WARM}"):
            key = name.strip().replace("both", "after decoding")
            line(f"  {name}", [it.median(key, kind) for it in all_costs])
    line("after decoding, mean of all pictures", [it.mean("after decoding") for it in all_costs])
    first = all_costs[0]
    for part in ("field: ", "detector: "):
        print(f"stages of the {part[:-2]}, mean of all pictures, with the clock's own time")
        stages = [name for name in first.rounds if name.startswith(part)]
        for name in sorted(stages, key=lambda it: -first.mean(it)):
            line(f"  {name.removeprefix(part)}", [it.mean(name) if it.rounds[name] else 0.0 for it in all_costs])
    for name in ("simple detector", "MOG2", "frame difference"):
        if name in first.rounds:
            line(name, [it.median(name) for it in all_costs])
    line("heat map (once an event)", [heat_map_us(it.size) for it in all_costs])


def print_bars(costs: Costs) -> None:
    """How the barred size compares with the bars."""
    print(f"\nbars at {costs.size[0]}x{costs.size[1]}, {costs.fps:.0f} pictures a second, after decoding")
    for name, bar_us in BARS_US.items():
        for kind in (name, "between") if costs.kinds.count("between") and name == "without hits" else (name,):
            value = costs.median("after decoding", kind)
            _verdict(f"{kind}: {value:.0f} us", value, bar_us, f"{bar_us:.0f} us")
            value = costs.median(f"after decoding{WARM}", kind)
            _verdict(f"{kind}{WARM}: {value:.0f} us", value, bar_us, f"{bar_us:.0f} us")
    mean = costs.mean("after decoding")
    _verdict(f"mean of all: {mean:.0f} us", mean, BARS_US["with hits"], f"{BARS_US['with hits']:.0f} us")
    for name, bar in (("decoding", DECODER_BAR), ("MOG2", MOG2_BAR)):
        if name in costs.rounds:
            part = mean / costs.mean(name)
            _verdict(f"mean, of {name}: 1/{1 / part:.1f}", part, bar, f"1/{1 / bar:.0f}")


def _verdict(text: str, value: float, bar: float, bar_text: str) -> None:
    print(f"  {text:<40} bar {bar_text:<8} {'kept' if value <= bar else 'MISSED'}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rounds", type=int, default=3)
    args = ask.parse_args([] if arguments is None else arguments)
    peers = find_spec("cv2") is not None
    if not peers:
        print("left out: MOG2 and frame difference (pip install opencv-python-headless)")
    all_costs = [measure(size, fps, rounds=args.rounds, peers=peers) for size in SIZES for fps in RATES]
    print_costs(all_costs)
    for costs in all_costs:
        if costs.size == BARRED:
            print_bars(costs)


if __name__ == "__main__":
    main(sys.argv[1:])
