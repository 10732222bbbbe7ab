"""The bridge between camera process and main process: how late a frame is, and what it costs.

A child sends access units and motion fields at 30 a second, then as fast as they are taken; the parent reads them. The
lateness of a frame is from the child's send to the parent's having it, on one machine's monotonic clock.
"""

import contextlib
import json
import os
import resource
import socket
import statistics
import sys
import threading
import time
from collections.abc import Generator

from ratcam.channel import CameraEnd, MainEnd
from ratcam.messages import AccessUnit, CameraId, MotionField, RunId

_CAMERA, _RUN = CameraId("bench"), RunId(1)
_SIZES = (60_000, *([6_000] * 29))
"""A key frame and 29 others: about 2 Mbit/s."""
_COLUMNS, _ROWS = 80, 45


def _send(camera: CameraEnd, count: int, fps: float | None) -> None:
    field = bytes((_COLUMNS + 1) * _ROWS * 4)
    begin_s = time.monotonic()
    for number in range(count):
        if fps is not None:
            time.sleep(max(0.0, begin_s + number / fps - time.monotonic()))
        data = bytes(_SIZES[number % len(_SIZES)])
        sent_us = time.monotonic_ns() // 1000
        is_key = number % len(_SIZES) == 0
        camera.send(AccessUnit(camera=_CAMERA, run_id=_RUN, pts_90k=sent_us, is_key=is_key, data=data))
        camera.send(
            MotionField(camera=_CAMERA, run_id=_RUN, pts_90k=sent_us, columns=_COLUMNS, rows=_ROWS, payload=field)
        )


def _measure(count: int, fps: float | None, *, has_hog: bool = False) -> dict[str, float]:
    ours, theirs = socket.socketpair()
    child = os.fork()  # nothing else runs yet, and nothing is shared but the socket
    if child == 0:
        ours.close()
        _send(CameraEnd(theirs), count, fps)
        os._exit(0)
    theirs.close()
    main = MainEnd(ours, camera=_CAMERA, run_id=_RUN)
    begin_s, begin_cpu_s = time.monotonic(), time.process_time()
    with _hog() if has_hog else contextlib.nullcontext():
        late_ms = sorted(_receive(main, count))
    seconds, cpu_s = time.monotonic() - begin_s, time.process_time() - begin_cpu_s
    os.waitpid(child, 0)
    main.close()
    figures = {
        "frames_per_s": round(count / seconds, 1),
        "late_p50_ms": round(statistics.median(late_ms), 3),
        "late_p99_ms": round(late_ms[int(len(late_ms) * 0.99)], 3),
        "late_max_ms": round(late_ms[-1], 3),
    }
    return figures if has_hog else figures | {"parent_cpu_us_per_frame": round(cpu_s / count * 1e6, 1)}


def _receive(main: MainEnd, count: int) -> list[float]:
    late_ms: list[float] = []
    while len(late_ms) < count:
        message = main.receive()
        if isinstance(message, AccessUnit):
            late_ms.append((time.monotonic_ns() // 1000 - message.pts_90k) / 1000)
    return late_ms


@contextlib.contextmanager
def _hog() -> Generator[None]:
    """Let another thread of the parent compute in pure Python."""
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main() -> int:
    """Print the figures as JSON lines."""
    for name, result in (
        ("30 fps", _measure(300, 30)),
        ("as fast as taken", _measure(5_000, None)),
        ("30 fps, a thread computing", _measure(300, 30, has_hog=True)),
    ):
        print(json.dumps({"bench": "bridge", "case": name, **result}))
    child_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"bench": "bridge", "case": "child", "max_rss_kb": child_kb}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
