"""Between a camera and a slow reader: the queue that sheds in the child, the feed that drops in the main process."""

import itertools
import threading

from hypothesis import given
from hypothesis import strategies as st

from ratcam.actors.shedding import SheddingQueue
from ratcam.actors.stream_feed import StreamFeed
from ratcam.actors.supervised import Address
from ratcam.messages import AccessUnit, StreamEnded
from ratcam.wire import FromCamera, Heartbeat
from tests.actors.units import CAMERA, RUN, field_of, unit_of

# --- the queue that sheds -------------------------------------------------------------------------------------------


def _drained(queue: SheddingQueue) -> list[FromCamera]:
    queue.close()
    return list(iter(queue.get, None))


def test_a_full_queue_sheds_to_the_next_key_unit_and_counts() -> None:
    queue = SheddingQueue(limit_bytes=1500, may_shed=True)
    for number in range(30):
        queue.put(unit_of(number))
    assert queue.shed_units == 15
    assert _drained(queue) == [unit_of(number) for number in range(15)]


def test_shedding_ends_on_a_key_unit_only() -> None:
    queue = SheddingQueue(limit_bytes=500, may_shed=True)
    for number in range(8):
        queue.put(unit_of(number))
    for _ in range(5):
        queue.get()
    for number in range(8, 13):
        queue.put(unit_of(number))
    assert _drained(queue) == [unit_of(10), unit_of(11), unit_of(12)]
    assert queue.shed_units == 5


def test_what_is_rare_is_never_shed() -> None:
    queue = SheddingQueue(limit_bytes=100, may_shed=True)
    ended = StreamEnded(camera=CAMERA, run_id=RUN, reason="over")
    queue.put(unit_of(0))
    queue.put(unit_of(1))
    queue.put(field_of(1))
    queue.put(Heartbeat(run_id=RUN, shed_units=1))
    queue.put(Heartbeat(run_id=RUN, shed_units=2))
    queue.put(ended)
    assert _drained(queue) == [unit_of(0), Heartbeat(run_id=RUN, shed_units=2), ended]


def test_a_unit_larger_than_the_queue_passes_alone() -> None:
    queue = SheddingQueue(limit_bytes=50, may_shed=True)
    queue.put(unit_of(0))
    assert _drained(queue) == [unit_of(0)]


@given(st.lists(st.tuples(st.booleans(), st.integers(6, 400), st.integers(0, 3)), max_size=60))
def test_whatever_is_shed_every_gap_ends_on_a_keyunit_of(steps: list[tuple[bool, int, int]]) -> None:
    queue = SheddingQueue(limit_bytes=1000, may_shed=True)
    out: list[FromCamera] = []
    waiting = 0
    for number, (is_key, size, reads) in enumerate(steps):
        before = queue.shed_units
        queue.put(unit_of(number, size, gop=1 if is_key else 10**9))
        waiting += before == queue.shed_units
        for _ in range(min(reads, waiting)):
            message = queue.get()
            assert message is not None
            out.append(message)
            waiting -= 1
    out += _drained(queue)
    numbers = [(m.pts_90k // 9000, m.is_key) for m in out if isinstance(m, AccessUnit)]
    assert len(numbers) + queue.shed_units == len(steps)
    for (before, _), (after, is_key) in itertools.pairwise(numbers):
        assert after == before + 1 or is_key


# --- the feed that drops --------------------------------------------------------------------------------------------


def _taken(address: Address, count: int) -> list[object]:
    return [address.take() for _ in range(count)]


def test_a_stuck_receiver_loses_whole_gops_and_goes_on_with_a_keyunit_of() -> None:
    address = Address("stuck", data_limit=3)
    feed = StreamFeed(address, may_drop=True, is_hurried=threading.Event())
    for number in range(8):
        feed.data(unit_of(number))
    assert _taken(address, 3) == [unit_of(0), unit_of(1), unit_of(2)]
    for number in range(8, 12):
        feed.data(unit_of(number))
    assert _taken(address, 2) == [unit_of(10), unit_of(11)]


def test_a_stuck_receiver_of_fields_goes_on_with_anyfield_of() -> None:
    address = Address("stuck", data_limit=1)
    feed = StreamFeed(address, may_drop=True, is_hurried=threading.Event())
    for number in range(3):
        feed.data(field_of(number))
    assert _taken(address, 1) == [field_of(0)]
    feed.data(field_of(3))
    assert _taken(address, 1) == [field_of(3)]


def test_the_end_of_a_run_waits_for_a_receiver_that_is_behind() -> None:
    address = Address("slow", data_limit=1)
    feed = StreamFeed(address, may_drop=True, is_hurried=threading.Event())
    feed.data(unit_of(0))
    ended = StreamEnded(camera=CAMERA, run_id=RUN, reason="over")
    marking = threading.Thread(target=feed.mark, args=(ended,))
    marking.start()
    assert _taken(address, 2) == [unit_of(0), ended]
    marking.join(5)


def test_a_hurried_feed_waits_for_nobody() -> None:
    address = Address("stuck", data_limit=1)
    is_hurried = threading.Event()
    feed = StreamFeed(address, may_drop=False, is_hurried=is_hurried)
    feed.data(unit_of(0))
    waiting = threading.Thread(target=feed.data, args=(unit_of(1),))
    waiting.start()
    is_hurried.set()
    waiting.join(5)
    assert not waiting.is_alive()
