"""The checker finds every kind of damage, and names the page and the bucket."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database
from libpod.boltdb.layout import NO_FREELIST
from tests.unit.boltdb.helpers import (
    PAGE,
    Content,
    change_meta,
    header,
    make,
    newest_meta,
    numbered,
    page_bytes,
    patch,
    problems,
    require,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WANTED: Content = {
    b"plain": {b"k": b"v" * 9000},
    b"tree": numbered(1000, b"v" * 20),
    b"outer": {b"inner": {b"k": b"v" * 3000}, b"other": {b"k": b"w" * 3000}, b"inline": {b"k": b"v"}},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "test.db"
    make(path, WANTED)
    with Database.open(path) as db, db.update() as tx:  # leaves free pages behind
        require(tx.bucket(b"plain")).put(b"k", b"v" * 9001)
    return path


def found(path: Path) -> list[str]:
    with Database.open(path, read_only=True) as db, db.view() as tx:
        return problems(tx)


def root_of(path: Path, *names: bytes) -> int:
    with Database.open(path, read_only=True) as db, db.view() as tx:
        bucket = require(tx.bucket(names[0]))
        for name in names[1:]:
            bucket = require(bucket.bucket(name))
        return bucket.header()[0]


def free_ids(path: Path) -> list[int]:
    page = newest_meta(path).freelist
    count = header(path, page)[2]
    return list(struct.unpack_from(f"={count}Q", page_bytes(path, page), 16))


def write_free_ids(path: Path, ids: list[int]) -> None:
    page = newest_meta(path).freelist
    patch(path, page * PAGE + 10, struct.pack("=H", len(ids)))
    patch(path, page * PAGE + 16, struct.pack(f"={len(ids)}Q", *ids))


def replace_root(path: Path, old: int, new: int) -> None:
    """Change the root page in a bucket's header, wherever it stands."""
    data = path.read_bytes()
    root = newest_meta(path).root * PAGE
    stored_header = struct.pack("=QQ", old, 0)
    places = [at for at in range(len(data)) if data.startswith(stored_header, at)] if old else [root]
    assert places
    for place in places:
        patch(path, place, struct.pack("=Q", new))


def test_sound_file(path: Path) -> None:
    assert found(path) == []
    assert free_ids(path)


def test_file_without_a_free_list(path: Path) -> None:
    change_meta(path, lambda meta: setattr(meta, "freelist", NO_FREELIST))
    assert found(path) == []


def lose_a_free_page(path: Path) -> str:
    ids = free_ids(path)
    write_free_ids(path, ids[1:])
    return f"page {ids[0]}: nothing uses it, but it is not in the free list"


def free_a_used_page(path: Path) -> str:
    page = root_of(path, b"outer", b"inner")
    write_free_ids(path, sorted([*free_ids(path), page]))
    return f"page {page} (bucket outer/inner): it is in use, but the free list has it as free"


def free_an_overflow_page(path: Path) -> str:
    page = root_of(path, b"plain") + 2
    write_free_ids(path, sorted([*free_ids(path), page]))
    return f"page {page} (bucket plain): it is in use, but the free list has it as free"


def free_the_free_list(path: Path) -> str:
    page = newest_meta(path).freelist
    write_free_ids(path, sorted([*free_ids(path), page]))
    return f"page {page}: it holds the free list, and is free or used otherwise too"


def free_twice(path: Path) -> str:
    ids = free_ids(path)
    write_free_ids(path, [ids[0], *ids])
    return f"page {newest_meta(path).freelist}: free list: its entries are not in order"


def free_a_page_out_of_reach(path: Path) -> str:
    write_free_ids(path, [*free_ids(path), newest_meta(path).high_water])
    return f"page {newest_meta(path).freelist}: free list: it lists a page outside"


def put_a_leaf_for_the_free_list(path: Path) -> str:
    page = newest_meta(path).freelist
    patch(path, page * PAGE + 8, b"\2\0")
    return f"page {page}: free list: its type is 0x02"


def share_a_bucket(path: Path) -> str:
    inner, other = root_of(path, b"outer", b"inner"), root_of(path, b"outer", b"other")
    replace_root(path, other, inner)
    return f"page {inner} (bucket outer/inner): bucket outer/other uses it too"


def put_a_bucket_into_itself(path: Path) -> str:
    inner, outer = root_of(path, b"outer", b"inner"), root_of(path, b"outer")
    replace_root(path, inner, outer)
    return f"page {outer} (bucket outer/inner): bucket outer uses it too"


def send_a_bucket_out_of_the_file(path: Path) -> str:
    replace_root(path, root_of(path, b"outer", b"inner"), 70_000)
    return "page 70000 (bucket outer/inner): something refers to it, but pages 2 to"


def damage_a_page_id(path: Path) -> str:
    page = root_of(path, b"outer", b"inner")
    patch(path, page * PAGE, b"\xff")
    return f"page {page} (bucket outer/inner): it says that it is page"


def damage_a_type(path: Path) -> str:
    page = root_of(path, b"plain")
    patch(path, page * PAGE + 8, b"\x40")
    return f"page {page} (bucket plain): its type is 0x40"


def damage_an_overflow(path: Path) -> str:
    page = root_of(path, b"plain")
    patch(path, page * PAGE + 14, b"\x01")
    return f"page {page} (bucket plain): its 65538 overflow pages reach beyond the pages in use"


def first_leaf(path: Path) -> int:
    return int(struct.unpack_from("=Q", page_bytes(path, root_of(path, b"tree")), 16 + 8)[0])


def swap_keys_of_a_leaf(path: Path) -> str:
    leaf = first_leaf(path)
    place = page_bytes(path, leaf).index(b"key000001")
    patch(path, leaf * PAGE + place, b"key999999")
    return f"page {leaf} (bucket tree): its keys are not in order"


def move_a_key_to_another_leaf(path: Path) -> str:
    leaf = first_leaf(path)
    place = page_bytes(path, leaf).rindex(b"key0000")
    patch(path, leaf * PAGE + place, b"key000999")
    return f"page {leaf} (bucket tree): it has keys that belong on other pages"


def point_a_branch_at_itself(path: Path) -> str:
    root = root_of(path, b"tree")
    patch(path, root * PAGE + 16 + 8, struct.pack("=Q", root))
    return f"page {root} (bucket tree): bucket tree uses it too"


def damage_an_inline_bucket(path: Path) -> str:
    page = root_of(path, b"outer")
    place = page_bytes(path, page).index(b"inline") + len(b"inline")
    patch(path, page * PAGE + place + 16 + 8, b"\1")
    return f"page {page} (bucket outer/inline): "


@pytest.mark.parametrize(
    "damage",
    [
        lose_a_free_page,
        free_a_used_page,
        free_an_overflow_page,
        free_the_free_list,
        free_twice,
        free_a_page_out_of_reach,
        put_a_leaf_for_the_free_list,
        share_a_bucket,
        put_a_bucket_into_itself,
        send_a_bucket_out_of_the_file,
        damage_a_page_id,
        damage_a_type,
        damage_an_overflow,
        swap_keys_of_a_leaf,
        move_a_key_to_another_leaf,
        point_a_branch_at_itself,
        damage_an_inline_bucket,
    ],
)
def test_damage_is_found_and_named(path: Path, damage: Callable[[Path], str]) -> None:
    expected = damage(path)
    texts = found(path)
    assert any(text.startswith(expected) for text in texts), (expected, texts)


def test_all_damage_is_found_in_one_run(path: Path) -> None:
    expected = [
        damage_a_page_id(path),
        damage_a_type(path),
        swap_keys_of_a_leaf(path),
        free_the_free_list(path),
    ]
    texts = found(path)
    assert all(any(text.startswith(one) for text in texts) for one in expected)
    assert "nothing uses it" not in " ".join(texts)  # nobody can tell while pages cannot be read


def test_check_looks_at_the_state_before_the_transaction(path: Path) -> None:
    with Database.open(path) as db:
        with db.update() as tx:
            require(tx.bucket(b"tree")).put(b"k", b"v" * 10_000)
            require(tx.bucket(b"tree")).flush()
            assert problems(tx) == []
        with db.view() as tx:
            assert problems(tx) == []
    assert stored(path)


def test_only_lost_pages_are_harmless(path: Path) -> None:
    lost = lose_a_free_page(path)
    free_a_used_page(path)
    with Database.open(path, read_only=True) as db, db.view() as tx:
        harmless = {str(problem): problem.harmless for problem in tx.check()}
    assert harmless.pop(lost)
    assert len(harmless) == 1
    assert not any(harmless.values())


def test_problem_shows_itself(path: Path) -> None:
    expected = damage_a_type(path)
    with Database.open(path, read_only=True) as db, db.view() as tx:
        (problem,) = tx.check()
        assert str(problem).startswith(expected)
        assert repr(problem) == f"<Problem {problem}>"
        assert (problem.page, problem.bucket) == (root_of_bucket(tx.bucket(b"plain")), "plain")


def root_of_bucket(bucket: object) -> int:
    from libpod.boltdb import Bucket

    assert isinstance(bucket, Bucket)
    return bucket.header()[0]
