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
