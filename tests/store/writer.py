"""A child process of the store tests: changes the auth store and says on stdout what was acknowledged.

writer.py STATE_DIR churn            grants and revokes without end; a line for each change once it is done
writer.py STATE_DIR grant FIRST N    grants N chats from FIRST on, revokes every second one again
writer.py STATE_DIR limited BYTES    grants with longer and longer names until the file-size limit stops it
writer.py STATE_DIR hold             takes the instance lock and keeps it until stdin ends
"""

import itertools
import resource
import sys
from pathlib import Path

from ratcam.errors import StoreError
from ratcam.messages import ChatId
from ratcam.ports import AuthorizedChat
from ratcam.store.auth import TinyAuthStore
from ratcam.store.instance_lock import InstanceLock


def grant(store: TinyAuthStore, number: int, *, name: str = "x") -> None:
    store.grant(AuthorizedChat(chat=ChatId(number), name=name, since_unix_s=0.0))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def churn(store: TinyAuthStore) -> None:
    for number in itertools.count(1):
        grant(store, number)
        say(f"+{number}")
        if number > 20:
            store.revoke(ChatId(number - 20))
            say(f"-{number - 20}")


def grant_many(store: TinyAuthStore, first: int, count: int) -> None:
    for number in range(first, first + count):
        grant(store, number)
        if number % 2:
            store.revoke(ChatId(number))


def fill(store: TinyAuthStore, limit: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    for number in itertools.count(1):
        try:
            grant(store, number, name="x" * 100)
        except StoreError as exc:
            say(f"refused {number}: {exc}")
            say(f"in force {len(store.chats())}")
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, before)  # coverage writes its own file when the process ends


def main(directory: str, action: str, *numbers: str) -> None:
    store = TinyAuthStore(state_dir=Path(directory))
    match action:
        case "churn":
            churn(store)
        case "grant":
            grant_many(store, int(numbers[0]), int(numbers[1]))
        case "limited":
            fill(store, int(numbers[0]))
        case "hold":
            with InstanceLock(state_dir=Path(directory)):
                say("held")
                sys.stdin.read()
        case _:
            raise ValueError(action)


if __name__ == "__main__":
    main(*sys.argv[1:])
