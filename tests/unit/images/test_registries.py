"""registries.conf, and what short names mean."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from libpod.config.account import Account
from libpod.errors import DecodeError, InvalidArgument, LibpodError
from libpod.images import registries
from libpod.images.registries import Registries

if TYPE_CHECKING:
    from pathlib import Path


def loaded(*texts: str) -> Registries:
    found = Registries()
    found.main_file = "file0"
    for number, text in enumerate(texts):
        found.add(f"file{number}", tomllib.loads(text), drop_in=number > 0)
    return found


OLD = """
[registries.search]
registries = ["a.io", "b.io/"]
[registries.insecure]
registries = ["c.io"]
[registries.block]
registries = ["d.io"]
"""
NEW = """
unqualified-search-registries = ["a.io", "b.io"]
short-name-mode = "permissive"
[[registry]]
location = "c.io"
insecure = true
[[registry]]
location = "d.io"
blocked = true
[[registry]]
prefix = "e.io/x"
location = "f.io/y"
[[registry.mirror]]
location = "g.io"
insecure = true
pull-from-mirror = "digest-only"
[aliases]
short = "h.io/team/long"
"""


@pytest.mark.parametrize("text", [OLD, NEW])
def test_both_versions_say_the_same(text: str) -> None:
    found = loaded(text)
    assert found.search == ["a.io", "b.io"]
    assert found.insecure == ["c.io"]
    about = found.find("d.io/bb")
    assert about is not None
    assert about.blocked


def test_the_longest_prefix_counts() -> None:
    found = loaded(NEW, '[[registry]]\nlocation = "e.io"\n[[registry]]\nprefix = "*.k.io"\nblocked = true\n')
    about = found.find("e.io/x/bb")
    assert about is not None
    assert about.location == "f.io/y"
    assert about.mirrors == (("g.io", True, "digest-only"),)
    assert found.find("e.io/xx") == found.registries["e.io"]
    assert found.find("sub.k.io/bb") == found.registries["*.k.io"]
    assert found.find("c.iox/bb") is None
    assert found.find("c.io:5000/bb") == found.registries["c.io"]


def test_drop_ins_go_before_the_main_file() -> None:
    found = loaded(NEW, 'unqualified-search-registries = []\n[aliases]\nshort = ""\nnew = "i.io/new"\n')
    assert found.search == []
    assert found.alias("short") is None
    assert found.alias("new") == ("i.io/new", "file1")


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ((OLD + NEW,), "versions 1 and 2 are mixed"),
        (("", OLD), "a drop-in must be of version 2"),
        (('short-name-mode = "loud"',), "short-name-mode 'loud' is unknown"),
        (("[[registry]]\ninsecure = true\n",), "has no location"),
        (("[aliases]\na = 1\n",), "alias a"),
        (("aliases = 1\n",), "expected a table"),
        (("registry = 1\n",), "expected a table"),
        (('[[registry]]\nlocation = "a"\nmirror = 1\n',), "expected a table"),
        (("[[registry]]\nlocation = 1\n",), "expected text"),
    ],
)
def test_wrong_files(texts: tuple[str, ...], says: str) -> None:
    with pytest.raises(LibpodError, match=says):
        loaded(*texts)


def test_what_a_short_name_means() -> None:
    found = loaded(NEW)
    many = registries.candidates(found, "bb:1")
    assert [str(one) for one in many.references] == ["a.io/bb:1", "b.io/bb:1"]
    alias = registries.candidates(found, "short:2")
    assert [str(one) for one in alias.references] == ["h.io/team/long:2"]
    assert alias.note == 'Resolved "short" as an alias (file0)'
    assert [str(one) for one in registries.candidates(found, "x.io/bb").references] == ["x.io/bb:latest"]
    assert registries.local_names(found, "short") == [
        "localhost/short:latest", "h.io/team/long:latest", "a.io/short:latest", "b.io/short:latest",
        "docker.io/library/short:latest",
    ]  # fmt: skip


def test_modes() -> None:
    enforcing = loaded(NEW, 'short-name-mode = "enforcing"')
    with pytest.raises(InvalidArgument, match=r"a\.io, b\.io"):
        registries.candidates(enforcing, "bb")
    assert len(registries.candidates(enforcing, "bb", terminal=True).references) == 2
    assert len(registries.candidates(enforcing, "short").references) == 1
    disabled = loaded(NEW, 'short-name-mode = "disabled"')
    assert len(registries.candidates(disabled, "short").references) == 2
    with pytest.raises(InvalidArgument, match="did not resolve to an alias") as error:
        registries.candidates(loaded(""), "bb")
    assert "docker.io/library/bb" in str(error.value.hint)


def test_which_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, home = tmp_path / "etc.conf", tmp_path / "home/containers"
    monkeypatch.setattr(registries, "SYSTEM_FILE", str(system))
    monkeypatch.setattr(registries, "SYSTEM_CACHE", str(tmp_path / "cache.conf"))
    for main in (system, home / "registries.conf"):
        (main.parent / f"{main.name}.d").mkdir(parents=True)
        (main.parent / f"{main.name}.d/1.conf").touch()
        (main.parent / f"{main.name}.d/no").touch()
    account = Account({"XDG_CONFIG_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}, uid=0)
    own = home / "registries.conf"
    assert list(registries.files(account)) == [str(system), f"{system}.d/1.conf", f"{own}.d/1.conf"]
    own.touch()
    assert list(registries.files(account)) == [str(own), f"{own}.d/1.conf"]
    (tmp_path / "cache.conf").write_text('[aliases]\n"short" = "decided.io/x"\n')
    own.write_text(NEW)
    assert registries.load(account).alias("short") == ("decided.io/x", str(tmp_path / "cache.conf"))
    own.write_text("[[registry]]\nlocation = [")
    with pytest.raises(LibpodError, match=str(own)):
        registries.load(account)
    for variable in registries.VARIABLES:
        named = Account({**account.environment, variable: "/other"}, uid=0)
        assert next(iter(registries.files(named))) == "/other"


def test_aliases_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(DecodeError):
        loaded("aliases = []")
