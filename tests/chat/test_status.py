"""/status and /learned: what the detectors say, in words."""

from dataclasses import replace

import pytest

from ratcam.chat import texts
from ratcam.chat.status import Answered, Questions, Topic, forgotten_text, learned_text, status_lines
from ratcam.messages import CameraId, ChatId, LearnedPlace, Margin, MotionStatus
from ratcam.motion.detector import Guard

KITCHEN, CELLAR = CameraId("kitchen"), CameraId("cellar")
ADA, BEN = ChatId(1), ChatId(2)
CALM = MotionStatus(camera=KITCHEN, request_id="q", guard="none", is_learning=False, quiet=None, learned=())
TREE, CLOCK = LearnedPlace(place="upper right", blocks=12), LearnedPlace(place="lower left", blocks=1)


def lines(detector: MotionStatus | None, *, lost: str | None = None, last: float | None = None) -> list[str]:
    return status_lines(KITCHEN, is_armed=True, lost=lost, last_motion_unix_s=last, detector=detector)


def test_a_camera_that_has_nothing_to_tell_takes_two_lines() -> None:
    assert lines(CALM) == ["kitchen: armed", "Last motion: none"]


def test_status_tells_the_margin_or_that_it_is_being_learned() -> None:
    learned = replace(CALM, quiet=Margin(quiet_score=0.208, trigger=1.0, margin=4.81))
    assert lines(learned)[2:] == ["Quiet score 0.21, trigger 1.0, margin 4.8x"]
    assert lines(replace(CALM, is_learning=True))[2:] == ["Quiet score: still learning"]


def test_status_tells_what_holds_motion_back_and_what_is_faded_out() -> None:
    told = lines(replace(CALM, guard="light", learned=(TREE, CLOCK)))
    assert told[2:] == [
        "Not counted just now: the light changed",
        "Not counted, moves for hours: upper right, lower left",
    ]


def test_status_shows_the_largest_of_many_places() -> None:
    many = tuple(LearnedPlace(place=f"place {number}", blocks=9 - number) for number in range(5))
    assert lines(replace(CALM, learned=many))[-1] == "Not counted, moves for hours: place 0, place 1, place 2, and more"


def test_status_of_a_lost_camera_whose_detector_is_silent_says_so() -> None:
    assert lines(None, lost="unplugged", last=0.0) == [
        "kitchen: armed, no pictures (unplugged)",
        f"Last motion: {texts.clock_time(0.0)}",
        "The detector does not answer.",
    ]


@pytest.mark.parametrize("guard", [guard for guard in Guard if guard not in (Guard.NONE, Guard.SETTLING)])
def test_every_guard_has_words(guard: Guard) -> None:
    assert lines(replace(CALM, guard=guard.value))[2] == f"Not counted just now: {texts.GUARDS[guard.value]}"


def test_learned_lists_places_by_camera_and_tells_how_to_reset() -> None:
    found = {KITCHEN: replace(CALM, learned=(TREE, CLOCK)), CELLAR: replace(CALM, camera=CELLAR)}
    assert learned_text((KITCHEN, CELLAR), found).split("\n") == [
        "kitchen: moves for hours, so it is not counted: upper right (12 blocks), lower left (1 block).",
        "cellar: nothing moves for hours, so nothing is faded out.",
        "/learned reset makes me watch there again.",
    ]


def test_learned_of_nothing_speaks_of_no_reset_and_a_silent_detector_is_named() -> None:
    assert learned_text((KITCHEN, CELLAR), {KITCHEN: CALM}).split("\n") == [
        "kitchen: nothing moves for hours, so nothing is faded out.",
        "cellar: the detector does not answer. Try again in a minute.",
    ]


def test_a_reset_that_the_disk_refused_says_so() -> None:
    found = {KITCHEN: replace(CALM, is_kept=False)}
    assert forgotten_text((KITCHEN, CELLAR), found).split("\n") == [
        "kitchen: forgotten. I watch everywhere again, until I have learned anew."
        " But the disk refused it: after a restart I will not remember.",
        "cellar: no word yet whether that is forgotten. See /learned in a minute.",
    ]


def test_without_pictures_it_is_not_said_that_nothing_is_faded_out() -> None:
    blind = replace(CALM, learned=None)
    assert learned_text((KITCHEN,), {KITCHEN: blind}) == (
        "kitchen: it gives no pictures just now, so I cannot say what moves for hours. Try again when it does."
    )
    assert lines(blind)[2:] == ["Not counted, moves for hours: not known without pictures"]


def test_a_question_is_answered_when_all_cameras_have_and_only_once() -> None:
    questions = Questions()
    assert questions.ask("q", ADA, Topic.STATUS, (KITCHEN, CELLAR), until_s=10.0)
    assert questions.take(CALM) == ()
    assert questions.take(replace(CALM, request_id="another")) == ()
    cellar = replace(CALM, camera=CELLAR)
    (answered,) = questions.take(cellar)
    assert answered == Answered(chat=ADA, topic=Topic.STATUS, found={KITCHEN: CALM, CELLAR: cellar})
    assert questions.take(cellar) == ()
    assert questions.overdue(99.0) == ()


def test_a_question_whose_time_is_up_is_answered_with_what_is_there() -> None:
    questions = Questions()
    questions.ask("q", ADA, Topic.LEARNED, (KITCHEN, CELLAR), until_s=10.0)
    questions.ask("r", BEN, Topic.STATUS, (KITCHEN,), until_s=11.0)
    questions.take(CALM)
    assert questions.overdue(9.9) == ()
    assert questions.overdue(10.0) == (Answered(chat=ADA, topic=Topic.LEARNED, found={KITCHEN: CALM}),)
    assert questions.overdue(11.0) == (Answered(chat=BEN, topic=Topic.STATUS, found={}),)


def test_a_chat_has_one_open_question_of_each_topic() -> None:
    questions = Questions()
    assert questions.ask("1", ADA, Topic.STATUS, (KITCHEN,), until_s=10.0)
    assert not questions.ask("2", ADA, Topic.STATUS, (KITCHEN,), until_s=10.0)
    assert questions.ask("3", ADA, Topic.LEARNED, (KITCHEN,), until_s=10.0)
    assert questions.ask("4", BEN, Topic.STATUS, (KITCHEN,), until_s=10.0)
    assert len(questions.overdue(10.0)) == 3
    assert questions.ask("5", ADA, Topic.STATUS, (KITCHEN,), until_s=20.0)
