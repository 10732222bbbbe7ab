"""Who is authorised: `auth.json`."""

import dataclasses
from pathlib import Path

from ratcam.errors import StoreError
from ratcam.messages import ChatId
from ratcam.ports import AuthorizedChat
from ratcam.store.table_file import TableFile

_LIMIT = 200


class TinyAuthStore:
    """`ports.AuthStore` in `state_dir`/auth.json. Threads may share an object, processes the file.

    Every method raises `StoreError` when the file cannot be read or written: then nothing was changed, and nobody may
    be taken for authorised.
    """

    def __init__(self, *, state_dir: Path) -> None:
        self._table = TableFile(state_dir / "auth.json", row_type=AuthorizedChat, key="chat")

    def chats(self) -> tuple[AuthorizedChat, ...]:
        """All authorised chats, the first authorised first."""
        return self._table.rows()

    def grant(self, chat: AuthorizedChat) -> None:
        """Authorise a chat; an entry with the same id is replaced in its place.

        Raises:
            StoreError: also when as many chats as there may be are authorised already.
        """
        with self._table.transaction() as change:
            change.put((chat,))
            if len(change.rows()) > _LIMIT:
                raise StoreError(f"{_LIMIT} chats are authorised already. Revoke one: ratcam chats revoke ID")

    def revoke(self, chat: ChatId) -> bool:
        """Take a chat's authorisation away, from the backup too; False if it had none."""
        with self._table.transaction(is_final=True) as change:
            return change.remove((chat,)) > 0

    def migrate(self, chat: ChatId, new_chat: ChatId) -> None:
        """Give a chat its new id; does nothing for one that is not authorised."""
        with self._table.transaction(is_final=True) as change:
            rows = {row.chat: row for row in change.rows()}
            if chat not in rows or chat == new_chat:
                return
            change.remove((chat,))
            if new_chat not in rows:
                change.put((dataclasses.replace(rows[chat], chat=new_chat),))

    def changed(self) -> bool:
        """Whether another process changed the file since this object last read or wrote it; True before the first."""
        return self._table.is_changed()
