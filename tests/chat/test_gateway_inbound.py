"""Who is heard: judged on updates as Telegram sends them."""

from typing import Any

import pytest
from telegram import Update

from ratcam.chat.inbound import InboundFilter
from ratcam.chat.telegram_request import ServerClock
from ratcam.messages import (
    ChatEvent,
    ChatId,
    ChatLost,
    ChatMigrated,
    CommandReceived,
    EnrolmentRequested,
    PasscodeSubmitted,
)
from tests.chat.gateway_rig import OWNER, message_update

NOW = 1_800_000_000
STRANGER = 22
GROUP = -33
ALLOWED = frozenset({OWNER, ChatId(GROUP)})


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.wall_s = float(NOW)

    def monotonic_s(self) -> float:
        return self.now_s

    def unix_s(self) -> float:
        return self.wall_s


class Judge:
    """An `InboundFilter` fed with updates in JSON form."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.server_clock = ServerClock(clock=self.clock)
        self._filter = InboundFilter(clock=self.clock, server_clock=self.server_clock, max_age_s=60, strangers_per_s=20)
        self._next_id = 1

    def __call__(self, update: dict[str, Any], *, update_id: int = 0) -> ChatEvent | None:
        self._next_id += 1
        parsed = Update.de_json({"update_id": update_id or self._next_id, **update}, None)
        return self._filter.event_of(parsed, allowed=ALLOWED, username="Ratcam_Bot")


@pytest.fixture
def judge() -> Judge:
    return Judge()


def said(chat: int, text: str, **changes: Any) -> dict[str, Any]:
    changes.setdefault("date", NOW)
    return message_update(chat, text, **changes)


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("/status", "status", ""),
        ("/DISARM", "disarm", ""),
        ("/video 10; rm -rf", "video", "10; rm -rf"),
        ("/video   \uff11\uff10", "video", "\uff11\uff10"),
        ("/video\n5", "video", "5"),
        ("/photo@ratcam_BOT", "photo", ""),
        ("/disarmx", "disarmx", ""),
    ],
)
def test_a_command_of_an_allowed_chat_passes(judge: Judge, text: str, name: str, argument: str) -> None:
    command = judge(said(OWNER, text))
    assert command == CommandReceived(chat=OWNER, sender_name="Ana Lee", name=name, argument=argument)


@pytest.mark.parametrize("text", ["hello", " /disarm", "/", "//arm", "/disarm@other_bot", "/disarm" + " x" * 200, "/é"])
def test_what_is_no_command_to_this_bot_is_ignored(judge: Judge, text: str) -> None:
    assert judge(said(OWNER, text)) is None


CHANNEL = {"id": -100, "type": "channel", "title": "News"}
ROBOT = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
ORIGIN = {"type": "hidden_user", "date": NOW, "sender_user_name": "Bob"}
SUSPECT: list[dict[str, Any]] = [
    {"from": ROBOT},
    {"from": None},
    {"sender_chat": CHANNEL},
    {"forward_origin": ORIGIN},
    {"via_bot": ROBOT},
    {"is_automatic_forward": True},
    {"edit_date": NOW},
    {"chat": CHANNEL},
    {"date": NOW - 61},
    {"date": NOW + 61},
    {"date": 1},
    {"text": None, "caption": "/disarm"},
]


@pytest.mark.parametrize("change", SUSPECT, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("chat", [OWNER, STRANGER], ids=["allowed", "stranger"])
def test_only_a_person_who_writes_now_is_heard(judge: Judge, change: dict[str, Any], chat: int) -> None:
    update = said(chat, "/start")
    message = {**update["message"], **change}
    assert judge({"message": {key: value for key, value in message.items() if value is not None}}) is None


@pytest.mark.parametrize("kind", ["edited_message", "channel_post", "edited_channel_post"])
def test_only_new_messages_are_heard(judge: Judge, kind: str) -> None:
    assert judge({kind: said(OWNER, "/disarm")["message"]}) is None


def test_the_age_is_judged_by_the_servers_clock(judge: Judge) -> None:
    judge.clock.wall_s = 0.0  # a Pi that has just booted
    judge.server_clock.note("Fri, 15 Jan 2027 08:00:00 GMT")  # NOW
    judge.clock.now_s += 59
    assert isinstance(judge(said(OWNER, "/status")), CommandReceived)
    judge.clock.now_s += 2
    assert judge(said(OWNER, "/status")) is None


@pytest.mark.parametrize("header", [None, "", "yesterday", "Fri, 99 Jan 2027 08:00:00 GMT"])
def test_a_date_header_that_is_none_is_ignored(judge: Judge, header: str | None) -> None:
    judge.server_clock.note(header)
    assert judge.server_clock.unix_s() == NOW


def test_an_update_counts_once(judge: Judge) -> None:
    assert judge(said(OWNER, "/photo"), update_id=7) is not None
    assert judge(said(OWNER, "/photo"), update_id=7) is None


def test_a_stranger_asks_to_enrol_in_a_private_chat_and_in_a_group(judge: Judge) -> None:
    assert judge(said(STRANGER, "/start")) == EnrolmentRequested(chat=ChatId(STRANGER), chat_name="Ana Lee (@ana)")
    group = said(-44, "/start@ratcam_bot", chat_type="supergroup")
    assert judge(group) == EnrolmentRequested(chat=ChatId(-44), chat_name="House")


def test_a_passcode_comes_as_text_or_with_start(judge: Judge) -> None:
    typed = judge(said(STRANGER, " K7PQ \n"))
    assert isinstance(typed, PasscodeSubmitted)
    assert typed.text == "K7PQ"
    for chat_type in ("private", "group"):
        linked = judge(said(STRANGER, "/start K7PQ", chat_type=chat_type))
        assert isinstance(linked, PasscodeSubmitted)
        assert linked.text == "K7PQ"


@pytest.mark.parametrize(
    "update",
    [
        said(STRANGER, "/disarm"),
        said(STRANGER, "/photo"),
        said(STRANGER, "/startx"),
        said(STRANGER, "/start@other_bot"),
        said(STRANGER, "x" * 257),
        said(STRANGER, "/start " + "x" * 4000),
        said(STRANGER, "   "),
        said(-44, "K7PQ", chat_type="group"),
    ],
    ids=lambda update: update["message"]["text"][:16],
)
def test_anything_else_of_strangers_is_dropped(judge: Judge, update: dict[str, Any]) -> None:
    assert judge(update) is None


def test_a_flood_of_strangers_is_cut_and_does_not_touch_the_owner(judge: Judge) -> None:
    heard = [judge(said(1000 + number, "/start")) for number in range(1000)]
    assert sum(event is not None for event in heard) == 20
    assert judge(said(OWNER, "/status")) is not None
    judge.clock.now_s += 0.5
    heard = [judge(said(1000 + number, "/start")) for number in range(1000)]
    assert sum(event is not None for event in heard) == 10


def test_a_name_cannot_steer_the_console(judge: Judge) -> None:
    evil = {"id": STRANGER, "is_bot": False, "first_name": "\x1b[2J\u202eAna\n", "last_name": "L" * 200}
    event = judge(said(STRANGER, "/start", **{"from": evil}))
    assert isinstance(event, EnrolmentRequested)
    assert event.chat_name.isprintable()
    assert event.chat_name.startswith("[2JAna L")
    assert len(event.chat_name) <= 64


@pytest.mark.parametrize("status", ["left", "kicked"])
def test_a_chat_that_removes_the_bot_is_lost(judge: Judge, status: str) -> None:
    assert isinstance(judge(member_change(GROUP, status)), ChatLost)
    assert judge(member_change(-44, status)) is None


def test_a_chat_that_changes_the_bots_rights_is_not_lost(judge: Judge) -> None:
    assert judge(member_change(GROUP, "member")) is None


def member_change(chat: int, status: str) -> dict[str, Any]:
    bot = {"id": 1, "is_bot": True, "first_name": "Ratcam"}
    new: dict[str, Any] = {"user": bot, "status": status}
    if status == "kicked":
        new["until_date"] = 0
    return {
        "my_chat_member": {
            "chat": {"id": chat, "type": "group", "title": "House"},
            "from": {"id": 9, "is_bot": False, "first_name": "Eve"},
            "date": NOW - 9999,
            "old_chat_member": {"user": bot, "status": "member"},
            "new_chat_member": new,
        }
    }


def test_a_migration_is_reported_from_either_side_for_allowed_chats_only(judge: Judge) -> None:
    expected = ChatMigrated(chat=ChatId(GROUP), new_chat=ChatId(-1001))
    assert judge(said(GROUP, "", migrate_to_chat_id=-1001, chat_type="group")) == expected
    assert judge(said(-1001, "", migrate_from_chat_id=GROUP, chat_type="supergroup")) == expected
    assert judge(said(-44, "", migrate_to_chat_id=-1001, chat_type="group")) is None
    assert judge(said(-1001, "", migrate_from_chat_id=-44, chat_type="supergroup")) is None
