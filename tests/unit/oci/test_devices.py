"""Devices for containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from libpod.errors import FileError, InvalidArgument
from libpod.oci import devices


@pytest.mark.parametrize(
    ("text", "path", "access"),
    [
        ("/dev/null", "/dev/null", "rwm"),
        ("/dev/null:r", "/dev/null", "r"),
        ("/dev/null:/dev/nothing", "/dev/nothing", "rwm"),
        ("/dev/null:/dev/nothing:rw", "/dev/nothing", "rw"),
    ],
)
def test_device(text: str, path: str, access: str) -> None:
    found, rules = devices.parse([text])
    assert (found[0]["path"], found[0]["type"], found[0]["major"], found[0]["minor"]) == (path, "c", 1, 3)
    assert rules == [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": access}]


@pytest.mark.parametrize("text", ["", "null", "/dev/null:x", "/dev/null:/a:q", "/dev/null:a:rw", "/a:/b:r:w"])
def test_bad_text(text: str) -> None:
    with pytest.raises(InvalidArgument, match="not of the form"):
        devices.parse([text])


def test_what_is_no_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidArgument, match="is not a device"):
        devices.parse([f"{tmp_path}/file"])
    with pytest.raises(FileError, match="missing"):
        devices.parse([f"{tmp_path}/missing"])
    with pytest.raises(InvalidArgument, match="no devices in"):
        devices.parse([str(tmp_path)])


def test_all_devices_leave_out_terminals() -> None:
    paths = {device["path"] for device in devices.all_devices()}
    assert "/dev/ptmx" not in paths
    assert not any(str(path).startswith(("/dev/pts/", "/dev/shm/")) for path in paths)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c 1:3 rwm", {"type": "c", "major": 1, "minor": 3, "access": "rwm"}),
        ("b 8:* r", {"type": "b", "major": 8, "access": "r"}),
        (" a *:*  rw ", {"type": "a", "access": "rw"}),
        ("c 42 m", {"type": "c", "major": 42, "access": "m"}),
    ],
)
def test_rule(text: str, expected: dict[str, object]) -> None:
    assert devices.rule(text) == {"allow": True, **expected}


@pytest.mark.parametrize("text", ["", "x 1:2 r", "c 1:2", "c 1:2 x", "c 1:2:3 r", "c -1:2 r", "c \u0661:2 r"])
def test_bad_rule(text: str) -> None:
    with pytest.raises(InvalidArgument, match="TYPE MAJOR:MINOR ACCESS"):
        devices.rule(text)


@pytest.mark.parametrize("text", ["/dev/null", "/dev/null:", "null:1", ":1"])
def test_bad_limit_of_a_block_device(text: str) -> None:
    with pytest.raises(InvalidArgument, match="--device-read-bps"):
        devices.block_limit("--device-read-bps", text)


def test_values_of_block_devices() -> None:
    assert devices.weight("--blkio-weight", "10") == 10
    for text in ("9", "1001", "-1", "x", ""):
        with pytest.raises(InvalidArgument, match="between 10 and 1000"):
            devices.weight("--blkio-weight", text)
