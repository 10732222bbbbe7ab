"""How well motion is found: `python -m benchmarks.motion_quality [--short] [--seed N] [--minutes M] [--peers]`.

Drawn scenes of a seed in which a mouse and one nuisance alternate, several encodings, decoded H.264 and the fields of a
Raspberry Pi's encoder; and the labelled clips of ../shared/clips where they are there. For each detector: events found,
false alarms, F1, latency. With --peers, and OpenCV installed, MOG2 and frame differencing beside it, each at the
threshold that serves it best on exactly these pictures: a head start.
"""
# PyAV's and OpenCV's own annotations leave much unknown.
# pyright: basic

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.choose import new_detector
from ratcam.motion.settings import MotionSettings
from tests.motion.pi_fields import PiEstimator
from tests.motion.scene_catalogue import NUISANCES, mixed, mouse, movers, pendulum, still
from tests.motion.scene_runs import ENCODINGS, Field, Result, decoded_fields, encode, f1, feed, measure, moving
from tests.motion.scenes import Luma, Scene, Truth

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
DETECTORS = ("track", "simple")
PEERS = ("MOG2", "frame difference")
THRESHOLDS = (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 2e-2, 5e-2)
"""Shares of changed pixels that are tried for the peers."""


@dataclass(slots=True)
class Table:
    """All results, by way (detector and origin, or peer) and sequence."""

    rows: dict[str, dict[str, Result]] = field(default_factory=dict)
    shares: dict[str, dict[str, tuple[list[float], Truth]]] = field(default_factory=dict)
    """The peers' changed pixels by peer and sequence: judged when all are there."""

    def add(self, way: str, name: str, result: Result) -> None:
        """Take one result."""
        self.rows.setdefault(way, {})[name] = result

    def judge_peers(self) -> None:
        """Give each peer the threshold that serves it best on all of it."""
        for peer, sequences in self.shares.items():
            tried: list[tuple[float, float, dict[str, Result]]] = []
            for threshold in THRESHOLDS:
                results = {
                    name: measure(_held(shares, threshold, truth["fps"]), truth)
                    for name, (shares, truth) in sequences.items()
                }
                tried.append((f1(results.values()), threshold, results))
            _, threshold, results = max(tried, key=lambda it: it[0])
            self.rows[f"{peer} at {threshold:g}"] = results


def scenes_of(seed: int, minutes: float) -> Iterator[Scene]:
    """What is measured: each nuisance by turns with mice, mice of some sizes, others who must be found, and quiet."""
    for number, kind in enumerate(NUISANCES):
        yield mixed(kind, seed + number, minutes=minutes)
    for number, area in enumerate((32, 72, 241)):
        yield replace(mixed("none", seed + 20 + number, minutes=minutes, area=area), name=f"mice-of-{area}")
    yield replace(mixed("none", seed + 30, minutes=minutes, noise=2.0), name="mice-in-noise")
    yield from (mouse(18, seed=seed), mouse(796, seed=seed), pendulum(seed), *movers(seed).values())
    for number, background in enumerate(("night", "garden")):
        yield still(background, seed + number, seconds=60 * minutes, noise=1.6)


def run_scene(table: Table, scene: Scene, encodings: Iterable[str], peers: Sequence[str], *, with_pi: bool) -> None:
    """Measure every way on one scene."""
    pictures, truth = list(scene.pictures()), scene.truth()
    for name in encodings:
        encoding = ENCODINGS[name]
        units = encode(pictures, fps=scene.fps, encoding=encoding)
        fields = list(
            decoded_fields(units, width=scene.width, height=scene.height, b_frames=encoding.b_frames, has_vectors=True)
        )
        _detect(table, f"luma, {name}", scene.name, fields, truth)
        if peers and name == next(iter(ENCODINGS)):
            _watch(table, scene.name, _decoded(units), truth, peers)
    if with_pi:
        _detect(table, "pi fields", scene.name, _pi(pictures, scene), truth)


def run_clip(table: Table, path: Path, truth: Truth, peers: Sequence[str]) -> None:
    """Measure every way on one labelled clip."""
    units: list[tuple[bytes, int]] = []
    with av.open(str(path)) as box:
        stream = box.streams.video[0]
        annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in box.demux(stream):
            for unit in annex_b.filter(packet) if packet.size else ():
                assert unit.pts is not None
                assert unit.time_base is not None
                units.append((bytes(unit), round(unit.pts * unit.time_base * TICKS_PER_S)))
        width, height = stream.width, stream.height
    first = min(pts for _, pts in units)
    units = [(data, pts - first) for data, pts in units]
    _detect(table, "clips, luma", path.stem, decoded_fields(units, width=width, height=height, has_vectors=True), truth)
    if peers:
        _watch(table, path.stem, _decoded(units), truth, peers, group="clips, ")


def _detect(table: Table, origin: str, name: str, fields: Iterable[Field], truth: Truth) -> None:
    detectors = {kind: new_detector(MotionSettings(detector=kind)) for kind in DETECTORS}
    seen = {kind: [] for kind in DETECTORS}
    for it in fields:
        for kind, detector in detectors.items():
            seen[kind].append(feed(detector, it))
    for kind in DETECTORS:
        table.add(f"{kind}: {origin}", name, measure(moving(seen[kind], truth), truth))


def _pi(pictures: Sequence[Luma], scene: Scene) -> Iterator[Field]:
    estimator = PiEstimator(scene.width, scene.height)
    for number, picture in enumerate(pictures):
        yield Field(
            payload=estimator.feed(picture),
            columns=estimator.columns,
            rows=estimator.rows,
            width=scene.width,
            height=scene.height,
            pts_90k=round(number * TICKS_PER_S / scene.fps),
        )


def _decoded(units: Iterable[tuple[bytes, int]]) -> Iterator[Luma]:
    context = av.CodecContext.create("h264", "r")
    for data, pts in units:
        packet = av.Packet(data)
        packet.pts = pts
        for frame in context.decode(packet):
            yield np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    for frame in context.decode(None):
        yield np.asarray(frame.to_ndarray(format="gray"), np.uint8)


def _watch(
    table: Table, name: str, pictures: Iterable[Luma], truth: Truth, peers: Sequence[str], *, group: str = ""
) -> None:
    """The share of changed pixels of each picture, by each peer."""
    watchers = {peer: _PEERS[peer]() for peer in peers}
    shares: dict[str, list[float]] = {peer: [] for peer in peers}
    for picture in pictures:
        for peer, watcher in watchers.items():
            shares[peer].append(watcher(picture))
    for peer in peers:
        table.shares.setdefault(group + peer, {})[name] = (shares[peer], truth)


def mog2() -> Callable[[Luma], float]:
    """OpenCV's MOG2 with an opening: the share of foreground."""
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)
    subtractor = cv2.createBackgroundSubtractorMOG2(history=500, varThreshold=16, detectShadows=False)
    kernel = np.ones((3, 3), np.uint8)

    def share(picture: Luma) -> float:
        change = cv2.morphologyEx(subtractor.apply(picture), cv2.MORPH_OPEN, kernel)
        return np.count_nonzero(change) / change.size

    return share


def frame_difference() -> Callable[[Luma], float]:
    """A shrunk and smoothed picture against the running mean: the share of what differs."""
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)
    kernel, mean = np.ones((3, 3), np.uint8), np.zeros((0, 0), np.float32)

    def share(picture: Luma) -> float:
        nonlocal mean
        small = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA)
        smooth = cv2.GaussianBlur(small, (5, 5), 0).astype(np.float32)
        mean = mean if mean.size else smooth
        change = cv2.dilate((cv2.absdiff(smooth, mean) > 15).astype(np.uint8), kernel)
        mean = 0.9 * mean + 0.1 * smooth
        return np.count_nonzero(change) / change.size

    return share


_PEERS = {"MOG2": mog2, "frame difference": frame_difference}


def _held(shares: Iterable[float], threshold: float, fps: float) -> list[bool]:
    """Motion for each picture, held for a second after the last exceedance."""
    flags: list[bool] = []
    left = 0
    for share in shares:
        left = round(fps) if share > threshold else max(0, left - 1)
        flags.append(left > 0)
    return flags


def print_sequence(table: Table, name: str) -> None:
    """What each way did on one sequence."""
    for way, results in table.rows.items():
        if name in results:
            it = results[name]
            late = ",".join(f"{value:.1f}" for value in it.latencies_s)
            found = f"{it.found}/{it.events}"
            print(
                f"{name:<28}{way:<30}{found:>7} alarms {it.alarms}  late {late}  {' '.join(it.disturbed)}", flush=True
            )


def print_totals(table: Table) -> None:
    """Totals by way, and the nuisances that alarmed."""
    print(f"\n{'':<36}{'F1':>6}{'found':>10}{'alarms':>8}{'per h':>7}{'50 %':>7}{'95 %':>7}")
    for way, results in table.rows.items():
        rows = list(results.values())
        late = sorted(value for it in rows for value in it.latencies_s) or [float("nan")]
        found, events, alarms = (sum(getattr(it, name) for it in rows) for name in ("found", "events", "alarms"))
        hours = sum(it.still_s for it in rows) / 3600
        share = f"{found}/{events}"
        print(
            f"{way:<36}{f1(rows):>6.3f}{share:>10}{alarms:>8}{alarms / max(hours, 1e-9):>7.0f}"
            f"{late[len(late) // 2]:>7.2f}{late[int(len(late) * 0.95)]:>7.2f}"
        )
    kinds = sorted({kind for results in table.rows.values() for it in results.values() for kind in it.disturbed})
    print("\nnuisances that alarmed: " + (", ".join(kinds) or "none"))
    for way, results in table.rows.items():
        counts = [sum(it.disturbed.count(kind) for it in results.values()) for kind in kinds]
        print(f"{way:<36}" + "  ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True) if count))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables; without arguments, as in `make bench`, the totals of the short form with peers."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--short", action="store_true", help="three quarters of a minute of each, one encoding, no clips")
    ask.add_argument("--seed", type=int, default=1000)
    ask.add_argument("--minutes", type=float, default=1.5, help="of each scene in which mouse and nuisance alternate")
    ask.add_argument("--only", nargs="*", default=[], help="scenes whose names begin so; 'clips' for the clips")
    ask.add_argument("--encodings", nargs="*", default=list(ENCODINGS), choices=list(ENCODINGS))
    ask.add_argument("--no-pi", action="store_true", help="leave out the fields of a Raspberry Pi")
    ask.add_argument("--peers", action="store_true", help="with MOG2 and frame differencing, if OpenCV is installed")
    ask.add_argument("--totals", action="store_true", help="no line for each scene")
    args = ask.parse_args(["--short", "--totals", "--peers"] if arguments is None else arguments)
    began_s = time.perf_counter()
    peers = PEERS if args.peers and find_spec("cv2") else ()
    if args.peers and not peers:
        print("left out: MOG2 and frame difference (pip install opencv-python-headless)")
    table = Table()
    encodings = args.encodings[:1] if args.short else args.encodings
    for scene in scenes_of(args.seed, 0.75 if args.short else args.minutes):
        if not args.only or any(scene.name.startswith(name) for name in args.only):
            run_scene(table, scene, encodings, peers, with_pi=not args.no_pi)
            if not args.totals:
                print_sequence(table, scene.name)
    if not CLIPS.is_dir():
        print("left out: the labelled clips (no ../shared/clips)")
    elif not args.short and (not args.only or "clips" in args.only):
        for name, truth in json.loads((CLIPS / "labels.json").read_text()).items():
            run_clip(table, CLIPS / name, truth, peers)
            if not args.totals:
                print_sequence(table, Path(name).stem)
    table.judge_peers()
    print_totals(table)
    print(f"\nseed {args.seed}, {time.perf_counter() - began_s:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
