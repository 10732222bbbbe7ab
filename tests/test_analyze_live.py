"""`ratcam analyze` finds in a file what the daemon finds while it happens."""

import io
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue

import pytest

from ratcam.actors.learned_blocks import LearnedBlocks
from ratcam.actors.motion import MotionActor, RunView
from ratcam.actors.supervised import Address
from ratcam.analyze import analyze
from ratcam.media.timebase import TICKS_PER_S
from ratcam.messages import CameraId, ChildFailed, MotionEnded, MotionField, RunId, StreamEnded, StreamStarted
from ratcam.motion.settings import MotionSettings
from ratcam.muxing import mux
from ratcam.store.armed import TinyArmedStore
from tests.fakes import FakeClock, FakeLearnedStore, Listener
from tests.motion.scene_catalogue import mouse
from tests.motion.scene_runs import Field, encode, pi_fields
from tests.motion.scenes import Scene

KITCHEN = CameraId("kitchen")
HOLD_S = 5.0
Event = tuple[float, float]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return mouse(796)


@pytest.fixture(scope="module")
def video(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    raw = folder / "scene.h264"
    raw.write_bytes(b"".join(unit for unit, _ in encode(list(scene.pictures()), fps=scene.fps)))
    mux(str(raw), str(folder / "scene.mp4"), fps=Fraction(scene.fps).limit_denominator().as_integer_ratio())
    return folder / "scene.mp4"


def live(folder: Path, fields: Sequence[Field], settings: MotionSettings) -> list[Event]:
    """The events that a MotionActor tells, from and to in seconds."""
    armed = TinyArmedStore(state_dir=folder)
    armed.set_armed(KITCHEN, armed=True)
    bot, recorder, proxy, keeper = map(Listener, ("bot", "recorder", "proxy", "habits"))
    address, deaths = Address("motion", data_limit=1000), SimpleQueue[ChildFailed]()
    MotionActor.start(
        address=address,
        on_death=deaths.put,
        camera=KITCHEN,
        settings=settings,
        zones=(),
        hold_s=HOLD_S,
        clock=FakeClock(),
        view=RunView(),
        armed=armed,
        learned=LearnedBlocks(store=FakeLearnedStore(), camera=KITCHEN, keeper=keeper.address),
        proxy=proxy.address,
        recorder=recorder.address,
        bot=bot.address,
    )
    one = fields[0]
    messages: list[object] = [
        StreamStarted(camera=KITCHEN, run_id=RunId(1), width=one.width, height=one.height, fps=10.0, started_unix_s=0.0)
    ]
    messages += [
        MotionField(
            camera=KITCHEN,
            run_id=RunId(1),
            pts_90k=field.pts_90k,
            columns=field.columns,
            rows=field.rows,
            payload=field.payload,
        )
        for field in fields
    ]
    messages.append(StreamEnded(camera=KITCHEN, run_id=RunId(1), reason="the end"))
    for message in messages:
        assert address.feed(message, timeout_s=10)
    address.request_stop()
    assert deaths.get(timeout=30).reason == ""
    for listener in (bot, recorder, proxy, keeper):
        listener.stop()
    found: list[Event] = []
    for message in recorder.of(MotionEnded):
        assert isinstance(message, MotionEnded)
        end_s = message.pts_90k / TICKS_PER_S
        found.append((round(end_s - message.duration_s, 3), round(end_s, 3)))
    return found


def in_file(video: Path, fields: Sequence[Field], settings: MotionSettings) -> list[Event]:
    """The events that analyze tells of the same fields in a file of picamera's."""
    vectors = video.with_suffix(".data")
    vectors.write_bytes(b"".join(field.payload for field in fields))
    out = io.StringIO()
    analyze(video, motion=settings, hold_s=HOLD_S, vectors=vectors, as_json=True, heat_map=None, out=out)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    return [(round(event["start_s"], 3), round(event["end_s"], 3)) for event in found if event["type"] == "event"]


@pytest.mark.parametrize(
    "settings",
    [MotionSettings(), MotionSettings(detector="simple", trigger_area=1, trigger_level=4.0, release_level=2.0)],
    ids=lambda settings: settings.detector,
)
def test_vectors_in_a_file_give_the_events_of_the_live_path(
    tmp_path: Path, scene: Scene, video: Path, settings: MotionSettings
) -> None:
    fields = pi_fields(scene)
    happened = live(tmp_path, fields, settings)
    assert happened
    assert in_file(video, fields, settings) == happened


@pytest.mark.parametrize("more", [-1, 1])
def test_a_field_more_or_less_at_the_end_changes_no_event_before_it(
    tmp_path: Path, scene: Scene, video: Path, more: int
) -> None:
    fields = pi_fields(scene)
    longer = (*fields, fields[-1])[: len(fields) + more]
    settings = MotionSettings()
    assert in_file(video, longer, settings) == live(tmp_path, fields, settings)
