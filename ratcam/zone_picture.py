"""`ratcam tune --zones`: a still with a grid in per cent, to read the corners of zones from."""

import contextlib
import io
import os
from pathlib import Path
from typing import TextIO

from PIL import Image, ImageOps, ImageStat

from ratcam.console import shown
from ratcam.errors import BadInputError
from ratcam.motion.polygon import EXAMPLE, polygon_text
from ratcam.motion.zone_drawing import draw
from ratcam.motion.zones import MODES, NOTHING_WATCHED, ZoneMasks, ZoneSettings

_DULL = 8.0
"""A video's picture with a smaller deviation of its grey levels shows nothing: it is black, or a fade."""
_MOST_PICTURES = 60
_MASK_CELLS = 100


def zone_picture(source: Path, *, zones: tuple[ZoneSettings, ...], out_path: Path, out: TextIO) -> None:
    """Draw a grid and the zones over a still and write it as a PNG; say on `out` how to make a zone of it.

    Without zones an example is drawn. Corners count on the picture as it is shown, whatever its rotation.

    Args:
        source: a JPEG or PNG, or a video: then its first picture that is not black or flat.
        zones: those of the configuration.
        out_path: the PNG; one that is there is replaced.
        out: gets the lines to put into ratcam.ini.

    Raises:
        BadInputError: the source cannot be read, or the picture not be written.
        MissingDependencyError: it is a video and no decoder is installed.
    """
    _check_out_path(out_path, source)
    still = _read_still(source)
    example = _example(zones)
    image = draw(still, zones or (example,), are_examples=not zones)
    try:
        image.save(out_path, "PNG")
    except OSError as exc:
        raise BadInputError(f"The picture {out_path} cannot be written: {exc.strerror or exc}.") from exc
    out.write(_words(out_path, source, zones, example))


# --- reading --------------------------------------------------------------------------------------------------------


def _check_out_path(path: Path, source: Path) -> None:
    if path.suffix.lower() != ".png":
        raise BadInputError(f"The picture of the zones is a PNG: give it a name that ends in .png, not {path.name}.")
    if not path.parent.is_dir():
        raise BadInputError(f"There is no folder {path.parent} for the picture. Make it first.")
    with contextlib.suppress(OSError):  # one of them is not there: the source is missed in the next step
        if path.samefile(source):
            raise BadInputError(f"{path} would be drawn over. Give the picture of the zones another name with --out.")


def _read_still(source: Path) -> Image.Image:
    try:
        with Image.open(source, formats=("JPEG", "PNG")) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except Image.UnidentifiedImageError:
        return _first_picture(source)
    except FileNotFoundError as exc:
        raise BadInputError(f"There is no still or video {source}. Check the name.") from exc
    except IsADirectoryError as exc:
        raise BadInputError(f"{source} is a folder. Name a still or a video in it.") from exc
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        reason = os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else str(exc)
        raise BadInputError(f"The still {source} cannot be read: {reason}. Give another JPEG, PNG or video.") from exc


def _first_picture(video: Path) -> Image.Image:
    """The first picture of a video that shows something; of one that never does, the best of the first ones."""
    from ratcam.analyze_fields import VideoFields  # noqa: PLC0415 - optional: needs a video decoder

    best: Image.Image | None = None
    contrast = -1.0
    with contextlib.closing(VideoFields(video)) as fields:
        for number, _ in enumerate(fields, start=1):
            jpeg = fields.still_jpeg()
            if jpeg:
                image = Image.open(io.BytesIO(jpeg)).convert("RGB")
                deviation = ImageStat.Stat(image.convert("L")).stddev[0]
                if deviation > contrast:
                    best, contrast = image, deviation
            if contrast >= _DULL or number == _MOST_PICTURES:
                break
    if best is None:
        raise BadInputError(f"{video} has no picture that can be shown. Give another video, or a still.")
    return best


# --- words ----------------------------------------------------------------------------------------------------------


def _example(zones: tuple[ZoneSettings, ...]) -> ZoneSettings:
    taken = {zone.name.lower() for zone in zones}
    names = ("door", *(f"door{number}" for number in range(2, len(taken) + 3)))
    return ZoneSettings(name=next(name for name in names if name not in taken), polygon=EXAMPLE)


def _words(path: Path, source: Path, zones: tuple[ZoneSettings, ...], example: ZoneSettings) -> str:
    named = ", ".join(f"{zone.name} ({zone.mode})" for zone in zones)
    what = f"the zones {named}" if zones else "the example below; the configuration has no zone yet"
    lines = [f"{shown(str(path))}: {shown(source.name)} with a grid in per cent and {what}."]
    masks = ZoneMasks(zones, _MASK_CELLS, _MASK_CELLS)
    lines.extend(
        f"Nothing is left of {mask.name}: zones that ignore or preclude cover it."
        for mask in (*masks.watch, *masks.preclude)
        if mask.name and not mask.mask.any()
    )
    if not masks.watched.any():
        lines.append(NOTHING_WATCHED)
    lines += [
        "To make a zone, read its corners off the grid, x (across) before y (down), in the order of a walk round it,",
        f"and put lines like these at the end of ratcam.ini. mode is {', '.join(MODES[:-1])} or {MODES[-1]}.",
        "",
        f"[zone:{example.name}]",
        f"polygon = {polygon_text(example.polygon)}",
        f"mode = {example.mode}",
        "#sensitivity = 7",
        "#min_seconds = 0.5",
        "",
    ]
    return "\n".join(lines)
