"""Podman's store of secrets."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from libpod.containers import secretstore
from libpod.containers.secretstore import Request
from libpod.errors import DecodeError, FileError, InvalidArgument, NotSupported

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = b"hidden \xff\n"


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A graph root with two secrets."""
    files = tmp_path / "secrets" / "filedriver"
    files.mkdir(parents=True)
    options = {"path": str(files)}
    secrets = {
        identifier: {"name": name, "id": identifier, "driver": "file", "driverOptions": options}
        for identifier, name in (("abc1", "one"), ("abd2", "two"))
    }
    (tmp_path / "secrets" / "secrets.json").write_text(json.dumps({"secrets": secrets}))
    encoded = base64.b64encode(HIDDEN).decode()
    (files / "secretsdata.json").write_text(json.dumps({"abc1": encoded, "abd2": "no base64!"}))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one", Request("one")),
        ("one,type=env", Request("one", "env")),
        ("one,type=env,target=WORD", Request("one", "env", "WORD")),
        ("one,target=/a/b,uid=3,gid=4,mode=0400", Request("one", "mount", "/a/b", 3, 4, 0o400)),
        ("one,type=mount,mode=777", Request("one", mode=0o777)),
    ],
)
def test_parse(text: str, expected: Request) -> None:
    assert secretstore.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", ",type=env", "one,type=bad", "one,type=env,uid=3", "one,foo=3", "one,mode=9", "one,uid=x",
        "one,uid=-1", "one,uid", "one,uid=4294967296", "one,mode=77777",
    ],
)  # fmt: skip
def test_bad_text(text: str) -> None:
    with pytest.raises(InvalidArgument, match="--secret"):
        secretstore.parse(text)


@pytest.mark.parametrize(
    ("wanted", "name"), [("one", "one"), ("abc1", "one"), ("abd", "two"), ("two", "two")]
)
def test_find(root: Path, wanted: str, name: str) -> None:
    (found,) = secretstore.find(str(root), [Request(wanted)])
    assert found.name == name


@pytest.mark.parametrize(("wanted", "message"), [("no", "no secret"), ("ab", "several")])
def test_not_found(root: Path, wanted: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        secretstore.find(str(root), [Request(wanted)])


def test_without_a_store(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no secret"):
        secretstore.find(str(tmp_path), [Request("one")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["..", "a/b", "", "a\nb"])
def test_a_name_that_is_no_file(root: Path, name: str) -> None:
    entry = {"name": name, "id": "x1", "driver": "file"}
    (root / "secrets" / "secrets.json").write_text(json.dumps({"secrets": {"x1": entry}}))
    with pytest.raises(DecodeError, match="no name of a secret"):
        secretstore.find(str(root), [Request("x1")])


def test_contents_stay_secret(root: Path) -> None:
    one, two = secretstore.find(str(root), [Request("one"), Request("two")])
    assert secretstore.contents(one.config, "c") == HIDDEN
    with pytest.raises(DecodeError, match="secret two is not base64") as caught:
        secretstore.contents(two.config, "c")
    assert "no base64!" not in repr(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(NotSupported, match="driver shell"):
        secretstore.contents({**one.config, "driver": "shell"}, "c")
    with pytest.raises(DecodeError, match="secret gone"):
        secretstore.contents({**one.config, "id": "x", "name": "gone"}, "c")
    missing = {**one.config, "driverOptions": {"path": f"{root}/missing"}}
    with pytest.raises(FileError, match=r"missing/secretsdata\.json"):
        secretstore.contents(missing, "c")


def test_what_a_container_keeps(root: Path, tmp_path: Path) -> None:
    asked = [Request("one", target="x", uid=3, mode=0o400), Request("two", "env"), Request("one", "env", "W")]
    found = secretstore.find(str(root), asked)
    (file,) = secretstore.of_files(found)
    assert {key: file[key] for key in ("name", "UID", "GID", "Mode", "Target")} == {
        "name": "one", "UID": 3, "GID": 0, "Mode": 0o400, "Target": "x",
    }  # fmt: skip
    assert {name: entry["name"] for name, entry in secretstore.of_variables(found).items()} == {
        "two": "two", "W": "one",
    }  # fmt: skip
