"""Texts, edits, buttons and commands through a real python-telegram-bot client."""

import asyncio
from pathlib import Path

import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    InputMediaVideo,
    Message,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest
from telegram.ext import ApplicationBuilder, CallbackQueryHandler, CommandHandler, ContextTypes

from ratcam.simulator.person import PersonError
from ratcam.simulator.simulator import Simulator
from tests.simulator.client import talk

KEYS = InlineKeyboardMarkup([[InlineKeyboardButton("Arm", callback_data="arm")]])


def test_the_bot_introduces_itself(simulator: Simulator) -> None:
    async def conversation(bot: Bot) -> None:
        me = await bot.get_me()
        assert (me.id, me.username, me.is_bot) == (7000000001, "ratcam_demo_bot", True)
        assert me.can_read_all_group_messages is False

    talk(simulator, conversation)
    assert simulator.problems == ()


def test_a_text_is_in_the_chat_with_everything_that_was_asked_for(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    said = simulator.say(chat, "hello")

    async def conversation(bot: Bot) -> Message:
        return await bot.send_message(
            chat, "héllo 🐀", disable_notification=True, reply_parameters=ReplyParameters(said), reply_markup=KEYS
        )

    message = talk(simulator, conversation)
    assert message.reply_to_message is not None
    assert message.reply_to_message.text == "hello"
    assert message.reply_markup == KEYS
    shown = simulator.messages(chat)[-1]
    assert (shown.text, shown.is_silent, shown.reply_to, shown.buttons) == ("héllo 🐀", True, said, (("Arm",),))
    assert shown.is_from_bot


def test_an_edit_changes_the_message_in_place_and_the_same_edit_again_is_refused(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        message = await bot.send_message(chat, "one")
        edited = await message.edit_text("two", reply_markup=KEYS)
        assert isinstance(edited, Message)
        assert edited.edit_date is not None
        with pytest.raises(BadRequest, match="Message is not modified"):
            await message.edit_text("two", reply_markup=KEYS)
        await message.edit_reply_markup(None)
        with pytest.raises(BadRequest, match="Message to edit not found"):
            await bot.edit_message_text("three", chat, 4711)
        with pytest.raises(BadRequest, match="There is no caption in the message to edit"):
            await bot.edit_message_caption(chat, message.message_id, caption="x")

    talk(simulator, conversation)
    (shown,) = simulator.messages(chat)
    assert (shown.text, shown.buttons) == ("two", ())
    assert shown.edit_date_unix_s is not None


def test_a_text_becomes_a_photo_and_the_photo_a_video_by_edits(
    simulator: Simulator, jpeg: bytes, thumbnail: bytes, mp4: Path
) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        message = await bot.send_message(chat, "recording")
        await message.edit_media(InputMediaPhoto(jpeg, caption="still"))
        await message.edit_caption("a still")
        clip = InputMediaVideo(mp4.read_bytes(), caption="clip", width=320, height=240, duration=3, thumbnail=thumbnail)
        edited = await message.edit_media(clip)
        assert isinstance(edited, Message)
        assert edited.video is not None
        assert (edited.video.width, edited.video.height) == (320, 240)
        assert edited.video.thumbnail is not None
        assert (edited.video.thumbnail.width, edited.video.thumbnail.height) == (320, 200)

    talk(simulator, conversation)
    (shown,) = simulator.messages(chat)
    assert shown.media is not None
    assert (shown.media.kind, shown.caption, shown.media.size_bytes) == ("video", "clip", mp4.stat().st_size)
    assert simulator.problems == ()


def test_messages_can_be_deleted_once(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        first, second, third = [await bot.send_message(chat, text) for text in "abc"]
        assert await first.delete()
        with pytest.raises(BadRequest, match="Message to delete not found"):
            await first.delete()
        assert await bot.delete_messages(chat, [second.message_id, 99])
        assert third.message_id == 3

    talk(simulator, conversation)
    assert [message.text for message in simulator.messages(chat)] == ["c"]


def test_commands_and_button_presses_reach_the_handlers_of_an_application(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def on_start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.effective_message is not None
        assert context.args == ["now", "please"]
        await update.effective_message.reply_text("welcome", reply_markup=KEYS)

    async def on_press(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.callback_query is not None
        assert update.callback_query.data == "arm"
        await update.callback_query.answer("armed")
        await update.callback_query.edit_message_text("armed")

    async def run() -> None:
        builder = ApplicationBuilder().token("7000000001:AAsimulatedTokenOfNoValueWhatsoever00")
        application = builder.base_url(f"{simulator.base_url}/bot").build()
        application.add_handler(CommandHandler("start", on_start))
        application.add_handler(CallbackQueryHandler(on_press))
        async with application:
            assert application.updater is not None
            await application.updater.start_polling(poll_interval=0, timeout=5)
            await application.start()
            simulator.say(chat, "/start now please")
            greeting = await asyncio.to_thread(simulator.wait_for, lambda m: m.text == "welcome", 10)
            simulator.press(chat, greeting.message_id, "Arm")
            await asyncio.to_thread(simulator.wait_for, lambda m: m.text == "armed", 10)
            await application.updater.stop()
            await application.stop()

    asyncio.run(run())
    assert simulator.problems == ()


def test_a_press_is_answered_once(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        message = await bot.send_message(chat, "panel", reply_markup=KEYS)
        query_id = simulator.press(chat, message.message_id, "Arm")
        assert await bot.answer_callback_query(query_id, "ok", show_alert=True)
        for stale in (query_id, "1"):
            with pytest.raises(BadRequest, match="Query is too old"):
                await bot.answer_callback_query(stale)

    talk(simulator, conversation)


def test_a_button_that_is_not_there_cannot_be_pressed(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    said = simulator.say(chat, "hello")
    with pytest.raises(PersonError, match="no button 'Arm'"):
        simulator.press(chat, said, "Arm")


def test_command_lists_are_kept_by_scope_and_language(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    here = BotCommandScopeChat(chat)

    async def conversation(bot: Bot) -> None:
        await bot.set_my_commands([BotCommand("start", "begin")])
        await bot.set_my_commands([("video", "record"), ("arm", "watch")], scope=here)
        await bot.set_my_commands([("start", "anfangen")], language_code="de")
        assert [command.description for command in await bot.get_my_commands()] == ["begin"]
        assert [command.command for command in await bot.get_my_commands(scope=here)] == ["video", "arm"]
        assert [command.description for command in await bot.get_my_commands(language_code="de")] == ["anfangen"]
        await bot.delete_my_commands(scope=here)
        assert await bot.get_my_commands(scope=here) == ()
        for name in ("Start", "st-art", "x" * 33):
            with pytest.raises(BadRequest, match=r"(?i)BOT_COMMAND_INVALID"):
                await bot.set_my_commands([(name, "begin")])

    talk(simulator, conversation)


def test_a_group_and_its_members_can_be_asked_for(simulator: Simulator) -> None:
    private = simulator.add_private_chat("Eve")
    group = simulator.add_group("Home", ("Ada", "Bob"))
    simulator.say(group, "/start", user="Bob")

    async def conversation(bot: Bot) -> None:
        assert (await bot.get_chat(group)).title == "Home"
        assert (await bot.get_chat(private)).first_name == "Eve"
        assert await bot.get_chat_member_count(group) == 3
        (owner,) = await bot.get_chat_administrators(group)
        assert (owner.user.first_name, owner.status) == ("Ada", "creator")
        assert (await bot.get_chat_member(group, bot.id)).status == "member"
        assert (await bot.get_chat_member(group, private)).status == "left"
        with pytest.raises(BadRequest, match=r"(?i)PARTICIPANT_ID_INVALID"):
            await bot.get_chat_member(group, 5)
        with pytest.raises(BadRequest, match="There are no administrators in the private chat"):
            await bot.get_chat_administrators(private)

    talk(simulator, conversation)


def test_in_a_group_the_bot_hears_commands_and_replies_only(simulator: Simulator) -> None:
    group = simulator.add_group("Home", ("Ada", "Bob"))

    async def conversation(bot: Bot) -> list[str]:
        question = await bot.send_message(group, "passcode?")
        simulator.say(group, "small talk")
        simulator.say(group, "/arm", user="Bob")
        simulator.say(group, "/arm@ratcam_demo_bot")
        simulator.say(group, "/arm@another_bot")
        simulator.say(group, "1234", reply_to=question.message_id)
        updates = await bot.get_updates(allowed_updates=["message"])
        return [update.message.text or "" for update in updates if update.message]

    assert talk(simulator, conversation) == ["/arm", "/arm@ratcam_demo_bot", "1234"]


def test_commands_are_marked_in_utf16_units(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.say(chat, "🐀 /arm@ratcam_demo_bot a/b")

    async def conversation(bot: Bot) -> None:
        (update,) = await bot.get_updates()
        assert update.message is not None
        (entity,) = update.message.entities
        assert (entity.offset, entity.length, entity.type) == (3, 20, "bot_command")
        assert update.message.parse_entity(entity) == "/arm@ratcam_demo_bot"

    talk(simulator, conversation)
