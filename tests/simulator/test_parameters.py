"""The simulator's tables against python-telegram-bot's own: the one may not know what the other does not."""

import inspect
import re

import pytest
from telegram import Bot

from ratcam.simulator.methods import METHODS, Method

NOT_SENT = {"self", "read_timeout", "write_timeout", "connect_timeout", "pool_timeout", "api_kwargs", "filename"}


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_every_parameter_of_the_simulator_is_one_of_python_telegram_bot(method: Method) -> None:
    name = re.sub(r"(?<!^)([A-Z])", r"_\1", method.name).lower()
    known = set(inspect.signature(getattr(Bot, name)).parameters) - NOT_SENT
    assert method.parameters <= known
