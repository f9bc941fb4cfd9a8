"""`--filter KEY=VALUE` of lists, with Podman's rules.

Of several values for one key one must match, but every one of the keys in `EVERY`; of several keys, all.
"""

from __future__ import annotations

import re

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final, TypeVar

    Row = TypeVar("Row", bound=Mapping[str, Any])
    Matches = Callable[[Any, str], bool]

EVERY: Final = ("label", "label!", "until")


def select(rows: Sequence[Row], texts: Sequence[str], tests: Mapping[str, Matches]) -> list[Row]:
    """The rows that pass. *tests* tell by key whether a row matches a value; InvalidArgument for others."""
    wanted = parse(texts, tests)
    return [row for row in rows if all(_passes(row, key, wanted[key], tests[key]) for key in wanted)]


def parse(texts: Sequence[str], keys: Mapping[str, object]) -> dict[str, list[str]]:
    """The values by key; `label!=x` has the key `label!`."""
    wanted: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key not in keys:
            raise InvalidArgument(
                f"--filter {text!r} is not known", hint=f"it is KEY=VALUE, with one of {', '.join(keys)}"
            )
        wanted.setdefault(key, []).append(value)
    return wanted


def _passes(row: Row, key: str, values: Sequence[str], matches: Matches) -> bool:
    found = (matches(row, value) for value in values)
    return all(found) if key in EVERY else any(found)


def has_label(labels: Mapping[str, str] | None, wanted: str) -> bool:
    """Whether a label is there; with `NAME=VALUE`, with this value."""
    name, equals, value = wanted.partition("=")
    return labels is not None and name in labels and (not equals or labels[name] == value)


def search(pattern: str, text: str) -> bool:
    """Whether the regular expression *pattern* is in *text*. InvalidArgument if it is none."""
    try:
        return re.search(pattern, text) is not None
    except re.error as error:
        raise InvalidArgument(f"--filter: {pattern!r} is no regular expression: {error}") from error
