"""AuthActor with a real store on disk and the real passcode rules."""

from collections.abc import Generator
from pathlib import Path
from queue import SimpleQueue

import pytest

from ratcam.actors.auth import AuthActor
from ratcam.actors.supervised import Address
from ratcam.chat import texts
from ratcam.chat.enrolment import Enrolment
from ratcam.messages import (
    AuthorizationAsked,
    AuthorizationChanged,
    ChatId,
    ChatMigrated,
    ChildFailed,
    EnrolmentRequested,
    PasscodeSubmitted,
    Reply,
    RevokeChat,
)
from ratcam.ports import AuthorizedChat
from ratcam.settings import AuthSettings
from ratcam.store.auth import TinyAuthStore
from tests.deadline import wait_until
from tests.fakes import FakeClock, Listener

ADA, EVE = ChatId(1), ChatId(666)


class Desk:
    """An auth actor, its console and the bot that it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.store = TinyAuthStore(state_dir=folder)
        self.bot = Listener("bot")
        self.address = Address("auth")
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        self.shown: list[str] = []
        self.enrolment = Enrolment(settings=AuthSettings())
        self.console_is_gone = False

    def show_passcode(self, passcode: str, *, chat_name: str, minutes: int) -> None:
        if self.console_is_gone:
            raise BrokenPipeError(32, "Broken pipe")
        self.shown.append(passcode)

    def start(self) -> None:
        AuthActor.start(
            address=self.address,
            on_death=self.deaths.put,
            enrolment=self.enrolment,
            retry_minutes=10,
            store=self.store,
            console=self,
            clock=self.clock,
            bot=self.bot.address,
        )

    def replies(self, chat: ChatId) -> list[str]:
        return [message.text for message in self.bot.of(Reply) if isinstance(message, Reply) and message.chat == chat]

    def ask(self, chat: ChatId, text: str = "") -> str:
        """/start without a text, else a passcode; the answer."""
        before = len(self.replies(chat))
        name = f"chat {chat}"
        event = (
            PasscodeSubmitted(chat=chat, chat_name=name, text=text)
            if text
            else EnrolmentRequested(chat=chat, chat_name=name)
        )
        self.address.tell(event)
        wait_until(lambda: len(self.replies(chat)) > before, what="an answer")
        return self.replies(chat)[-1]

    def time_passes(self) -> bool:
        self.address.ping(self.clock.monotonic_s())
        return True

    def is_known(self) -> bool:
        """Whether the bot was last told who is authorised, or that nobody can say."""
        newest = self.bot.of(AuthorizationChanged)[-1]
        assert isinstance(newest, AuthorizationChanged)
        return newest.is_known

    def told(self) -> list[tuple[ChatId, ...]]:
        found = self.bot.of(AuthorizationChanged)
        return [message.chats for message in found if isinstance(message, AuthorizationChanged)]


@pytest.fixture(name="desk")
def make_desk(tmp_path: Path) -> Generator[Desk]:
    desk = Desk(tmp_path)
    desk.start()
    yield desk
    desk.address.request_stop()
    desk.bot.stop()


def test_the_passcode_on_the_console_enrols_a_chat_which_is_on_disk_before_it_is_told(desk: Desk) -> None:
    assert desk.ask(ADA) == texts.ASK_PASSCODE.format(minutes=10)
    (passcode,) = desk.shown
    assert desk.ask(ADA, passcode.lower()) == texts.WELCOME
    assert desk.told()[-1] == (ADA,)
    on_disk = TinyAuthStore(state_dir=desk.folder).chats()
    assert [(entry.chat, entry.name, entry.since_unix_s) for entry in on_disk] == [(ADA, "chat 1", 1.8e9)]
    enrolled = next(i for i, m in enumerate(desk.bot.heard) if m == AuthorizationChanged(chats=(ADA,)))
    welcomed = next(i for i, m in enumerate(desk.bot.heard) if m == Reply(chat=ADA, text=texts.WELCOME))
    assert enrolled < welcomed


def test_a_passcode_works_once(desk: Desk) -> None:
    desk.ask(ADA)
    desk.ask(ADA, desk.shown[0])
    assert desk.ask(EVE, desk.shown[0]) == texts.NO_PASSCODE
    assert desk.told()[-1] == (ADA,)


def test_a_refused_chat_waits_and_can_try_again_later(desk: Desk) -> None:
    desk.ask(EVE)
    assert desk.ask(EVE, "guess") == "That is not the passcode. 2 tries left."
    assert desk.ask(EVE, "guess") == "That is not the passcode. 1 try left."
    assert desk.ask(EVE, "guess") == "That is not the passcode. Send /start again in 10 minutes."
    assert "again in 10 minutes" in desk.ask(EVE, desk.shown[0])
    assert "again in 10 minutes" in desk.ask(EVE)
    desk.clock.advance(601)
    assert desk.ask(EVE).startswith("Hello")
    assert desk.ask(EVE, desk.shown[-1]) == texts.WELCOME


def test_an_expired_passcode_enrols_nobody(desk: Desk) -> None:
    desk.ask(ADA)
    desk.clock.advance(601)
    assert desk.ask(ADA, desk.shown[0]) == texts.NO_PASSCODE
    assert desk.told() == [()]


def test_the_passcode_is_in_no_message_and_no_repr(desk: Desk) -> None:
    desk.ask(ADA)
    assert desk.shown[0] not in repr(desk.bot.heard)
    submitted = PasscodeSubmitted(chat=ADA, chat_name="Ada", text=desk.shown[0])
    assert desk.shown[0] not in repr(submitted)


def test_logout_and_loss_revoke(desk: Desk) -> None:
    desk.store.grant(AuthorizedChat(chat=ADA, name="Ada", since_unix_s=0.0))
    desk.address.tell(RevokeChat(chat=ADA))
    wait_until(lambda: desk.told()[-1:] == [()] and len(desk.told()) == 2)
    assert TinyAuthStore(state_dir=desk.folder).chats() == ()


def test_what_another_process_revokes_is_noticed(desk: Desk) -> None:
    desk.ask(ADA)
    desk.ask(ADA, desk.shown[0])
    assert TinyAuthStore(state_dir=desk.folder).revoke(ADA)
    desk.address.ping(0.0)
    wait_until(lambda: desk.told()[-1] == ())


def test_a_migrated_chat_keeps_its_right_under_the_new_id(desk: Desk) -> None:
    desk.ask(ADA)
    desk.ask(ADA, desk.shown[0])
    desk.address.tell(ChatMigrated(chat=ADA, new_chat=ChatId(-100)))
    wait_until(lambda: desk.told()[-1] == (-100,))


def test_a_restarted_actor_tells_the_chats_again_and_gives_no_new_tries(desk: Desk) -> None:
    desk.store.grant(AuthorizedChat(chat=ADA, name="Ada", since_unix_s=0.0))
    desk.ask(EVE)
    desk.ask(EVE, "guess")
    desk.address.tell("not a message")
    assert "str" in desk.deaths.get(timeout=10).reason
    desk.start()
    wait_until(lambda: desk.told()[-1] == (ADA,))
    assert desk.ask(EVE, "guess") == "That is not the passcode. 1 try left."


def test_a_store_that_refuses_enrols_nobody_and_says_so(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.ask(ADA)
    (desk.folder / "auth.json").unlink(missing_ok=True)
    (desk.folder / "auth.json").mkdir()
    assert "could not store that" in desk.ask(ADA, desk.shown[0])
    assert "cannot be enrolled" in caplog.text
    assert desk.is_known() is False


def enrol(desk: Desk, chat: ChatId) -> None:
    desk.ask(chat)
    assert desk.ask(chat, desk.shown[-1]) == texts.WELCOME


def test_whoever_asks_is_told_who_is_authorised(desk: Desk) -> None:
    enrol(desk, ADA)
    desk.bot.heard.clear()
    desk.address.tell(AuthorizationAsked())
    wait_until(lambda: desk.told() == [(ADA,)])


def test_a_store_that_cannot_be_read_is_not_an_empty_store(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    enrol(desk, ADA)
    path = desk.folder / "auth.json"
    content = path.read_bytes()
    for file in desk.folder.glob("auth.json*"):
        file.unlink()
    path.mkdir()
    for _ in range(10):
        desk.address.ping(0.0)
        desk.address.tell(AuthorizationAsked())
    wait_until(lambda: not desk.is_known())
    path.rmdir()
    path.write_bytes(content)
    path.chmod(0o600)
    wait_until(lambda: desk.time_passes() and desk.is_known() and desk.told()[-1] == (ADA,))
    assert caplog.text.count("Nobody is authorised until this is mended") == 1, "said once, not at every tick"


def test_a_revocation_counts_at_once_and_for_good_although_the_disk_refuses_it(desk: Desk) -> None:
    enrol(desk, ADA)
    enrol(desk, EVE)
    in_the_way = desk.folder / ".auth.json.tmp"  # where the next version of the file would be written
    in_the_way.mkdir()
    desk.address.tell(RevokeChat(chat=EVE))
    wait_until(lambda: desk.told()[-1] == (ADA,))
    for _ in range(5):
        desk.time_passes()
    desk.address.tell(AuthorizationAsked())
    wait_until(lambda: desk.told()[-1] == (ADA,))
    assert all(EVE not in told for told in desk.told()[desk.told().index((ADA, EVE)) + 1 :])
    assert EVE in [entry.chat for entry in TinyAuthStore(state_dir=desk.folder).chats()], "the disk did refuse it"
    in_the_way.rmdir()
    wait_until(
        lambda: desk.time_passes() and [e.chat for e in TinyAuthStore(state_dir=desk.folder).chats()] == [ADA],
        what="it is stored in the end",
    )


def test_a_revocation_from_outside_is_noticed_whatever_happens_at_the_same_time(desk: Desk) -> None:
    enrol(desk, ADA)
    enrol(desk, EVE)
    assert TinyAuthStore(state_dir=desk.folder).revoke(EVE)
    desk.address.tell(RevokeChat(chat=ChatId(999)))
    wait_until(lambda: desk.told()[-1] == (ADA,))


def test_without_a_console_nobody_enrols_and_the_actor_lives_on(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.console_is_gone = True
    assert desk.ask(EVE) == texts.NO_CONSOLE
    assert "cannot be shown" in caplog.text
    assert desk.deaths.empty()
