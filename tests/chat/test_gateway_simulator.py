"""The gateway and Ratcam's own simulator of Telegram, over real HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ratcam.messages import (
    ChatId,
    ChatLost,
    ChatMigrated,
    CommandReceived,
    Delivery,
    DeliveryFailed,
    DeliveryId,
    DeliverySucceeded,
    EnrolmentRequested,
    FailureKind,
    MediaKind,
    PasscodeSubmitted,
)
from ratcam.simulator.simulator import Simulator
from tests.chat.gateway_rig import DEADLINE_S, TOKEN, Heard, gateway_at, text_to
from tests.deadline import wait_until


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    running = Simulator(token=TOKEN, bot_username="ratcam_bot")
    running.start()
    try:
        yield running
        assert running.problems == ()
    finally:
        running.stop()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "heat.jpg"
    Image.new("RGB", (64, 48), "red").save(path)
    return path


def photo_to(chat: ChatId, path: Path, name: str) -> Delivery:
    return Delivery(
        delivery_id=DeliveryId(name),
        chat=chat,
        kind=MediaKind.PHOTO,
        text="Motion",
        path=str(path),
        width=64,
        height=48,
        is_silent=True,
    )


def test_a_person_enrols_and_commands(simulator: Simulator) -> None:
    heard = Heard()
    ana = simulator.add_private_chat("Ana")
    with gateway_at(simulator.base_url, heard) as gateway:
        simulator.say(ana, "/start")
        assert heard.next(EnrolmentRequested).chat == ana
        simulator.say(ana, "K7PQ")
        assert heard.next(PasscodeSubmitted).text == "K7PQ"
        gateway.allow(frozenset({ana}))
        gateway.send(text_to(ana, "Welcome"))
        heard.next(DeliverySucceeded)
        simulator.wait_for(lambda message: message.text == "Welcome", DEADLINE_S)
        simulator.say(ana, "/video 5")
        command = heard.next(CommandReceived)
        assert (command.name, command.argument) == ("video", "5")
        wait_until(lambda: any(call.method == "setMyCommands" for call in simulator.calls()))


def test_a_group_is_heard_and_moves_and_throws_the_bot_out(simulator: Simulator) -> None:
    heard = Heard()
    group = simulator.add_group("House", ("Ada", "Bob"))
    with gateway_at(simulator.base_url, heard, allowed=frozenset({group})) as gateway:
        simulator.say(group, "/status@ratcam_bot", user="Bob")
        assert heard.next(CommandReceived).name == "status"
        new = simulator.migrate(group)
        expected = ChatMigrated(chat=group, new_chat=new)
        assert heard.next(ChatMigrated) == expected
        gateway.send(text_to(group, "late"))
        heard_of_it = [heard.events.get(timeout=DEADLINE_S)]
        while not isinstance(heard_of_it[-1], DeliveryFailed):
            heard_of_it.append(heard.events.get(timeout=DEADLINE_S))
        failed = heard_of_it.pop()
        assert isinstance(failed, DeliveryFailed)
        assert failed.kind is FailureKind.NOT_SENT
        assert set(heard_of_it) == {expected}
        gateway.allow(frozenset({new}))
        simulator.kick(new)
        assert heard.next(ChatLost).chat == new
        gateway.send(text_to(new, "anybody?"))
        assert heard.next(DeliveryFailed).kind is FailureKind.CHAT_GONE


def test_a_photo_is_uploaded_once_for_two_chats(simulator: Simulator, photo: Path) -> None:
    heard = Heard()
    ana, bob = simulator.add_private_chat("Ana"), simulator.add_private_chat("Bob")
    with gateway_at(simulator.base_url, heard) as gateway:
        first = photo_to(ana, photo, "first")
        gateway.send(first)
        file_id = heard.next(DeliverySucceeded).file_id
        gateway.send(replace(first, delivery_id=DeliveryId("second"), chat=bob, path="", file_id=file_id))
        assert heard.next(DeliverySucceeded).file_id == file_id
        gateway.send(replace(first, delivery_id=DeliveryId("third"), path="", file_id="no-such-id"))
        assert heard.next(DeliveryFailed).kind is FailureKind.WRONG_FILE_ID
    assert [len(simulator.messages(chat)) for chat in (ana, bob)] == [1, 1]


def test_a_photo_that_was_taken_before_the_line_broke_is_ambiguous_and_there_once(
    simulator: Simulator, photo: Path
) -> None:
    heard = Heard()
    ana = simulator.add_private_chat("Ana")
    simulator.inject_fault(method="sendPhoto", when="after", kind="reset")
    with gateway_at(simulator.base_url, heard) as gateway:
        gateway.send(photo_to(ana, photo, "photo"))
        assert heard.next(DeliveryFailed).kind is FailureKind.AMBIGUOUS
    assert len(simulator.messages(ana)) == 1


def test_a_person_who_blocks_the_bot_is_lost(simulator: Simulator) -> None:
    heard = Heard()
    ana, bob = simulator.add_private_chat("Ana"), simulator.add_private_chat("Bob")
    with gateway_at(simulator.base_url, heard, allowed=frozenset({ana})) as gateway:
        simulator.block(bob)  # a stranger: nobody minds
        simulator.block(ana)
        assert heard.next(ChatLost).chat == ana
        gateway.send(text_to(ana, "hello?"))
        assert heard.next(DeliveryFailed).kind is FailureKind.CHAT_GONE


def test_a_restarted_server_is_found_again(simulator: Simulator) -> None:
    heard = Heard()
    ana = simulator.add_private_chat("Ana")
    with gateway_at(simulator.base_url, heard, allowed=frozenset({ana})) as gateway:
        simulator.say(ana, "/one")
        assert heard.next(CommandReceived).name == "one"
        simulator.stop()
        gateway.send(text_to(ana, "nobody there"))
        assert heard.next(DeliveryFailed).kind is FailureKind.NOT_SENT
        simulator.start()
        simulator.say(ana, "/two")
        assert heard.next(CommandReceived).name == "two"
