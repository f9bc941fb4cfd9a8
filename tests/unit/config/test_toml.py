"""TOML files: what plain files mean, and how bad ones are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from libpod.config import toml
from libpod.errors import ConfigurationError

PLAIN = {
    "comments": "# one\n\n  # two\n\t\n",
    "words": "a = true\nb = false\nc = 0\nd = -1\ne = 2048 # comment\n",
    "strings": 'a = "docker://"\nb = \'C:\\dir\'\nc = ""\nd = \'\' # comment\ne-f_1="x#y"\n',
    "lists": 'a = []\nb = ["x", \'y\',]\nc = [ # first\n  "1",\n\n  # more\n  "2"\n  , "3" ] # end\n',
    "tables": "a = 1\n[engine]\nb = 2\n[engine.runtimes] # c\nrunc = ['/x']\n[ secrets . opts ]\nc = 3\n",
    "no final newline": "a = 1",
}
OTHER = {
    "escapes": 'a = "x\\ty"\n',
    "long strings": "a = \"\"\"x\ny\"\"\"\nb = '''z'''\n",
    "inline tables": 'a = {b = 1}\nc = ["x", {append = true}]\n',
    "dotted keys": "a.b = 1\n[c]\nd.e = 2\n",
    "quoted keys": '"a b" = 1\n["c.d"]\n',
    "numbers": "a = 1_000\nb = 0x10\nc = 1.5\nd = +1\ne = -0\nf = inf\ng = 99999999999999999999\n",
    "dates": "a = 1979-05-27T07:32:00Z\nb = 07:32:00\n",
    "lists of lists": "a = [[1, 2], [true]]\n",
    "lists of tables": "[[a]]\nb = 1\n[[a]]\nb = 2\n",
    "a table above an earlier one": "[a.b]\nc = 1\n[a]\nd = 2\n",
    "line ends of Windows": "a = 1\r\nb = 2\r\n",
    "letters": "# é\na = 'é'\n",
    "a mark of byte order in a string": "a = '\ufeff'\n",
}
WRONG = {
    "no value": "a =\n",
    "no key": "= 1\n",
    "no equals sign": "a 1\n",
    "same key twice": "a = 1\na = 2\n",
    "same table twice": "[a]\n[a]\n",
    "table over a key": "a = 1\n[a]\n",
    "table below a key": "a = 1\n[a.b]\n",
    "open string": 'a = "x\n',
    "open list": 'a = ["x",\n',
    "open table": "[a\n",
    "text after a string": 'a = "x" y\n',
    "text after a list": 'a = ["x"] y\n',
    "text after a table": "[a] y\n",
    "two commas": 'a = ["x",, "y"]\n',
    "first comma": 'a = [, "y"]\n',
    "no comma": 'a = ["x" "y"]\n',
    "leading zero": "a = 01\n",
    "bare word": "a = yes\n",
    "empty part": "[a..b]\n",
    "empty table name": "[]\n",
    "control character": "# \x01\na = 1\n",
    "delete character": "a = '\x7f'\n",
    "lone carriage return": "a = 1\rb = 2\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_plain_files_are_read_without_tomli(text: str) -> None:
    assert toml._parse_plain(text) == tomli.loads(text)
    assert toml.parse(text.encode(), "/x") == tomli.loads(text)


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_all_else_is_read_by_tomli(text: str) -> None:
    assert toml.parse(text.encode(), "/x") == tomli.loads(text)


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_wrong_files_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(tomli.TOMLDecodeError):
        tomli.loads(text)
    with pytest.raises(ConfigurationError) as caught:
        toml.parse(text.encode(), "/etc/x.conf")
    error = caught.value
    assert error.path == "/etc/x.conf"
    assert error.line is not None
    assert error.column is not None
    assert f"/etc/x.conf, line {error.line}, column {error.column}: " in error.message
    assert error.hint
    assert "TOML" in error.hint


def test_place_of_an_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        toml.parse(b"# one\n[engine]\nnum_locks = zwei\n", "/x")
    assert (caught.value.line, caught.value.column) == (3, 13)
    with pytest.raises(ConfigurationError) as caught:
        toml.parse(b'a = 1\nb = ["x"', "/x")
    assert (caught.value.line, caught.value.column) == (2, 9)


PIECES = [
    *["\n", "\n", "\n\t", "\r", "é", "\x00", " ", " = ", ", ", " # c", "[", "]", "{", "}", '"', "'", "\\"],
    *["a", "b", "a.b", "[a]", "[a.b]", "[b]", "=", '"x"', "'y'", '""', ",", "#"],
    *["1", "-1", "0", "00", "-", "+", "_", ".", "true", "false", "tru"],
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
def test_plain_reading_never_differs_from_tomli(text: str) -> None:
    outcomes: list[object] = []
    for reader in (tomli.loads, lambda text: toml.parse(text.encode(), "/x")):
        try:
            outcomes.append(reader(text))
        except (tomli.TOMLDecodeError, ConfigurationError):
            outcomes.append("refused")
    assert outcomes[0] == outcomes[1]


LINES = [
    *[
        "a = 1",
        "b = true",
        "c = 'x'",
        'd = "y" # z',
        "e = ['1', \"2\"]",
        "t = 1",
        "u = false",
        "runc = ['/x', ]",
    ],
    *[
        "e = [",
        "'1',",
        "'2'",
        "]",
        "# c",
        "",
        "[a]",
        "[t]",
        "[t.u]",
        "[t.u.v]",
        " [w] # c",
        "x = 007",
        "a.b = 1",
    ],
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(LINES), max_size=12).map("\n".join))
def test_plain_lines_never_differ_from_tomli(text: str) -> None:
    found = toml._parse_plain(text)
    if found is not None:
        assert found == tomli.loads(text)


# ---------------------------------------------------------------- files


def test_missing_file(tmp_path: Path) -> None:
    path = str(tmp_path / "x.conf")
    assert toml.read(path) is None
    assert toml.read(str(tmp_path / "no/x.conf")) is None
    with pytest.raises(ConfigurationError, match=r"x\.conf: No such file") as caught:
        toml.read(path, required="a hint")
    assert caught.value.path == path
    assert caught.value.hint


def test_file_as_a_directory_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert toml.read(str(tmp_path / "file/x.conf")) is None


def test_empty_file_and_null_device(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text("")
    assert toml.read(str(tmp_path / "x.conf")) == {}
    assert toml.read("/dev/null") == {}


def test_directory_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a directory") as caught:
        toml.read(str(tmp_path))
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_something_that_is_no_file(tmp_path: Path, make: object) -> None:
    path = str(tmp_path / "x.conf")
    assert callable(make)
    make(path)
    with pytest.raises(ConfigurationError, match="not a regular file"):
        toml.read(path)


def test_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "x.conf").symlink_to("x.conf")
    with pytest.raises(ConfigurationError, match="symbolic links"):
        toml.read(str(tmp_path / "x.conf"))


def test_file_that_is_far_too_large(tmp_path: Path) -> None:
    with open(tmp_path / "x.conf", "wb") as file:
        file.truncate(toml.LARGEST_FILE + 1)
    with pytest.raises(ConfigurationError, match="larger than"):
        toml.read(str(tmp_path / "x.conf"))


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.write_bytes(b"# one\ntmp_dir = '/\xff'\n")
    with pytest.raises(ConfigurationError, match="byte 0xff is not UTF-8") as caught:
        toml.read(str(path))
    assert (caught.value.path, caught.value.line, caught.value.column) == (str(path), 2, 13)
    assert caught.value.hint


def test_values_nested_beyond_measure() -> None:
    with pytest.raises(ConfigurationError, match="too deeply"):
        toml.parse(b"a = " + b"[" * 100_000, "/x")


def test_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.touch(mode=0)
    if os.geteuid() == 0:
        tmp_path.chmod(0o700)
        os.seteuid(65534)  # root reads every file
    try:
        with pytest.raises(ConfigurationError, match="Permission denied") as caught:
            toml.read(str(path))
    finally:
        os.seteuid(os.getuid())
    assert caught.value.hint
