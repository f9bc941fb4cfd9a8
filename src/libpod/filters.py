"""`--filter KEY=VALUE` of lists, with Podman's rules.

Of several values for one key one must match, but every one of the keys in `EVERY`; of several keys, all.
Commas may stand between filters.
"""

from __future__ import annotations

import re

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any, Final, TypeVar

    Row = TypeVar("Row")
    Matches = Callable[[Any, str], bool]
    Test = Callable[..., bool]

EVERY: Final = ("label", "label!", "until")
_TRUTH: Final = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def select(rows: Sequence[Row], texts: Sequence[str], tests: Mapping[str, Matches]) -> list[Row]:
    """The rows that pass. *tests* tell by key whether a row matches a value; InvalidArgument for others."""
    wanted = combined(texts, {key: _maker(test) for key, test in tests.items()})
    return [row for row in rows if wanted(row)]


def _maker(matches: Matches) -> Callable[[str], Test]:
    return lambda value: lambda row: matches(row, value)


def combined(
    texts: Sequence[str], makers: Mapping[str, Callable[[str], Test]], *, every: Collection[str] = EVERY
) -> Test:
    """One test of all filters. *makers* make by key the test for a value; `label!=x` has the key `label!`.

    Raises InvalidArgument for a filter that is none, and what the makers raise.
    """
    groups: dict[str, list[Test]] = {}
    for text in (part for given in texts for part in _split(given, makers)):
        key, equals, value = text.partition("=")
        make = makers.get(key.lower())
        if make is None or not equals:
            raise InvalidArgument(
                f"--filter {text!r} is not known", hint=f"it is KEY=VALUE, with one of {', '.join(makers)}"
            )
        groups.setdefault(key.lower(), []).append(make(value))

    def passes(*row: object) -> bool:
        return all(
            (all if key in every else any)(test(*row) for test in tests) for key, tests in groups.items()
        )

    return passes


def _split(text: str, keys: Collection[str]) -> list[str]:
    """Several filters in one text, with commas between them; a value may have a comma, too."""
    first, *others = text.split(",")
    found = [first]
    for part in others:
        key, equals, _ = part.partition("=")
        if equals and key.lower() in keys:
            found.append(part)
        else:
            found[-1] += f",{part}"
    return found


def has_label(labels: Mapping[str, str] | None, wanted: str) -> bool:
    """Whether a label is there; with `NAME=VALUE`, with this value."""
    name, equals, value = wanted.partition("=")
    return labels is not None and name in labels and (not equals or labels[name] == value)


def truth(key: str, value: str) -> bool:
    """The value of a filter that is true or false. Raises InvalidArgument."""
    try:
        return _TRUTH[value.lower()]
    except KeyError:
        raise InvalidArgument(f"--filter {key}={value}: expected true or false") from None


def search(pattern: str, text: str) -> bool:
    """Whether the regular expression *pattern* is in *text*. InvalidArgument if it is none."""
    try:
        return re.search(pattern, text) is not None
    except re.error as error:
        raise InvalidArgument(f"--filter: {pattern!r} is no regular expression: {error}") from error
