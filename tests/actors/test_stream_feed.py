"""One receiver's lane: what it loses when it is stuck, and when it gets the stream again."""

import threading
import time

import pytest

from ratcam.actors.stream_feed import PATIENCE_S, StreamFeed
from ratcam.actors.supervised import Address
from ratcam.messages import StreamEnded
from tests.actors.units import CAMERA, RUN, field_of, unit_of


def feed_to(address: Address, *, may_drop: bool = True) -> tuple[StreamFeed, threading.Event]:
    """A feed, and the event that hurries it; a feed that waits for ever is hurried when the test has failed anyway."""
    is_hurried = threading.Event()
    deadline = threading.Timer(4 * PATIENCE_S, is_hurried.set)
    deadline.daemon = True
    deadline.start()
    return StreamFeed(address, may_drop=may_drop, is_hurried=is_hurried), is_hurried


def fall_behind(feed: StreamFeed, *, taken: int) -> None:
    """Feed the first units of a GOP to a receiver that has room for `taken` and does not read."""
    for number in range(taken + 1):
        feed.data(unit_of(number))


def test_a_receiver_that_is_stuck_costs_its_patience_once_and_then_nothing() -> None:
    feed, _ = feed_to(Address("recorder", data_limit=1))
    feed.data(unit_of(0))
    begin_s = time.monotonic()
    feed.data(unit_of(1))
    assert PATIENCE_S <= time.monotonic() - begin_s < 2 * PATIENCE_S
    begin_s = time.monotonic()
    for number in range(2, 200):
        feed.data(unit_of(number))
    assert time.monotonic() - begin_s < 1


def test_a_receiver_that_was_behind_goes_on_with_a_key_unit() -> None:
    address = Address("recorder", data_limit=2)
    feed, _ = feed_to(address)
    fall_behind(feed, taken=2)
    assert [address.take(), address.take()] == [unit_of(0), unit_of(1)]
    for number in range(3, 12):
        feed.data(unit_of(number))
    assert [address.take(), address.take()] == [unit_of(10), unit_of(11)]


def test_a_receiver_of_fields_that_was_behind_goes_on_with_any() -> None:
    address = Address("motion", data_limit=1)
    feed, _ = feed_to(address)
    feed.data(field_of(0))
    feed.data(field_of(1))
    assert address.take() == field_of(0)
    feed.data(field_of(2))
    assert address.take() == field_of(2)


def test_without_leave_to_drop_a_receiver_is_waited_for() -> None:
    address = Address("recorder", data_limit=1)
    feed, _ = feed_to(address, may_drop=False)
    feed.data(unit_of(0))
    begin_s = time.monotonic()
    reader = threading.Timer(PATIENCE_S + 0.5, address.take)
    reader.start()
    feed.data(unit_of(1))
    assert time.monotonic() - begin_s > PATIENCE_S
    reader.join()
    assert address.take() == unit_of(1)


@pytest.mark.parametrize("may_drop", [True, False])
def test_nobody_is_waited_for_in_a_hurry(may_drop: bool) -> None:
    feed, is_hurried = feed_to(Address("recorder", data_limit=1), may_drop=may_drop)
    feed.data(unit_of(0))
    is_hurried.set()
    begin_s = time.monotonic()
    feed.data(unit_of(1))
    feed.mark(StreamEnded(camera=CAMERA, run_id=RUN, reason="killed"))
    assert time.monotonic() - begin_s < 1
