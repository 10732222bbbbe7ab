"""A moment as a small picture: the heat map over its still, or over its motion field where there is no still."""

import io

import numpy as np
from PIL import Image

from ratcam.motion import heat_map
from ratcam.motion.settings import MotionSettings
from ratcam.tune.moments import Moment
from ratcam.tune.tracks import Replayed

_WIDEST = 480
"""Pixels: what a phone shows in full, and a report of a hundred pictures can carry."""
_GROUND, _RANGE = 40, 150
"""Grey levels of a block that does not change, and how much brighter one that changes most is."""


def picture_of(moment: Moment, replayed: Replayed, settings: MotionSettings) -> bytes:
    """The JPEG of a moment's heat map, upright, at most `_WIDEST` pixels wide."""
    image = heat_map.draw(
        _ground(moment, replayed),
        moment.accumulator,
        box=moment.box,
        settings=settings,
        picture_size=(replayed.width, replayed.height),
        rotation=replayed.rotation,
    )
    out = io.BytesIO()
    image.save(out, "JPEG", quality=78)
    return out.getvalue()


def _ground(moment: Moment, replayed: Replayed) -> bytes:
    """The still, no wider than needed; without one the field itself, brighter where more changed."""
    if moment.still_jpeg:
        with Image.open(io.BytesIO(moment.still_jpeg)) as opened:
            still = opened.convert("L")
    else:
        change = moment.change.astype(np.float32)
        grey = _GROUND + _RANGE * change / max(1.0, float(change.max()))
        size = (min(_WIDEST, replayed.width), max(1, replayed.height * min(_WIDEST, replayed.width) // replayed.width))
        still = Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
        if replayed.rotation:
            still = still.rotate(-replayed.rotation, expand=True)
    still.thumbnail((_WIDEST, 2 * _WIDEST))
    out = io.BytesIO()
    still.save(out, "JPEG", quality=85)
    return out.getvalue()
