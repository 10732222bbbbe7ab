"""The folder of pictures and clips."""

import logging
import re
from pathlib import Path

from ratcam.errors import StoreError
from ratcam.store.atomic_file import make_private_dir, replace_file

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}")

_KEPT = "kept"
_CLIP, _THUMBNAIL = ".mp4", ".jpg"

logger = logging.getLogger(__name__)


class DirectoryMediaFiles:
    """`ports.MediaFiles` in one directory (created with mode 0700) and those below it."""

    def __init__(self, *, directory: Path, keep_files: bool) -> None:
        """`keep_files`: delivered files are moved into `kept` below it and stay."""
        self._directory = directory
        self._keep_files = keep_files

    def save_photo(self, name: str, jpeg: bytes) -> str:
        """Write a JPEG (mode 0600) as `name`, with `.jpg` added if it lacks it, and return its absolute path.

        Whole and on disk on return, or not there at all; a file of the same name is replaced.

        Raises:
            StoreError: the disk refused, or `name` is not a plain file name of letters, digits, '-', '_' and '.'.
        """
        if not _NAME.fullmatch(name):
            raise StoreError(f"{name!r} cannot be the name of a picture.")
        directory = self._directory.absolute()
        path = directory / (name if name.endswith(".jpg") else f"{name}.jpg")
        try:
            make_private_dir(directory)
            replace_file(path, jpeg)
        except OSError as exc:
            raise StoreError(
                f"{path} cannot be written: {exc.strerror or exc}. "
                f"Look at the free space and the rights of {directory}."
            ) from exc
        return str(path)

    def save_thumbnail(self, clip_path: str, jpeg: bytes) -> str:
        """Write the picture that stands for a clip (mode 0600), by the clip's name, and return its path.

        Whole and on disk on return, or not there at all; one of the same clip is replaced.

        Raises:
            StoreError: the disk refused, or it is no clip below the directory.
        """
        clip = Path(clip_path)
        path = clip.with_suffix(_THUMBNAIL)
        try:
            if clip.suffix != _CLIP or not self._is_inside(clip):
                raise StoreError(f"{clip_path} is no clip in {self._directory}.")
            replace_file(path, jpeg)
        except (OSError, ValueError) as exc:  # ValueError: a path with a NUL
            raise StoreError(f"{path} cannot be written: {getattr(exc, 'strerror', None) or exc}.") from exc
        return str(path)

    def discard(self, path: str) -> None:
        """Delete a delivered file, or move it into `kept` if files are kept; never raises.

        A file outside the directory is left alone. What has been delivered must not lie where recordings are looked for
        after a restart. The thumbnail of a clip is deleted in either case.
        """
        file = Path(path)
        try:
            if not self._is_inside(file):
                logger.warning("%s is not deleted: it is not in %s", path, self._directory)
                return
            if file.suffix == _CLIP:  # first: without the clip nobody would look for it again
                file.with_suffix(_THUMBNAIL).unlink(missing_ok=True)
            if self._keep_files:
                make_private_dir(self._directory / _KEPT)
                file.rename(self._directory / _KEPT / file.name)
            else:
                file.unlink(missing_ok=True)
        except FileNotFoundError:
            pass  # discarded before
        except (OSError, ValueError) as exc:  # ValueError: a path with a NUL
            logger.warning("%s cannot be discarded: %s", path, exc)

    def _is_inside(self, file: Path) -> bool:
        return file.parent.resolve().is_relative_to(self._directory.resolve())
