"""The table of settings, and the checks of single values."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libpod.config import schema
from libpod.config.runtime import RuntimeConfig
from libpod.config.schema import OPTION, SETTINGS, checked
from libpod.errors import ConfigurationError, InvalidArgument

FILE = "/etc/containers/libpod.conf"


def test_every_setting_is_a_field() -> None:
    names = set(RuntimeConfig._fields)
    assert names - set(SETTINGS) == {"rootless", "uid", "origin", "files", "warnings"}
    assert not set(SETTINGS) - names


def test_every_name_stands_for_a_setting() -> None:
    names = {*schema.LIBPOD_CONF.values(), *schema.OPTIONS.values(), *schema.STORAGE, *schema.CHOICES}
    for table in schema.CONTAINERS_CONF.values():
        names |= set(table.values())
    assert names <= set(SETTINGS)


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("tmp_dir", "/var/run/libpod", "/var/run/libpod"),
        ("tmp_dir", "//var/run//libpod/", "/var/run/libpod"),
        ("conmon_path", ["/a", "/b/"], ("/a", "/b")),
        ("hooks_dir", [], ()),
        ("no_pivot_root", False, False),
        ("max_log_size", -1, -1),
        ("runtimes", {"runc": ["/x"], "crun": ["/y"]}, {"runc": ("/x",), "crun": ("/y",)}),
        ("cgroup_manager", "systemd", "systemd"),
        ("events_logfile_max_size", 5, 5),
        ("events_logfile_max_size", "1m", 1_000_000),
        ("events_logfile_max_size", "2GB", 2_000_000_000),
        ("uid_map", [[0, 100000, 65536]], ((0, 100000, 65536),)),
    ],
)
def test_values_as_they_are_kept(key: str, value: object, found: object) -> None:
    assert checked(key, value, key, FILE) == found


@pytest.mark.parametrize(
    ("key", "value", "expected", "given"),
    [
        ("tmp_dir", 3, "a path (a string)", "a whole number"),
        ("tmp_dir", ["/x"], "a path (a string)", "a list of a string"),
        ("cgroup_manager", True, "a string", "true or false"),
        ("conmon_path", 1.5, "a list of paths (strings)", "a number"),
        ("runtimes", {"crun": "/y"}, "a table of lists of paths", "a table"),
        ("conmon_path", ["/x", 1], "a list of paths (strings)", "a list of a string and a whole number"),
        ("conmon_env_vars", {}, "a list of strings", "a table"),
        ("no_pivot_root", "true", "true or false", "a string"),
        ("events_logfile_max_size", "much", "a size in bytes, or text such as 1m", "a string"),
        ("events_logfile_max_size", -1, "a size in bytes, or text such as 1m", "a whole number"),
        ("no_pivot_root", 0, "true or false", "a whole number"),
        ("num_locks", "2048", "a whole number", "a string"),
        ("num_locks", True, "a whole number", "true or false"),
        ("runtimes", [], "a table of lists of paths", "an empty list"),
        ("runtimes", {"runc": 1}, "a table of lists of paths", "a table"),
        ("uid_map", [[0, 1]], "(container ID, host ID, size)", "a list of a list of a whole number"),
        ("uid_map", [[0, 1, -1]], "(container ID, host ID, size)", "list"),
        ("uid_map", "0:1:2", "(container ID, host ID, size)", "a string"),
    ],
)
def test_wrong_types(key: str, value: object, expected: str, given: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked(key, value, f"[engine] {key}", FILE)
    assert caught.value.path == FILE
    assert caught.value.message.startswith(f"{FILE}: [engine] {key} must be ")
    assert expected in caught.value.message
    assert given in caught.value.message
    with pytest.raises(InvalidArgument) as option:
        checked(key, value, key, OPTION)
    assert not isinstance(option.value, ConfigurationError)
    assert option.value.message.startswith(f"option {key} must be ")


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("cgroup_manager", "cgroups", "must be cgroupfs or systemd, not cgroups"),
        ("lock_type", "flock", "must be shm or file, not flock"),
        ("database_backend", "mysql", "must be boltdb or sqlite"),
        ("num_locks", 0, "must be a number from 1 to 4294967295, not 0"),
        ("num_locks", -5, "must be a number from 1"),
        ("num_locks", 2**32, "must be a number from 1"),
        ("tmp_dir", "run", "must be an absolute path, not run"),
        ("conmon_path", ["/x", "conmon"], "must be an absolute path, not conmon"),
        ("tmp_dir", "/x\0y", "NUL"),
    ],
)
def test_wrong_values(key: str, value: object, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked(key, value, key, FILE)
    assert f"{FILE}: {key} " in caught.value.message
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tmp_dir", ""),
        ("static_dir", ""),
        ("runtime", ""),
        ("conmon_path", ""),
        ("conmon_path", ["/x", ""]),
        ("hooks_dir", ""),
        ("default_mounts_file", ""),
        ("cgroup_manager", ""),
        ("cni_plugin_dirs", ""),
    ],
)
def test_options_that_must_not_be_empty(key: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"option {key} must not be empty"):
        checked(key, value, key, OPTION)


def test_a_relative_path_as_option_is_below_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert checked("graph_root", "./x/", "root", OPTION) == f"{os.getcwd()}/x"


@pytest.mark.parametrize(
    ("key", "value"), [("conmon_path", "/c"), ("conmon_env_vars", "A=b"), ("hooks_dir", "/h")]
)
def test_one_text_is_a_list_in_an_option_alone(key: str, value: str) -> None:
    assert checked(key, value, key, OPTION) == (value,)
    with pytest.raises(ConfigurationError, match=r"must be a list of .*, not a string"):
        checked(key, value, f"[engine] {key}", FILE)
