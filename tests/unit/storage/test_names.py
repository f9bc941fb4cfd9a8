"""Image names, big-data names, driver options."""

from __future__ import annotations

from pathlib import Path

import pytest

from libpod.errors import FileError, InvalidArgument, NotSupported
from libpod.storage import bigdata, driver, images, options
from libpod.storage.options import DriverOptions


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bb", ["bb", "localhost/bb:latest", "docker.io/library/bb:latest"]),
        ("bb:1", ["bb:1", "localhost/bb:1", "docker.io/library/bb:1"]),
        ("me/bb", ["me/bb", "localhost/me/bb:latest", "docker.io/me/bb:latest"]),
        ("localhost/bb", ["localhost/bb", "localhost/bb:latest"]),
        ("host:5000/bb", ["host:5000/bb", "host:5000/bb:latest"]),
        ("quay.io/a/b@sha256:12", ["quay.io/a/b@sha256:12", "quay.io/a/b@sha256:12"]),
        ("a" * 64, ["a" * 64]),
        ("", [""]),
    ],
)
def test_short_names(name: str, expected: list[str]) -> None:
    assert images.normalize(name) == expected


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("manifest", "manifest"),
        ("a.1", "a.1"),
        ("sha256:077c", "=c2hhMjU2OjA3N2M="),
        ("Manifest", "=TWFuaWZlc3Q="),
    ],
)
def test_file_of_big_data(key: str, name: str) -> None:
    assert bigdata.file_name(key) == name


def test_missing_big_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="manifest"):
        bigdata.read(str(tmp_path), "abc", "manifest")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], DriverOptions()),
        (["overlay.mountopt=nodev,metacopy=on"], DriverOptions(mount_options=("nodev", "metacopy=on"))),
        ([".skip_mount_home=true"], DriverOptions(skip_mount_home=True)),
        (["mount_program=/usr/bin/fuse-overlayfs"], DriverOptions(mount_program="/usr/bin/fuse-overlayfs")),
        (["overlay2.force_mask=shared"], DriverOptions(force_mask=0o755)),
        (["overlay.force_mask=0711"], DriverOptions(force_mask=0o711)),
        (["vfs.ignore_chown_errors=1", "overlay.size=1g"], DriverOptions(ignore_chown_errors=True)),
    ],
)
def test_driver_options(texts: list[str], expected: DriverOptions) -> None:
    assert options.parse(texts) == expected


@pytest.mark.parametrize(
    "text",
    ["", "x", "overlay.nope=1", "zfs.mountopt=x", "overlay.skip_mount_home=maybe", "overlay.force_mask=9"],
)
def test_bad_driver_option_is_named(text: str) -> None:
    with pytest.raises(InvalidArgument, match="storage option"):
        options.parse([text])


def test_driver_is_the_one_that_made_the_store(tmp_path: Path) -> None:
    assert driver.detect(str(tmp_path)) == "overlay"
    (tmp_path / "vfs").mkdir()
    assert driver.detect(str(tmp_path)) == "overlay"
    (tmp_path / "vfs-images").mkdir()
    assert driver.detect(str(tmp_path)) == "vfs"


@pytest.mark.parametrize(("name", "error"), [("zfs", NotSupported), ("nope", InvalidArgument)])
def test_other_drivers_are_refused_by_name(tmp_path: Path, name: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        driver.open_driver(name, str(tmp_path), str(tmp_path), DriverOptions())
