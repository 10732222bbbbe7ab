"""The files of the server: kept in a private folder of their own, named by file ids."""

import base64
import hashlib
import itertools
import mimetypes
import secrets
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ratcam.simulator.limits import (
    MAX_DOWNLOAD_BYTES,
    check_photo_dimensions,
    check_photo_size,
    thumbnail_fault,
)
from ratcam.simulator.records import FileKind, Media, StoredFile
from ratcam.simulator.refusal import bad_request

_ID_PREFIX: dict[FileKind, str] = {
    "photo": "AgACAgIAAx",
    "video": "BAACAgIAAx",
    "animation": "CgACAgIAAx",
    "document": "BQACAgIAAx",
    "thumbnail": "AAMCAgADGQ",
}
_FOLDER: dict[FileKind, str] = {
    "photo": "photos",
    "video": "videos",
    "animation": "animations",
    "document": "documents",
    "thumbnail": "thumbnails",
}
_PHOTO_SIDES = (90, 320, 800, 1280)
"""The longest sides, in pixels, of the smaller copies that a photo is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file of a request, already on this machine's disk; it is moved when a message takes it."""

    field: str
    file_name: str
    mime_type: str
    path: Path
    size_bytes: int


class FileStore:
    """Files by id and by server path. Its folder goes when the store does; ids of other stores are unknown here."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ratcam-simulator-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._salt = secrets.token_bytes(16)
        self._numbers = itertools.count()
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}

    def new_path(self) -> Path:
        """Where the next upload may be written."""
        return self._folder / f"incoming_{next(self._numbers)}"

    def keep(
        self, upload: Upload, kind: FileKind, *, width: int = 0, height: int = 0, duration_s: int = 0
    ) -> StoredFile:
        """Take an upload over and give it an id.

        Raises:
            Refusal: it is empty.
        """
        if upload.size_bytes == 0:
            raise bad_request("file must be non-empty")
        return self._add(
            upload.path, kind, upload.file_name, upload.mime_type, width=width, height=height, duration_s=duration_s
        )

    def keep_photo(self, upload: Upload) -> tuple[StoredFile, ...]:
        """Take a picture over, unchanged, and make the smaller copies that Telegram makes; smallest first.

        Raises:
            Refusal: it is empty, too big, of impossible dimensions, or no picture.
        """
        if upload.size_bytes == 0:
            raise bad_request("file must be non-empty")
        check_photo_size(upload.size_bytes)
        copies: list[tuple[Path, int, int]] = []
        try:
            with Image.open(upload.path) as picture:
                width, height = picture.size
                check_photo_dimensions(width, height)
                picture.load()
                for side in _PHOTO_SIDES:
                    if side < max(width, height):
                        copy = picture.convert("RGB")
                        copy.thumbnail((side, side))
                        path = self.new_path()
                        copy.save(path, "JPEG", quality=80)
                        copies.append((path, copy.width, copy.height))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise bad_request("PHOTO_INVALID_DIMENSIONS") from error
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken pictures
            raise bad_request("IMAGE_PROCESS_FAILED") from error
        sizes = [self._add(path, "photo", "", "image/jpeg", width=w, height=h) for path, w, h in copies]
        sizes.append(self._add(upload.path, "photo", upload.file_name, upload.mime_type, width=width, height=height))
        return tuple(sizes)

    def keep_thumbnail(self, upload: Upload) -> StoredFile | str:
        """Take a video's thumbnail over, unchanged; or why it is left out."""
        kind: str | None = None
        width = height = 0
        try:
            with Image.open(upload.path) as picture:
                picture.load()
                kind, (width, height) = picture.format, picture.size
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
            pass  # what Pillow raises for broken and hostile pictures
        fault = thumbnail_fault(kind, width, height, upload.size_bytes)
        if fault:
            return fault
        return self._add(upload.path, "thumbnail", "thumbnail.jpg", "image/jpeg", width=width, height=height)

    def find(self, file_id: str) -> StoredFile | None:
        """The file with this id, or None."""
        return self._by_id.get(file_id)

    def reuse(self, file_id: str, kind: FileKind, known: Media | None) -> StoredFile:
        """The file that a sender names by its id, for use as `kind`; `known` is where it was last seen.

        Raises:
            Refusal: the id is not of this bot, or of another kind.
        """
        file = self._by_id.get(file_id)
        if file is None or (known is None and file.kind != "thumbnail"):
            raise bad_request("wrong file identifier/HTTP URL specified")
        if file.kind != kind:
            raise bad_request(f"can't use file of type {file.kind.capitalize()} as {kind.capitalize()}")
        return file

    def downloadable(self, file_id: str) -> StoredFile:
        """The file that getFile may give.

        Raises:
            Refusal: the id is unknown, or the file is over 20 MB.
        """
        file = self._by_id.get(file_id)
        if file is None:
            raise bad_request("invalid file_id")
        if file.size_bytes > MAX_DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return file

    def at(self, server_path: str) -> StoredFile | None:
        """The file that is downloaded from this path, or None."""
        return self._by_path.get(server_path)

    def _add(
        self,
        path: Path,
        kind: FileKind,
        file_name: str,
        mime_type: str,
        *,
        width: int = 0,
        height: int = 0,
        duration_s: int = 0,
    ) -> StoredFile:
        number = next(self._numbers)
        suffix = Path(file_name).suffix.lower() or mimetypes.guess_extension(mime_type) or ".bin"
        if not suffix[1:].isalnum():
            suffix = ".bin"
        digest = hashlib.sha256(self._salt + str(number).encode()).digest()
        file = StoredFile(
            file_id=_ID_PREFIX[kind] + base64.urlsafe_b64encode(digest).decode().rstrip("="),
            file_unique_id="AQAD" + base64.urlsafe_b64encode(digest[:8]).decode().rstrip("="),
            kind=kind,
            server_path=f"{_FOLDER[kind]}/file_{number}{suffix}",
            local_path=self._folder / f"file_{number}{suffix}",
            size_bytes=path.stat().st_size,
            width=width,
            height=height,
            duration_s=duration_s,
            file_name=file_name,
            mime_type=mime_type,
        )
        path.rename(file.local_path)
        self._by_id[file.file_id] = file
        self._by_path[file.server_path] = file
        return file
