"""What a line of text asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.chat import texts
from ratcam.chat.commands import Action, Command, Correction, understand


def ask(name: str, argument: str = "") -> Command | Correction:
    return understand(name, argument, video_s=10.0, longest_video_s=60.0)


@pytest.mark.parametrize("action", list(Action))
def test_every_command_is_understood_in_any_case(action: Action) -> None:
    assert ask(action.value.upper()) == Command(action=action, seconds=10.0 if action is Action.VIDEO else 0.0)


def test_every_command_the_chat_app_offers_exists() -> None:
    assert {name for name, _ in texts.COMMANDS} == {action.value for action in Action} - {"start"}


@pytest.mark.parametrize(
    ("argument", "seconds"), [("5", 5.0), (" 7.5 ", 7.5), ("12s", 12.0), ("12 S", 12.0), ("60", 60.0)]
)
def test_video_takes_seconds(argument: str, seconds: float) -> None:
    assert ask("video", argument) == Command(action=Action.VIDEO, seconds=seconds)


@given(st.text(max_size=300))
def test_any_argument_is_a_length_within_bounds_or_a_correction(argument: str) -> None:
    understood = ask("video", argument)
    match understood:
        case Command():
            assert 1 <= understood.seconds <= 60
        case Correction():
            assert "/video 10" in understood.text


@pytest.mark.parametrize(("argument", "is_reset"), [("", False), ("reset", True), (" RESET ", True)])
def test_learned_lists_or_resets(argument: str, is_reset: bool) -> None:
    assert ask("learned", argument) == Command(action=Action.LEARNED, is_reset=is_reset)


@pytest.mark.parametrize("argument", ["rest", "reset all", "0", "-", "\x00"])
def test_learned_with_anything_else_resets_nothing_and_tells_how(argument: str) -> None:
    understood = ask("learned", argument)
    assert isinstance(understood, Correction)
    assert "/learned reset" in understood.text


@given(st.text(max_size=5000), st.text(max_size=50))
def test_any_name_is_a_command_or_a_short_correction(name: str, argument: str) -> None:
    understood = ask(name, argument)
    assert isinstance(understood, Command) or 0 < len(understood.text) < 200


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (42, "0:42"), (3600, "1:00:00"), (90061, "1 d 01:01:01"), (-5, "0:00")]
)
def test_durations_read_as_on_a_clock(seconds: float, text: str) -> None:
    assert texts.duration(seconds) == text
