"""BotActor with real stores on disk and a gateway of ours."""

from dataclasses import replace
from pathlib import Path

import pytest

from ratcam.actors.bot import SNAPSHOT_TIMEOUT_S
from ratcam.chat import texts
from ratcam.chat.alerts import LAST_CLIP_TIMEOUT_S
from ratcam.chat.deliveries import REPLY_ATTEMPTS
from ratcam.messages import (
    Arm,
    AuthorizationAsked,
    AuthorizationChanged,
    CameraLost,
    CameraRecovered,
    ChatId,
    ChatLost,
    ChatMigrated,
    ClipCause,
    ClipFailed,
    Delivery,
    DeliveryFailed,
    Disarm,
    EnrolmentRequested,
    EventId,
    FailureKind,
    MediaKind,
    PasscodeSubmitted,
    RecordClip,
    Reply,
    RevokeChat,
    RunId,
    Snapshot,
    TakeSnapshot,
)
from ratcam.ports import MediaItem
from ratcam.store.armed import TinyArmedStore
from ratcam.store.outbox import TinyOutboxStore
from ratcam.store.uploads import TinyUploadStore
from tests.actors.household import ADA, BEN, EVE, KITCHEN, Household, kinds
from tests.deadline import wait_until
from tests.fakes import jpeg


def test_an_event_is_a_text_then_a_heat_map_then_the_clip_then_all_quiet_in_every_chat(house: Household) -> None:
    house.event_starts()
    house.event_peaks()
    house.event_ends()
    house.address.tell(house.clip())
    for chat in (ADA, BEN):
        wait_until(lambda chat=chat: len(kinds(house, chat)) == 4, what="four messages")
        assert kinds(house, chat) == [MediaKind.TEXT, MediaKind.PHOTO, MediaKind.VIDEO, MediaKind.TEXT]
        said = house.gateway.texts(chat)
        assert said[0].startswith("Something is moving: kitchen")
        assert said[0].endswith(", in the lower left.")
        assert said[1].endswith(": moving in the lower left, zone door, less than 1 % of the picture, strength 2.5.")
        assert "0:07" in said[2]
        assert said[3] == "All quiet after 0:42: kitchen."


def test_media_are_uploaded_by_one_chat_and_sent_to_the_others_by_file_id(house: Household) -> None:
    house.event_peaks()
    house.address.tell(house.clip())
    wait_until(lambda: len(house.gateway.sent) == 4, what="two media to two chats")
    for kind in (MediaKind.PHOTO, MediaKind.VIDEO):
        first, second = (delivery for delivery in house.gateway.sent if delivery.kind is kind)
        assert first.file_id == ""
        assert second.file_id.startswith("id-of-")
    video = next(delivery for delivery in house.gateway.sent if delivery.kind is MediaKind.VIDEO)
    assert (video.width, video.height, video.duration_s, video.is_silent) == (640, 480, 7, True)


def test_files_are_deleted_when_every_chat_has_them_and_not_before(house: Household) -> None:
    waiting: list[Delivery] = []

    def only_ada(delivery: Delivery) -> DeliveryFailed | None:
        if delivery.chat == ADA:
            house.gateway.hear(house.gateway.accept(delivery))
        else:
            waiting.append(delivery)
        return None

    house.gateway.answer = only_ada
    clip = house.clip()
    house.address.tell(clip)
    wait_until(lambda: bool(waiting), what="Ben's delivery is under way")
    assert Path(clip.path).exists()
    house.gateway.hear(house.gateway.accept(waiting[0]))
    wait_until(lambda: not Path(clip.path).exists(), what="the clip is deleted")


def test_all_quiet_does_not_wait_for_a_clip_for_ever(house: Household) -> None:
    house.event_starts()
    house.event_ends()
    wait_until(
        lambda: house.time_passes(LAST_CLIP_TIMEOUT_S + 1) and len(house.gateway.texts(BEN)) == 2, what="all quiet"
    )
    assert "All quiet" in house.gateway.texts(BEN)[1]


def test_the_parts_of_a_long_clip_are_numbered_and_all_quiet_comes_after_the_last(house: Household) -> None:
    house.event_starts()
    house.address.tell(house.clip(1, is_last=False))
    house.event_ends()
    house.address.tell(house.clip(2, is_last=True))
    wait_until(lambda: len(house.gateway.texts(ADA)) == 4)
    assert ["part 1" in house.gateway.texts(ADA)[1], "part 2" in house.gateway.texts(ADA)[2]] == [True, True]
    assert "All quiet" in house.gateway.texts(ADA)[3]


def test_a_clip_told_twice_is_sent_once(house: Household) -> None:
    clip = house.clip()
    house.address.tell(clip)
    house.address.tell(clip)
    wait_until(lambda: kinds(house, BEN) == [MediaKind.VIDEO])
    house.address.tell(clip)
    assert house.answer("help") == texts.HELP
    assert kinds(house, BEN) == [MediaKind.VIDEO]
    assert kinds(house, ADA) == [MediaKind.VIDEO, MediaKind.TEXT]


def test_photo_asks_the_camera_and_goes_to_the_chat_that_asked_only(house: Household) -> None:
    house.command("photo")
    (asked,) = house.camera.wait_for(TakeSnapshot)
    assert isinstance(asked, TakeSnapshot)
    house.address.tell(Snapshot(camera=KITCHEN, run_id=RunId(1), request_id=asked.request_id, pts_90k=0, jpeg=jpeg()))
    wait_until(lambda: kinds(house, ADA) == [MediaKind.PHOTO], what="the photo")
    assert kinds(house, BEN) == []


def test_a_photo_that_fails_or_never_comes_is_answered_in_words(house: Household) -> None:
    house.command("photo")
    (asked,) = house.camera.wait_for(TakeSnapshot)
    assert isinstance(asked, TakeSnapshot)
    failed = Snapshot(
        camera=KITCHEN, run_id=RunId(1), request_id=asked.request_id, pts_90k=0, jpeg=b"", reason="no picture yet"
    )
    house.address.tell(failed)
    wait_until(lambda: house.gateway.texts(ADA) == ["No photo from kitchen: no picture yet."])
    house.command("photo")
    house.camera.wait_for(TakeSnapshot, 2)
    wait_until(
        lambda: (
            house.time_passes(SNAPSHOT_TIMEOUT_S + 1)
            and "No photo from kitchen: the camera did not answer." in house.gateway.texts(ADA)
        )
    )


def test_video_records_for_the_chat_that_asked(house: Household) -> None:
    assert house.answer("video", "12") == "Recording the next 12 s; the video follows."
    assert house.recorder.wait_for(RecordClip) == [RecordClip(camera=KITCHEN, chat=ADA, seconds=12.0)]
    house.address.tell(house.clip(chat=ADA))
    wait_until(lambda: MediaKind.VIDEO in kinds(house, ADA), what="the video")
    assert kinds(house, BEN) == []
    house.address.tell(ClipFailed(camera=KITCHEN, cause=ClipCause(chat=ADA), reason="the disk is full"))
    wait_until(lambda: house.gateway.texts(ADA)[-1] == "No video from kitchen: the disk is full.")


@pytest.mark.parametrize("argument", ["0", "-1", "1e9", "NaN", "10; rm -rf /", "\uff11\uff10", "61", "9" * 400, "\x00"])
def test_a_video_of_a_bad_length_is_corrected_with_an_example(house: Household, argument: str) -> None:
    assert "for example: /video 10" in house.answer("video", argument)
    assert house.recorder.heard == []


def test_arm_and_disarm_are_on_disk_before_they_are_answered_and_reach_the_detector(house: Household) -> None:
    assert house.answer("arm") == texts.ARMED
    assert TinyArmedStore(state_dir=house.folder).is_armed(KITCHEN)
    assert house.motion.wait_for(Arm) == [Arm(camera=KITCHEN)]
    assert house.answer("arm") == texts.ALREADY_ARMED
    assert "kitchen: armed" in house.answer("status")
    assert house.answer("disarm") == texts.DISARMED
    assert not TinyArmedStore(state_dir=house.folder).is_armed(KITCHEN)
    assert house.motion.wait_for(Disarm) == [Disarm(camera=KITCHEN)]


def test_a_lost_camera_and_its_return_are_told_to_everyone(house: Household) -> None:
    house.address.tell(CameraLost(camera=KITCHEN, reason="unplugged"))
    house.address.tell(CameraRecovered(camera=KITCHEN, blind_s=12.0))
    wait_until(lambda: len(house.gateway.texts(BEN)) == 2)
    assert house.gateway.texts(BEN)[1] == "kitchen is back. I was blind for 0:12."


def test_unknown_commands_and_needless_arguments_are_answered(house: Household) -> None:
    assert "/frobnicate" in house.answer("frobnicate")
    assert house.answer("status", "please") == "/status takes nothing behind it."
    assert house.answer("start", "payload") == texts.ALREADY_ENROLLED
    assert "/video 10" in house.answer("help")


def test_logout_is_answered_and_handed_to_the_auth_actor(house: Household) -> None:
    assert house.answer("logout") == texts.LOGGED_OUT
    assert house.auth.wait_for(RevokeChat) == [RevokeChat(chat=ADA)]


def test_a_chat_whose_right_was_taken_gets_nothing_more_and_commands_nothing(house: Household) -> None:
    house.address.tell(AuthorizationChanged(chats=(BEN,)))
    house.event_starts()
    wait_until(lambda: len(house.gateway.texts(BEN)) == 1)
    assert house.gateway.allowed == {BEN}
    house.command("arm", chat=ADA)
    house.command("help", chat=BEN)
    wait_until(lambda: texts.HELP in house.gateway.texts(BEN))
    assert house.gateway.texts(ADA) == []
    assert not house.armed.is_armed(KITCHEN)


def test_what_strangers_say_goes_to_the_auth_actor_and_its_answers_back(house: Household) -> None:
    events = [
        EnrolmentRequested(chat=EVE, chat_name="Eve"),
        PasscodeSubmitted(chat=EVE, chat_name="Eve", text="guess"),
    ]
    for event in events:
        house.gateway.hear(event)
    wait_until(lambda: house.auth.heard == [AuthorizationAsked(), *events])
    house.address.tell(Reply(chat=EVE, text="no"))
    wait_until(lambda: house.gateway.texts(EVE) == ["no"])


def test_a_chat_that_is_gone_is_revoked_and_holds_nobody_up(house: Household) -> None:
    def ada_is_gone(delivery: Delivery) -> DeliveryFailed | None:
        if delivery.chat == ADA:
            return DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.CHAT_GONE, detail="blocked")
        house.gateway.hear(house.gateway.accept(delivery))
        return None

    house.gateway.answer = ada_is_gone
    house.address.tell(house.clip())
    wait_until(lambda: kinds(house, BEN) == [MediaKind.VIDEO], what="Ben gets the clip, uploaded for him")
    assert house.auth.wait_for(RevokeChat) == [RevokeChat(chat=ADA)]
    house.gateway.hear(ChatLost(chat=BEN, reason="kicked"))
    assert house.auth.wait_for(RevokeChat, 2)[1] == RevokeChat(chat=BEN)


def test_a_migrated_chat_gets_what_its_old_id_was_owed(house: Household) -> None:
    new = ChatId(-100)

    def old_id_fails(delivery: Delivery) -> DeliveryFailed | None:
        if delivery.chat == ADA:
            house.gateway.hear(ChatMigrated(chat=ADA, new_chat=new))
            return DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.NOT_SENT, detail="migrated")
        house.gateway.hear(house.gateway.accept(delivery))
        return None

    house.gateway.answer = old_id_fails
    house.event_starts()
    assert house.auth.wait_for(ChatMigrated) == [ChatMigrated(chat=ADA, new_chat=new)]
    house.address.tell(AuthorizationChanged(chats=(new, BEN)))
    wait_until(lambda: house.time_passes(5) and len(house.gateway.texts(new)) == 1, what="the alert at the new id")


def test_a_bot_that_dies_loses_no_alert_and_sends_none_twice(house: Household) -> None:
    house.gateway.answer = lambda _delivery: None  # nothing is confirmed yet
    house.event_starts()
    house.event_peaks()
    house.address.tell(house.clip())
    wait_until(lambda: len(house.gateway.sent) == 3, what="two texts and an upload are on their way")
    house.address.tell("not a message")
    assert "str" in house.deaths.get(timeout=10).reason
    house.start()
    assert not house.gateway.is_stopped
    house.gateway.answer = house.gateway.accept
    for delivery in tuple(house.gateway.under_way.values()):
        house.gateway.hear(house.gateway.accept(delivery))
    for chat in (ADA, BEN):
        wait_until(lambda chat=chat: house.time_passes(0) and len(kinds(house, chat)) == 3, what="all three, once")
        assert sorted(kind.value for kind in kinds(house, chat)) == ["photo", "text", "video"]
    house.answer("help")
    assert len({delivery.delivery_id for delivery in house.gateway.sent}) == len(house.gateway.sent)


def test_a_delivery_that_was_not_sent_is_sent_again_until_it_is(house: Household) -> None:
    failures = 5

    def at_last(delivery: Delivery) -> DeliveryFailed | None:
        tries = sum(other.delivery_id == delivery.delivery_id for other in house.gateway.sent)
        if tries <= failures:
            return DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.NOT_SENT, detail="no network")
        house.gateway.hear(house.gateway.accept(delivery))
        return None

    house.gateway.answer = at_last
    house.event_starts()
    wait_until(lambda: house.time_passes(61) and len(house.gateway.sent) == 2 * (failures + 1))
    assert "Waiting to be sent: 0" in house.answer("status")


def test_a_refused_picture_is_replaced_by_words(house: Household) -> None:
    def no_photos(delivery: Delivery) -> DeliveryFailed | None:
        if delivery.kind is MediaKind.PHOTO:
            return DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.REFUSED, detail="too big")
        house.gateway.hear(house.gateway.accept(delivery))
        return None

    house.gateway.answer = no_photos
    house.event_peaks()
    wait_until(lambda: any("could not be sent: too big" in text for text in house.gateway.texts(BEN)))


def test_alerts_go_out_from_memory_when_the_disk_refuses_them(
    house: Household, caplog: pytest.LogCaptureFixture
) -> None:
    (house.folder / "outbox.json").unlink(missing_ok=True)
    (house.folder / "outbox.json").mkdir()
    (house.folder / "media").write_text("a file where the folder should be")
    house.event_starts()
    house.event_peaks()
    wait_until(lambda: len(house.gateway.texts(BEN)) == 2, what="both as texts")
    assert "Something is moving" in house.gateway.texts(BEN)[0]
    assert "could not be sent" in house.gateway.texts(BEN)[1]
    assert "kept in memory only" in caplog.text


def test_nothing_owed_is_lost_while_nobody_knows_who_is_authorised(house: Household) -> None:
    house.address.tell(AuthorizationChanged(chats=(), is_known=False))
    house.event_starts()
    clip = house.clip()
    house.address.tell(clip)
    wait_until(lambda: house.gateway.allowed == frozenset(), what="nobody commands")
    house.command("arm")
    assert house.time_passes(0)
    assert house.gateway.sent == []
    house.address.tell(AuthorizationChanged(chats=(BEN,)))
    wait_until(lambda: house.time_passes(0) and len(kinds(house, BEN)) == 2, what="the alert and the clip")
    assert kinds(house, ADA) == []
    assert not house.armed.is_armed(KITCHEN)


def test_a_clip_whose_delivery_was_never_written_down_is_owed_when_it_is_told_again(house: Household) -> None:
    clip = house.clip()
    name = Path(clip.path).name
    TinyUploadStore(state_dir=house.folder).put(MediaItem(media_id=name, kind=MediaKind.VIDEO, path=clip.path))
    house.address.tell(clip)
    wait_until(lambda: kinds(house, BEN) == [MediaKind.VIDEO])


def test_stores_that_cannot_be_read_or_written_hold_up_no_alert_and_no_command(
    house: Household, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("outbox.json", "media.json", "armed.json"):
        (house.folder / name).unlink(missing_ok=True)
        (house.folder / name).mkdir()
    house.event_starts()
    house.event_peaks()
    house.address.tell(house.clip())
    for chat in (ADA, BEN):
        wait_until(lambda chat=chat: len(kinds(house, chat)) == 3, what="text, picture and clip")
        assert [kind.value for kind in kinds(house, chat)].count("video") == 1
    assert "But the disk refused it" in house.answer("arm")
    assert house.motion.wait_for(Arm) == [Arm(camera=KITCHEN)]
    assert "kitchen: armed" in house.answer("status")
    assert house.deaths.empty()
    assert "kept in memory only" in caplog.text


def test_a_bot_that_finds_its_stores_unreadable_starts_all_the_same(house: Household) -> None:
    house.address.tell("not a message")
    assert house.deaths.get(timeout=10).reason
    for name in ("outbox.json", "media.json", "armed.json"):
        (house.folder / name).unlink(missing_ok=True)
        (house.folder / name).mkdir()
    house.start()
    house.event_starts()
    wait_until(lambda: house.time_passes(0) and kinds(house, BEN) == [MediaKind.TEXT])
    assert "kitchen: armed" in house.answer("status"), "what cannot be read is taken as armed"


@pytest.mark.parametrize("is_lost", [False, True])
def test_all_quiet_is_said_at_once_when_the_clip_came_before_the_end_of_the_event(
    house: Household, is_lost: bool
) -> None:
    house.event_starts()
    cause = ClipCause(event_id=EventId("e1"))
    house.address.tell(ClipFailed(camera=KITCHEN, cause=cause, reason="full") if is_lost else house.clip())
    house.event_ends()
    wait_until(lambda: any("All quiet" in text for text in house.gateway.texts(BEN)), timeout_s=5)


def test_a_stop_says_all_quiet_of_what_is_over(house: Household) -> None:
    house.event_starts()
    house.event_ends()
    house.address.request_stop()
    house.deaths.get(timeout=10)
    pending = TinyOutboxStore(state_dir=house.folder).pending()
    said = [row.text for row in pending] + house.gateway.texts(BEN)
    assert any("All quiet" in text for text in said)
    house.start()


def test_a_photo_asked_for_by_a_chat_that_was_revoked_meanwhile_goes_nowhere(house: Household) -> None:
    house.command("photo")
    (asked,) = house.camera.wait_for(TakeSnapshot)
    assert isinstance(asked, TakeSnapshot)
    house.address.tell(AuthorizationChanged(chats=(BEN,)))
    still = Snapshot(camera=KITCHEN, run_id=RunId(1), request_id=asked.request_id, pts_90k=0, jpeg=jpeg())
    house.address.tell(still)
    house.command("help", chat=BEN)
    wait_until(lambda: texts.HELP in house.gateway.texts(BEN))
    assert kinds(house, ADA) == []


def test_a_video_asked_for_before_a_group_moved_goes_to_its_new_id(house: Household) -> None:
    new = ChatId(-100)
    house.gateway.hear(ChatMigrated(chat=ADA, new_chat=new))
    house.address.tell(AuthorizationChanged(chats=(new, BEN)))
    house.address.tell(house.clip(chat=ADA))
    wait_until(lambda: kinds(house, new) == [MediaKind.VIDEO])


def test_answers_to_strangers_never_pile_up(house: Household) -> None:
    house.gateway.answer = lambda _delivery: None
    for number in range(2000):
        house.address.tell(Reply(chat=EVE, text=f"no {number}"))
        house.address.tell(Reply(chat=ChatId(1000 + number), text="no"))
    house.gateway.hear(EnrolmentRequested(chat=EVE, chat_name="Eve"))
    house.auth.wait_for(EnrolmentRequested)
    assert len(house.gateway.sent) <= 500
    house.gateway.answer = house.gateway.accept
    for delivery in tuple(house.gateway.under_way.values()):
        house.gateway.hear(house.gateway.accept(delivery))
    assert "Chats: 2" in house.answer("status"), "an enrolled chat is served as ever"
    assert [delivery.chat for delivery in house.gateway.sent].count(EVE) in (1, 2)


def test_an_enrolled_chat_is_answered_though_the_strangers_answers_wait(house: Household) -> None:
    house.gateway.answer = lambda _delivery: None
    for number in range(600):
        house.address.tell(Reply(chat=ChatId(1000 + number), text="no"))
    assert "Chats: 2" in house.answer("status")


def test_an_answer_that_cannot_be_sent_is_given_up_in_the_end(house: Household) -> None:
    house.gateway.answer = lambda delivery: DeliveryFailed(
        delivery_id=delivery.delivery_id, kind=FailureKind.NOT_SENT, detail="no network"
    )
    house.command("help")
    wait_until(lambda: house.time_passes(61) and len(house.gateway.sent) == REPLY_ATTEMPTS)
    for _ in range(5):
        house.time_passes(61)
    house.gateway.answer = house.gateway.accept
    house.answer("status")
    assert len(house.gateway.sent) == REPLY_ATTEMPTS + 1


def test_a_file_id_that_is_not_accepted_is_forgotten_and_the_clip_uploaded_again(house: Household) -> None:
    refused: list[Delivery] = []

    def refuse_ids_once(delivery: Delivery) -> DeliveryFailed | None:
        if delivery.file_id and not refused:
            refused.append(delivery)
            detail = "wrong file identifier"
            return DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.WRONG_FILE_ID, detail=detail)
        house.gateway.hear(house.gateway.accept(delivery))
        return None

    house.gateway.answer = refuse_ids_once
    house.address.tell(house.clip())
    wait_until(lambda: house.time_passes(0) and len(house.gateway.sent) == 3, what="upload, refused id, upload")
    assert [bool(delivery.file_id) for delivery in house.gateway.sent] == [False, True, False]


def test_what_arrives_during_the_stop_is_not_owed_any_more(house: Household) -> None:
    waiting: list[Delivery] = []
    house.gateway.answer = waiting.append
    house.event_starts()
    wait_until(lambda: len(waiting) == 2)
    house.gateway.at_stop = lambda: house.gateway.hear(house.gateway.accept(waiting[0]))
    house.address.request_stop()
    assert house.deaths.get(timeout=10).reason == ""
    owed = TinyOutboxStore(state_dir=house.folder).pending()
    assert [row.delivery_id for row in owed] == [waiting[1].delivery_id]
    house.start()


def test_a_part_that_turns_out_to_be_the_last_is_sent_once_and_ends_the_event(house: Household) -> None:
    first = house.clip(1, is_last=False)
    house.event_starts()
    house.event_ends()
    house.address.tell(first)
    wait_until(lambda: not Path(first.path).exists(), what="both chats have it")
    assert not any(text.startswith("All quiet") for text in house.gateway.texts(ADA))
    house.address.tell(replace(first, is_last=True))
    wait_until(lambda: house.gateway.texts(BEN)[-1].startswith("All quiet"), what="all quiet")
    assert kinds(house, ADA).count(MediaKind.VIDEO) == 1


def test_a_clip_that_was_refused_is_not_owed_again_when_it_is_told_again(house: Household) -> None:
    house.gateway.answer = lambda delivery: (
        DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.REFUSED, detail="too large")
        if delivery.kind is MediaKind.VIDEO
        else house.gateway.accept(delivery)
    )
    clip = house.clip(is_last=False)
    house.address.tell(clip)
    wait_until(lambda: not Path(clip.path).exists(), what="it was refused in both chats")
    house.address.tell(replace(clip, is_last=True))
    house.answer("status")
    assert kinds(house, ADA).count(MediaKind.VIDEO) == 1
