"""Zones drawn over a still, with a grid in per cent to read corners from."""

import math
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps, ImageStat

from ratcam.motion.polygon import Polygon, polygon_text
from ratcam.motion.zones import MODES, ZoneSettings

_LONG_SIDE = 1280
"""Pixels of the picture's longer side: what Telegram leaves of a photo. Lines and letters are sized for it."""
_SHORTEST_SIDE = 160
_MARGIN = 70
_FOOT = 112
_FOOT_WIDTH = 760
_LETTERS = 34
"""Pixels: ten points high when a phone shows the picture 400 points wide."""
_SMALL_LETTERS = 28
_GROUND = (24, 26, 30)
_PAPER = (240, 240, 240)
_COLOURS = {"watch": (60, 225, 165), "ignore": (255, 170, 40), "preclude": (255, 110, 205)}
"""Told apart by any eye, and by the hatching: none in a watched zone, lines in an ignored, a mesh in a precluding."""
_HATCH = {"watch": (), "ignore": (1,), "preclude": (1, -1)}
_HATCH_STEP = 26
_UNWATCHED = 0.6
"""How bright what no zone watches is left."""
_NIGHT = 80
"""A picture of a lower mean grey level is brightened to it: corners must be found by night as well."""

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Pixels = list[tuple[float, float]]
_Box = tuple[float, float, float, float]


def draw(still: Image.Image, zones: tuple[ZoneSettings, ...], *, are_examples: bool = False) -> Image.Image:
    """The still with the zones and the grid over it, and the per cent along its edges, in RGB.

    The still, as it is shown, has 1280 pixels along its long side then; a dark one is brightened. What no zone watches
    is darker: beside watched zones, and in those that ignore or preclude. `are_examples`: the zones
    are not in force; their corners' numbers are added.
    """
    scale = _LONG_SIDE / max(still.size)
    size = (max(_SHORTEST_SIDE, round(still.width * scale)), max(_SHORTEST_SIDE, round(still.height * scale)))
    picture = _brightened(still.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    if not are_examples:
        picture = _dimmed(picture, zones)
    for zone in zones:
        picture = _filled(picture, zone)
    picture = _with_grid(picture)
    _draw_outlines(picture, zones, with_corners=are_examples)
    width = max(size[0] + 2 * _MARGIN, _FOOT_WIDTH)
    sheet = Image.new("RGB", (width, size[1] + 2 * _MARGIN + _FOOT), _GROUND)
    sheet.paste(picture, (_MARGIN, _MARGIN))
    _draw_axes(sheet, size)
    _draw_foot(sheet, zones, "example: " if are_examples else "")
    return sheet


def _brightened(picture: Image.Image) -> Image.Image:
    mean = ImageStat.Stat(picture.convert("L")).mean[0]
    if not 1 <= mean < _NIGHT:
        return picture
    gamma = math.log(_NIGHT / 255) / math.log(mean / 255)
    return picture.point([round(255 * (level / 255) ** gamma) for level in range(256)] * 3)


def _pixels(polygon: Polygon, size: tuple[int, int]) -> _Pixels:
    return [(x * (size[0] - 1) / 100, y * (size[1] - 1) / 100) for x, y in polygon]


def _mask(polygon: Polygon, size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon(_pixels(polygon, size), fill=255)
    return mask


def _dimmed(picture: Image.Image, zones: tuple[ZoneSettings, ...]) -> Image.Image:
    """What no zone watches is darker: also what another zone takes from a watched one, or from the whole picture."""
    watches = any(zone.mode == "watch" for zone in zones)
    watched = Image.new("L", picture.size, 0 if watches else 255)
    for zone in zones:
        if zone.mode == "watch":
            watched = ImageChops.lighter(watched, _mask(zone.polygon, picture.size))
    for zone in zones:
        if zone.mode != "watch":
            watched = ImageChops.subtract(watched, _mask(zone.polygon, picture.size))
    return Image.composite(picture, ImageEnhance.Brightness(picture).enhance(_UNWATCHED), watched)


def _filled(picture: Image.Image, zone: ZoneSettings) -> Image.Image:
    """The zone in a breath of its colour, with its hatching."""
    strength = Image.new("L", picture.size, 46)
    pen = ImageDraw.Draw(strength)
    width, height = picture.size
    for slope in _HATCH[zone.mode]:
        for start in range(-height, width + height, _HATCH_STEP):
            pen.line(((start, 0), (start + slope * height, height)), fill=150, width=3)
    alpha = ImageChops.darker(strength, _mask(zone.polygon, picture.size))
    return Image.composite(Image.new("RGB", picture.size, _COLOURS[zone.mode]), picture, alpha)


def _with_grid(picture: Image.Image) -> Image.Image:
    """A line every 10 per cent, the middle ones thicker: light with a dark edge, so that they show on any ground."""
    light, dark = Image.new("L", picture.size), Image.new("L", picture.size)
    pens = ImageDraw.Draw(light), ImageDraw.Draw(dark)
    width, height = picture.size
    for step in range(0, 11):
        x, y = step * (width - 1) / 10, step * (height - 1) / 10
        thick = 4 if step == 5 else 2
        for line in (((x, 0), (x, height)), ((0, y), (width, y))):
            pens[1].line(line, fill=110, width=thick + 2)
            pens[0].line(line, fill=175 if step == 5 else 140, width=thick)
    picture = Image.composite(Image.new("RGB", picture.size), picture, dark)
    return Image.composite(Image.new("RGB", picture.size, (255, 255, 255)), picture, light)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    text: str
    colour: tuple[int, int, int]
    centre: tuple[float, float]
    letters: int


def _draw_outlines(picture: Image.Image, zones: tuple[ZoneSettings, ...], *, with_corners: bool) -> None:
    pen = ImageDraw.Draw(picture)
    labels: list[_Label] = []
    outlines: list[_Box] = []
    for zone in zones:
        colour = _COLOURS[zone.mode]
        corners = _pixels(zone.polygon, picture.size)
        closed = [*corners, corners[0], corners[1]]
        pen.line(closed, fill=_GROUND, width=11, joint="curve")
        pen.line(closed, fill=colour, width=6, joint="curve")
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        is_small = max(xs) - min(xs) < 3 * _LETTERS or max(ys) - min(ys) < 2 * _LETTERS
        radius = 5 if is_small else 9
        for x, y in corners:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=_GROUND, width=2)
        centre = _middle(zone.polygon, picture.size)
        if is_small:  # beside it: its name would hide it
            outlines.append((min(xs) - 8, min(ys) - 8, max(xs) + 8, max(ys) + 8))
            above = min(ys) - _LETTERS
            centre = (centre[0], above if above > _LETTERS else max(ys) + _LETTERS)
        labels.append(_Label(text=zone.name, colour=colour, centre=centre, letters=_LETTERS))
        if with_corners:
            middle = sum(ys) / len(ys)
            labels.extend(
                _Label(
                    text=polygon_text((corner,)),
                    colour=_PAPER,
                    centre=(x, y + (40 if middle < y < picture.height - 66 or y < 66 else -40)),
                    letters=_SMALL_LETTERS,
                )
                for corner, (x, y) in zip(zone.polygon, corners, strict=True)
            )
    for label in labels:
        _draw_label(picture, label, outlines)


def _middle(polygon: Polygon, size: tuple[int, int]) -> tuple[float, float]:
    """A point well inside a polygon: what is left of it last when its edge is taken away again and again."""
    scale = 160 / max(size)
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    mask = ImageOps.expand(_mask(polygon, small), 1)
    left = mask
    while mask.getbbox() is not None:
        left, mask = mask, mask.filter(ImageFilter.MinFilter(3))
    x0, y0, x1, y1 = left.getbbox() or (0, 0, 2, 2)
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    if not left.getpixel((int(middle[0]), int(middle[1]))):  # several parts are left: take the first
        row = left.crop((0, y0, left.width, y0 + 1))
        x0, _, x1, _ = row.getbbox() or (x0, 0, x1, 0)
        middle = ((x0 + x1) / 2, y0 + 0.5)
    return (middle[0] - 1) / small[0] * size[0], (middle[1] - 1) / small[1] * size[1]


def _draw_label(picture: Image.Image, label: _Label, taken: list[_Box]) -> None:
    """A text on a dark plate, inside the picture and as near to its place as what is there already lets it be."""
    pen, font = ImageDraw.Draw(picture), _font(label.letters)
    left, _, right, _ = pen.textbbox((0, 0), label.text, font=font, anchor="mm")
    half_width, half_height = (right - left) / 2 + 10, label.letters / 2 + 7
    x = min(max(label.centre[0], half_width), picture.width - half_width)
    wanted = min(max(label.centre[1], half_height), picture.height - half_height)
    heights = sorted(
        range(math.ceil(half_height), math.ceil(picture.height - half_height), 4), key=lambda y: abs(y - wanted)
    )
    boxes = [(x - half_width, y - half_height, x + half_width, y + half_height) for y in (wanted, *heights)]
    box = next((box for box in boxes if not any(_overlap(box, other) for other in taken)), boxes[0])
    taken.append(box)
    pen.rounded_rectangle(box, radius=8, fill=_GROUND, outline=label.colour, width=2)
    pen.text((x, (box[1] + box[3]) / 2), label.text, fill=label.colour, font=font, anchor="mm")


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _draw_axes(sheet: Image.Image, size: tuple[int, int]) -> None:
    """The per cent along all four edges, as many as there is room for."""
    pen, font = ImageDraw.Draw(sheet), _font(_LETTERS)
    across, down = (size[0] - 1) / 10, (size[1] - 1) / 10
    for step in range(0, 11, _every(across, 2 * _LETTERS)):
        for edge in (_MARGIN / 2, size[1] + 1.5 * _MARGIN):
            pen.text((_MARGIN + step * across, edge), str(step * 10), fill=_PAPER, font=font, anchor="mm")
    for step in range(0, 11, _every(down, _LETTERS + 4)):
        for edge in (_MARGIN / 2, size[0] + 1.5 * _MARGIN):
            pen.text((edge, _MARGIN + step * down), str(step * 10), fill=_PAPER, font=font, anchor="mm")


def _every(step: float, room: float) -> int:
    """Every line has its number, every second, or every fifth."""
    return next((every for every in (1, 2) if every * step >= room), 5)


def _draw_foot(sheet: Image.Image, zones: tuple[ZoneSettings, ...], prefix: str) -> None:
    """What the colours mean, and how a corner is read."""
    pen, font = ImageDraw.Draw(sheet), _font(_LETTERS)
    x, y = float(_MARGIN), sheet.height - _FOOT + 16.0
    for mode in (mode for mode in MODES if any(zone.mode == mode for zone in zones)):
        pen.rectangle((x, y - 15, x + 30, y + 15), fill=_COLOURS[mode])
        pen.text((x + 42, y), prefix + mode, fill=_PAPER, font=font, anchor="lm")
        x += 42 + pen.textlength(prefix + mode, font=font) + 40
    text = "a corner is x,y: per cent across, per cent down"
    pen.text((_MARGIN, y + 52), text, fill=_PAPER, font=_font(_SMALL_LETTERS), anchor="lm")


def _font(size: int) -> _Font:
    return ImageFont.load_default(size)
