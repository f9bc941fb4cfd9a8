"""Wrong configuration files and options: the message says which file, where in it, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.peer.badinput.answers import failed, refresh_succeeds, refused_without_loss

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

ETC = "/etc/containers"
FILES = ("libpod.conf", "containers.conf", "containers.conf.d/90-local.conf", "storage.conf")


def write(store: Store, name: str, content: str | bytes) -> str:
    """Write a file below /etc/containers of the machine and return its path there."""
    path = store.path(f"{ETC}/{name}")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return f"{ETC}/{name}"


@pytest.mark.parametrize("name", FILES)
def test_invalid_toml(store: Store, name: str) -> None:
    before = store.database.read_bytes()
    path = write(store, name, '# fine\n[engine]\nruntime = "runc\n')
    message = refused_without_loss(store, store.libpod("refresh", check=False), before, path)
    assert re.search(r"line 3\b", message) or f"{path}:3:" in message, message
    assert re.search(r"column \d+|:3:\d+", message), message
    store.path(path).unlink()


@pytest.mark.parametrize("name", FILES)
def test_not_utf8(store: Store, name: str) -> None:
    before = store.database.read_bytes()
    path = write(store, name, b'[engine]\nruntime = "\xff\xfe"\n')
    message = refused_without_loss(store, store.libpod("refresh", check=False), before, path)
    assert "UTF-8" in message or "utf-8" in message


@pytest.mark.parametrize("name", [name for name in FILES if ".conf.d/" not in name])
def test_directory_instead_of_a_file(store: Store, name: str) -> None:
    before = store.database.read_bytes()
    target = store.path(f"{ETC}/{name}")
    target.unlink(missing_ok=True)
    target.mkdir(parents=True)
    refused_without_loss(store, store.libpod("refresh", check=False), before, f"{ETC}/{name}")


def test_directory_among_drop_ins_is_passed_over(make_store: MakeStore) -> None:
    """As Podman does it, and the files beside it are read."""
    store = make_store()
    drop_ins = store.path(f"{ETC}/containers.conf.d")
    (drop_ins / "10-directory.conf").mkdir(parents=True)
    (drop_ins / "20-file.conf").write_text("[engine]\nnum_locks = 'many'\n")
    for result in (store.podman("ps", check=False), store.libpod("refresh", check=False)):
        assert result.status != 0
        assert "20-file.conf" in result.stderr
    (drop_ins / "20-file.conf").write_text("[engine]\nnum_locks = 2048\n")
    store.podman("ps")
    store.refresh()


WRONG_TYPES = {
    "text for a number": ("containers.conf", "[engine]\nnum_locks = 'many'\n", "num_locks"),
    "number for text": ("containers.conf", "[engine]\nlock_type = 7\n", "lock_type"),
    "text for a table": ("containers.conf", "engine = 'runc'\n", "engine"),
    "numbers in a list": ("libpod.conf", "runtime_path = [1, 2]\n", "runtime_path"),
    "text for a list": ("containers.conf", "[engine]\nconmon_path = '/usr/bin/conmon'\n", "conmon_path"),
    "text for a list of directories": ("containers.conf", "[engine]\nhooks_dir = '/hooks'\n", "hooks_dir"),
    "text for the paths of a runtime": ("containers.conf", "[engine.runtimes]\nrunc = '/runc'\n", "runtimes"),
    "text for a list in libpod.conf": ("libpod.conf", "runtime_path = '/usr/bin/runc'\n", "runtime_path"),
    "list for text": ("libpod.conf", "tmp_dir = ['/run/libpod']\n", "tmp_dir"),
    "text for true or false": ("libpod.conf", "no_pivot_root = 'yes'\n", "no_pivot_root"),
    "number for text in storage": ("storage.conf", "[storage]\ndriver = 1\n", "driver"),
}


@pytest.mark.parametrize("what", WRONG_TYPES)
def test_wrong_types(store: Store, what: str) -> None:
    name, content, key = WRONG_TYPES[what]
    before = store.database.read_bytes()
    path = write(store, name, content)
    if name == "containers.conf":
        # Podman refuses the same; libpod.conf it does not read any more.
        assert store.podman("ps", check=False).status != 0
    refused_without_loss(store, store.libpod("refresh", check=False), before, path, key)


@pytest.mark.parametrize("name", ["libpod.conf", "containers.conf"])
def test_unknown_cgroup_manager(store: Store, name: str) -> None:
    before = store.database.read_bytes()
    header = "[engine]\n" if name == "containers.conf" else ""
    path = write(store, name, f'{header}cgroup_manager = "lxc"\n')
    result = store.libpod("refresh", check=False)
    refused_without_loss(store, result, before, path, "lxc", "cgroupfs", "systemd")


def test_unknown_cgroup_manager_as_option(store: Store) -> None:
    before = store.database.read_bytes()
    result = store.machine.run(
        [store.python, "-m", "libpod", "--cgroup-manager", "lxc", *store.options, "refresh"],
        check=False,
        environment=store.libpod_environment,
    )
    refused_without_loss(store, result, before, "lxc", "cgroupfs", "systemd")


def test_unknown_lock_type(store: Store) -> None:
    before = store.database.read_bytes()
    path = write(store, "containers.conf", '[engine]\nlock_type = "lucky"\n')
    refused_without_loss(store, store.libpod("refresh", check=False), before, "lucky", "shm", "file", path)


@pytest.mark.parametrize("number", ["0", "-1"])
def test_senseless_number_of_locks(store: Store, number: str) -> None:
    before = store.database.read_bytes()
    write(store, "containers.conf", f"[engine]\nnum_locks = {number}\n")
    refused_without_loss(store, store.libpod("refresh", check=False), before, "num_locks")


def test_config_option_with_a_file_that_is_not_there(store: Store) -> None:
    before = store.database.read_bytes()
    result = store.machine.run(
        [store.python, "-m", "libpod", "--config", "/srv/none.conf", *store.options, "refresh"],
        check=False,
        environment=store.libpod_environment,
    )
    refused_without_loss(store, result, before, "/srv/none.conf")


@pytest.mark.parametrize("variable", ["CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"])
def test_variable_with_a_file_that_is_not_there(store: Store, variable: str) -> None:
    before = store.database.read_bytes()
    result = store.libpod("refresh", check=False, environment={variable: "/srv/none.conf"})
    refused_without_loss(store, result, before, "/srv/none.conf")


@pytest.mark.parametrize("program", ["conmon", "runtime"])
def test_programs_that_are_not_there(store: Store, program: str) -> None:
    """A refresh drives no program, so it works; what does drive one names every path that was tried."""
    paths = ["/opt/one", "/opt/two"]
    key = "conmon_path" if program == "conmon" else "runtime_path"
    write(store, "containers.conf", '[engine]\nlock_type = "file"\nruntime = ""\n')
    write(store, "libpod.conf", f"{key} = {paths}\nruntime = ''\n")
    result = store.libpod("version", check=False)
    failed(result, *paths, "hint:")
    assert store.libpod("refresh", check=False).status in (0, 125)


@pytest.mark.parametrize(
    "arguments",
    [["refresh", "--no-such-option"], ["no-such-verb"], ["refresh", "--format", "xml"], ["--root"], []],
    ids=" ".join,
)
def test_wrong_command_lines(store: Store, arguments: list[str]) -> None:
    before = store.database.read_bytes()
    result = store.libpod(*arguments, check=False)
    assert result.status == 125 if arguments else result.status in (0, 125)
    assert "Traceback" not in result.stderr
    assert store.database.read_bytes() == before
    assert not store.alive.exists()


def test_unknown_keys_are_no_error(store: Store) -> None:
    """Files of newer versions, and of older ones, have keys that mean nothing to us."""
    write(store, "libpod.conf", 'runtime_supports_json = ["runc"]\n[of_the_future]\nkey = 1\n')
    refresh_succeeds(store)


def test_relative_path_as_option(store: Store) -> None:
    result = store.machine.run(
        [store.python, "-m", "libpod", "--root", "store", "--runroot", "", "--tmpdir", "x", "refresh"],
        check=False,
        environment=store.libpod_environment,
    )
    failed(result)
