"""The size at which a picture is shown."""

from fractions import Fraction

import pytest

from ratcam.cameras.upright import fitted


@pytest.mark.parametrize(
    ("aspect", "most_side", "size"),
    [
        (None, None, (640, 480)),
        (Fraction(4, 3), None, (853, 480)),
        (Fraction(4, 3), 320, (320, 180)),
        (Fraction(16), None, (10_240, 480)),
        (Fraction(17), None, (10_240, 480)),
        (Fraction(65_535), None, (10_240, 480)),
        (Fraction(1, 16), None, (40, 480)),
        (Fraction(1, 65_535), None, (40, 480)),
        (Fraction(-1), None, (40, 480)),
        (Fraction(0), None, (640, 480)),
        (Fraction(65_535), 320, (320, 15)),
    ],
)
def test_a_picture_is_as_wide_as_its_samples_make_it_but_never_out_of_all_proportion(
    aspect: Fraction | None, most_side: int | None, size: tuple[int, int]
) -> None:
    assert fitted(640, 480, aspect, most_side) == size
