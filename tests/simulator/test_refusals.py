"""How the simulator refuses, in Telegram's words and as python-telegram-bot understands them."""

import json
import urllib.error
import urllib.request

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter

from ratcam.errors import BadInputError
from ratcam.simulator.simulator import Simulator
from tests.simulator.client import TOKEN, new_bot, talk


def raw_call(simulator: Simulator, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, object]:
    request = urllib.request.Request(simulator.base_url + path, data=body, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def keyboard(data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton("x", callback_data=data)]])


def test_a_wrong_token_is_401(simulator: Simulator) -> None:
    assert raw_call(simulator, "/bot1:wrong/getMe") == (
        401,
        {"ok": False, "error_code": 401, "description": "Unauthorized"},
    )

    async def conversation(_: Bot) -> None:
        stranger = new_bot(simulator, "1:wrong")
        with pytest.raises(InvalidToken):
            await stranger.get_me()
        await stranger.request.shutdown()

    talk(simulator, conversation)
    assert simulator.problems == ()


def test_an_unknown_method_is_404_and_a_problem(simulator: Simulator) -> None:
    assert raw_call(simulator, f"/bot{TOKEN}/sendDice")[0] == 404
    assert simulator.problems == ("sendDice: 404 Not Found",)


def test_an_unknown_parameter_is_400_and_a_problem(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        with pytest.raises(BadRequest, match=r"(?i)does not know parameter message_effect_id of sendMessage"):
            await bot.send_message(chat, "x", message_effect_id="5")

    talk(simulator, conversation)
    assert len(simulator.problems) == 1
    assert simulator.messages(chat) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"chat_id": "x", "text": "y"}',
        b'{"chat_id": 1, "text": 5}',
        b'{"chat_id": 1, "text": "x", "disable_notification": "perhaps"}',
    ],
)
def test_a_malformed_request_is_400_and_a_problem(simulator: Simulator, body: bytes) -> None:
    chat = simulator.add_private_chat("Ada")
    status, _ = raw_call(simulator, f"/bot{TOKEN}/sendMessage", body.replace(b" 1,", f" {chat},".encode()))
    assert status == 400
    assert len(simulator.problems) == 1


def test_a_method_is_found_in_any_case_by_get_form_and_json(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    with urllib.request.urlopen(
        f"{simulator.base_url}/bot{TOKEN}/SENDMESSAGE?chat_id={chat}&text=query", timeout=10
    ) as response:
        assert response.status == 200
    form = "application/x-www-form-urlencoded"
    assert raw_call(simulator, f"/bot{TOKEN}/sendmessage", f"chat_id={chat}&text=form".encode(), form)[0] == 200
    body = json.dumps({"chat_id": chat, "text": "json"}).encode()
    assert raw_call(simulator, f"/bot{TOKEN}/sendMessage", body)[0] == 200
    assert [message.text for message in simulator.messages(chat)] == ["query", "form", "json"]


def test_texts_and_captions_are_counted_in_utf16_units(simulator: Simulator, jpeg: bytes) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        await bot.send_message(chat, "🐀" * 2048)
        await bot.send_photo(chat, jpeg, caption="🐀" * 512)
        with pytest.raises(BadRequest, match="Message is too long"):
            await bot.send_message(chat, "🐀" * 2048 + "x")
        with pytest.raises(BadRequest, match="Message caption is too long"):
            await bot.send_photo(chat, jpeg, caption="🐀" * 512 + "x")
        with pytest.raises(BadRequest, match="Message text is empty"):
            await bot.send_message(chat, " \n")

    talk(simulator, conversation)
    assert len(simulator.messages(chat)) == 2
    assert simulator.problems == ()


def test_a_buttons_data_are_1_to_64_bytes(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        await bot.send_message(chat, "x", reply_markup=keyboard("é" * 32))
        for data in ("é" * 32 + "x", ""):
            with pytest.raises(BadRequest, match=r"(?i)BUTTON_DATA_INVALID"):
                await bot.send_message(chat, "x", reply_markup=keyboard(data))

    talk(simulator, conversation)


def test_what_is_not_there_is_named(simulator: Simulator, jpeg: bytes) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        for unknown in (4711, -4711, "@nobody"):
            with pytest.raises(BadRequest, match="Chat not found"):
                await bot.send_message(unknown, "x")
        with pytest.raises(BadRequest, match="Message to be replied not found"):
            await bot.send_message(chat, "x", reply_parameters=ReplyParameters(99))
        await bot.send_message(chat, "x", reply_parameters=ReplyParameters(99, allow_sending_without_reply=True))
        with pytest.raises(BadRequest, match="Wrong file identifier/http url specified"):
            await bot.send_photo(chat, "AgACAgIAAxnonsense")

    talk(simulator, conversation)
    assert simulator.problems == ()


def test_a_persons_message_cannot_be_edited(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    said = simulator.say(chat, "mine")

    async def conversation(bot: Bot) -> None:
        with pytest.raises(BadRequest, match="Message can't be edited"):
            await bot.edit_message_text("yours", chat, said)

    talk(simulator, conversation)


def test_a_block_is_403_until_it_is_taken_back_and_the_bot_hears_of_both(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        simulator.block(chat)
        with pytest.raises(Forbidden, match="bot was blocked by the user"):
            await bot.send_message(chat, "x")
        simulator.unblock(chat)
        await bot.send_message(chat, "x")
        changes = [update.my_chat_member for update in await bot.get_updates()]
        statuses = [(c.old_chat_member.status, c.new_chat_member.status) for c in changes if c is not None]
        assert statuses == [("member", "kicked"), ("kicked", "member")]

    talk(simulator, conversation)


def test_a_removed_bot_is_told_so(simulator: Simulator) -> None:
    kicked, left = simulator.add_group("Home"), simulator.add_group("Work")

    async def conversation(bot: Bot) -> None:
        simulator.kick(kicked)
        with pytest.raises(Forbidden, match="bot was kicked from the group chat"):
            await bot.send_message(kicked, "x")
        assert await bot.leave_chat(left)
        with pytest.raises(Forbidden, match="bot is not a member of the group chat"):
            await bot.send_message(left, "x")
        simulator.readd(kicked)
        await bot.send_message(kicked, "back")
        changes = [update.my_chat_member for update in await bot.get_updates()]
        assert [c.new_chat_member.status for c in changes if c] == ["member", "member", "kicked", "left", "member"]

    talk(simulator, conversation)


def test_a_group_that_became_a_supergroup_says_its_new_id(simulator: Simulator) -> None:
    group = simulator.add_group("Home")

    async def conversation(bot: Bot) -> None:
        new = simulator.migrate(group)
        with pytest.raises(ChatMigrated) as caught:
            await bot.send_message(group, "x")
        assert caught.value.new_chat_id == new
        assert (await bot.send_message(new, "x")).chat.type == "supergroup"
        messages = [update.message for update in await bot.get_updates(allowed_updates=["message"])]
        assert [m.migrate_to_chat_id for m in messages if m] == [new, None]
        assert [m.migrate_from_chat_id for m in messages if m] == [None, group]

    talk(simulator, conversation)


def test_after_log_out_nothing_works(simulator: Simulator) -> None:
    async def conversation(bot: Bot) -> None:
        assert await bot.log_out()
        with pytest.raises(BadRequest, match="Logged out"):
            await bot.get_me()

    talk(simulator, conversation)


def test_too_many_messages_to_one_chat_are_429_with_the_time_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # the old form of retry_after warns
    simulator = Simulator(token=TOKEN, rate_limits=True)
    simulator.start()
    chat, other = simulator.add_private_chat("Ada"), simulator.add_private_chat("Bob")

    async def conversation(bot: Bot) -> None:
        with pytest.raises(RetryAfter, match="Retry in 0:00:01"):
            for number in range(10):
                await bot.send_message(chat, f"{number}")
        await bot.send_message(other, "not you")

    try:
        talk(simulator, conversation)
    finally:
        simulator.stop()
    assert 3 <= len(simulator.messages(chat)) < 10


def test_a_taken_port_is_an_error_for_people(simulator: Simulator) -> None:
    port = int(simulator.base_url.rpartition(":")[2])
    second = Simulator(token=TOKEN, port=port)
    with pytest.raises(BadInputError, match="Choose another port"):
        second.start()
    second.stop()
