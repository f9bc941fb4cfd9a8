"""Is every page of a bolt file where it belongs?

Walks all buckets of one state from the root and compares the pages that it meets with the free list. Goes
on after damage, so that one run names all of it.
"""

from __future__ import annotations

from libpod.boltdb.bucket import decode_bucket, readable
from libpod.boltdb.freepages import decode_free_list
from libpod.boltdb.layout import FIRST_DATA_PAGE, NO_FREELIST
from libpod.boltdb.nodes import Branch, Leaf, decode_node
from libpod.errors import DatabaseCorrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from libpod.boltdb.layout import Meta
    from libpod.boltdb.nodes import Node
    from libpod.boltdb.pagefile import PageFile


class Problem:
    """One piece of damage: its page, the bucket that the page belongs to ("" for the top level), and what
    it is.

    A *harmless* problem costs space and nothing else. bbolt 1.3 itself loses pages when one transaction
    changes a bucket and then removes it.
    """

    __slots__ = ("bucket", "harmless", "message", "page")

    def __init__(self, page: int, bucket: str, message: str, *, harmless: bool = False) -> None:
        self.page = page
        self.bucket = bucket
        self.message = message
        self.harmless = harmless

    def __str__(self) -> str:
        place = f" (bucket {self.bucket})" if self.bucket else ""
        return f"page {self.page}{place}: {self.message}"

    def __repr__(self) -> str:
        return f"<Problem {self}>"


def check(file: PageFile, meta: Meta) -> Iterator[Problem]:
    """Yield every problem in the state *meta* of *file*."""
    return _Check(file, meta).run()


class _Place:
    """A page to look at: its bucket and the root page of that, the keys that it may have, and its level."""

    __slots__ = ("bucket", "depth", "lower", "page", "root", "upper")

    def __init__(self, page: int, bucket: str, parent: _Place | None = None) -> None:
        """Begin with the root page of *bucket*, or with a page below *parent*."""
        self.page = page
        self.bucket = bucket
        self.root: int = parent.root if parent else page
        self.depth: int = parent.depth + 1 if parent else 0
        self.lower: bytes | None = None
        self.upper: bytes | None = None

    def fits(self, keys: list[bytes]) -> bool:
        """Tell whether *keys* may stand on this page."""
        if not keys:
            return True
        return (self.lower is None or self.lower <= keys[0]) and (self.upper is None or keys[-1] < self.upper)


class _Check:
    """One walk through a file."""

    def __init__(self, file: PageFile, meta: Meta) -> None:
        self.file = file
        self.meta = meta
        self.users: dict[int, str] = {}
        """Page: the bucket that uses it."""
        self.hidden = False
        """Damage hides a part of the file: a page that nobody was seen to use may be in use all the same."""
        self.leaf_depths: dict[int, int] = {}
        """Root page of a bucket: the level of its leaves."""

    def run(self) -> Iterator[Problem]:
        waiting = [_Place(self.meta.root, "")]
        while waiting:
            place = waiting.pop()
            node = yield from self.read(place)
            if isinstance(node, Branch):
                waiting.extend(_children(place, node))
            elif isinstance(node, Leaf):
                yield from self.same_depth(place)
                waiting.extend((yield from self.nested(place, node)))
        yield from self.free_pages()

    def read(self, place: _Place) -> Generator[Problem, None, Node | None]:
        """Read the page at *place*; None when nothing below it can be trusted."""
        try:
            data, span = self.file.read(place.page, self.meta.high_water)
            node = decode_node(data, span=span)
        except (DatabaseCorrupt, ValueError) as error:
            self.hidden = True
            yield Problem(place.page, place.bucket, self.cause(error, place.page))
            return None
        for page in range(place.page, place.page + span):
            if page in self.users:
                yield Problem(page, place.bucket, f"bucket {self.users[page] or 'at the top'} uses it too")
                return None
            self.users[page] = place.bucket
        if not place.fits(node.keys):
            yield Problem(place.page, place.bucket, "it has keys that belong on other pages")
        return node

    def same_depth(self, place: _Place) -> Iterator[Problem]:
        depth = self.leaf_depths.setdefault(place.root, place.depth)
        if depth != place.depth:
            yield Problem(
                place.page, place.bucket, f"it is {place.depth} levels deep, another leaf is {depth}"
            )

    def nested(self, place: _Place, leaf: Leaf) -> Generator[Problem, None, list[_Place]]:
        """Return the root pages of the buckets in *leaf*."""
        found = []
        for key, value, flag in zip(leaf.keys, leaf.values, leaf.flags, strict=True):
            if not flag:
                continue
            name = f"{place.bucket}/{readable(key)}" if place.bucket else readable(key)
            try:
                root, _, _ = decode_bucket(value)
            except ValueError as error:
                self.hidden = True
                yield Problem(place.page, name, str(error))
                continue
            if root:
                found.append(_Place(root, name))
        return found

    def free_pages(self) -> Iterator[Problem]:
        """Compare the free list with the pages that are in use."""
        if self.meta.freelist == NO_FREELIST:
            return
        place = _Place(self.meta.freelist, "")
        try:
            data, span = self.file.read(place.page, self.meta.high_water)
            free = set(decode_free_list(data, self.meta.high_water))
        except (DatabaseCorrupt, ValueError) as error:
            yield Problem(place.page, "", f"free list: {self.cause(error, place.page)}")
            return
        stored = range(place.page, place.page + span)
        for page in stored:
            if page in free or page in self.users:
                yield Problem(
                    page,
                    self.users.get(page, ""),
                    "it holds the free list, and is free or used otherwise too",
                )
        for page in sorted(free.intersection(self.users)):
            yield Problem(page, self.users[page], "it is in use, but the free list has it as free")
        if not self.hidden:
            for page in range(FIRST_DATA_PAGE, self.meta.high_water):
                if page not in free and page not in self.users and page not in stored:
                    yield Problem(page, "", "nothing uses it, but it is not in the free list", harmless=True)

    def cause(self, error: Exception, page: int) -> str:
        """Return the message of *error* without file and page, which a problem names itself."""
        return str(error).removeprefix(f"{self.file.path}: page {page}: ")


def _children(place: _Place, branch: Branch) -> Iterator[_Place]:
    uppers = [*branch.keys[1:], place.upper]
    for key, upper, child in zip(branch.keys, uppers, branch.children, strict=True):
        if isinstance(child, int):
            below = _Place(child, place.bucket, place)
            below.lower, below.upper = key, upper
            yield below
