"""Named tuples without `typing` and `collections`: what is used of typing's is the same here."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest

from libpod.values import NamedTuple


class Point(NamedTuple):
    """A point."""

    x: int
    y: int = 2
    z: int = 3

    @property
    def sum(self) -> int:
        return self.x + self.y + self.z


class Theirs(typing.NamedTuple):
    """The same by typing."""

    x: int
    y: int = 2
    z: int = 3


@pytest.mark.parametrize("values", [(1,), (1, 5)])
@pytest.mark.parametrize("named", [{}, {"z": 9}])
def test_fields_defaults_and_keywords(values: tuple[int, ...], named: dict[str, int]) -> None:
    ours, theirs = Point(*values, **named), Theirs(*values, **named)
    assert list(ours) == list(theirs)
    assert (ours.x, ours.y, ours.z, ours.sum) == (*theirs, sum(theirs))
    assert ours._asdict() == theirs._asdict()
    assert list(ours._replace(y=7)) == list(theirs._replace(y=7))
    assert type(ours._replace(y=7)) is Point


def test_what_a_class_tells_of_itself() -> None:
    assert Point._fields == Theirs._fields == Point.__match_args__
    assert Point._field_defaults == Theirs._field_defaults
    assert repr(Point(1)) == "Point(x=1, y=2, z=3)"
    assert Point.__doc__ == "A point."
    assert Point._make([4, 5, 6]) == (4, 5, 6)


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, 2, 3, 4), {}), ((1,), {"x": 1}), ((1,), {"nosuch": 1})]
)
def test_a_wrong_call_is_refused(values: tuple[int, ...], named: dict[str, int]) -> None:
    for kind in (Point, Theirs):
        with pytest.raises(TypeError):
            kind(*values, **named)


def test_a_wrong_replacement_and_a_changed_field_are_refused() -> None:
    with pytest.raises(ValueError, match="nosuch"):
        Point(1)._replace(nosuch=1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        setattr(Point(1), "x", 2)  # noqa: B010
    with pytest.raises(AttributeError):
        setattr(Point(1), "new", 2)  # noqa: B010


def test_copies_are_the_same() -> None:
    assert copy.copy(Point(1)) == copy.deepcopy(Point(1)) == pickle.loads(pickle.dumps(Point(1))) == Point(1)


def test_a_pattern_matches_by_place() -> None:
    match Point(1, 2, 3):
        case Point(1, second):
            assert second == 2
        case _:
            pytest.fail("does not match")
