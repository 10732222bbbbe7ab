"""BotActor: /status and /learned, which the detectors answer."""

from ratcam.actors.bot import DETECTOR_TIMEOUT_S, RESET_TIMEOUT_S
from ratcam.chat import texts
from ratcam.messages import (
    AuthorizationChanged,
    CameraLost,
    ChatId,
    ChatMigrated,
    ForgetLearned,
    LearnedPlace,
    TellMotionStatus,
)
from tests.actors.household import ADA, BEN, EVE, KITCHEN, Household
from tests.deadline import wait_until


def test_status_tells_how_things_are(house: Household) -> None:
    house.address.tell(CameraLost(camera=KITCHEN, reason="unplugged"))
    house.event_starts()
    wait_until(lambda: len(house.gateway.texts(ADA)) == 2)
    house.clock.advance(3723)
    assert house.answer("status").split("\n") == [
        "kitchen: disarmed, no pictures (unplugged)",
        f"Last motion: {texts.clock_time(1.8e9)}",
        "Quiet score 0.21, trigger 1.0, margin 4.8x",
        "Not counted just now: the light changed",
        "Waiting to be sent: 0",
        "Chats: 2",
        "Ratcam 1.2.3, up 1:02:03",
    ]


def test_status_is_answered_also_when_the_detector_is_not(house: Household) -> None:
    house.motion.answer = None
    house.command("status")
    house.motion.wait_for(TellMotionStatus)
    wait_until(lambda: house.time_passes(DETECTOR_TIMEOUT_S + 1) and len(house.gateway.texts(ADA)) == 1)
    assert "The detector does not answer." in house.gateway.texts(ADA)[0]


def test_learned_blocks_are_listed_and_forgotten_on_demand_by_those_who_may(house: Household) -> None:
    house.learned = (LearnedPlace(place="upper right", blocks=12),)
    assert "upper right (12 blocks)" in house.answer("learned")
    house.command("learned", "reset", chat=EVE)
    assert "/learned reset forgets it" in house.answer("learned", "everything")
    assert house.motion.of(ForgetLearned) == []
    assert house.answer("learned", "reset") == texts.LEARNED_FORGOTTEN.format(camera="kitchen")
    assert len(house.motion.of(ForgetLearned)) == 1
    assert house.answer("learned") == texts.NOTHING_LEARNED.format(camera="kitchen")
    assert house.gateway.texts(EVE) == house.gateway.texts(BEN) == []


def test_the_answer_to_a_chat_that_was_revoked_meanwhile_goes_nowhere(house: Household) -> None:
    house.motion.answer = None
    house.command("status")
    (asked,) = house.motion.wait_for(TellMotionStatus)
    house.address.tell(AuthorizationChanged(chats=(BEN,)))
    house.answer_as_detector(asked)
    house.command("help", chat=BEN)
    wait_until(lambda: texts.HELP in house.gateway.texts(BEN))
    assert house.gateway.texts(ADA) == []


def test_the_answer_to_a_group_that_moved_meanwhile_goes_where_it_is(house: Household) -> None:
    house.motion.answer = None
    house.command("learned")
    (asked,) = house.motion.wait_for(TellMotionStatus)
    house.address.tell(ChatMigrated(chat=ADA, new_chat=ChatId(77)))
    house.answer_as_detector(asked)
    wait_until(lambda: house.gateway.texts(77) == [texts.NOTHING_LEARNED.format(camera="kitchen")])
    assert house.gateway.texts(ADA) == []


def test_a_flood_of_questions_of_one_chat_reaches_the_detector_once(house: Household) -> None:
    house.motion.answer = None
    for _ in range(50):
        house.command("status")
    house.command("help")
    wait_until(lambda: texts.HELP in house.gateway.texts(ADA))
    (asked,) = house.motion.wait_for(TellMotionStatus)
    house.answer_as_detector(asked)
    wait_until(lambda: len(house.gateway.texts(ADA)) == 2)
    house.command("status")
    assert len(house.motion.wait_for(TellMotionStatus, 2)) == 2, "once answered, it may be asked again"


def test_a_reset_that_waits_for_a_slow_disk_is_answered_truly_however_that_ends(house: Household) -> None:
    house.motion.answer = None
    house.command("learned", "reset")
    (asked,) = house.motion.wait_for(ForgetLearned)
    house.time_passes(RESET_TIMEOUT_S - 5)
    house.command("help")
    wait_until(lambda: house.gateway.texts(ADA) == [texts.HELP])
    house.answer_as_detector(asked)
    wait_until(lambda: house.gateway.texts(ADA)[1:] == [texts.LEARNED_FORGOTTEN.format(camera="kitchen")])
    house.command("learned", "reset")
    house.motion.wait_for(ForgetLearned, 2)
    wait_until(lambda: house.time_passes(RESET_TIMEOUT_S) and len(house.gateway.texts(ADA)) == 3)
    assert house.gateway.texts(ADA)[2] == texts.LEARNED_NOT_CONFIRMED.format(camera="kitchen")
