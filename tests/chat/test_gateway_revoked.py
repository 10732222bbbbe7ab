"""A chat whose right is taken: what was meant for it does not go out any more, and it may still be answered."""

import threading
from pathlib import Path

from ratcam.chat.gateway import TelegramGateway
from ratcam.clock import SystemClock
from ratcam.messages import (
    ChatId,
    Delivery,
    DeliveryFailed,
    DeliveryId,
    DeliverySucceeded,
    FailureKind,
    MediaKind,
)
from tests.chat.gateway_rig import (
    COMMANDS,
    FAST,
    OWNER,
    TOKEN,
    Heard,
    ScriptedApi,
    gateway_at,
    hang,
    text_to,
)

OTHER = ChatId(22)
BOTH = frozenset({OWNER, OTHER})


def video_to(chat: ChatId, path: Path, name: str) -> Delivery:
    return Delivery(delivery_id=DeliveryId(name), chat=chat, kind=MediaKind.VIDEO, text="", path=str(path))


def failures(heard: Heard, count: int) -> dict[str, FailureKind]:
    return {failed.delivery_id: failed.kind for failed in (heard.next(DeliveryFailed) for _ in range(count))}


def test_an_upload_under_way_is_broken_off_and_what_waits_is_dropped(
    api: ScriptedApi, base_url: str, clip: Path
) -> None:
    heard, entered = Heard(), threading.Event()
    api.script("sendVideo", hang(entered))
    with gateway_at(base_url, heard, allowed=BOTH) as gateway:
        gateway.send(video_to(OWNER, clip, "under way"))
        gateway.send(video_to(OWNER, clip, "waits"))
        assert entered.wait(10)
        gateway.allow(frozenset({OTHER}))
        wanted = {"under way": FailureKind.AMBIGUOUS, "waits": FailureKind.NOT_SENT}
        assert failures(heard, 2) == wanted
        gateway.send(video_to(OTHER, clip, "another's"))
        assert heard.next(DeliverySucceeded).delivery_id == "another's"
    assert heard.rest() == []
    assert api.count("sendVideo") == 2


def test_a_text_under_way_goes_out_and_those_behind_it_do_not(api: ScriptedApi, base_url: str) -> None:
    heard, entered = Heard(), threading.Event()
    api.script("sendMessage", hang(entered))
    with gateway_at(base_url, heard, allowed=BOTH) as gateway:
        for name in ("one", "two"):
            gateway.send(text_to(OWNER, name))
        assert entered.wait(10)
        gateway.allow(frozenset({OTHER}))
        gateway.send(text_to(OWNER, "You are logged out."))
        assert failures(heard, 2) == {"two": FailureKind.NOT_SENT, "one": FailureKind.AMBIGUOUS}, "never answered"
        assert heard.next(DeliverySucceeded).delivery_id == "You are logged out."


def test_another_chats_uploads_go_on(api: ScriptedApi, base_url: str, clip: Path) -> None:
    heard, entered = Heard(), threading.Event()
    clip.write_bytes(bytes(1_000))  # the gateway is patient with large files
    api.script("sendVideo", hang(entered))
    with gateway_at(base_url, heard, allowed=BOTH) as gateway:
        gateway.send(video_to(OWNER, clip, "hangs"))
        assert entered.wait(10)
        gateway.allow(frozenset({OWNER}))
        gateway.send(video_to(OWNER, clip, "behind"))
        failed = heard.next(DeliveryFailed)
        assert "not authorised" not in failed.detail, "it timed out"
        assert heard.next(DeliverySucceeded).delivery_id == "behind"


def test_a_chat_that_never_was_allowed_is_answered(base_url: str) -> None:
    heard = Heard()
    with gateway_at(base_url, heard, allowed=frozenset({OWNER})) as gateway:
        gateway.allow(frozenset())
        gateway.send(text_to(OTHER, "The passcode is shown on the console."))
        gateway.send(text_to(OWNER, "So it is."))
        assert {heard.next(DeliverySucceeded).delivery_id for _ in range(2)} == {
            "The passcode is shown on the console.",
            "So it is.",
        }


def test_what_waits_for_the_start_is_dropped_too(base_url: str) -> None:
    heard = Heard()
    gateway = TelegramGateway(token=TOKEN, base_url=base_url, commands=COMMANDS, clock=SystemClock(), timings=FAST)
    gateway.allow(BOTH)
    for chat in BOTH:
        gateway.send(text_to(chat, "early", f"early {chat}"))
    gateway.allow(frozenset({OTHER}))
    gateway.start(heard)
    try:
        assert failures(heard, 1) == {f"early {OWNER}": FailureKind.NOT_SENT}
        assert heard.next(DeliverySucceeded).delivery_id == f"early {OTHER}"
    finally:
        gateway.stop(5)
