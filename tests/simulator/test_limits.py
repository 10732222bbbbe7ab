"""Limits that depend on time, with a clock that stands still until it is told."""

import pytest

from ratcam.simulator import person
from ratcam.simulator.limits import RateModel
from ratcam.simulator.model import Model
from ratcam.simulator.records import Content, User
from ratcam.simulator.refusal import Refusal


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def unix_s(self) -> float:
        return 1_700_000_000 + self.now_s


def wait_asked_for(rates: RateModel, chat: int, cost: int = 1) -> int:
    """Seconds; 0 when the message is let through."""
    try:
        rates.charge(chat, cost)
    except Refusal as refusal:
        assert refusal.parameters is not None
        assert refusal.status == 429
        return int(str(refusal.parameters["retry_after"]))
    return 0


def test_a_chat_takes_three_at_once_and_then_one_a_second() -> None:
    clock = FakeClock()
    rates = RateModel(clock=clock, is_on=True)
    assert [wait_asked_for(rates, 1) for _ in range(4)] == [0, 0, 0, 1]
    clock.now_s += 1
    assert [wait_asked_for(rates, 1) for _ in range(2)] == [0, 1]


def test_a_group_takes_twenty_a_minute() -> None:
    clock = FakeClock()
    rates = RateModel(clock=clock, is_on=True)
    sent = 0
    while wait_asked_for(rates, -1) in {0, 1}:
        clock.now_s += 1
        sent += 1
    assert 30 <= sent <= 31  # what was there, and a third a second
    clock.now_s += 60
    assert wait_asked_for(rates, -1) == 0


def test_all_chats_together_take_thirty_a_second() -> None:
    rates = RateModel(clock=FakeClock(), is_on=True)
    assert [wait_asked_for(rates, chat) for chat in range(1, 32)] == [0] * 30 + [1]


def test_every_item_of_an_album_counts_and_a_refusal_costs_nothing() -> None:
    clock = FakeClock()
    rates = RateModel(clock=clock, is_on=True)
    assert wait_asked_for(rates, 1, cost=10) == 0
    assert wait_asked_for(rates, 1) == 8
    clock.now_s += 8
    assert wait_asked_for(rates, 1) == 0


def test_a_press_can_be_answered_for_thirty_seconds() -> None:
    clock = FakeClock()
    bot = User(user_id=1, first_name="Ratcam", username="ratcam_demo_bot", is_bot=True)
    model = Model(bot=bot, clock=clock, group_privacy=True)
    chat = model.add_private_chat("Ada")
    markup = {"inline_keyboard": [[{"text": "Arm", "callback_data": "arm"}]]}
    model.add_message(chat, bot, Content(text="panel", markup=markup))  # pyright: ignore[reportArgumentType]
    query = person.press(model, chat.chat_id, 1, "Arm")
    clock.now_s += 30
    assert model.open_query(query).chat_id == chat.chat_id
    clock.now_s += 0.1
    with pytest.raises(Refusal, match="query is too old"):
        model.open_query(query)
