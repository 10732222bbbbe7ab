"""Streams whose pictures say which they are, in blocks of light and dark that survive coding."""

import subprocess
from pathlib import Path

import numpy as np

WIDTH, HEIGHT, BITS = 320, 192, 8
DARK, LIGHT = 60, 190
BLOCK = WIDTH // BITS

READ_NUMBER = f"""
    const canvas = document.createElement("canvas");
    canvas.width = {WIDTH}; canvas.height = {HEIGHT};
    const context = canvas.getContext("2d");
    context.drawImage(document.querySelector("video"), 0, 0, {WIDTH}, {HEIGHT});
    let number = 0;
    for (let bit = 0; bit < {BITS}; bit++) {{
        const [red] = context.getImageData(bit * {BLOCK} + {BLOCK // 2}, 32, 1, 1).data;
        number = number * 2 + (red > {(DARK + LIGHT) // 2} ? 1 : 0);
    }}
    return number;
"""
"""The body of a function that reads the number of the picture that the page's video shows."""


def encode_numbered(target: Path, *options: str, count: int) -> Path:
    """A raw stream of `count` pictures, numbered from 0: the number in blocks above, large noise below."""
    noise = np.random.default_rng(1)
    pictures = bytearray()
    for number in range(count):
        luma = noise.integers(100, 156, (HEIGHT, WIDTH), dtype=np.uint8)
        for bit in range(BITS):
            is_set = number >> (BITS - 1 - bit) & 1
            luma[:64, bit * BLOCK : (bit + 1) * BLOCK] = LIGHT if is_set else DARK
        pictures += luma.tobytes() + bytes([128]) * (WIDTH * HEIGHT // 2)
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", "30", "-i", "-")
    command = ("ffmpeg", "-y", "-v", "error", *source, "-c:v", "libx264", "-threads", "1", *options)
    subprocess.run((*command, "-f", "h264", str(target)), input=bytes(pictures), check=True, timeout=120)
    return target
