"""The library: every option of a container, the end of a runtime, and a state that is only in memory."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.containers import create
from libpod.containers.container import Container
from libpod.containers.create import CreateOptions
from libpod.errors import InvalidArgument, NoSuchContainer, RuntimeStopped
from libpod.oci import units
from libpod.oci.options import Namespaces, Resources, SpecOptions
from tests.lab import image
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from libpod.runtime import Runtime
    from tests.lab.containers import Room


def made(runtime: Runtime, room: Room, *command: str, **options: object) -> Container:
    spec = options.pop("spec", SpecOptions(command=command))
    wanted = CreateOptions(**{"image": IMAGE, "cgroup_parent": room.parent, "spec": spec, **options})  # type: ignore[arg-type]
    return runtime.create_container(wanted)


def test_every_option_of_a_container(shared: Room, tmp_path: Path) -> None:
    """What the first libpod's `With…` options set, through `CreateOptions` and `SpecOptions`."""
    shm = tmp_path / "shm"
    shm.mkdir()
    (shm / "of-the-host").touch()
    ended = tmp_path / "ended"
    script = tmp_path / "note"
    script.write_text(f'#!/bin/sh\necho "$@" > {ended}\n')
    script.chmod(0o755)
    with shared.runtime() as runtime:
        base = made(runtime, shared, "sleep", "1000", name="base")
        spec = SpecOptions(
            command=["-c", "echo $A; id -u; id -G; pwd; ls /dev/shm; cat /etc/hosts /etc/resolv.conf; cat"],
            entrypoint=["sh"], environment={"A": "one"}, working_directory="/tmp", user="worker",
            groups=["video"], hostname="box", stdin=True, add_capabilities=["SYS_TIME"],
            drop_capabilities=["CHOWN"], no_new_privileges=True, label_options=["disable"],
            limits=[units.limit("nofile=64:64")], sysctls={"kernel.shmmni": "33"},
            resources=Resources(memory=64 << 20, pids_limit=30),
            namespaces=Namespaces(uts="container:base"), annotations={"x": "y"}, umask="0027",
        )  # fmt: skip
        container = made(
            runtime, shared, name="all", spec=spec, labels={"a": "b"}, stop_signal=10, stop_timeout=3,
            shm_dir=str(shm), log_path=str(tmp_path / "log"), log_size=100000, hosts=["db:10.1.2.3"],
            dns_servers=["9.9.9.9"], dns_search=["example.org"], dns_options=["ndots:3"],
            conmon_pid_file=str(tmp_path / "conmon.pid"), dependencies=["base"],
            exit_command=[str(script), "ended"], create_command=["made", "by", "hand"],
        )  # fmt: skip
        with container.start_attached() as connection:
            assert base.state() == "running"
            connection.end_input()
            said = b"".join(output.data for output in connection.outputs()).decode().split()
        assert container.wait() == 0
        assert said[:6] == ["one", "1000", "1000", "29", "44", "/tmp"]
        assert {"of-the-host", "10.1.2.3", "9.9.9.9", "example.org", "ndots:3"} <= set(said)
        assert shared.settled(ended.exists)
        assert shared.settled(lambda: ended.read_text() == f"ended {container.id}\n")
        assert int((tmp_path / "conmon.pid").read_text())
        assert b"stdout F one" in (tmp_path / "log").read_bytes()
        assert set(container.record.dependencies) == {base.id}
        container.remove()
        base.remove(force=True, timeout=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either an image or a root directory"),
        ({"image": IMAGE, "rootfs": "/"}, "either an image or a root directory"),
        ({"image": IMAGE, "stop_timeout": -1}, "-1 is negative"),
        ({"image": IMAGE, "log_driver": "nonsense"}, "unknown log driver"),
        ({"image": IMAGE, "name": "a b"}, "not allowed"),
        ({"image": IMAGE, "cgroup_parent": "x.slice"}, "x.slice"),
    ],
)
def test_options_that_cannot_be(shared: Room, options: dict[str, str], said: str) -> None:
    with shared.runtime() as runtime, pytest.raises(InvalidArgument, match=said):
        create.create(runtime.engine, CreateOptions(**options))  # type: ignore[arg-type]


def test_the_end_of_a_runtime_by_force(shared: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs is stopped, what is mounted unmounted; a second end, and any use, is refused."""
    monkeypatch.setattr("libpod.runtime.FORCED_STOP_SECONDS", 1.0)
    with shared.runtime() as runtime:
        containers = [made(runtime, shared, "sleep", "1000", name=name, stop_timeout=0) for name in "abc"]
        for container in containers[:2]:
            container.start()
        containers[1].pause()
        path = containers[2].mount()
        runtime.shutdown(force=True)
        assert not os.path.exists(path)
        for act in (runtime.containers, runtime.generate_name, runtime.layers, runtime.shutdown):
            with pytest.raises(RuntimeStopped):
                act()
    assert not shared.traces().mounts
    with shared.runtime() as runtime:
        assert {c.name: c.state() for c in runtime.containers()} == {
            "a": "exited",
            "b": "exited",
            "c": "created",
        }
        for container in runtime.containers():
            container.remove()


def test_the_end_of_a_runtime_leaves_what_runs(shared: Room) -> None:
    with shared.runtime() as runtime:
        made(runtime, shared, "sleep", "1000", name="c").start()
    with shared.runtime() as runtime:
        assert runtime.container("c").state() == "running"
        assert [layer.mount_count for layer in runtime.layers() if "c-layer" in layer.names] == [1]
        runtime.container("c").remove(force=True, timeout=0)


def test_names_are_found_and_made(shared: Room) -> None:
    with shared.runtime() as runtime:
        container = made(runtime, shared, "true")
        assert re.fullmatch(r"[a-z]+_[a-z]+", container.name)
        assert re.fullmatch(r"[a-z]+_[a-z]+", runtime.generate_name())
        for name in (container.name, container.id, container.id[:10]):
            assert runtime.container(name).id == container.id
        for name in ("nobody", container.name[:-1]):
            with pytest.raises(NoSuchContainer):
                runtime.container(name)
        container.remove()


def test_a_state_that_is_only_in_memory(room: Room, tmp_path: Path) -> None:
    """For throw-away use: a container runs, and no database is made."""
    image.unpack(tmp_path / "plain")
    with room.runtime(state_type="memory") as runtime:
        container = made(runtime, room, "sh", "-c", "exit 6", name="c")
        container.start()
        assert container.wait() == 6
        plain = made(runtime, room, "true", name="d", image="", rootfs=str(tmp_path / "plain"))
        plain.start()
        assert plain.wait() == 0
        assert [c.name for c in runtime.containers()] == ["c", "d"]
        for each in runtime.containers():
            each.cleanup()
            each.remove()
    assert not (room.root / "libpod" / "bolt_state.db").exists()
    assert not (room.root / "db.sql").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stop_signal": 0}, "stop signal 0 is not between 1 and 64"),
        ({"stop_signal": 65}, "stop signal 65"),
        ({"stop_timeout": -1}, "-1 is negative"),
        ({"dns_servers": ["nowhere"]}, "'nowhere' is not an IP address"),
        ({"hosts": ["db"]}, "'db' is not of the form NAME:ADDRESS"),
        ({"hosts": ["db:here"]}, "'here' is not an IP address"),
        ({"spec": SpecOptions(command=["a\0b"])}, "no text that a process could be given"),
        ({"spec": SpecOptions(entrypoint=["a\0b"])}, "no text that a process could be given"),
        ({"spec": SpecOptions(command=["true"], namespaces=Namespaces(pid="mine"))}, "pid namespace 'mine'"),
        ({"spec": SpecOptions(command=["true"], namespaces=Namespaces(uts="ns:"))}, "uts namespace 'ns:'"),
    ],
)
def test_options_that_mean_nothing(shared: Room, options: dict[str, object], said: str) -> None:
    with shared.runtime() as runtime, pytest.raises(InvalidArgument, match=re.escape(said)):
        made(runtime, shared, "true", **options)
