"""Streams that several tests share, encoded once."""

from pathlib import Path

import pytest

from tests.media.players import encode

X264_STREAMS: dict[str, tuple[str, ...]] = {
    "baseline": ("-profile:v", "baseline", "-g", "30"),
    "high": ("-profile:v", "high", "-bf", "0", "-g", "30"),
    "reordered": ("-bf", "3", "-b_strategy", "0", "-g", "30"),
    "open_gop": ("-bf", "3", "-x264-params", "open-gop=1:keyint=20"),
    "slices": ("-bf", "0", "-g", "30", "-x264-params", "slices=4:aud=1"),
    "cropped": (
        "-preset",
        "ultrafast",
        "-g",
        "10",
        "-colorspace",
        "bt709",
        "-color_primaries",
        "bt709",
        "-color_trc",
        "bt709",
    ),
    "filler": ("-b:v", "400k", "-bf", "0", "-x264-params", "nal-hrd=cbr:vbv-maxrate=400:vbv-bufsize=200:filler=1"),
    "intra": ("-g", "1"),
}


@pytest.fixture(scope="session")
def x264_streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("x264")
    streams: dict[str, Path] = {}
    for name, options in X264_STREAMS.items():
        is_large = name == "cropped"
        size, seconds = ("1640x922", 1) if is_large else ("64x48", 3)
        streams[name] = encode(folder / f"{name}.h264", *options, size=size, seconds=seconds)
    return streams
