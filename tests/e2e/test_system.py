"""The whole daemon in this process: actors that die while it runs, and what the chats notice of it."""

import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from ratcam.app import System, compose
from ratcam.clock import SystemClock
from ratcam.config import Config
from ratcam.errors import ExitStatus
from ratcam.messages import CameraId, ChatId
from ratcam.motion.settings import MotionSettings
from ratcam.ports import AuthorizedChat
from ratcam.settings import CameraSettings, DaemonSettings, RecordingSettings, TelegramSettings
from ratcam.simulator.simulator import Simulator
from ratcam.store.armed import TinyArmedStore
from ratcam.store.auth import TinyAuthStore
from tests.deadline import wait_until
from tests.e2e.daemon import TOKEN, media, text
from tests.pictures import hashes_of_file


class Running:
    """A system on a thread, with one enrolled chat, armed."""

    def __init__(self, folder: Path, video: Path, simulator: Simulator, *, keep_vectors_mb: int = 0) -> None:
        self.simulator = simulator
        self.chat: ChatId = simulator.add_private_chat("Ada")
        state = folder / "state"
        config = Config(
            telegram=TelegramSettings(base_url=simulator.base_url),
            camera=CameraSettings(name="kitchen", source=f"file:{video}"),
            motion=MotionSettings(settle_s=0.5, keep_vectors_mb=keep_vectors_mb),
            recording=RecordingSettings(pre_roll_s=2.0, post_roll_s=1.0),
            daemon=DaemonSettings(state_dir=str(state)),
        )
        TinyAuthStore(state_dir=state).grant(AuthorizedChat(chat=self.chat, name="Ada", since_unix_s=1.0))
        TinyArmedStore(state_dir=state).set_armed(CameraId("kitchen"), armed=True)
        self.system: System = compose(config, token=TOKEN, clock=SystemClock())
        self.status: list[ExitStatus] = []
        self.thread = threading.Thread(target=lambda: self.status.append(self.system.supervisor.run()))
        self.thread.start()

    def newest(self) -> int:
        return max((message.message_id for message in self.simulator.messages(self.chat)), default=0)

    def hear_whole_event(self, after: int) -> None:
        """An alert, its heat map, its clip and all quiet, all after that message."""

        def wait(is_wanted: object, after: int) -> int:
            assert callable(is_wanted)
            return self.simulator.wait_for(
                lambda m: m.chat_id == self.chat and m.is_from_bot and m.message_id > after and bool(is_wanted(m)), 40
            ).message_id

        alert = wait(text("Something is moving"), after)
        wait(media("photo"), alert)
        clip = wait(media("video"), alert)
        wait(text("All quiet"), clip)

    def stop(self) -> ExitStatus:
        self.system.supervisor.request_stop("the test is over")
        self.thread.join(15)
        assert not self.thread.is_alive()
        return self.status[0]


@pytest.fixture(name="running")
def make_running(tmp_path: Path, video: Path, simulator: Simulator) -> Generator[Running]:
    running = Running(tmp_path, video, simulator)
    yield running
    running.stop()


def test_every_actor_may_die_and_whole_events_go_on_arriving(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for name, address in running.system.addresses.items():
        address.tell("not a message of yours")
        wait_until(lambda name=name: f"{name} failed" in caplog.text, what=f"{name} dies")
    running.hear_whole_event(running.newest())
    assert running.stop() is ExitStatus.OK


@pytest.mark.parametrize("name", ["recorder kitchen", "bot"])
def test_an_actor_that_dies_in_mid_event_costs_no_alert_and_no_clip(
    running: Running, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    alert = running.simulator.wait_for(lambda m: m.text.startswith("Something is moving"), 30)
    running.system.addresses[name].tell("not a message of yours")
    wait_until(lambda: f"{name} failed" in caplog.text, what="it dies")
    clip = running.simulator.wait_for(lambda m: media("video")(m) and m.message_id > alert.message_id, 30)
    assert clip.media is not None
    assert len(hashes_of_file(clip.media.path)) >= 10
    running.hear_whole_event(running.newest())
    texts = [m.text for m in running.simulator.messages(running.chat) if m.text.startswith("Something is moving")]
    assert len(texts) == len(set(texts)), "no alert came twice"


def test_an_actor_that_never_recovers_ends_the_daemon_with_a_non_zero_status(running: Running) -> None:
    for _ in range(20):
        running.system.addresses["motion kitchen"].tell("not a message of yours")
    running.thread.join(40)
    assert running.status == [ExitStatus.FAILED]
