"""The whole state behind the simulated Bot API: who is there, what was said, what the bot has yet to hear.

Not thread-safe: `shared.SharedModel` lets one thread in at a time.
"""

import itertools
from collections.abc import Iterator

from ratcam.ports import Clock
from ratcam.simulator import wire
from ratcam.simulator.files import FileStore
from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.limits import CALLBACK_LIFE_S
from ratcam.simulator.records import CallbackQuery, Chat, Content, Media, MemberStatus, Message, User
from ratcam.simulator.refusal import Refusal, bad_request
from ratcam.simulator.updates import UpdateQueue

_FIRST_PERSON_ID = 710_000_001
_FIRST_GROUP_ID = -420_000_001
_FIRST_SUPERGROUP_ID = -1_002_000_000_001
_FIRST_UPDATE_ID = 830_000_001


class Model:
    """One bot and its world.

    With `group_privacy` the bot hears of a group only commands, replies to it and service messages, as bots do unless
    @BotFather was told otherwise.
    """

    def __init__(self, *, bot: User, clock: Clock, group_privacy: bool) -> None:
        self.bot = bot
        self.clock = clock
        self.group_privacy = group_privacy
        self.files = FileStore()
        self.updates = UpdateQueue(first_id=_FIRST_UPDATE_ID)
        self.chats: dict[int, Chat] = {}
        self.commands: dict[tuple[str, str], list[JsonValue]] = {}
        """Bot commands by (scope as canonical JSON, language code)."""
        self.queries: dict[str, CallbackQuery] = {}
        self.problems: list[str] = []
        self.is_logged_out = False
        self._media: dict[str, Media] = {}
        self._person_ids = itertools.count(_FIRST_PERSON_ID)
        self._group_ids = itertools.count(_FIRST_GROUP_ID, -1)
        self._supergroup_ids = itertools.count(_FIRST_SUPERGROUP_ID, -1)
        self._query_ids = itertools.count(4_400_000_000_000_001)
        self._album_ids = itertools.count(13_000_000_000_000_001)

    # --- chats and people

    def add_private_chat(self, name: str) -> Chat:
        """A person who has pressed Start some time ago; nothing has been said yet."""
        person = self._new_person(name)
        return self._add_chat(Chat(chat_id=person.user_id, kind="private", title=name, members=[person]))

    def add_group(self, title: str, member_names: tuple[str, ...]) -> Chat:
        """A group whose first member is its owner and has just added the bot."""
        chat = Chat(
            chat_id=next(self._group_ids),
            kind="group",
            title=title,
            members=[self._new_person(name) for name in member_names],
            bot_status="left",
        )
        self._add_chat(chat)
        self.set_bot_status(chat, "member")
        return chat

    def person(self, chat: Chat, name: str) -> User:
        """The member of a group with this name, who joins if need be; no name means the first member."""
        if not name or chat.kind == "private":
            return chat.members[0]
        known = (user for other in self.chats.values() for user in other.members if user.first_name == name)
        person = next((user for user in chat.members if user.first_name == name), None) or next(known, None)
        if person is None:
            person = self._new_person(name)
        if person not in chat.members:
            chat.members.append(person)
        return person

    def chat(self, chat_id: int) -> Chat:
        """The chat with this id.

        Raises:
            Refusal: there is none, or it became a supergroup.
        """
        chat = self.chats.get(chat_id)
        if chat is None:
            raise bad_request("chat not found")
        if chat.migrated_to is not None:
            raise Refusal(400, "group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": chat.migrated_to})
        return chat

    def writable_chat(self, chat_id: int) -> Chat:
        """The chat with this id, if the bot may write there.

        Raises:
            Refusal: there is none, it became a supergroup, or the bot was blocked or removed.
        """
        chat = self.chat(chat_id)
        if chat.bot_status == "member":
            return chat
        if chat.kind == "private":
            raise Refusal(403, "bot was blocked by the user")
        kind = "group" if chat.kind == "group" else "supergroup"
        if chat.bot_status == "kicked":
            raise Refusal(403, f"bot was kicked from the {kind} chat")
        raise Refusal(403, f"bot is not a member of the {kind} chat")

    def set_bot_status(self, chat: Chat, status: MemberStatus, *, by: User | None = None) -> None:
        """The bot joins, leaves or is thrown out; it hears of it in a my_chat_member update."""
        if chat.bot_status == status:
            return
        actor = by or chat.members[0]
        old = chat.bot_status
        chat.bot_status = status
        if chat.kind != "private" and actor is not self.bot:
            field = "new_chat_members" if status == "member" else "left_chat_member"
            user = wire.user_json(self.bot)
            listed: JsonValue = [user] if status == "member" else user
            verb = "added" if status == "member" else "removed"
            self.add_service(
                chat, actor, {field: listed}, f"{actor.first_name} {verb} {self.bot.first_name}", is_heard=False
            )
        self.updates.add(
            "my_chat_member",
            {
                "chat": wire.chat_json(chat),
                "from": wire.user_json(actor),
                "date": self.now_unix_s(),
                "old_chat_member": wire.member_json(self.bot, old),
                "new_chat_member": wire.member_json(self.bot, status),
            },
        )

    def migrate(self, chat: Chat) -> Chat:
        """Turn a group into a supergroup: a new chat with a new id, announced in both."""
        new = self._add_chat(
            Chat(
                chat_id=next(self._supergroup_ids),
                kind="supergroup",
                title=chat.title,
                members=list(chat.members),
                bot_status=chat.bot_status,
            )
        )
        owner = chat.members[0]
        note = "The group became a supergroup"
        self.add_service(chat, owner, {"migrate_to_chat_id": new.chat_id}, note)
        self.add_service(new, owner, {"migrate_from_chat_id": chat.chat_id}, note)
        chat.migrated_to = new.chat_id
        return new

    # --- messages

    def add_message(
        self,
        chat: Chat,
        sender: User,
        content: Content,
        *,
        reply_to: int | None = None,
        is_silent: bool = False,
        is_protected: bool = False,
        media_group_id: str = "",
    ) -> Message:
        """Put a message into a chat; ids count from 1 in every chat."""
        message = Message(
            message_id=len(chat.messages) + 1,
            sender=sender,
            date_unix_s=self.now_unix_s(),
            content=content,
            reply_to=reply_to,
            is_silent=is_silent,
            is_protected=is_protected,
            media_group_id=media_group_id,
        )
        chat.messages.append(message)
        if sender is self.bot:
            chat.action = ""
        self.remember(content)
        return message

    def add_service(self, chat: Chat, actor: User, fields: JsonObject, text: str, *, is_heard: bool = True) -> None:
        """Put a service message into a group; the bot hears of it unless `is_heard` is False."""
        message = self.add_message(chat, actor, Content())
        message.service = fields
        message.service_text = text
        if is_heard:
            self.updates.add("message", wire.message_json(chat, message))

    def remember(self, content: Content) -> None:
        """Make the files of a message known, so that they can be sent again by id."""
        if content.media is not None:
            for file in (content.media.file, *content.media.sizes):
                self._media[file.file_id] = content.media

    def media_of(self, file_id: str) -> Media | None:
        """The media that this file id belongs to, if it was ever in a message."""
        return self._media.get(file_id)

    def message(self, chat: Chat, message_id: int) -> Message | None:
        """A message that is still there, or None."""
        if not 1 <= message_id <= len(chat.messages):
            return None
        message = chat.messages[message_id - 1]
        return None if message.is_deleted else message

    def new_album_id(self) -> str:
        """A media_group_id that was never used."""
        return str(next(self._album_ids))

    # --- button presses

    def new_query(self, chat: Chat) -> CallbackQuery:
        """A button was pressed just now."""
        query = CallbackQuery(
            query_id=str(next(self._query_ids)), chat_id=chat.chat_id, made_at_s=self.clock.monotonic_s()
        )
        self.queries[query.query_id] = query
        return query

    def open_query(self, query_id: str) -> CallbackQuery:
        """The press with this id, if it may still be answered.

        Raises:
            Refusal: it is unknown, was answered, or is older than 30 seconds.
        """
        query = self.queries.get(query_id)
        if query is None or query.is_answered or self.clock.monotonic_s() - query.made_at_s > CALLBACK_LIFE_S:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        return query

    def now_unix_s(self) -> int:
        """The date of a message sent now."""
        return int(self.clock.unix_s())

    def every_message(self) -> Iterator[tuple[Chat, Message]]:
        """Every message of every chat that was not deleted, chat by chat, oldest first."""
        for chat in self.chats.values():
            for message in chat.messages:
                if not message.is_deleted:
                    yield chat, message

    def _new_person(self, name: str) -> User:
        return User(user_id=next(self._person_ids), first_name=name)

    def _add_chat(self, chat: Chat) -> Chat:
        self.chats[chat.chat_id] = chat
        return chat
