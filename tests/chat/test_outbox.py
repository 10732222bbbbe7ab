"""The outbox's rules, by themselves and against random histories."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.chat.outbox import (
    AMBIGUOUS_WAIT_S,
    GIVE_UP_S,
    LONGEST_WAIT_S,
    PATIENT_ATTEMPTS,
    TOKEN_WAIT_S,
    Outbox,
    Verdict,
)
from ratcam.messages import ChatId, DeliveryId, FailureKind, MediaKind
from ratcam.ports import QueuedDelivery

ADA, BEN = ChatId(1), ChatId(2)


def row(name: str, chat: ChatId = ADA, media: str = "", *, after_media: bool = False) -> QueuedDelivery:
    kind = MediaKind.VIDEO if media else MediaKind.TEXT
    return QueuedDelivery(
        delivery_id=DeliveryId(name), chat=chat, kind=kind, text=name, media_id=media, after_media=after_media
    )


class Desk:
    """An outbox and what Telegram knows."""

    def __init__(self, *rows: QueuedDelivery) -> None:
        self.uploaded: set[str] = set()
        self.outbox = Outbox(is_uploaded=self.uploaded.__contains__)
        self.outbox.add(rows)

    def due(self, now_s: float = 0.0) -> list[str]:
        return [delivery.delivery_id for delivery in self.outbox.due(now_s)]

    def ok(self, name: str, now_s: float = 0.0) -> None:
        delivery = self.outbox.succeeded(DeliveryId(name), now_s=now_s)
        assert delivery is not None
        self.uploaded.add(delivery.media_id)

    def fail(self, name: str, kind: FailureKind, now_s: float = 0.0, retry_after_s: float = 0.0) -> Verdict:
        outcome = self.outbox.failed(DeliveryId(name), kind, now_s=now_s, retry_after_s=retry_after_s)
        assert outcome is not None
        return outcome[1]


def test_texts_go_in_order_one_at_a_time() -> None:
    desk = Desk(row("a"), row("b"), row("c"))
    for name in ("a", "b", "c"):
        assert desk.due() == [name]
        assert desk.due() == []
        desk.ok(name)
    assert len(desk.outbox) == 0


def test_a_text_overtakes_an_upload_but_a_closing_text_waits_for_it() -> None:
    desk = Desk(row("video", media="v"), row("quiet", after_media=True), row("alert"))
    assert desk.due() == ["video", "alert"]
    desk.ok("video")
    assert desk.due() == ["quiet"]


def test_a_medium_is_uploaded_by_one_chat_and_the_others_wait_for_its_id() -> None:
    desk = Desk(row("a", ADA, "v"), row("b", BEN, "v"))
    assert desk.due() == ["a"]
    desk.ok("a")
    assert desk.due() == ["b"]


def test_when_the_uploading_chat_fails_another_takes_over() -> None:
    desk = Desk(row("a", ADA, "v"), row("b", BEN, "v"))
    desk.due()
    desk.fail("a", FailureKind.NOT_SENT)
    assert desk.due(0.5) == ["b"]
    desk.ok("b")
    assert desk.due(2.0) == ["a"]


def test_waits_grow_to_a_minute_and_never_end() -> None:
    desk = Desk(row("a"))
    now_s, waits = 0.0, list[float]()
    for _ in range(12):
        assert desk.due(now_s) == ["a"]
        assert desk.fail("a", FailureKind.NOT_SENT, now_s) is Verdict.AGAIN
        began_s = now_s
        while not desk.outbox.due(now_s):
            now_s += 0.5
        desk.fail("a", FailureKind.RETRY_AFTER, now_s, -0.5)
        waits.append(now_s - began_s)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S


def test_an_ambiguous_delivery_is_not_repeated_at_once() -> None:
    desk = Desk(row("a"))
    desk.due()
    assert desk.fail("a", FailureKind.AMBIGUOUS) is Verdict.AGAIN
    assert desk.due(AMBIGUOUS_WAIT_S - 0.1) == []
    assert desk.due(AMBIGUOUS_WAIT_S) == ["a"]


def test_retry_after_is_obeyed_by_that_chat_in_all_its_lanes_and_by_no_other() -> None:
    desk = Desk(row("a"), row("video", ADA, "v"), row("b", BEN))
    desk.uploaded.add("v")
    assert desk.due() == ["a", "video", "b"]
    for name in ("a", "video"):
        desk.fail(name, FailureKind.RETRY_AFTER, 0.0, 37.0)
    desk.ok("b")
    assert desk.due(37.4) == []
    assert desk.due(37.5) == ["a", "video"]


def test_a_refused_token_keeps_everything() -> None:
    desk = Desk(row("a"))
    desk.due()
    assert desk.fail("a", FailureKind.TOKEN) is Verdict.AGAIN
    assert desk.due(TOKEN_WAIT_S) == ["a"]


def test_a_wrong_file_id_is_uploaded_again() -> None:
    desk = Desk(row("a", ADA, "v"), row("b", BEN, "v"))
    desk.uploaded.add("v")
    assert desk.due() == ["a", "b"]
    assert desk.fail("a", FailureKind.WRONG_FILE_ID) is Verdict.UPLOAD_AGAIN
    desk.uploaded.clear()
    desk.fail("b", FailureKind.WRONG_FILE_ID)
    assert desk.due() == ["a"]


def test_a_refused_payload_is_dropped_and_a_gone_chat_is_reported() -> None:
    desk = Desk(row("a"), row("b", BEN))
    desk.due()
    assert desk.fail("a", FailureKind.REFUSED) is Verdict.DROPPED
    assert desk.fail("b", FailureKind.CHAT_GONE) is Verdict.CHAT_GONE
    assert [delivery.delivery_id for delivery in desk.outbox.drop(lambda r: r.chat == BEN)] == ["b"]
    assert len(desk.outbox) == 0


def test_what_is_not_owed_is_ignored() -> None:
    desk = Desk()
    assert desk.outbox.succeeded(DeliveryId("x"), now_s=0.0) is None
    assert desk.outbox.failed(DeliveryId("x"), FailureKind.NOT_SENT, now_s=0.0) is None


def test_a_migrated_chat_takes_its_rows_along() -> None:
    desk = Desk(row("a"), row("b", BEN))
    changed = desk.outbox.migrate(ADA, ChatId(-5))
    assert [(delivery.delivery_id, delivery.chat) for delivery in changed] == [("a", -5)]
    assert {delivery.chat for delivery in desk.outbox.due(0.0)} == {-5, BEN}


def test_a_clip_that_never_gets_through_lets_the_others_pass_and_is_given_up_after_a_day() -> None:
    desk = Desk(row("poison", media="v1"), row("clip", media="v2"), row("text"))
    now_s, order, verdict = 0.0, list[str](), Verdict.AGAIN
    while verdict is Verdict.AGAIN:
        now_s += 600.0
        assert now_s < GIVE_UP_S * 2
        for name in desk.due(now_s):
            if name == "poison":
                verdict = desk.fail(name, FailureKind.AMBIGUOUS, now_s)
            else:
                desk.ok(name, now_s)
                order.append(name)
        desk.outbox.add((row(f"t{now_s}"),))
    assert order[0] == "text"
    assert "clip" in order[: PATIENT_ATTEMPTS + 2]
    assert verdict is Verdict.DROPPED
    assert now_s > GIVE_UP_S


def test_in_an_outage_everything_keeps_its_order() -> None:
    desk = Desk(row("a", media="v1"), row("b", media="v2"))
    for step in range(1, 40):
        assert desk.due(step * 100.0) == ["a"]
        assert desk.fail("a", FailureKind.NOT_SENT, step * 100.0) is Verdict.AGAIN


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_fails_nothing_is_lost_doubled_or_overtaken(data: st.DataObject) -> None:
    """Random rows and random passing failures: in the end every chat got everything once, each lane in order."""
    media = ["", "m1", "m2"]
    rows = [
        row(f"r{number}", ChatId(data.draw(st.integers(1, 3))), data.draw(st.sampled_from(media)))
        for number in range(data.draw(st.integers(1, 12)))
    ]
    desk = Desk(*rows)
    arrived: list[QueuedDelivery] = []
    now_s, failures = 0.0, 0
    passing = [FailureKind.NOT_SENT, FailureKind.AMBIGUOUS, FailureKind.RETRY_AFTER, FailureKind.TOKEN]
    while len(desk.outbox):
        now_s += 10.0
        under_way = desk.outbox.due(now_s)
        uploads = [
            delivery.media_id for delivery in under_way if delivery.media_id and delivery.media_id not in desk.uploaded
        ]
        assert len(uploads) == len(set(uploads)), "two chats upload the same thing"
        for delivery in under_way:
            if failures < 30 and data.draw(st.booleans()):
                failures += 1
                assert (
                    desk.fail(delivery.delivery_id, data.draw(st.sampled_from(passing)), now_s, 20.0) is Verdict.AGAIN
                )
            else:
                arrived.append(delivery)
                desk.ok(delivery.delivery_id)
        assert now_s < 1e5
    assert sorted(delivery.delivery_id for delivery in arrived) == sorted(r.delivery_id for r in rows)
    for chat in {r.chat for r in rows}:
        for is_text in (True, False):
            lane = [r.delivery_id for r in rows if r.chat == chat and bool(r.media_id) != is_text]
            assert [d.delivery_id for d in arrived if d.chat == chat and bool(d.media_id) != is_text] == lane
