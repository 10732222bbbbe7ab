"""The report in a real browser."""

import io
from collections.abc import Iterator

import pytest

from ratcam.motion.settings import MotionSettings
from ratcam.tune.choices import Choice
from ratcam.tune.command import Wish, tune
from tests.moving_square import write_video
from tests.simulator.browser import Browser, missing_tools


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if missing := missing_tools():
        pytest.skip(f"needs {' and '.join(missing)}")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    video = write_video(folder / "square.mp4")
    choices = tuple(
        Choice(
            name=name,
            motion=MotionSettings(detector="simple", trigger_level=level),
            zones=(),
            hold_s=1.0,
            source="a test",
            changed=(("detector", "simple"),),
        )
        for name, level in (("A", 12.0), ("B", 60.0))
    )
    tune(Wish(places=(video,), choices=choices, report=folder / "report.html"), io.StringIO())
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_page_fits_its_screen_and_every_picture_is_shown(
    browser: Browser, page: str, width: int, height: int
) -> None:
    browser.pretend_size(width, height)
    browser.open(page)
    browser.wait("document.readyState === 'complete'")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return [...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert browser.errors() == []


def test_two_configurations_stand_side_by_side_on_a_wide_screen_and_below_each_other_on_a_phone(
    browser: Browser, page: str
) -> None:
    tops = "return [...document.querySelectorAll('.pair')].map(pair => [...pair.children].map(part => part.offsetTop))"
    browser.open(page)
    browser.pretend_size(1280, 900)
    assert all(a == b for a, b in browser.run(tops))
    browser.pretend_size(390, 844)
    pairs = browser.run(tops)
    assert pairs
    assert all(a < b for a, b in pairs)
