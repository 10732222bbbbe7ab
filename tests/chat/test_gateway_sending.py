"""Every delivery has exactly one result, of the right kind, in its chat's order."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from ratcam.messages import (
    ChatId,
    ChatMigrated,
    Delivery,
    DeliveryFailed,
    DeliveryId,
    DeliverySucceeded,
    FailureKind,
    MediaKind,
)
from tests.chat.gateway_rig import (
    OWNER,
    Handler,
    Heard,
    ScriptedApi,
    free_port,
    gateway_at,
    hang,
    ok,
    raw,
    refuse,
    reset,
    text_to,
)
from tests.deadline import wait_until
from tests.fakes import jpeg

OTHER = ChatId(22)


def video_to(chat: int, path: Path | str, name: str = "video") -> Delivery:
    return Delivery(
        delivery_id=DeliveryId(name),
        chat=ChatId(chat),
        kind=MediaKind.VIDEO,
        text="12:03",
        path=str(path),
        width=640,
        height=480,
        duration_s=3,
        is_silent=True,
    )


FAULTS: list[tuple[Handler, FailureKind]] = [
    (refuse(400, "Bad Request: chat not found"), FailureKind.CHAT_GONE),
    (refuse(400, "Bad Request: message is too long"), FailureKind.REFUSED),
    (refuse(401, "Unauthorized"), FailureKind.TOKEN),
    (refuse(403, "Forbidden: bot was blocked by the user"), FailureKind.CHAT_GONE),
    (refuse(404, "Not Found"), FailureKind.TOKEN),
    (raw(400, b"<html>chat not found</html>"), FailureKind.AMBIGUOUS),
    (raw(401, b"<html>log in</html>"), FailureKind.AMBIGUOUS),
    (raw(403, b"<html>forbidden by the proxy</html>"), FailureKind.AMBIGUOUS),
    (raw(403, b'{"message": "forbidden"}'), FailureKind.AMBIGUOUS),
    (raw(403, b'{"ok": false, "error_code": true}'), FailureKind.AMBIGUOUS),
    (raw(404, b"<html>"), FailureKind.AMBIGUOUS),
    (refuse(413, "Request Entity Too Large"), FailureKind.REFUSED),
    (raw(413, b"<html>nginx</html>"), FailureKind.REFUSED),
    (raw(429, b"slow down"), FailureKind.RETRY_AFTER),
    (refuse(500, "Internal Server Error"), FailureKind.AMBIGUOUS),
    (raw(502, b"<html>bad gateway</html>"), FailureKind.AMBIGUOUS),
    (raw(200, b'{"ok": false}'), FailureKind.AMBIGUOUS),
    (raw(200, b""), FailureKind.AMBIGUOUS),
    (reset, FailureKind.AMBIGUOUS),
    (hang(threading.Event()), FailureKind.AMBIGUOUS),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_has_its_kind_and_the_next_delivery_goes_on(
    api: ScriptedApi, base_url: str, fault: Handler, kind: FailureKind, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    api.script("sendMessage", fault)
    with gateway_at(base_url, heard) as gateway:
        gateway.send(text_to(OWNER, "one"))
        gateway.send(text_to(OWNER, "two"))
        failed = heard.next(DeliveryFailed)
        assert (failed.delivery_id, failed.kind) == ("one", kind)
        assert heard.next(DeliverySucceeded).delivery_id == "two"
    assert heard.rest() == []
    assert api.count("sendMessage") == 2, "the gateway itself repeats nothing"
    assert [record for record in caplog.records if record.exc_info] == []


def test_the_wait_that_the_server_asks_for_is_handed_on(api: ScriptedApi, base_url: str) -> None:
    heard = Heard()
    api.script("sendMessage", refuse(429, "Too Many Requests: retry after 37", retry_after=37))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(text_to(OWNER, "one"))
        failed = heard.next(DeliveryFailed)
        assert (failed.kind, failed.retry_after_s) == (FailureKind.RETRY_AFTER, 37.0)


def test_a_migrated_group_is_reported_before_the_failure(api: ScriptedApi, base_url: str) -> None:
    heard = Heard()
    fault = refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001)
    api.script("sendMessage", fault)
    with gateway_at(base_url, heard) as gateway:
        gateway.send(text_to(-33, "one"))
        assert heard.next(ChatMigrated) == ChatMigrated(chat=ChatId(-33), new_chat=ChatId(-1001))
        assert heard.next(DeliveryFailed).kind is FailureKind.NOT_SENT


def test_without_a_server_nothing_was_sent() -> None:
    heard = Heard()
    with gateway_at(f"http://127.0.0.1:{free_port()}", heard) as gateway:
        gateway.send(text_to(OWNER, "one"))
        assert heard.next(DeliveryFailed).kind is FailureKind.NOT_SENT


def test_a_chat_gets_its_texts_in_order_and_its_media_in_order(api: ScriptedApi, base_url: str, clip: Path) -> None:
    heard = Heard()
    with gateway_at(base_url, heard) as gateway:
        for number in range(6):
            gateway.send(text_to(OWNER, f"text {number}"))
            gateway.send(video_to(OWNER, clip, f"video {number}"))
        arrived = [str(heard.next(DeliverySucceeded).delivery_id) for _ in range(12)]
    for kind in ("text", "video"):
        assert [name for name in arrived if name.startswith(kind)] == [f"{kind} {number}" for number in range(6)]


def test_a_text_does_not_wait_for_an_upload_to_the_same_chat(api: ScriptedApi, base_url: str, clip: Path) -> None:
    heard, entered = Heard(), threading.Event()
    api.script("sendVideo", hang(entered))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, clip))
        assert entered.wait(10)
        gateway.send(text_to(OWNER, "alert"))
        assert heard.next(DeliverySucceeded).delivery_id == "alert"


def test_a_delivery_is_on_its_way_until_its_result_has_been_told(api: ScriptedApi, base_url: str) -> None:
    heard, entered = Heard(), threading.Event()
    api.script("sendMessage", hang(entered))
    with gateway_at(base_url, heard) as gateway:
        assert gateway.on_the_way() == frozenset()
        gateway.send(text_to(OWNER, "one"))
        gateway.send(text_to(OWNER, "two"))
        assert entered.wait(10)
        assert gateway.on_the_way() == {"one", "two"}
        assert heard.next(DeliveryFailed).kind is FailureKind.AMBIGUOUS
        assert heard.next(DeliverySucceeded).delivery_id == "two"
        wait_until(lambda: not gateway.on_the_way())


def test_no_chat_waits_for_another_and_no_text_for_an_upload(api: ScriptedApi, base_url: str, clip: Path) -> None:
    heard, entered = Heard(), threading.Event()
    api.script("sendVideo", hang(entered))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, clip))
        assert entered.wait(10)
        gateway.send(video_to(OWNER, clip, "behind"))
        gateway.send(text_to(OTHER, "beside"))
        assert heard.next(DeliverySucceeded).delivery_id == "beside"


def test_at_most_two_uploads_run_at_once(api: ScriptedApi, base_url: str, clip: Path) -> None:
    running, most, go_on = 0, 0, threading.Event()

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal running, most
        await request.read()
        running += 1
        most = max(most, running)
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        running -= 1
        message = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}
        return ok(message)

    heard = Heard()
    api.script("sendVideo", *([count] * 5))
    with gateway_at(base_url, heard) as gateway:
        for chat in range(1, 6):
            gateway.send(video_to(chat, clip, f"v{chat}"))
        wait_until(lambda: running == 2)
        gateway.send(text_to(OTHER, "beside"))
        assert heard.next(DeliverySucceeded).delivery_id == "beside"
        go_on.set()
        assert {heard.next(DeliverySucceeded).delivery_id for _ in range(5)} == {f"v{chat}" for chat in range(1, 6)}
    assert most == 2


@pytest.mark.parametrize("is_there", [True, False])
def test_a_videos_thumbnail_goes_with_the_upload_and_never_holds_it_up(
    api: ScriptedApi, base_url: str, clip: Path, is_there: bool
) -> None:
    heard = Heard()
    picture = clip.with_suffix(".jpg")
    if is_there:
        picture.write_bytes(jpeg(320, 240))
    delivery = replace(video_to(OWNER, clip), thumbnail_path=str(picture))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(delivery)
        file_id = heard.next(DeliverySucceeded).file_id
        gateway.send(replace(delivery, delivery_id=DeliveryId("again"), path="", file_id=file_id))
        heard.next(DeliverySucceeded)
    uploaded, again = (fields for name, fields in api.calls if name == "sendVideo")
    if is_there:
        assert uploaded["thumbnail"].startswith("attach://")
        sent = uploaded[uploaded["thumbnail"].removeprefix("attach://")]
        assert sent == ("thumbnail.jpg", len(picture.read_bytes()))
    else:
        assert "thumbnail" not in uploaded
    assert "thumbnail" not in again, "a file id stands for the video with its thumbnail"


@pytest.mark.parametrize("is_taken_without", [True, False])
def test_a_video_that_is_refused_with_its_thumbnail_is_tried_once_more_without(
    api: ScriptedApi, base_url: str, clip: Path, *, is_taken_without: bool
) -> None:
    heard = Heard()
    picture = clip.with_suffix(".jpg")
    picture.write_bytes(jpeg(320, 240))
    seen: list[tuple[bool, int]] = []

    async def bad(request: web.Request) -> web.StreamResponse:
        fields = await request.post()
        video = fields["video"]
        assert isinstance(video, web.FileField)
        seen.append(("thumbnail" in fields, video.file.seek(0, 2)))
        return await refuse(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")(request)

    api.script("sendVideo", bad, *([] if is_taken_without else [bad]))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(replace(video_to(OWNER, clip), thumbnail_path=str(picture)))
        if is_taken_without:
            assert heard.next(DeliverySucceeded).file_id.startswith("file-")
        else:
            assert heard.next(DeliveryFailed).kind is FailureKind.REFUSED
    seen += [
        ("thumbnail" in fields, fields["video"][1]) for name, fields in api.calls if name == "sendVideo" and fields
    ]
    assert seen == [(True, 1_000_000), (False, 1_000_000)]


def test_a_video_without_a_thumbnail_is_refused_once(api: ScriptedApi, base_url: str, clip: Path) -> None:
    heard = Heard()
    api.script("sendVideo", refuse(400, "Bad Request: wrong video"))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, clip))
        assert heard.next(DeliveryFailed).kind is FailureKind.REFUSED
    assert len([name for name, _ in api.calls if name == "sendVideo"]) == 1


def test_a_video_carries_what_telegram_needs_to_show_it(api: ScriptedApi, base_url: str, clip: Path) -> None:
    heard = Heard()
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, clip))
        assert heard.next(DeliverySucceeded).file_id.startswith("file-")
    fields = next(fields for name, fields in api.calls if name == "sendVideo")
    assert fields["video"] == ("clip.mp4", 1_000_000)
    wanted = {"width": "640", "height": "480", "duration": "3", "caption": "12:03"}
    assert wanted.items() <= fields.items()
    assert {fields["supports_streaming"].lower(), fields["disable_notification"].lower()} == {"true"}


def test_the_id_of_a_photo_is_that_of_its_largest_size(api: ScriptedApi, base_url: str, tmp_path: Path) -> None:
    heard = Heard()
    path = tmp_path / "still.jpg"
    path.write_bytes(b"\xff\xd8\xff\xd9")
    photo = Delivery(delivery_id=DeliveryId("p"), chat=OWNER, kind=MediaKind.PHOTO, text="", path=str(path))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(photo)
        assert heard.next(DeliverySucceeded).file_id.startswith("file-")


@pytest.mark.parametrize("kind", ["animation", "document"])
def test_a_video_that_telegram_made_something_else_keeps_an_id(
    api: ScriptedApi, base_url: str, clip: Path, kind: str
) -> None:
    async def turned(request: web.Request) -> web.StreamResponse:
        await request.read()
        media = {"file_id": "turned", "file_unique_id": "u", "width": 1, "height": 1, "duration": 1}
        return ok({"message_id": 1, "date": 1, "chat": {"id": 11, "type": "private"}, kind: media})

    heard = Heard()
    api.script("sendVideo", turned)
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, clip))
        assert heard.next(DeliverySucceeded).file_id == "turned"


def test_a_missing_file_is_refused_in_words(api: ScriptedApi, base_url: str, tmp_path: Path) -> None:
    heard = Heard()
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, tmp_path / "gone.mp4"))
        failed = heard.next(DeliveryFailed)
        assert (failed.kind, failed.detail) == (FailureKind.REFUSED, "file missing")
        gateway.send(video_to(OWNER, tmp_path))
        assert heard.next(DeliveryFailed).kind is FailureKind.REFUSED
    assert api.count("sendVideo") == 0


def test_an_upload_that_broke_half_way_was_not_sent(api: ScriptedApi, base_url: str, tmp_path: Path) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        await request.content.readexactly(100_000)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(30_000_000)
    heard = Heard()
    api.script("sendVideo", cut)
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, big))
        assert heard.next(DeliveryFailed).kind is FailureKind.NOT_SENT


def test_an_upload_that_broke_after_its_end_is_ambiguous(api: ScriptedApi, base_url: str, clip: Path) -> None:
    heard = Heard()
    api.script("sendVideo", reset)
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video_to(OWNER, clip))
        assert heard.next(DeliveryFailed).kind is FailureKind.AMBIGUOUS


def test_a_hundred_chats_are_all_served(api: ScriptedApi, base_url: str) -> None:
    heard = Heard()
    with gateway_at(base_url, heard) as gateway:
        for chat in range(1, 101):
            gateway.send(text_to(chat, f"{chat}"))
        assert {heard.next(DeliverySucceeded).delivery_id for _ in range(100)} == {str(chat) for chat in range(1, 101)}
