"""Values behave as frozen dataclasses do."""

import subprocess
import sys

import pytest

from ratcam.media.value import Value


class Size(Value):
    """A value with a default."""

    width: int
    height: int = 5


class Named(Size):
    """A value that adds a field."""

    name: str


def test_fields_are_given_by_keyword_and_have_defaults() -> None:
    assert (Size(width=3).width, Size(width=3).height, Size(width=3, height=4).height) == (3, 5, 4)


def test_a_missing_field_and_an_unknown_one_are_refused() -> None:
    with pytest.raises(TypeError, match="needs width"):
        Size(height=4)  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="has no depth"):
        Size(width=3, depth=1)  # pyright: ignore[reportCallIssue]


def test_fields_of_a_base_come_first() -> None:
    assert repr(Named(name="a", width=3)) == "Named(width=3, height=5, name='a')"


def test_values_are_equal_by_class_and_fields_and_hash_alike() -> None:
    assert Size(width=3) == Size(width=3, height=5)
    assert Size(width=3) != Size(width=4)
    assert Size(width=3) != (3, 5)
    assert len({Size(width=3), Size(width=3, height=5), Size(width=3, height=6)}) == 2


def test_a_value_cannot_be_changed() -> None:
    size = Size(width=3)
    with pytest.raises(AttributeError, match="cannot be changed"):
        size.width = 4  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del size.width  # pyright: ignore[reportAttributeAccessIssue]
    assert size.replaced(width=4) == Size(width=4)
    assert size.width == 3


def test_it_costs_no_import() -> None:
    code = "import sys; import ratcam.media.value; print({'dataclasses', 'typing', 're', 'inspect'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
