"""The daemon as its users have it: a process of its own, real HTTP, real files, real kills."""

import json
import os
import signal
import stat
import subprocess
import sys
import time

from ratcam.simulator.simulator import Simulator
from tests.deadline import wait_until
from tests.e2e.daemon import TOKEN, Home, is_alive, media, text
from tests.pictures import hashes_of_file


def ratcam(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ratcam", *arguments, "--config", str(home.ini)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_main_job(home: Home, simulator: Simulator) -> None:
    ada, ben, eve = (simulator.add_private_chat(name) for name in ("Ada", "Ben", "Eve"))
    home.start()
    home.enrol(ada)
    home.enrol(ben)
    home.ask(ada, "/status", "kitchen: disarmed")
    simulator.say(ada, "/photo")
    home.hear(ada, media("photo"))
    home.ask(ben, "/video 2", "Recording the next 2 s")
    asked_for = home.hear(ben, media("video"))
    assert asked_for.media is not None
    assert (asked_for.media.width, asked_for.media.height) == (320, 240)

    home.ask(ada, "/arm", "Armed")
    for chat in (ada, ben):
        alert = home.hear(chat, text("Something is moving: kitchen"))
        heat_map = home.hear(chat, media("photo"), after=alert.message_id)
        clip = home.hear(chat, media("video"), after=heat_map.message_id)
        home.hear(chat, text("All quiet"), after=clip.message_id)
        assert clip.media is not None
        assert len(hashes_of_file(clip.media.path)) >= 45, "2 s before, 2 s of motion and what is held, 1 s after"

    for kind in ("photo", "video"):
        sent = [m.media for chat in (ada, ben) for m in simulator.messages(chat) if media(kind)(m) and m.media]
        shared = [item for item in sent if sum(other.file_id == item.file_id for other in sent) == 2]
        assert sorted(item.is_uploaded for item in shared[:2]) == [False, True], "uploaded once, sent again by file id"

    simulator.say(eve, "/arm")
    simulator.say(eve, "/photo")
    home.ask(ada, "/disarm", "Disarmed")
    assert [m for m in simulator.messages(eve) if m.is_from_bot] == []

    assert home.daemon.stop() == 0
    assert home.daemon.errors == []
    assert TOKEN not in home.log.read_text()


def test_the_auth_store_is_readable_private_and_can_be_changed_beside_the_daemon(
    home: Home, simulator: Simulator
) -> None:
    ada, ben = (simulator.add_private_chat(name) for name in ("Ada", "Ben"))
    home.start()
    home.enrol(ada)
    home.enrol(ben)
    path = home.folder / "state" / "auth.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "Ada" in json.dumps(json.loads(path.read_text()))
    listed = ratcam(home, "chats").stdout
    assert (str(ada) in listed, "Ada" in listed) == (True, True)

    revoked = subprocess.run(
        [sys.executable, "-m", "ratcam", "chats", "--config", str(home.ini), "revoke", str(ada)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "revoked" in revoked.stdout
    wait_until(lambda: not _is_served(simulator, ada), what="Ada is not served")
    home.ask(ben, "/help", "I am a camera")
    home.enrol(ada)


def _is_served(simulator: Simulator, chat: int) -> bool:
    """Whether /help is answered: a revoked chat is a stranger, who is asked nothing and told nothing."""
    said = simulator.say(chat, "/help")
    try:
        simulator.wait_for(lambda m: m.chat_id == chat and m.is_from_bot and m.message_id > said, 0.5)
    except TimeoutError:
        return False
    return True


def test_a_killed_camera_process_is_replaced_and_detection_goes_on(home: Home, simulator: Simulator) -> None:
    ada = simulator.add_private_chat("Ada")
    home.start()
    home.enrol(ada)
    home.ask(ada, "/arm", "Armed")
    home.hear(ada, text("Something is moving"))
    (pid,) = home.camera_pids()
    os.kill(pid, signal.SIGKILL)
    lost = home.hear(ada, text("kitchen has stopped giving pictures"))
    back = home.hear(ada, text("kitchen is back"), after=lost.message_id)
    home.hear(ada, text("Something is moving"), after=back.message_id)
    home.hear(ada, media("video"), after=back.message_id)
    assert not is_alive(pid)


def test_a_camera_process_that_hangs_is_killed_and_replaced(home: Home, simulator: Simulator) -> None:
    ada = simulator.add_private_chat("Ada")
    home.start()
    home.enrol(ada)
    wait_until(lambda: len(home.camera_pids()) == 1)
    (pid,) = home.camera_pids()
    home.ask(ada, "/photo", "")
    os.kill(pid, signal.SIGSTOP)
    home.hear(ada, text("kitchen has stopped giving pictures"))
    home.hear(ada, text("kitchen is back"))
    wait_until(lambda: not is_alive(pid), what="the hung process is gone")


def test_a_daemon_killed_in_mid_clip_loses_no_alert_and_delivers_what_it_had_recorded(
    home: Home, simulator: Simulator
) -> None:
    ada = simulator.add_private_chat("Ada")
    home.start()
    home.enrol(ada)
    home.ask(ada, "/arm", "Armed")
    home.hear(ada, text("Something is moving"))
    clips = home.folder / "state" / "media" / "clips"
    wait_until(lambda: any(path.read_bytes().count(b"moof") >= 3 for path in clips.glob("*.spool")), what="three GOPs")
    camera = home.camera_pids()
    os.kill(home.daemon.pid, signal.SIGKILL)
    home.daemon.stop()
    wait_until(lambda: not any(map(is_alive, camera)), what="the camera process ends with its parent")
    before = home.newest(ada)
    home.start()
    recovered = home.hear(ada, media("video"), after=before)
    assert "recovered" in recovered.caption
    assert recovered.media is not None
    assert len(hashes_of_file(recovered.media.path)) >= 20
    home.hear(ada, text("Something is moving"), after=before)
    assert "kitchen: armed" in home.ask(ada, "/status", "kitchen").text, "armed and enrolled as before"


def test_sigterm_in_mid_clip_finishes_it_hands_it_over_and_ends_within_ten_seconds(
    home: Home, simulator: Simulator
) -> None:
    ada = simulator.add_private_chat("Ada")
    home.start()
    home.enrol(ada)
    home.ask(ada, "/arm", "Armed")
    alert = home.hear(ada, text("Something is moving"))
    began_s = time.monotonic()
    assert home.daemon.stop() == 0
    assert time.monotonic() - began_s < 10
    assert list((home.folder / "state" / "media" / "clips").glob("*.spool")) == []
    home.start()
    home.hear(ada, media("video"), after=alert.message_id)
    assert not home.daemon.errors


def test_a_second_daemon_on_the_same_state_is_refused_in_words(home: Home, simulator: Simulator) -> None:
    ada = simulator.add_private_chat("Ada")
    home.start()
    home.enrol(ada)
    second = ratcam(home, "run")
    assert second.returncode != 0
    assert str(home.daemon.pid) in second.stderr
    assert "Traceback" not in second.stderr
