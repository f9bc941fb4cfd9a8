"""ID mappings as numbers: which are possible, and who is whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libpod.errors import InvalidArgument
from libpod.storage import idmaps
from libpod.storage.idmaps import IdMaps

RANGES = ((0, 100000, 10), (10, 200000, 5))


@pytest.mark.parametrize(("inside", "host"), [(0, 100000), (9, 100009), (10, 200000), (14, 200004)])
def test_to_host(inside: int, host: int) -> None:
    assert idmaps.to_host(RANGES, inside) == host
    assert idmaps.to_host((), inside) == inside


def test_not_mapped() -> None:
    with pytest.raises(InvalidArgument, match="ID 15 is not in the container's ID mapping"):
        idmaps.to_host(RANGES, 15)


def test_records_and_back() -> None:
    maps = IdMaps(RANGES, ((0, 5, 1),))
    assert idmaps.of_record(maps.records()) == maps
    assert maps.owner() == (100000, 5)
    assert maps.records()["gidmap"] == [{"container_id": 0, "host_id": 5, "size": 1}]
    assert not IdMaps()
    assert IdMaps().records() == {}
    assert IdMaps().owner() == (0, 0)


@pytest.mark.parametrize(
    "value",
    [None, [], {}, [None], [{"container_id": 0}], [{"container_id": "0", "host_id": 1, "size": 1}]],
)
def test_what_is_no_mapping_in_a_record(value: object) -> None:
    assert idmaps.of_record({"uidmap": value, "gidmap": value}) == IdMaps()


@pytest.mark.parametrize("ranges", [(), RANGES, ((5, 1, 1), (0, 9, 5)), ((0, 0, idmaps.MAXIMUM_ID + 1),)])
def test_possible(ranges: tuple[tuple[int, int, int], ...]) -> None:
    idmaps.check(ranges, "mapping")


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        (((0, 1, 0),), "not a range"),
        (((0, 1, 1 << 32),), "not a range"),
        (((0, 1 << 32, 1),), "not a range"),
        (((1, 1, 1),), "does not map ID 0"),
        (((0, 100, 5), (4, 200, 1)), "ID 4 in the container is mapped twice"),
        (((0, 100, 5), (5, 104, 1)), "ID 104 on the host is mapped twice"),
    ],
)
def test_impossible(ranges: tuple[tuple[int, int, int], ...], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        idmaps.check(ranges, "mapping")


def test_shift_to_the_same_owner_keeps_modes(tmp_path: Path) -> None:
    program = tmp_path / "tree" / "program"
    program.parent.mkdir()
    program.write_text("x")
    program.chmod(0o4755)
    os.link(program, tmp_path / "tree" / "second")
    (tmp_path / "tree" / "link").symlink_to("/nowhere")
    mine = ((os.getuid(), os.getuid(), 1),)
    idmaps.shift(str(tmp_path / "tree"), IdMaps(mine, ((os.getgid(), os.getgid(), 1),)))
    assert program.stat().st_mode & 0o7777 == 0o4755
    with pytest.raises(InvalidArgument, match="tree"):
        idmaps.shift(str(tmp_path / "tree"), IdMaps(((os.getuid() + 1, 5, 1),), ()))
