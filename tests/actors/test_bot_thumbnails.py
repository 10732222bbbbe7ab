"""BotActor and the pictures that stand for clips: they reach the chat, survive a restart, and leave nothing behind."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ratcam.messages import AuthorizationChanged, Delivery, DeliveryFailed, FailureKind, MediaKind
from tests.actors.household import ADA, BEN, Household
from tests.deadline import wait_until
from tests.fakes import jpeg


def videos(house: Household) -> list[Delivery]:
    return [delivery for delivery in house.gateway.sent if delivery.kind is MediaKind.VIDEO]


def die(house: Household) -> None:
    house.address.tell("not a message")
    assert house.deaths.get(timeout=10).reason


def unsent(delivery: Delivery) -> DeliveryFailed:
    return DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.NOT_SENT, detail="no network")


def test_a_clips_thumbnail_lies_beside_it_until_both_are_delivered(house: Household) -> None:
    house.gateway.answer = lambda _: None
    clip = house.clip(thumbnail=jpeg())
    house.address.tell(clip)
    wait_until(lambda: len(videos(house)) == 1, what="the clip at the gateway")
    (sent,) = videos(house)
    assert Path(sent.thumbnail_path) == Path(clip.path).with_suffix(".jpg")
    assert Path(sent.thumbnail_path).read_bytes() == jpeg()
    assert (sent.width, sent.height, sent.duration_s) == (640, 480, 7)
    house.gateway.hear(house.gateway.accept(sent))
    wait_until(lambda: len(videos(house)) == 2, what="the clip for the other chat")
    assert house.files() == ["clip-e1-None-1.jpg", "clip-e1-None-1.mp4"]
    house.gateway.hear(house.gateway.accept(videos(house)[1]))
    wait_until(lambda: house.files() == [], what="nothing left")


def test_a_clip_without_a_thumbnail_goes_without(house: Household) -> None:
    house.address.tell(house.clip())
    wait_until(lambda: len(videos(house)) == 2, what="the clip in both chats")
    assert [video.thumbnail_path for video in videos(house)] == ["", ""]


def test_after_a_restart_the_clip_goes_with_its_thumbnail(house: Household) -> None:
    house.gateway.answer = unsent
    clip = house.clip(thumbnail=jpeg())
    house.address.tell(clip)
    wait_until(lambda: bool(videos(house)), what="a try")
    die(house)
    house.gateway.sent.clear()
    house.gateway.answer = house.gateway.accept
    house.start()
    wait_until(lambda: house.time_passes(60) and len(videos(house)) == 2, what="the clip in both chats")
    assert Path(videos(house)[0].thumbnail_path) == Path(clip.path).with_suffix(".jpg")
    wait_until(lambda: house.files() == [], what="nothing left")


def test_what_an_older_version_owed_is_sent_without_a_thumbnail(house: Household) -> None:
    house.gateway.answer = unsent
    house.address.tell(house.clip())
    wait_until(lambda: bool(videos(house)), what="a try")
    die(house)
    store = house.folder / "media.json"
    document = json.loads(store.read_text())
    text = json.dumps(document)
    assert '"thumbnail_path": ""' in text
    store.write_text(text.replace('"thumbnail_path": "", ', "").replace(', "thumbnail_path": ""', ""))
    assert "thumbnail_path" not in store.read_text()
    house.gateway.sent.clear()
    house.gateway.answer = house.gateway.accept
    house.start()
    wait_until(lambda: house.time_passes(60) and len(videos(house)) == 2, what="the clip in both chats")


def test_a_disk_that_refuses_the_thumbnail_costs_the_thumbnail_only(house: Household) -> None:
    clip = house.clip(thumbnail=jpeg())
    Path(clip.path).with_suffix(".jpg").mkdir()
    house.address.tell(clip)
    wait_until(lambda: len(videos(house)) == 2, what="the clip in both chats")
    assert videos(house)[0].thumbnail_path == ""


def test_a_clip_for_nobody_leaves_no_thumbnail(house: Household) -> None:
    house.address.tell(AuthorizationChanged(chats=()))
    clip = house.clip(thumbnail=jpeg())
    Path(clip.path).with_suffix(".jpg").write_bytes(b"of an earlier start")
    house.address.tell(clip)
    wait_until(lambda: house.files() == [], what="nothing left")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_recovered": True}, "recovered after a power cut"),
        ({"is_cut_short": True}, "cut short: the disk did not take the rest"),
        ({}, ""),
    ],
)
def test_the_caption_says_what_became_of_the_clip(house: Household, changes: dict[str, bool], words: str) -> None:
    house.address.tell(replace(house.clip(), is_last=not changes, **changes))
    wait_until(lambda: len(videos(house)) == 2, what="the clip in both chats")
    caption = videos(house)[0].text
    assert {video.chat for video in videos(house)} == {ADA, BEN}
    assert caption.endswith(
        f" ({words})" if changes.get("is_cut_short") else f"{words} or a crash)" if words else "0:07"
    )
    assert "part" not in caption
