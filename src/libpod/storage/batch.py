"""Doing the same to several objects of a store: an error of one does not stop the others."""

from __future__ import annotations

import contextlib

from libpod.errors import LibpodError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@contextlib.contextmanager
def noted(failed: dict[str, LibpodError], key: str) -> Iterator[None]:
    """Note an error of what is done in the block instead of raising it."""
    try:
        yield
    except LibpodError as error:
        failed[key] = error


def each(objects: Mapping[str, str], step: Callable[[str], None], failed: dict[str, LibpodError]) -> None:
    """Call *step* with each value whose key has not failed, and note under the key what fails now."""
    for key, value in objects.items():
        if key not in failed:
            with noted(failed, key):
                step(value)
