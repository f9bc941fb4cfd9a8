"""Record files: nothing is lost, and damage is never overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from libpod.errors import DecodeError, NoSuchContainer
from libpod.storage import records
from libpod.storage.lockfile import LockFile
from libpod.storage.records import RecordFile


def record_file(directory: Path) -> RecordFile:
    return RecordFile(str(directory / "x.json"), LockFile(str(directory / "x.lock")))


def test_unknown_keys_survive(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"id":"a","future":{"b":[1,null]},"names":["n"]}]')
    table = record_file(tmp_path)
    with table.lock.write() as held:
        table.refresh(held)
        table.add({"id": "b"})
        table.save(held)
    assert json.loads((tmp_path / "x.json").read_text()) == [
        {"id": "a", "future": {"b": [1, None]}, "names": ["n"]},
        {"id": "b"},
    ]
    assert os.stat(tmp_path / "x.json").st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'[{"id":"a"},', "line 1, column 13"),
        (b"", "line 1, column 1"),
        (b'{"id":"a"}', "expected a JSON array"),
        (b'[{"id":"a"},7]', "record 1"),
        (b'[{"name":"a"}]', "record 0"),
        (b'[{"id":"\xff"}]', "offset 8"),
    ],
)
def test_damage_is_refused_with_its_position_and_left_as_it_is(
    tmp_path: Path, content: bytes, place: str
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    table = record_file(tmp_path)
    with table.lock.write() as held, pytest.raises(DecodeError) as caught:
        table.refresh(held)
    assert str(path) in str(caught.value)
    assert place in str(caught.value)
    assert caught.value.hint is not None
    assert path.read_bytes() == content


def test_no_file_and_null_are_empty(tmp_path: Path) -> None:
    assert records.read_records(str(tmp_path / "none.json")) == []
    (tmp_path / "null.json").write_text("null")
    assert records.read_records(str(tmp_path / "null.json")) == []


def test_changes_of_another_program_are_seen(tmp_path: Path) -> None:
    one, other = record_file(tmp_path), record_file(tmp_path)
    with one.lock.write() as held:
        one.refresh(held)
        one.add({"id": "a", "names": ["n"]})
        one.save(held)
    with other.lock.write() as held:
        other.refresh(held)
        other.add({"id": "b"})
        other.save(held)
    with one.lock.read() as held:
        one.refresh(held)
    assert [records.identifier(record) for record in one.records] == ["a", "b"]


def test_finding_by_id_name_and_beginning(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"id":"abc1","names":["one","abd"]},{"id":"abd2"},{"id":"abd"}]')
    table = record_file(tmp_path)
    with table.lock.read() as held:
        table.refresh(held)
    assert table.find("one", NoSuchContainer)["id"] == "abc1"
    assert table.find("abc", NoSuchContainer)["id"] == "abc1"
    # A full ID wins over a name that looks like it.
    assert table.find("abd", NoSuchContainer)["id"] == "abd"
    for missing in ("", "x", "ab"):
        with pytest.raises(NoSuchContainer):
            table.find(missing, NoSuchContainer)
    with pytest.raises(NoSuchContainer, match="not unique"):
        table.find("ab", NoSuchContainer)


def test_incomplete_mark_leaves_other_flags() -> None:
    record: dict[str, object] = {"id": "a", "flags": {"x": 1}}
    records.set_incomplete(record, incomplete=True)
    assert records.is_incomplete(record)
    records.set_incomplete(record, incomplete=False)
    assert record == {"id": "a", "flags": {"x": 1}}
    record = {"id": "b"}
    records.set_incomplete(record, incomplete=True)
    records.set_incomplete(record, incomplete=False)
    assert record == {"id": "b"}


def test_names_are_taken_from_others() -> None:
    table: list[dict[str, object]] = [
        {"id": "a", "names": ["x", "y"]},
        {"id": "b", "names": ["x"]},
        {"id": "c"},
    ]
    records.take_names(table, {"x"}, "c")
    assert table == [{"id": "a", "names": ["y"]}, {"id": "b"}, {"id": "c"}]


class TestVolatileFile:
    """The second file of containers/storage since 1.46."""

    @pytest.fixture
    def table(self, tmp_path: Path) -> RecordFile:
        (tmp_path / "x.json").write_text('[{"id":"a"}]')
        (tmp_path / "volatile-x.json").write_text('[{"id":"v","names":["web"],"future":1},{"id":"w"}]')
        lock = LockFile(str(tmp_path / "x.lock"))
        return RecordFile(str(tmp_path / "x.json"), lock, volatile=str(tmp_path / "volatile-x.json"))

    def both(self, table: RecordFile) -> list[list[str]]:
        return [
            [record["id"] for record in json.loads(Path(str(path)).read_text())]
            for path in (table.path, table.volatile_path)
        ]

    def test_records_stay_where_they_were(self, table: RecordFile) -> None:
        with table.lock.write() as held:
            table.refresh(held)
            assert table.find("web", NoSuchContainer)["future"] == 1
            table.add({"id": "b"})
            table.remove("w")
            table.save(held)
            assert self.both(table) == [["a", "b"], ["v"]]
            table.remove_all({"a", "v"})
            table.save(held)
        assert self.both(table) == [["b"], []]

    @pytest.mark.parametrize(("change", "written"), [("a", [True, False]), ("v", [False, True])])
    def test_only_a_file_that_changes_is_written(
        self, table: RecordFile, change: str, written: list[bool]
    ) -> None:
        paths = [Path(table.path), Path(str(table.volatile_path))]
        before = [path.stat().st_ino for path in paths]
        with table.lock.write() as held:
            table.refresh(held)
            table.find(change, NoSuchContainer)["metadata"] = "new"
            table.save(held)
        assert [path.stat().st_ino != inode for path, inode in zip(paths, before, strict=True)] == written

    def test_changes_of_another_program_are_seen(self, table: RecordFile) -> None:
        with table.lock.read() as held:
            table.refresh(held)
        with table.lock.write() as held:
            Path(str(table.volatile_path)).write_text('[{"id":"z"}]')
            held.touch()
        with table.lock.read() as held:
            table.refresh(held)
            assert table.get("z") is not None
            assert table.get("v") is None

    def test_emptied_by_a_power_cut(self, table: RecordFile) -> None:
        Path(str(table.volatile_path)).write_bytes(b"")
        with table.lock.read() as held:
            table.refresh(held)
        assert [record["id"] for record in table.records] == ["a"]

    def test_damage(self, table: RecordFile) -> None:
        Path(str(table.volatile_path)).write_bytes(b"[{")
        with table.lock.read() as held, pytest.raises(DecodeError, match="volatile-x"):
            table.refresh(held)
