"""Directories of hooks: which file counts, in which order, and what a missing one means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from libpod.config.runtime import RuntimeConfig
from libpod.errors import ConfigurationError, FileError
from libpod.hooks import directories

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, stage: str = "prestart", **when: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    value = {
        "version": "1.0.0", "hook": {"path": "/bin/true", "args": [path.parent.name]},
        "when": when or {"always": True}, "stages": [stage],
    }  # fmt: skip
    path.write_text(json.dumps(value))


def test_later_directories_win_by_file_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first / "a.json")
    write(first / "b.json")
    write(second / "b.json")
    write(second / "c.json")
    (second / "README").write_text("not a hook")
    (second / "d.json.bak").write_text("{")
    found = directories.load([str(first), str(second)])
    assert {name: hook.command.arguments[0] for name, hook in found.items()} == {
        "a.json": "first", "b.json": "second", "c.json": "second",
    }  # fmt: skip


def test_order_ignores_case_and_width(tmp_path: Path) -> None:
    names = ["b.json", "A.json", "\uff43.json", "B.json", "10.json"]
    for name in names:
        write(tmp_path / name)
    assert list(directories.load([str(tmp_path)])) == [
        "10.json", "A.json", "B.json", "b.json", "\uff43.json",
    ]  # fmt: skip


def test_a_missing_directory(tmp_path: Path) -> None:
    write(tmp_path / "there" / "a.json")
    places = [str(tmp_path / "absent"), str(tmp_path / "there")]
    warnings: list[str] = []
    assert list(directories.load(places, warn=warnings.append)) == ["a.json"]
    assert warnings == [f"hooks directory {places[0]} does not exist"]
    with pytest.raises(FileError, match="absent"):
        directories.load(places, must_exist=True)


def test_one_bad_file_fails_all(tmp_path: Path) -> None:
    write(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"b\.json"):
        directories.load([str(tmp_path)])
    # One that is replaced by a later directory is not even read.
    write(tmp_path / "later" / "b.json")
    assert len(directories.load([str(tmp_path), str(tmp_path / "later")])) == 2


def test_a_file_that_vanishes_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "nowhere")
    assert directories.load([str(tmp_path)]) == {}


def test_stages_are_ours_or_the_runtimes(tmp_path: Path) -> None:
    for number, stage in enumerate(("prestart", "poststart", "createRuntime", "precreate", "poststop")):
        write(tmp_path / f"{number}.json", stage)
    write(tmp_path / "never.json", commands=["bash"])
    hooks = directories.load([str(tmp_path)])
    specification = {"process": {"args": ["/bin/sh"]}}
    for_runtime, ours = directories.match(hooks, specification, {}, bind_mounts=False)
    assert sorted(for_runtime) == ["createRuntime", "poststart", "prestart"]
    assert ours == {
        stage: [{"path": "/bin/true", "args": [tmp_path.name]}] for stage in ("precreate", "poststop")
    }


def test_a_command_without_words_names_the_hook(tmp_path: Path) -> None:
    write(tmp_path / "a.json", commands=["sh"])
    hooks = directories.load([str(tmp_path)])
    with pytest.raises(ConfigurationError, match=r"matching hook a\.json: process\.args"):
        directories.match(hooks, {"process": {"args": []}}, {}, bind_mounts=False)
    assert directories.match(hooks, {}, {}, bind_mounts=False) == ({}, {})


def test_where_they_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS_CONF", "/dev/null")
    usual = RuntimeConfig.load(graph_root=str(tmp_path))
    assert directories.of_config(usual)[1:] in (("/etc/containers/oci/hooks.d",), ())
    given = RuntimeConfig.load(graph_root=str(tmp_path), hooks_dir=["/a", "/b"])
    assert directories.of_config(given) == ("/a", "/b")
