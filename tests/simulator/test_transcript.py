"""What a simulator tells of itself: messages, calls, transcript.json."""

import json
from pathlib import Path

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

from ratcam.simulator.simulator import Simulator
from tests.simulator.client import TOKEN, talk


def fill(simulator: Simulator, jpeg: bytes, mp4: Path) -> tuple[int, int]:
    first, second = simulator.add_private_chat("Ada"), simulator.add_private_chat("Bob")
    said = simulator.say(first, "/start")

    async def conversation(bot: Bot) -> None:
        key = InlineKeyboardMarkup([[InlineKeyboardButton("Arm", callback_data="1")]])
        await bot.send_message(first, "hi", reply_markup=key, reply_to_message_id=said)
        photo = (await bot.send_photo(first, jpeg, caption="still")).photo[-1]
        await bot.send_photo(second, photo.file_id, disable_notification=True)
        with mp4.open("rb") as handle:
            await bot.send_video(second, handle, width=320, height=240, duration=3)

    talk(simulator, conversation)
    return first, second


def test_a_saved_transcript_has_every_message_and_every_file_once(
    simulator: Simulator, jpeg: bytes, mp4: Path, tmp_path: Path
) -> None:
    first, second = fill(simulator, jpeg, mp4)
    simulator.stop()
    simulator.save(tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "transcript.json").read_text())
    assert saved["bot"] == {"id": 7000000001, "username": "ratcam_demo_bot", "name": "Ratcam"}
    assert [(chat["id"], chat["title"], chat["type"]) for chat in saved["chats"]] == [
        (first, "Ada", "private"),
        (second, "Bob", "private"),
    ]
    start, greeting, still = saved["chats"][0]["messages"]
    assert (start["from"], start["name"], start["text"]) == ("person", "Ada", "/start")
    assert (greeting["from"], greeting["buttons"], greeting["reply_to"]) == ("bot", [["Arm"]], 1)
    again, clip = saved["chats"][1]["messages"]
    assert again["silent"] is True
    assert (still["media"]["uploaded"], again["media"]["uploaded"]) == (True, False)
    assert still["media"]["file_id"] == again["media"]["file_id"]
    assert still["media"]["file"] == again["media"]["file"]
    assert (tmp_path / "out" / still["media"]["file"]).read_bytes() == jpeg
    assert (tmp_path / "out" / clip["media"]["file"]).read_bytes() == mp4.read_bytes()
    assert clip["media"]["duration_s"] == 3
    assert len(list((tmp_path / "out" / "media").iterdir())) == 2
    assert saved["calls"] == {"getMe": 1, "sendMessage": 1, "sendPhoto": 2, "sendVideo": 1}
    assert saved["problems"] == []


def test_the_token_is_nowhere_in_what_is_kept(simulator: Simulator, jpeg: bytes, mp4: Path, tmp_path: Path) -> None:
    fill(simulator, jpeg, mp4)
    simulator.save(tmp_path)
    assert TOKEN not in (tmp_path / "transcript.json").read_text()
    assert TOKEN not in repr(simulator.calls())
    assert TOKEN not in repr(simulator)


def test_waiting_in_vain_shows_what_was_said(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.say(chat, "hello there")
    with pytest.raises(TimeoutError, match="hello there"):
        simulator.wait_for(lambda message: message.is_from_bot, 0.05)
    with pytest.raises(TimeoutError, match="no such call"):
        simulator.wait_for_call(lambda call: call.method == "getMe", 0.05)


def test_a_call_can_be_waited_for(simulator: Simulator) -> None:
    async def conversation(bot: Bot) -> None:
        await bot.get_updates(timeout=0)

    talk(simulator, conversation)
    assert simulator.wait_for_call(lambda call: call.method == "getUpdates", 5).status == 200
