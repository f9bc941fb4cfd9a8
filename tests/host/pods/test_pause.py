"""What keeps a pod's namespaces: catatonit, or our own program where the host has none that fits."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.pods import PodRoom

CATATONIT = "/usr/bin/catatonit"


def without_catatonit(room: PodRoom, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Our program on a host whose catatonit is an empty file."""
    hide = f'mount --bind /dev/null {CATATONIT} && exec "$@"'
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "slave",
        "sh",
        "-c",
        hide,
        "sh",
        *room.command(*arguments),
    ]
    return subprocess.run(
        command, env=room.environment, capture_output=True, text=True, timeout=120, check=True
    )


def command_of_infra(room: PodRoom, pod: str) -> str:
    pid = room.inspect(room.pod(pod)["InfraContainerID"])["State"]["Pid"]
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()


def reaps(room: PodRoom, container: str) -> bool:
    """Whether a process whose parent has died is gone when it ends, with the infra container as PID 1."""
    room.libpod("exec", container, "sh", "-c", "(sleep 0.1; exit 3) & exit 0")
    listing = ("exec", container, "ps", "-o", "pid,stat,comm")
    return room.settled(lambda: " Z" not in room.libpod(*listing).stdout)


def test_catatonit_of_the_host(room: PodRoom) -> None:
    room.make_pod("p", "--share", "pid")
    room.libpod("run", "-d", "--pod", "p", "--name", "one", IMAGE, "sleep", "1000")
    assert command_of_infra(room, "p") == "/catatonit -P"
    assert reaps(room, "one")
    infra = room.pod("p")["InfraContainerID"]
    (mount,) = [mount for mount in room.config(infra)["mounts"] if mount["destination"] == "/catatonit"]
    assert (mount["source"], "ro" in mount["options"]) == (CATATONIT, True)
    # It is no volume: Podman gives those of the infra container to the other containers, too.
    assert room.inspect(infra)["Mounts"] == []


def test_our_own_program_where_there_is_no_catatonit(room: PodRoom) -> None:
    without_catatonit(room, "pod", "create", "--network", "none", "--share", "pid", "--name", "p")
    room.libpod("run", "-d", "--pod", "p", "--name", "one", IMAGE, "sleep", "1000")
    assert command_of_infra(room, "p") == "/pause"
    assert reaps(room, "one")
    # It ends at SIGTERM, although it is the first process of its PID namespace.
    result = room.libpod("pod", "stop", "--time", "5", "p")
    assert "infra" not in result.stderr


def test_an_image_and_a_command_for_the_infra_container(room: PodRoom) -> None:
    room.make_pod("p", "--infra-image", IMAGE, "--infra-command", "sleep 1000", "--infra-name", "holder")
    room.libpod("run", "-d", "--pod", "p", "--name", "one", IMAGE, "sleep", "1000")
    assert command_of_infra(room, "p") == "sleep 1000"
    assert room.inspect("holder")["IsInfra"] is True
    room.libpod("pod", "kill", "p")
