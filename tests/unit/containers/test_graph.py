"""The order of containers that need each other: the cases of the first libpod's graph tests, and more."""

from __future__ import annotations

import itertools

import pytest

from libpod.containers import graph
from libpod.errors import InternalError, NoSuchContainer

# Each case: who needs whom, and the levels in which they can start.
ORDERED = {
    "no containers": ({}, []),
    "one": ({"a": []}, ["a"]),
    "two without an edge": ({"a": [], "b": []}, ["ab"]),
    "two with an edge": ({"a": [], "b": ["a"]}, ["a", "b"]),
    "three without edges": ({"a": [], "b": [], "c": []}, ["abc"]),
    "three without a cycle": ({"a": [], "b": ["a"], "c": ["a", "b"]}, ["a", "b", "c"]),
    "four without edges": ({"a": [], "b": [], "c": [], "d": []}, ["abcd"]),
    "four, none in a cycle": ({"a": [], "b": ["a"], "c": ["b"], "d": ["b", "c"]}, ["a", "b", "c", "d"]),
    "a diamond": ({"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": []}, ["a", "bc", "d"]),
    "one named twice": ({"a": [], "b": ["a", "a"]}, ["a", "b"]),
}
# Each case: who needs whom, and who is in the circle.
CIRCULAR = {
    "itself": ({"a": ["a"]}, "a"),
    "two": ({"a": ["b"], "b": ["a"]}, "a, b"),
    "three, two in a cycle": ({"a": ["b"], "b": ["a"], "c": []}, "a, b"),
    "three": ({"a": ["b"], "b": ["c"], "c": ["a"]}, "a, b, c"),
    "four, two in a cycle": ({"a": ["b"], "b": ["a"], "c": [], "d": []}, "a, b"),
    "four": ({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["a"]}, "a, b, c, d"),
    "others before and behind it": ({"a": [], "b": ["a", "c"], "c": ["b"], "d": ["c"]}, "b, c"),
}


@pytest.mark.parametrize(("needs", "levels"), ORDERED.values(), ids=ORDERED)
def test_every_container_comes_after_those_that_it_needs(
    needs: dict[str, list[str]], levels: list[str]
) -> None:
    for order in itertools.permutations(needs.items()):
        found = graph.build(dict(order))
        assert ["".join(sorted(level)) for level in found.levels] == levels
        assert found.stop_order() == found.start_order()[::-1]
        assert sorted(found.start_order()) == sorted(needs)


def test_where_starting_and_stopping_begin() -> None:
    found = graph.build({"a": [], "b": ["a"], "c": ["a"], "d": []})
    assert found.without_dependencies == ["a", "d"]
    assert found.without_dependents == ["b", "c", "d"]


@pytest.mark.parametrize(("needs", "circle"), CIRCULAR.values(), ids=CIRCULAR)
def test_a_circle_is_refused_and_named(needs: dict[str, list[str]], circle: str) -> None:
    with pytest.raises(InternalError, match=rf": {circle}$"):
        graph.build(needs)


def test_who_needs_what_does_not_exist_is_named() -> None:
    with pytest.raises(NoSuchContainer, match="container a needs container gone") as caught:
        graph.build({"a": ["gone"]})
    assert caught.value.name == "gone"


def test_a_long_chain_needs_no_recursion() -> None:
    names = [str(number) for number in range(20_000)]
    needs = {name: [before] for before, name in itertools.pairwise(names)} | {names[0]: []}
    assert graph.build(needs).start_order() == names
