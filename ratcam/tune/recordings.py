"""What `ratcam tune` is given: videos, folders of videos, and the motion fields that the daemon kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ratcam.analyze_fields import Fields, KeptFields, VideoFields, head_of
from ratcam.console import shown
from ratcam.errors import BadInputError, StoreError
from ratcam.media.timebase import TICKS_PER_S
from ratcam.store.vector_format import KeptHead, is_kept_file, kept_files, read_fields
from ratcam.tune.local_time import local_time

_VIDEOS = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".h264", ".264", ".ts", ".mpg", ".mpeg", ".flv"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Something to detect on: a video, or the kept fields of one run."""

    name: str
    """For people; unique among those of one report."""
    paths: tuple[Path, ...]
    is_kept: bool
    started_unix_s: float | None = None
    """Wall-clock time of media time 0; None if it is not known."""

    def open(self, *, has_vectors: bool = False) -> Fields:
        """Its fields, to be closed; `has_vectors`: those of a video are to have the stream's.

        Raises:
            BadInputError: it cannot be read.
            MissingDependencyError: no video decoder is installed.
        """
        return KeptFields(self.paths) if self.is_kept else VideoFields(self.paths[0], has_vectors=has_vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What was named, or lies in a folder that was, and cannot be used."""

    name: str
    why: str
    """A sentence."""

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        return f"Left out: {self.why}" if self.name in self.why else f"Left out: {self.name}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What can be used of what was named."""

    recordings: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...]


def recordings(places: Sequence[Path]) -> Given:
    """The recordings that are named: files as they are, of a folder its videos and all kept fields below it.

    Kept files that follow each other in one run are one recording. What is named twice is there once. A video is not
    opened yet; all else that cannot be used is left out.
    """
    sorter = _Sorter()
    for place in places:
        sorter.add(place)
    return Given(recordings=_unique(sorter.found), left_out=tuple(sorter.left_out))


def left_out(path: Path, why: object) -> LeftOut:
    """That a file or folder cannot be used; fit for a terminal, whatever its name."""
    return LeftOut(name=shown(str(path)), why=shown(str(why)))


class _Sorter:
    def __init__(self) -> None:
        self.found: list[Recording] = []
        self.left_out: list[LeftOut] = []
        self._known: set[Path] = set()

    def add(self, place: Path) -> None:
        if place.is_dir():
            self._add_folder(place)
        elif is_kept_file(place):
            self._add_kept([place])
        else:
            self._add_video(place)

    def _add_folder(self, folder: Path) -> None:
        try:
            videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in _VIDEOS and path.is_file())
            kept = [path for path in kept_files(folder) if not path.is_dir()]
        except OSError as exc:
            self.left_out.append(left_out(folder, f"The folder {folder} cannot be read: {exc.strerror or exc}."))
            return
        if not videos and not kept:
            why = f"There is neither a video nor a file of kept motion fields in {folder}."
            self.left_out.append(left_out(folder, why))
        for path in videos:
            self._add_video(path)
        self._add_kept(kept)

    def _add_video(self, path: Path) -> None:
        if self._is_new(path):
            self.found.append(Recording(name=shown(path.name), paths=(path,), is_kept=False))

    def _add_kept(self, paths: list[Path]) -> None:
        runs: list[list[_Kept]] = []
        for path in paths:
            if not self._is_new(path):
                continue
            try:
                kept = _Kept(path=path, head=head_of(path), first_90k=_first_90k(path))
            except BadInputError as exc:
                self.left_out.append(left_out(path, exc))
                continue
            if runs and runs[-1][-1].goes_on_with(kept):
                runs[-1].append(kept)
            else:
                runs.append([kept])
        self.found.extend(_recording(run) for run in runs)

    def _is_new(self, path: Path) -> bool:
        """Whether it was not named before, as far as the file system tells."""
        try:
            real = path.resolve()
        except (OSError, RuntimeError):  # a link that leads to itself: it is missed when it is opened
            real = path.absolute()
        if real in self._known:
            return False
        self._known.add(real)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    path: Path
    head: KeptHead
    first_90k: int

    def goes_on_with(self, other: "_Kept") -> bool:
        return self.path.parent == other.path.parent and self.head == other.head and self.first_90k <= other.first_90k


def _first_90k(path: Path) -> int:
    """The time of a kept file's first field; 0 if there is none."""
    try:
        return next((field.pts_90k for field in read_fields(path)), 0)
    except StoreError as exc:
        raise BadInputError(str(exc)) from exc


def _recording(run: list[_Kept]) -> Recording:
    first = run[0]
    began_s = first.head.started_unix_s
    at = local_time(began_s + first.first_90k / TICKS_PER_S)
    when = at.strftime("%a %d %b %Y %H:%M:%S") if at is not None else first.path.name
    return Recording(
        name=shown(f"{first.path.parent.name}, {when}"),
        paths=tuple(kept.path for kept in run),
        is_kept=True,
        started_unix_s=None if local_time(began_s) is None else began_s,
    )


def _unique(found: list[Recording]) -> tuple[Recording, ...]:
    """The same recordings, each with a name of its own: two of one name get their folders' too."""
    names = [recording.name for recording in found]
    return tuple(
        recording if names.count(recording.name) == 1 else replace(recording, name=shown(str(recording.paths[0])))
        for recording in found
    )
