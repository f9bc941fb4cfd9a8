"""Damaged files: the answer is the right data or DatabaseCorrupt, never another exception or an endless
walk.
"""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database
from libpod.boltdb.layout import BRANCH_PAGE, ELEMENT_SIZE, LEAF_PAGE, PAGE_HEADER_SIZE
from libpod.boltdb.nodes import Branch
from libpod.errors import DatabaseCorrupt
from tests.unit.boltdb.helpers import (
    PAGE,
    Content,
    content,
    header,
    make,
    newest_meta,
    numbered,
    page_bytes,
    pages_of_type,
    patch,
    problems,
    read_meta,
    require,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WANTED: Content = {
    b"ctr": {
        b"%064d" % number: {
            b"config": b"%d" % number * 3000,
            b"state": b'{"state":3}',
            b"dependencies": {b"d": b"e"},
        }
        for number in range(25)
    },
    b"flat": numbered(400, b"v" * 30),
    b"one": {b"k": b"v"},
}


WANTED_FLAT = numbered(400)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "test.db"
    make(path, WANTED)
    with Database.open(path) as db:
        for value in (b"other", b"v"):
            with db.update() as tx:
                require(tx.bucket(b"one")).put(b"k", value)
    return path.read_bytes()[: newest_meta(path).high_water * PAGE]


@pytest.fixture
def path(tmp_path: Path, sound: bytes) -> Path:
    path = tmp_path / "test.db"
    path.write_bytes(sound)
    return path


def read_all(path: Path) -> Content | None:
    """Return the content, or None when it is found to be damaged; the checker must end, whatever there is."""
    try:
        with Database.open(path, read_only=True) as db, db.view() as tx:
            problems(tx)
            return content(tx)
    except DatabaseCorrupt:
        return None


def write_all(path: Path) -> bool:
    """Change something in every bucket, and delete the largest one; tell whether the file could take it."""
    try:
        with Database.open(path) as db:
            with db.update() as tx:
                for _, bucket in tx.buckets():
                    bucket.put(b"new", b"n" * 3000)
                    for key, value in list(bucket.items())[::3]:
                        if value is not None:
                            bucket.delete(key)
            with db.update() as tx:
                if b"ctr" in dict(tx.buckets()):
                    tx.delete_bucket(b"ctr")
    except DatabaseCorrupt:
        return False
    return True


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def structure(path: Path) -> list[int]:
    """Return the places of all bytes that hold the structure of the pages in use, not keys and values."""
    places: list[int] = []
    with Database.open(path, read_only=True) as db, db.view() as tx:
        used = tx.pages()
    for page in used:
        count = header(path, page)[2]
        places += range(page * PAGE, page * PAGE + PAGE_HEADER_SIZE + count * ELEMENT_SIZE)
    return places


@pytest.mark.parametrize("seed", range(10))
def test_flipped_bit_in_the_structure_gives_the_right_data_or_an_error(
    path: Path, sound: bytes, seed: int
) -> None:
    rng = random.Random(seed)
    places = structure(path)
    for _ in range(20):
        bit = rng.choice(places) * 8 + rng.randrange(8)
        flip(path, bit)
        found = read_all(path)
        assert found is None or found == WANTED or contradicts_nothing(path, bit // 8), divmod(bit // 8, PAGE)
        path.write_bytes(sound)


def contradicts_nothing(path: Path, place: int) -> bool:
    """Tell whether a wrong byte at *place* leaves a page of the right form: the format has no checksum
    over its pages.

    That is so for the length of a page's last key or value, and for the flag that tells a bucket from a
    value.
    """
    kind, count = header(path, place // PAGE)[1:3]
    element, inside = divmod(place % PAGE - PAGE_HEADER_SIZE, ELEMENT_SIZE)
    if kind == LEAF_PAGE:
        return inside == 0 or (element == count - 1 and inside >= 8)
    return kind == BRANCH_PAGE and element == count - 1 and 4 <= inside < 8


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("bits", [1, 8, 200])
def test_flipped_bits_anywhere(path: Path, sound: bytes, seed: int, bits: int) -> None:
    rng = random.Random(seed * 1000 + bits)
    for _ in range(5):
        for _ in range(bits):
            flip(path, rng.randrange(len(sound) * 8))
        read_all(path)
        write_all(path)
        read_all(path)
        path.write_bytes(sound)


@pytest.mark.parametrize("seed", range(6))
def test_pages_in_each_others_place(path: Path, sound: bytes, seed: int) -> None:
    """A lost or misdirected write: a page has the right form, but is another one."""
    rng = random.Random(seed)
    pages = len(sound) // PAGE
    for _ in range(10):
        source, target = rng.randrange(2, pages), rng.randrange(2, pages)
        page = bytearray(page_bytes(path, source))
        if rng.random() < 0.7:
            struct.pack_into("=Q", page, 0, target)
        patch(path, target * PAGE, bytes(page))
        read_all(path)
        write_all(path)
        path.write_bytes(sound)


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"{"], ids=["zeros", "ones", "text"])
def test_every_page_lost(path: Path, sound: bytes, fill: bytes) -> None:
    with Database.open(path, read_only=True) as db, db.view() as tx:
        used = tx.pages()
    for page in range(2, len(sound) // PAGE):
        patch(path, page * PAGE, fill * PAGE)
        found = read_all(path)
        if page in used:
            assert found is None
        write_all(path)
        path.write_bytes(sound)


class TestCircles:
    """Pages that lead back to themselves."""

    def root_of(self, path: Path, *names: bytes) -> int:
        with Database.open(path, read_only=True) as db, db.view() as tx:
            bucket = require(tx.bucket(names[0]))
            for name in names[1:]:
                bucket = require(bucket.bucket(name))
            return bucket.header()[0]

    def point(self, path: Path, page: int, element: int, target: int) -> None:
        patch(path, page * PAGE + PAGE_HEADER_SIZE + element * ELEMENT_SIZE + 8, struct.pack("=Q", target))

    @pytest.mark.parametrize("element", [0, 1])
    def test_branch_is_its_own_child(self, path: Path, element: int) -> None:
        root = self.root_of(path, b"flat")
        self.point(path, root, element, root)
        assert read_all(path) is None
        assert not write_all(path)

    def test_single_branch_without_end(self, path: Path) -> None:
        root = self.root_of(path, b"flat")
        self.point(path, root, 0, root)
        patch(path, root * PAGE + 10, b"\1\0")  # one element: the key lies within the bounds of every level
        key = page_bytes(path, root)[16 : 16 + 4]
        patch(path, root * PAGE + 16, struct.pack("=I", ELEMENT_SIZE))
        patch(path, root * PAGE + 32, b"key000000")
        assert len(key) == 4
        with Database.open(path, read_only=True) as db, db.view() as tx:
            with pytest.raises(DatabaseCorrupt, match="pages form a circle"):
                require(tx.bucket(b"flat")).get(b"key000000")
            with pytest.raises(DatabaseCorrupt, match="pages form a circle"):
                list(require(tx.bucket(b"flat")).items())
            with pytest.raises(DatabaseCorrupt, match="is used twice"):
                tx.pages()
        with Database.open(path) as db, db.update() as tx, pytest.raises(DatabaseCorrupt):
            require(tx.bucket(b"flat")).put(b"k", b"v")

    @pytest.mark.parametrize("target", ["itself", "its parent", "the top"])
    def test_bucket_in_itself(self, path: Path, target: str) -> None:
        name = b"%064d" % 3
        inner = self.root_of(path, b"ctr", name)
        pages = {
            "itself": self.leaf_with(path, name),
            "its parent": self.root_of(path, b"ctr"),
            "the top": newest_meta(path).root,
        }
        data = path.read_bytes()
        place = data.index(struct.pack("=QQ", inner, 0))
        patch(path, place, struct.pack("=Q", pages[target]))
        assert read_all(path) is None

    def leaf_with(self, path: Path, key: bytes) -> int:
        return next(page for page in pages_of_type(path, LEAF_PAGE) if key in page_bytes(path, page))

    def test_two_buckets_on_one_page(self, path: Path) -> None:
        first, second = (self.root_of(path, b"ctr", b"%064d" % number) for number in (3, 4))
        place = path.read_bytes().index(struct.pack("=QQ", second, 0))
        patch(path, place, struct.pack("=Q", first))
        assert read_all(path) is None
        with Database.open(path) as db, db.update() as tx:
            ctr = require(tx.bucket(b"ctr"))
            require(ctr.bucket(b"%064d" % 3)).put(b"state", b"new")
            with pytest.raises(
                DatabaseCorrupt, match=f"page {first}: it is the root of bucket 0*4 and of 0*3$"
            ):
                ctr.bucket(b"%064d" % 4)
            tx.rollback()


class TestDamageInOneBucket:
    """The other buckets stay usable, in one and the same transaction."""

    @pytest.fixture
    def broken(self, path: Path) -> Path:
        with Database.open(path, read_only=True) as db, db.view() as tx:
            ctr = require(tx.bucket(b"ctr"))
            page = require(ctr.bucket(b"%064d" % 7)).header()[0]
        patch(path, page * PAGE + 8, b"\xff\xff")
        return path

    def test_others_are_read(self, broken: Path) -> None:
        with Database.open(broken, read_only=True) as db, db.view() as tx:
            ctr = require(tx.bucket(b"ctr"))
            with pytest.raises(DatabaseCorrupt, match=r"page \d+: its type is 0xffff"):
                require(ctr.bucket(b"%064d" % 7)).get(b"state")
            assert require(ctr.bucket(b"%064d" % 8)).get(b"state") == b'{"state":3}'

    def test_others_are_changed_in_the_same_transaction(self, broken: Path) -> None:
        with Database.open(broken) as db:
            with db.update() as tx:
                ctr = require(tx.bucket(b"ctr"))
                refused = []
                for name in ctr.buckets():
                    bucket = require(ctr.bucket(name))
                    try:
                        bucket.put(b"state", b"new")
                        bucket.flush()
                    except DatabaseCorrupt:
                        refused.append(name)
                assert refused == [b"%064d" % 7]
            with db.view() as tx:
                ctr = require(tx.bucket(b"ctr"))
                states = [
                    require(ctr.bucket(name)).get(b"state") for name in ctr.buckets() if name not in refused
                ]
                assert states == [b"new"] * 24

    def test_keys_beside_a_damaged_page_are_deleted(self, path: Path) -> None:
        """The page is not joined with its neighbour, which is the only one that could not be kept as it
        is.
        """
        with Database.open(path, read_only=True) as db, db.view() as tx:
            root = tx.load(require(tx.bucket(b"flat")).header()[0])
        assert isinstance(root, Branch)
        keys, lost = root.keys, root.children[1]
        assert isinstance(lost, int)
        patch(path, lost * PAGE + 8, b"\xff\xff")
        with Database.open(path) as db:
            with db.update() as tx:
                bucket = require(tx.bucket(b"flat"))
                for key in sorted(WANTED_FLAT):
                    if key < keys[1] or keys[2] <= key < keys[-1]:
                        bucket.delete(key)
                bucket.put(b"a", b"v")
                bucket.flush()
            with db.view() as tx:
                texts = problems(tx)
                assert len(texts) == 1
                assert texts[0].startswith(f"page {lost} (bucket flat): its type is 0xffff")
                bucket = require(tx.bucket(b"flat"))
                assert bucket.get(b"a") == b"v"
                kept = [key for key in WANTED_FLAT if key >= keys[-1]]
                assert [key for key, _ in bucket.seek(keys[-1])] == sorted(kept)

    def test_failed_delete_leaves_the_transaction_usable(self, path: Path) -> None:
        """The bucket is sound, but the page of its parent that names it has become unreadable meanwhile."""
        name = b"%064d" % 8
        with Database.open(path) as db, db.update() as tx:
            ctr = require(tx.bucket(b"ctr"))
            require(ctr.bucket(name))
            leaf, _ = ctr._find(name)
            patch(path, leaf.page * PAGE + 8, b"\xff\xff")
            tx._cache.clear()
            with pytest.raises(DatabaseCorrupt):
                ctr.delete_bucket(name)
            require(tx.bucket(b"one")).put(b"k", b"new")
        with Database.open(path, read_only=True) as db, db.view() as tx:
            assert require(tx.bucket(b"one")).get(b"k") == b"new"
            assert not [text for text in problems(tx) if "free list" in text]

    def test_it_cannot_be_deleted_and_the_transaction_goes_on(self, broken: Path) -> None:
        with Database.open(broken) as db, db.update() as tx:
            ctr = require(tx.bucket(b"ctr"))
            with pytest.raises(DatabaseCorrupt):
                ctr.delete_bucket(b"%064d" % 7)
            ctr.delete_bucket(b"%064d" % 8)
        with Database.open(broken, read_only=True) as db, db.view() as tx:
            assert len(list(require(tx.bucket(b"ctr")))) == 24

    def test_it_is_deleted_where_its_pages_may_be_lost(self, broken: Path) -> None:
        with Database.open(broken) as db, db.update() as tx:
            ctr = require(tx.bucket(b"ctr"))
            ctr.delete_bucket(b"%064d" % 7, lose_pages=True)
            ctr.create_bucket(b"%064d" % 7).put(b"k", b"v")
        with Database.open(broken, read_only=True) as db, db.view() as tx:
            assert len(list(require(tx.bucket(b"ctr")))) == 25
            assert all(problem.harmless for problem in tx.check())


def test_used_page_in_the_free_list_is_never_overwritten_unseen(path: Path) -> None:
    """Reading it in a write transaction tells: it could be given out at any time."""
    with Database.open(path, read_only=True) as db, db.view() as tx:
        page = require(tx.bucket(b"flat")).header()[0]
    free_list = newest_meta(path).freelist
    count = header(path, free_list)[2]
    ids = list(struct.unpack_from(f"={count}Q", page_bytes(path, free_list), 16))
    ids = sorted([*ids, page])
    patch(
        path,
        free_list * PAGE + 10,
        struct.pack("=H", len(ids)) + b"\0\0\0\0" + struct.pack(f"={len(ids)}Q", *ids),
    )
    with Database.open(path) as db, db.update() as tx:
        with pytest.raises(
            DatabaseCorrupt, match=f"page {page}: it is in use, but the free list has it as free"
        ):
            require(tx.bucket(b"flat")).get(b"key000001")
        tx.rollback()


DAMAGED_FREE_LISTS: dict[str, Callable[[int], bytes]] = {
    "no type": lambda page: struct.pack("=QHHI", page, 0, 0, 0),
    "other page": lambda page: struct.pack("=QHHI", page + 1, 16, 0, 0),
    "too long": lambda page: struct.pack("=QHHI", page, 16, 0xFFFE, 0),
    "endless": lambda page: struct.pack("=QHHIQ", page, 16, 0xFFFF, 0, 1 << 62),
    "meta page free": lambda page: struct.pack("=QHHIQ", page, 16, 1, 0, 1),
}


@pytest.mark.parametrize("damage", DAMAGED_FREE_LISTS)
def test_damaged_free_list_stops_writers_only(path: Path, damage: str) -> None:
    page = newest_meta(path).freelist
    patch(path, page * PAGE, DAMAGED_FREE_LISTS[damage](page))
    assert read_all(path) == WANTED
    with Database.open(path) as db:
        for _ in range(2):
            with pytest.raises(DatabaseCorrupt, match=rf"test\.db: page {page}: "):
                db.update()
        with db.view() as tx:
            assert content(tx) == WANTED


def test_meta_pages_damaged_while_the_file_is_open(path: Path) -> None:
    with Database.open(path) as db:
        for slot in (0, 1):
            assert read_meta(path, slot)
            patch(path, slot * PAGE, b"\0" * PAGE)
        for begin in (db.view, db.update):
            with pytest.raises(DatabaseCorrupt):
                begin()
