"""The one-time passcode: who gets in, who waits, and that nothing else gets in, whatever is sent and whenever."""

import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ratcam.chat.enrolment import (
    ALPHABET,
    LENGTH,
    Accepted,
    Enrolment,
    Expired,
    MustWait,
    NonePending,
    PasscodeValid,
    RequestOutcome,
    Wrong,
    new_passcode,
)
from ratcam.messages import ChatId
from ratcam.settings import AuthSettings

ANN, BOB, EVE = ChatId(1), ChatId(2), ChatId(-3)
SETTINGS = AuthSettings(passcode_minutes=10, tries_per_chat=3, tries_total=5, retry_minutes=20)


class Passcodes:
    """Makes KBCDE222, KBCDE223, ...: known to the test, all different."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self) -> str:
        number = len(self.made) + 23 * (961 + 31 + 1)
        self.made.append(f"KBCDE{ALPHABET[number // 961 % 31]}{ALPHABET[number // 31 % 31]}{ALPHABET[number % 31]}")
        return self.made[-1]


def enrolment(**changes: int) -> Enrolment:
    values = {"passcode_minutes": 10, "tries_per_chat": 3, "tries_total": 5, "retry_minutes": 20} | changes
    return Enrolment(settings=AuthSettings(**values), make_passcode=Passcodes())


def passcode(outcome: RequestOutcome) -> str:
    assert isinstance(outcome, PasscodeValid)
    return outcome.passcode


def test_a_passcode_has_8_of_31_characters_without_look_alikes() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 31
    assert not set(ALPHABET) & set("0O1IL")
    seen = collections.Counter("".join(new_passcode() for _ in range(500)))
    assert set(seen) == set(ALPHABET)
    assert len(new_passcode()) == LENGTH == 8
    assert len({new_passcode() for _ in range(500)}) == 500


@pytest.mark.parametrize(
    "form", ["{}", "{0[0]}{0[1]}{0[2]}{0[3]}-{0[4]}{0[5]}{0[6]}{0[7]}", "  {}\n", "{}\u00a0\u2014"]
)
def test_the_passcode_is_accepted_once_in_any_spelling(form: str) -> None:
    for change in (str.upper, str.lower, str.title):
        rules = enrolment()
        code = passcode(rules.request(ANN, 0))
        assert rules.submit(BOB, change(form.format(code)), 1) == Accepted()
        assert rules.submit(BOB, code, 2) == NonePending()
        assert rules.submit(ANN, code, 3) == NonePending()


def test_a_repeated_request_gives_the_same_passcode_and_does_not_renew_it() -> None:
    rules = enrolment()
    first = rules.request(ANN, 100)
    assert isinstance(first, PasscodeValid)
    assert (first.is_to_be_shown, first.seconds_left) == (True, 600)
    again = rules.request(BOB, 400)
    assert isinstance(again, PasscodeValid)
    assert (again.passcode, again.seconds_left) == (first.passcode, 300)
    assert rules.submit(ANN, first.passcode, 700) == Expired()
    assert rules.submit(ANN, first.passcode, 701) == NonePending()
    assert passcode(rules.request(ANN, 702)) != first.passcode


def test_a_passcode_is_valid_to_the_last_moment() -> None:
    rules = enrolment()
    assert rules.submit(ANN, passcode(rules.request(ANN, 100)), 699.9) == Accepted()


def test_a_flood_of_requests_shows_the_passcode_once_a_minute() -> None:
    rules = enrolment()
    shown: list[int] = []
    for second in range(600):
        outcome = rules.request(ChatId(second), second)
        assert isinstance(outcome, PasscodeValid)
        if outcome.is_to_be_shown:
            shown.append(second)
    assert shown == list(range(0, 600, 60))
    new = rules.request(ANN, 600)
    assert isinstance(new, PasscodeValid)
    assert new.is_to_be_shown


def test_a_chat_without_tries_left_waits_and_may_then_try_again() -> None:
    rules = enrolment()
    code = passcode(rules.request(EVE, 0))
    assert [rules.submit(EVE, "guess", second) for second in (1, 2, 3)] == [
        Wrong(tries_left=2, is_passcode_void=False),
        Wrong(tries_left=1, is_passcode_void=False),
        Wrong(tries_left=0, is_passcode_void=False),
    ]
    assert rules.submit(EVE, code, 4) == MustWait(seconds=1199)
    assert rules.request(EVE, 1202) == MustWait(seconds=1)
    assert MustWait(seconds=1199).minutes == 20
    assert MustWait(seconds=0.5).minutes == 1
    again = passcode(rules.request(EVE, 1203))
    assert rules.submit(EVE, "guess", 1204) == Wrong(tries_left=2, is_passcode_void=False)
    assert rules.submit(EVE, again, 1205) == Accepted()


def test_another_chats_wait_does_not_keep_the_owner_out() -> None:
    rules = enrolment()
    code = passcode(rules.request(EVE, 0))
    for _ in range(3):
        rules.submit(EVE, "guess", 1)
    assert rules.submit(ANN, code, 2) == Accepted()


def test_a_passcode_dies_of_too_many_tries_over_all_chats() -> None:
    rules = enrolment()
    code = passcode(rules.request(ANN, 0))
    outcomes = [rules.submit(ChatId(number), "guess", 1) for number in range(5)]
    assert outcomes == [Wrong(tries_left=2, is_passcode_void=number == 4) for number in range(5)]
    assert rules.submit(ANN, code, 2) == NonePending()
    new = passcode(rules.request(ANN, 3))
    assert new != code
    assert rules.submit(ANN, new, 4) == Accepted()


def test_wrong_tries_are_forgotten_after_the_retry_time() -> None:
    rules = enrolment(passcode_minutes=60)
    rules.request(ANN, 0)
    rules.submit(ANN, "guess", 0)
    rules.submit(ANN, "guess", 10)
    assert rules.submit(ANN, "guess", 1300) == Wrong(tries_left=2, is_passcode_void=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " - ",
        "\0",
        "KBCDE22\0",
        "KBCDE222\0",
        "KBCDE22",
        "KBCDE2222",
        "KBCDE\uff12\uff12\uff12",
        "\uff2b\uff22\uff23\uff24\uff25222",
        "A" * 4096,
        " " * 4096 + "KBCDE222",
        "😀" * 8,
        "\ud83d",
        "KBCDE222\ud83d",
        "\u202eKBCDE222",
        "\u039aBCDE222",
        "\u212aBCDE222",
    ],
)
def test_strange_texts_are_wrong_and_harmless(text: str) -> None:
    rules = enrolment()
    assert passcode(rules.request(ANN, 0)) == "KBCDE222"
    assert rules.submit(EVE, text, 1) == Wrong(tries_left=2, is_passcode_void=False)
    assert rules.submit(ANN, "kbcde-222", 2) == Accepted()


@given(st.text())
@settings(max_examples=300)
def test_no_other_text_is_accepted(text: str) -> None:
    rules = enrolment()
    rules.request(ANN, 0)
    letters = "".join(char for char in text if char.isascii() and char.isalnum()).upper()
    outcome = rules.submit(EVE, text, 1)
    assert isinstance(outcome, Wrong) or (outcome == Accepted() and letters == "KBCDE222")


def test_the_passcode_is_not_in_the_outcomes_repr() -> None:
    outcome = enrolment().request(ANN, 0)
    assert passcode(outcome) not in repr(outcome)


def test_the_total_limit_holds_for_more_chats_than_are_remembered() -> None:
    rules = Enrolment(settings=SETTINGS, make_passcode=Passcodes(), remembered_chats=2)
    rules.request(ANN, 0)
    outcomes = [rules.submit(ChatId(number % 4), "guess", 1) for number in range(6)]
    assert [type(outcome) for outcome in outcomes] == [Wrong] * 5 + [NonePending]


class EnrolmentMachine(RuleBasedStateMachine):
    """Any order of requests, texts and waits; the model knows the current passcode and counts tries on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.passcodes = Passcodes()
        self.enrolment = Enrolment(settings=SETTINGS, make_passcode=self.passcodes)
        self.now_s = 0.0
        self.current: str | None = None
        self.expires_s = 0.0
        self.wrong_of_current = 0
        self.wrong_at: dict[ChatId, list[float]] = {}
        self.shown_s: list[float] = []

    chats = st.sampled_from([ChatId(number) for number in range(4)])

    def must_wait(self, chat: ChatId) -> bool:
        wrong = self.wrong_at.get(chat, [])
        if wrong and self.now_s >= wrong[-1] + 1200:
            wrong.clear()
        return len(wrong) >= 3

    @rule(seconds=st.sampled_from([0.0, 1.0, 59.0, 60.0, 299.0, 600.0, 1200.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(chat=chats)
    def request(self, chat: ChatId) -> None:
        outcome = self.enrolment.request(chat, self.now_s)
        assert isinstance(outcome, MustWait) == self.must_wait(chat)
        if isinstance(outcome, MustWait):
            return
        if self.current is None or self.now_s >= self.expires_s:
            self.current, self.expires_s, self.wrong_of_current = outcome.passcode, self.now_s + 600, 0
            self.shown_s = []
        assert outcome.passcode == self.current == self.passcodes.made[-1]
        assert outcome.is_to_be_shown == (not self.shown_s or self.now_s - self.shown_s[-1] >= 60)
        if outcome.is_to_be_shown:
            self.shown_s.append(self.now_s)

    @rule(chat=chats, text=st.sampled_from(["guess", "KBCDE22", "ABCDEFGH"]) | st.text(max_size=10))
    def guess(self, chat: ChatId, text: str) -> None:
        self.submit(chat, text)

    @precondition(lambda self: bool(self.passcodes.made))
    @rule(chat=chats, back=st.integers(0, 3))
    def send_a_made_passcode(self, chat: ChatId, back: int) -> None:
        made = self.passcodes.made
        self.submit(chat, made[-1 - back % len(made)])

    def submit(self, chat: ChatId, text: str) -> None:
        waits = self.must_wait(chat)
        outcome = self.enrolment.submit(chat, text, self.now_s)
        match outcome:
            case MustWait():
                assert waits
            case NonePending():
                assert self.current is None
            case Expired():
                assert self.now_s >= self.expires_s
                self.current = None
            case Accepted():
                assert not waits
                assert self.now_s < self.expires_s
                assert text.upper() == self.current
                self.current = None
                self.wrong_at.pop(chat, None)
            case Wrong():
                assert not waits
                assert text != self.current
                self.wrong_of_current += 1
                wrong = self.wrong_at.setdefault(chat, [])
                wrong.append(self.now_s)
                assert outcome.tries_left == 3 - len(wrong)
                assert outcome.is_passcode_void == (self.wrong_of_current == 5)
                if outcome.is_passcode_void:
                    self.current = None

    @invariant()
    def never_more_than_the_tries(self) -> None:
        assert self.wrong_of_current <= 5
        assert all(len(wrong) <= 3 for wrong in self.wrong_at.values())


TestEnrolmentMachine = EnrolmentMachine.TestCase
TestEnrolmentMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
