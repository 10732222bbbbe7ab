"""A video with motion at a known time and place: a textured square slides over a textured ground."""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH, HEIGHT, FPS = 320, 240, 10
SQUARE, TOP, SPEED = 96, 80, 8
BEGINS, ENDS, PICTURES = 30, 50, 80


def write_video(path: Path) -> Path:
    """Eight seconds of H.264; a square slides to the right from 3.0 s to 5.0 s and stands still before and after."""
    ground, square = texture(HEIGHT, WIDTH, 1), texture(SQUARE, SQUARE, 2)
    with av.open(str(path), "w") as box:
        stream = box.add_stream("libx264", rate=FPS, options={"bf": "0", "refs": "1", "g": "10", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(PICTURES):
            picture = ground.copy()
            left = left_of_square(number)
            picture[TOP : TOP + SQUARE, left : left + SQUARE] = square
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            for packet in stream.encode(frame):
                box.mux(packet)
        for packet in stream.encode(None):
            box.mux(packet)
    return path


def texture(height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    """Smooth blotches: something that an encoder's motion search can follow."""
    coarse = np.random.default_rng(seed).integers(30, 220, (height // 8 + 1, width // 8 + 1), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def left_of_square(number: int) -> int:
    """Where the square's left edge is in picture `number`."""
    return 32 + SPEED * (min(max(number, BEGINS), ENDS) - BEGINS)
