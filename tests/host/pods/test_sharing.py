"""What a pod gives to all of its containers: a user namespace, limits, volumes, devices, security options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.cgroups.hierarchy import Cgroup
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.pods import PodRoom

MAP = ("0:300000:65536", "0 300000 65536")
MEMORY, PROCESSOR, PROCESSORS = (Path("/sys/fs/cgroup", name) for name in ("memory", "cpu", "cpuset"))


def say(room: PodRoom, pod: str, script: str, *options: str) -> list[str]:
    """What a container of the pod prints, line by line."""
    words = ("run", "--rm", "--pod", pod, *options, IMAGE, "sh", "-c", script)
    return [" ".join(line.split()) for line in room.libpod(*words).stdout.splitlines()]


def test_containers_have_the_user_namespace_of_their_pod(room: PodRoom) -> None:
    room.make_pod("p", "--uidmap", MAP[0])
    assert set(room.pod("p")["SharedNamespaces"]) == {"ipc", "net", "uts", "user"}
    assert room.pod("p")["InfraConfig"]["userns"] == "private"
    room.member("p", "one")
    room.libpod("pod", "start", "p")
    infra = room.pod("p")["InfraContainerID"]
    assert room.inspect("one")["HostConfig"]["UsernsMode"] == f"container:{infra}"
    for name in ("one", infra):
        pid = room.inspect(name)["State"]["Pid"]
        assert Path(f"/proc/{pid}/uid_map").read_text().split() == MAP[1].split()
    script = "cat /proc/self/uid_map; touch /mine; stat -c %u /mine /bin/busybox"
    assert say(room, "p", script) == [MAP[1], "0", "0"]
    room.libpod("pod", "stop", "-t", "0", "p")
    room.libpod("pod", "start", "p")
    assert room.libpod("exec", "one", "cat", "/proc/self/uid_map").stdout.split() == MAP[1].split()


def test_a_chosen_range_is_that_of_the_whole_pod(room: PodRoom) -> None:
    mode = "auto:size=2000,uidmapping=0:400000:2000,gidmapping=0:500000:2000"
    room.make_pod("p", "--userns", mode, "--share", "pid")
    assert set(room.pod("p")["SharedNamespaces"]) == {"pid", "user"}
    room.member("p", "one", "--network", "none")
    room.libpod("pod", "start", "p")
    found = room.inspect("one")["HostConfig"]["IDMappings"]
    assert found == {"UidMap": ["0:400000:2000"], "GidMap": ["0:500000:2000"]}
    assert room.libpod("exec", "one", "cat", "/proc/self/gid_map").stdout.split() == ["0", "500000", "2000"]


def test_a_user_namespace_that_is_the_hosts_can_be_shared(room: PodRoom) -> None:
    room.make_pod("p", "--share", "+user")
    assert set(room.pod("p")["SharedNamespaces"]) == {"ipc", "net", "uts", "user"}
    assert say(room, "p", "cat /proc/self/uid_map") == ["0 0 4294967295"]


def test_limits_are_those_of_the_pods_control_group(room: PodRoom) -> None:
    options = ("--memory", "64m", "--memory-swap", "96m", "--cpus", "0.5", "--cpu-shares", "300")
    identifier = room.make_pod("p", *options, "--cpuset-cpus", "0", "--cpuset-mems", "0")
    group = room.pod("p")["CgroupPath"]

    def limits() -> list[str]:
        files = (
            MEMORY / f".{group}/memory.limit_in_bytes", MEMORY / f".{group}/memory.memsw.limit_in_bytes",
            PROCESSOR / f".{group}/cpu.cfs_quota_us", PROCESSOR / f".{group}/cpu.shares",
            PROCESSORS / f".{group}/cpuset.cpus", PROCESSORS / f".{group}/cpuset.mems",
        )  # fmt: skip
        return [path.read_text().strip() for path in files]

    expected = [str(64 << 20), str(96 << 20), "50000", "300", "0", "0"]
    assert limits() == expected
    room.member("p", "one")
    room.libpod("start", "one")
    assert group in {path.rpartition("/")[0] for path in room.groups("one")}
    assert limits() == expected
    found = room.pod("p")
    shown = ("memory_limit", "memory_swap", "cpu_quota", "cpu_period", "cpu_shares", "cpuset_cpus")
    assert [found[key] for key in shown] == [64 << 20, 96 << 20, 50000, 100000, 300, "0"]
    assert found["InfraConfig"]["cpu_quota"] == 50000
    # Podman 4.3 loses them with a reboot; a container that is started by itself brings them back.
    room.libpod("pod", "stop", "-t", "0", "p")
    assert room.settled(lambda: not list(room._processes()))
    Cgroup(group).remove()
    room.libpod("start", "one")
    assert limits() == expected
    room.libpod("pod", "rm", "--force", "-t", "0", identifier)
    assert not Cgroup(group).exists()


def test_limits_of_block_devices(room: PodRoom) -> None:
    group = MEMORY.parent / "blkio"
    if not (group / "blkio.throttle.read_bps_device").exists():
        pytest.skip("this kernel does not limit block devices with cgroup version 1")
    disks = sorted(Path("/sys/block").iterdir())
    name = next(entry for entry in disks if Path("/dev", entry.name).is_block_device())
    options = ("--device-read-bps", f"/dev/{name.name}:1mb", "--device-write-bps", f"/dev/{name.name}:2mb")
    room.make_pod("p", *options)
    path = room.pod("p")["CgroupPath"]
    number = (name / "dev").read_text().strip()
    for word, rate in (("read", 1 << 20), ("write", 2 << 20)):
        text = (group / f".{path}/blkio.throttle.{word}_bps_device").read_text()
        assert text.split() == [number, str(rate)]


def test_a_pod_that_needs_too_much_memory_is_stopped_by_its_limit(room: PodRoom) -> None:
    room.make_pod("p", "--memory", "16m")
    assert say(room, "p", "head -c 100m /dev/zero | tail >/dev/null; echo $?") == ["137"]


def test_volumes_and_devices_are_given_to_all(room: PodRoom, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given/file").write_text("hello\n")
    options = ("-v", f"{tmp_path}/given:/given:ro", "-v", "kept:/kept", "--device", "/dev/null:/dev/empty:r")
    room.make_pod("p", *options, "--shm-size", "1m", "--sysctl", "kernel.shmmax=123456")
    script = (
        "cat /given/file; touch /given/no 2>/dev/null || echo read-only; touch /kept/$1; ls /kept; "
        "cat /dev/empty; df -k /dev/shm | tail -n 1; cat /proc/sys/kernel/shmmax"
    )
    lines = say(room, "p", script.replace("$1", "first"))
    assert [*lines[:3], lines[3].split()[1], lines[4]] == ["hello", "read-only", "first", "1024", "123456"]
    other = say(room, "p", "ls /given; ls /kept", "-v", f"{tmp_path}:/given")
    assert "given" in other
    assert other[-1] == "first"
    found = room.pod("p")
    assert {entry["Destination"] for entry in found["mounts"]} == {"/given", "/kept"}
    assert found["devices"][0]["PathInContainer"] == "/dev/empty"


def test_security_options_are_those_of_all(room: PodRoom) -> None:
    options = ("--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined")
    room.make_pod("p", *options)
    script = "grep -e NoNewPrivs -e ^Seccomp: /proc/self/status"
    assert say(room, "p", script) == ["NoNewPrivs: 1", "Seccomp: 0"]
    room.member("p", "one")
    expected = ["no-new-privileges", "seccomp=unconfined"]
    assert room.pod("p")["security_opt"] == room.inspect("one")["HostConfig"]["SecurityOpt"] == expected


def test_names_are_those_of_the_image(room: PodRoom, tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("# two\ncolor=red\nsize=9\n")
    room.make_pod("p", "--no-hosts", "--label-file", str(tmp_path / "labels"), "--label", "size=7")
    assert room.pod("p")["InfraConfig"]["NoManageHosts"] is True
    assert room.pod("p")["Labels"] == {"color": "red", "size": "7"}
    assert say(room, "p", "cat /etc/hosts 2>/dev/null || echo none") == ["none"]
    assert room.say("--no-hosts", command=("sh", "-c", "cat /etc/hosts || echo none")).strip() == "none"
