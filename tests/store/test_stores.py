"""The stores behind the ports: rows, order, limits, and what another process sees."""

import dataclasses
import threading
from pathlib import Path

import pytest

from ratcam.errors import StoreError
from ratcam.messages import CameraId, ChatId, DeliveryId, MediaKind
from ratcam.ports import ArmedStore, AuthorizedChat, AuthStore, MediaItem, OutboxStore, QueuedDelivery, UploadStore
from ratcam.store.armed import TinyArmedStore
from ratcam.store.auth import TinyAuthStore
from ratcam.store.outbox import TinyOutboxStore
from ratcam.store.uploads import TinyUploadStore

ANN, BOB, GROUP, SUPERGROUP = ChatId(1), ChatId(2), ChatId(-3), ChatId(-1000000000003)


def chat(number: int, name: str = "x") -> AuthorizedChat:
    return AuthorizedChat(chat=ChatId(number), name=name, since_unix_s=1.5)


def delivery(name: str, attempts: int = 0) -> QueuedDelivery:
    return QueuedDelivery(
        delivery_id=DeliveryId(name), chat=ANN, kind=MediaKind.VIDEO, text="t", media_id="m", attempts=attempts
    )


def ids(store: AuthStore) -> list[ChatId]:
    return [row.chat for row in store.chats()]


def test_grants_are_kept_in_order_and_seen_by_another_object(tmp_path: Path) -> None:
    store: AuthStore = TinyAuthStore(state_dir=tmp_path)
    assert store.chats() == ()
    for number in (2, 1, -3):
        store.grant(chat(number))
    store.grant(chat(2, "renamed"))
    expected = (chat(2, "renamed"), chat(1), chat(-3))
    assert store.chats() == TinyAuthStore(state_dir=tmp_path).chats() == expected


def test_a_name_of_any_characters_comes_back(tmp_path: Path) -> None:
    name = "half \ud83d pair, <b>&\"'\u202e\u2028\0"
    TinyAuthStore(state_dir=tmp_path).grant(chat(1, name))
    assert TinyAuthStore(state_dir=tmp_path).chats()[0].name == name


def test_a_revoked_chat_is_gone_and_no_damage_brings_it_back(tmp_path: Path) -> None:
    store = TinyAuthStore(state_dir=tmp_path)
    store.grant(chat(1))
    store.grant(chat(2))
    assert store.revoke(ANN)
    assert not store.revoke(ANN)
    assert ids(store) == [BOB]
    (tmp_path / "auth.json").write_bytes(b"{")
    assert ids(store) == [BOB]


def test_a_migrated_group_keeps_its_authorisation_once(tmp_path: Path) -> None:
    store = TinyAuthStore(state_dir=tmp_path)
    store.grant(chat(GROUP, "family"))
    store.grant(chat(BOB))
    store.migrate(ChatId(77), ChatId(78))
    store.migrate(GROUP, SUPERGROUP)
    store.migrate(GROUP, SUPERGROUP)
    assert set(store.chats()) == {chat(BOB), chat(SUPERGROUP, "family")}
    store.migrate(SUPERGROUP, BOB)
    assert ids(store) == [BOB]


def test_a_store_knows_when_another_one_changed_the_file(tmp_path: Path) -> None:
    store, other = TinyAuthStore(state_dir=tmp_path), TinyAuthStore(state_dir=tmp_path)
    assert store.changed()
    store.chats()
    assert not store.changed()
    store.grant(chat(1))
    assert not store.changed()
    other.grant(chat(2))
    assert store.changed()
    assert store.changed()
    store.chats()
    assert not store.changed()
    (tmp_path / "auth.json").unlink()
    assert store.changed()
    assert store.chats() == ()


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    auth, outbox, armed = (
        TinyAuthStore(state_dir=tmp_path),
        TinyOutboxStore(state_dir=tmp_path),
        TinyArmedStore(state_dir=tmp_path),
    )
    auth.revoke(ANN)
    outbox.remove((DeliveryId("x"),))
    outbox.update(delivery("x"))
    armed.set_armed(CameraId("c"), armed=False)
    assert not list(tmp_path.glob("*.json"))
    auth.grant(chat(1))
    before = (tmp_path / "auth.json").stat()
    auth.grant(chat(1))
    auth.revoke(BOB)
    after = (tmp_path / "auth.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_no_more_chats_than_the_limit_are_authorised(tmp_path: Path) -> None:
    lines = ",\n".join(f'"{n}": {{"chat":{n},"name":"x","since_unix_s":1}}' for n in range(1, 201))
    (tmp_path / "auth.json").write_text(f'{{"meta":{{"kind":"auth","schema":1}},"auth":{{{lines}}}}}')
    store = TinyAuthStore(state_dir=tmp_path)
    with pytest.raises(StoreError, match="ratcam chats revoke"):
        store.grant(chat(999))
    assert len(store.chats()) == 200
    store.grant(chat(5, "renamed"))


@pytest.mark.parametrize(
    "row",
    [
        '{"chat":"1","name":"x","since_unix_s":1}',
        '{"chat":true,"name":"x","since_unix_s":1}',
        '{"chat":1.5,"name":"x","since_unix_s":1}',
        '{"chat":1,"name":null,"since_unix_s":1}',
        '{"chat":1,"name":"x"}',
        '{"chat":1,"name":"x","since_unix_s":1,"role":"admin"}',
        '{"chat":1,"name":"x","since_unix_s":1e999}',
        '{"chat":1,"name":"x","since_unix_s":NaN}',
        '{"chat":1,"name":"x","since_unix_s":1},"2":{"chat":1,"name":"y","since_unix_s":1}',
    ],
)
def test_a_row_that_makes_no_sense_authorises_nobody(tmp_path: Path, row: str) -> None:
    (tmp_path / "auth.json").write_text(f'{{"meta":{{"kind":"auth","schema":1}},"auth":{{"1":{row}}}}}')
    with pytest.raises(StoreError, match="damaged"):
        TinyAuthStore(state_dir=tmp_path).chats()


def test_another_stores_file_is_not_taken_for_this_one(tmp_path: Path) -> None:
    TinyOutboxStore(state_dir=tmp_path).add((delivery("a"),))
    (tmp_path / "outbox.json").rename(tmp_path / "auth.json")
    with pytest.raises(StoreError, match='not of the kind "auth"'):
        TinyAuthStore(state_dir=tmp_path).chats()


def test_deliveries_are_owed_in_order_until_removed(tmp_path: Path) -> None:
    store: OutboxStore = TinyOutboxStore(state_dir=tmp_path)
    store.add((delivery("b"), delivery("a")))
    store.add((delivery("c"),))
    store.update(delivery("b", attempts=2))
    store.update(delivery("never added"))
    expected = (delivery("b", attempts=2), delivery("a"), delivery("c"))
    assert store.pending() == TinyOutboxStore(state_dir=tmp_path).pending() == expected
    store.remove((DeliveryId("a"), DeliveryId("b"), DeliveryId("unknown")))
    assert store.pending() == (delivery("c"),)
    store.add((delivery("d"),))
    assert [row.delivery_id for row in store.pending()] == ["c", "d"]


def test_a_delivery_that_cannot_be_stored_leaves_the_outbox_as_it_was(tmp_path: Path) -> None:
    store = TinyOutboxStore(state_dir=tmp_path)
    store.add((delivery("a"),))
    broken = dataclasses.replace(delivery("c"), created_unix_s=float("nan"))
    with pytest.raises(StoreError):
        store.add((delivery("b"), broken))
    assert store.pending() == (delivery("a"),)


def test_the_oldest_uploads_are_forgotten_beyond_the_limit(tmp_path: Path) -> None:
    store: UploadStore = TinyUploadStore(state_dir=tmp_path, limit=3)
    for name in "abc":
        store.put(MediaItem(media_id=name, kind=MediaKind.PHOTO, path=f"/p/{name}"))
    store.put(MediaItem(media_id="a", kind=MediaKind.PHOTO, path="/p/a", file_id="F"))
    store.put(MediaItem(media_id="d", kind=MediaKind.VIDEO, path="/p/d"))
    again = TinyUploadStore(state_dir=tmp_path, limit=3)
    assert again.get("a") is None
    assert [again.get(name) is not None for name in "bcd"] == [True, True, True]
    again.put(MediaItem(media_id="b", kind=MediaKind.PHOTO, path="/p/b", file_id="F", width=3))
    found = store.get("b")
    assert found is not None
    assert (found.file_id, found.width) == ("F", 3)


def test_a_camera_is_disarmed_until_armed_and_stays_so_over_a_restart(tmp_path: Path) -> None:
    store: ArmedStore = TinyArmedStore(state_dir=tmp_path)
    hall, attic = CameraId("hall"), CameraId("attic")
    assert not store.is_armed(hall)
    store.set_armed(hall, armed=True)
    again = TinyArmedStore(state_dir=tmp_path)
    assert (again.is_armed(hall), again.is_armed(attic)) == (True, False)
    again.set_armed(hall, armed=False)
    assert not store.is_armed(hall)


def test_threads_that_share_a_store_lose_nothing(tmp_path: Path) -> None:
    store = TinyOutboxStore(state_dir=tmp_path)
    errors: list[StoreError] = []

    def add(name: str) -> None:
        try:
            for number in range(15):
                store.add((delivery(f"{name}{number}"),))
                store.pending()
        except StoreError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert len(store.pending()) == 45
