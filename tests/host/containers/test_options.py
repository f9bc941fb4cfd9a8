"""What the flags of `run` do, seen from inside a container."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import leftovers
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.containers import Room

CGROUPS = "/sys/fs/cgroup"
CHOWN, KILL, SYS_ADMIN = 0, 5, 21

# Many flags go into one container where they do not touch each other: each start costs half a second.
SEEN = [
    pytest.param(
        ("-e", "A=1", "-e", "FROM_US", "-e", "NOT_OURS", "-e", "FROM_IMAGE=no", "-w/tmp", "--hostname=box"),
        'echo "$A $FROM_US ${NOT_OURS-unset} $FROM_IMAGE $container"; pwd; hostname; '
        'cat /etc/hostname; echo " $HOSTNAME"',
        "1 ours unset no podman\n/tmp\nbox\nbox box\n",
        id="environment, working directory, host name",
    ),
    pytest.param(
        (), "echo $FROM_IMAGE $HOME $PATH; pwd; id -u", "yes /root /usr/local/bin:/bin\n/\n0\n", id="none"
    ),
    pytest.param(("-w", "/new/directory"), "pwd", None, id="a working directory that is not there"),
    pytest.param(
        ("-u", "worker"),
        "id; echo $HOME",
        "uid=1000(worker) gid=1000(worker) groups=29(audio),1000(worker)\n/home/worker\n",
        id="user",
    ),
    pytest.param(
        ("-u", "worker:video"),
        "id",
        "uid=1000(worker) gid=44(video) groups=44(video)\n",
        id="user and group",
    ),
    pytest.param(("-u", "7:8"), "id; echo $HOME", "uid=7(7) gid=8(8) groups=8(8)\n/\n", id="numbers"),
    pytest.param(
        ("-u", "1000", "--group-add", "video", "--group-add", "99"), "id -G", "1000 29 44 99\n", id="groups"
    ),
    pytest.param(
        ("--add-host", "db:10.1.2.3", "--add-host", "six:fd00::1"),
        "grep -E 'db|six' /etc/hosts",
        "10.1.2.3\tdb\nfd00::1\tsix\n",
        id="hosts",
    ),
    pytest.param(
        ("--dns", "9.9.9.9", "--dns", "1.1.1.1", "--dns-search", "example.org", "--dns-option", "ndots:3"),
        "cat /etc/resolv.conf",
        "search example.org\nnameserver 9.9.9.9\nnameserver 1.1.1.1\noptions ndots:3\n",
        id="name servers",
    ),
    pytest.param(
        ("--read-only", "--tmpfs", "/t:size=1m,mode=700"),
        "touch /x 2>/dev/null || echo no; touch /t/a /tmp/a /run/a && echo yes; "
        "df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2; stat -c %a /t",
        "no\nyes\n1024\n700\n",
        id="read-only, tmpfs",
    ),
    pytest.param(
        ("--ulimit", "nofile=100:200", "--ulimit", "core=0", "--umask", "0027"),
        "ulimit -n; ulimit -Hn; ulimit -c; umask",
        "100\n200\n0\n0027\n",
        id="limits",
    ),
    pytest.param(
        ("--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.shmmni=33"),
        "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni",
        "1\n33\n",
        id="kernel parameters",
    ),
    pytest.param(
        ("--device", "/dev/fuse:/dev/k:r", "--shm-size", "2m"),
        "(: < /dev/k) && echo yes; (: > /dev/k) 2>/dev/null || echo no; "
        "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2",
        "yes\nno\n2048\n",
        id="device, shared memory",
    ),
    pytest.param(
        ("--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"),
        "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status",
        "NoNewPrivs:\t1\nSeccomp:\t0\n",
        id="no new privileges, no filter",
    ),
    pytest.param(
        ("--security-opt", "mask=/etc/group", "--security-opt", "unmask=/proc/keys"),
        "cat /etc/group; mount | grep -cE '/proc/(keys|timer_list)'; grep '^Seccomp:' /proc/self/status",
        "1\nSeccomp:\t2\n",
        id="masks, usual filter",
    ),
    pytest.param(("--entrypoint", "echo"), None, "-c x\n", id="entry point"),
    pytest.param(("--entrypoint", '["echo", "a b"]'), None, "a b -c x\n", id="entry point as a list"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "script", "expected"), SEEN)
def test_flags(shared: Room, options: tuple[str, ...], script: str | None, expected: str | None) -> None:
    if expected is None:
        assert "does not exist" in shared.refused("run", "--rm", *options, IMAGE, "true")
        return
    command = ("-c", "x") if script is None else ("sh", "-c", script)
    words = ("run", "--rm", *options, IMAGE, *command)
    assert shared.libpod(*words, environment={"FROM_US": "ours"}).stdout == expected


def test_environment_files(shared: Room, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("# comment\n\nA=1\n  B=two words\nFROM_US\nNOT_OURS\n")
    second.write_text("A=2\nOURS*\n")
    words = ("run", "--rm", "--env-file", str(first), "--env-file", str(second), "-e", "C=", IMAGE, "env")
    said = shared.libpod(*words, environment={"FROM_US": "x", "OURS_1": "y"}).stdout.splitlines()
    assert {"A=2", "B=two words", "FROM_US=x", "OURS_1=y", "C="} <= set(said)
    assert not [line for line in said if line.startswith("NOT_OURS")]


def test_resources(shared: Room) -> None:
    """The values that the kernel has, read inside."""
    files = {
        "memory/memory.limit_in_bytes": 64 << 20,
        "memory/memory.memsw.limit_in_bytes": 96 << 20,
        "memory/memory.soft_limit_in_bytes": 32 << 20,
        "cpu/cpu.cfs_quota_us": 50000,
        "cpu/cpu.cfs_period_us": 100000,
        "cpu/cpu.shares": 512,
        "cpuset/cpuset.cpus": 0,
        "pids/pids.max": 33,
    }
    files = {name: value for name, value in files.items() if _is_on_host(name)}
    options: tuple[str, ...] = (
        "--memory", "64m", "--memory-swap", "96m", "--memory-reservation", "32m", "--cpus", "0.5",
        "--cpu-shares", "512", "--cpuset-cpus", "0", "--pids-limit", "33",
    )  # fmt: skip
    if "memory/memory.memsw.limit_in_bytes" not in files:
        options = tuple(word for word in options if word not in ("--memory-swap", "96m"))
    said = shared.say(*options, command=("cat", *(f"{CGROUPS}/{name}" for name in files)))
    assert dict(zip(files, map(int, said.split()), strict=True)) == files


def _is_on_host(name: str) -> bool:
    controller, _, file = name.partition("/")
    return (
        any(directory.exists() for directory in Path(CGROUPS, controller).glob(f"{file}")) or "." not in file
    )


def test_the_cgroup_is_below_the_parent_asked_for(shared: Room) -> None:
    lines = shared.say("--name", "c", command=("cat", "/proc/self/cgroup")).splitlines()
    assert lines
    assert all(f":{shared.parent}/libpod-" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--cap-drop", "ALL"), set()),
        (("--cap-drop", "ALL", "--cap-add", "chown,CAP_KILL"), {CHOWN, KILL}),
        (("--cap-drop", "all", "--cap-add", "CHOWN", "-u", "worker"), {CHOWN}),
    ],
)
def test_capabilities(shared: Room, options: tuple[str, ...], expected: set[int]) -> None:
    assert _capabilities(shared.say(*options, command=("cat", "/proc/self/status"))) == expected


def test_more_and_fewer_capabilities_than_usual(shared: Room) -> None:
    usual = _capabilities(shared.say(command=("cat", "/proc/self/status")))
    assert CHOWN in usual
    assert SYS_ADMIN not in usual
    options = ("--cap-add", "SYS_ADMIN", "--cap-drop", "CHOWN")
    assert _capabilities(shared.say(*options, command=("cat", "/proc/self/status"))) == usual - {CHOWN} | {
        SYS_ADMIN
    }
    assert not _capabilities(shared.say("-u", "worker", command=("cat", "/proc/self/status")))


def _capabilities(status: str, kind: str = "CapEff") -> set[int]:
    (line,) = [line for line in status.splitlines() if line.startswith(f"{kind}:")]
    value = int(line.split()[1], 16)
    return {number for number in range(64) if value >> number & 1}


def test_privileged(shared: Room) -> None:
    """It may do what we may: all that is ours to give, all devices, nothing masked, no filter."""
    script = (
        "cat /proc/self/status; mount | grep -q /proc/ || echo seen; ls /dev; "
        "mount -t tmpfs none /data && echo mounted"
    )
    said = shared.say("--privileged", command=("sh", "-c", script))
    assert _capabilities(said) == _capabilities(Path("/proc/self/status").read_text(), "CapBnd")
    assert {"seen", "mounted", "full"} <= set(said.splitlines())
    assert "Seccomp:\t0" in said
    devices = {name for name in os.listdir("/dev") if Path("/dev", name).is_block_device()}
    assert devices <= set(said.splitlines())


# ---------------------------------------------------------------- mounts


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Iterator[Path]:
    """A directory with a file, and the mount point of a file system that is shared with other namespaces."""
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "file").write_text("of the host\n")
    for words in (["--bind", str(tree), str(tree)], ["--make-shared", str(tree)]):
        subprocess.run(["mount", *words], check=True)
    yield tree
    leftovers.unmount(leftovers.mounts_below(str(tmp_path)))


@pytest.mark.parametrize(
    ("options", "writable", "recursive"),
    [
        (("-v", "{}:/x"), True, True),
        (("-v", "{}:/x:ro"), False, True),
        (("-v", "{}:/x:rw,nosuid"), True, True),
        (("--mount", "type=bind,source={},target=/x"), True, True),
        (("--mount", "type=bind,src={},dst=/x,ro"), False, True),
        (("--mount", "type=bind,src={},destination=/x,readonly=true"), False, True),
    ],
)
def test_bind_mounts(
    shared: Room, tree: Path, options: tuple[str, ...], *, writable: bool, recursive: bool
) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", tree / "below"], check=True)
    (tree / "below" / "deep").touch()
    script = "cat /x/file; ls /x/below; (echo new > /x/new) 2>/dev/null || echo refused"
    said = shared.say(*(text.format(tree) for text in options), command=("sh", "-c", script)).split("\n")
    assert said[0] == "of the host"
    assert ("deep" in said) is recursive
    assert ("refused" in said) is not writable
    assert (tree / "new").exists() is writable


@pytest.mark.parametrize(
    ("option", "fields"),
    [
        ("", ""),
        (":private", ""),
        (":slave", "master:"),
        (":rslave", "master:"),
        (":shared", "shared:"),
        (":rshared", "shared:"),
    ],
)
def test_propagation(shared: Room, tree: Path, option: str, fields: str) -> None:
    """A mount that the host makes later is seen inside as the option says, and none is left behind."""
    shared.libpod("run", "-d", "--name", "c", "-v", f"{tree}:/x{option}", IMAGE, "sleep", "100")
    (line,) = [
        line
        for line in shared.libpod("exec", "c", "cat", "/proc/self/mountinfo").stdout.splitlines()
        if line.split()[4] == "/x"
    ]
    assert (fields in line) if fields else not ({"master:", "shared:"} & {f[:7] for f in line.split()})
    subprocess.run(["mount", "-t", "tmpfs", "none", tree / "below"], check=True)
    (tree / "below" / "late").touch()
    assert (shared.libpod("exec", "c", "ls", "/x/below").words == "late") is bool(fields)
    shared.libpod("rm", "-f", "-t", "0", "c")


def test_mounts_of_other_types(shared: Room) -> None:
    options = (
        "--mount", "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770",
        "--mount", "type=tmpfs,dst=/etc2",
        "--mount", "type=devpts,destination=/pts",
        "--tmpfs", "/etc:notmpcopyup",
    )  # fmt: skip
    script = "stat -c %a /t; mount | grep -E ' /(t|pts|etc2|etc) ' | cut -d' ' -f3,5 | sort"
    assert shared.say(*options[:4], *options[4:6], command=("sh", "-c", script)) == (
        "1770\n/etc2 tmpfs\n/pts devpts\n/t tmpfs\n"
    )


def test_a_tmpfs_gets_what_the_image_has_there(shared: Room) -> None:
    assert shared.say("--tmpfs", "/etc", command=("cat", "/etc/not-executable")) == "text\n"


# ---------------------------------------------------------------- namespaces


KINDS = ("net", "pid", "ipc", "uts")


def _namespaces(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.split())


def test_namespaces(shared: Room) -> None:
    """Its own ones, the host's, and those of another container."""
    show = ("sh", "-c", f"for n in {' '.join(KINDS)}; do readlink /proc/self/ns/$n; done")
    host = {kind: os.readlink(f"/proc/self/ns/{kind}").partition(":")[2] for kind in KINDS}
    own = _namespaces(shared.say("--network", "none", command=show))
    assert set(own) == set(KINDS)
    assert not set(own.values()) & set(host.values())
    with_host = ("--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host")
    assert _namespaces(shared.say(*with_host, command=show)) == host
    shared.sleep("base", "--hostname", "base", "--add-host", "db:10.9.8.7")
    joined = [f"--{flag}=container:base" for flag in ("network", "pid", "ipc", "uts")]
    theirs = _namespaces(shared.libpod("exec", "base", *show).stdout)
    assert _namespaces(shared.say(*joined, command=show)) == theirs
    script = "hostname; grep -c db /etc/hosts; touch /dev/shm/mine"
    assert shared.say(*joined, command=("sh", "-c", script)) == "base\n1\n"
    assert shared.libpod("exec", "base", "ls", "/dev/shm").words == "mine"
    shared.libpod("rm", "-f", "-t", "0", "base")


def test_namespaces_by_path(shared: Room) -> None:
    options = [f"--{flag}=ns:/proc/self/ns/{kind}" for flag, kind in (("network", "net"), ("uts", "uts"))]
    said = shared.say(
        *options, command=("sh", "-c", "readlink /proc/self/ns/net; readlink /proc/self/ns/uts")
    )
    assert said.split() == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "uts")]


# ---------------------------------------------------------------- what inspect and files show


def test_what_is_kept_about_a_container(shared: Room, tmp_path: Path) -> None:
    id_file, pid_file = tmp_path / "id", tmp_path / "pid"
    options = (
        "--label", "a=b", "--label", "empty", "--annotation", "org.example.x=y", "--stop-signal", "USR1",
        "--stop-timeout", "3", "--cidfile", id_file, "--conmon-pidfile", pid_file,
    )  # fmt: skip
    identifier = shared.libpod("run", "-d", "--name", "c", *map(str, options), IMAGE, "sleep", "100").words
    assert id_file.read_text() == identifier
    conmon = int(pid_file.read_text())
    assert identifier in leftovers.command_line(conmon)
    found = shared.inspect("c")
    assert found["Config"]["Labels"] == {"from": "image", "kept": "yes", "a": "b", "empty": ""}
    assert found["Config"]["StopSignal"] == 10
    assert found["Config"]["StopTimeout"] == 3
    assert found["ConmonPidFile"] == str(pid_file)
    assert found["State"]["ConmonPid"] == conmon
    assert found["State"]["Running"] is True
    assert shared.config("c")["annotations"]["org.example.x"] == "y"
    refused = shared.refused("run", "--cidfile", str(id_file), IMAGE, "true")
    assert f"--cidfile {id_file} exists" in refused
    shared.libpod("rm", "-f", "-t", "0", "c")


def test_stop_signal(shared: Room) -> None:
    command = ("sh", "-c", "trap 'echo got it; exit 7' USR1; while :; do sleep 0.1; done")
    shared.libpod("run", "-d", "--name", "c", "--stop-signal", "USR1", IMAGE, *command)
    shared.libpod("stop", "-t", "20", "c")
    assert shared.libpod("logs", "c").words == "got it"
    assert shared.libpod("wait", "c").words == "7"


def test_a_root_directory(shared: Room, tmp_path: Path) -> None:
    from tests.lab import image

    image.unpack(tmp_path / "plain")
    words = ("run", "--name", "c", "--rootfs", str(tmp_path / "plain"), "sh", "-c", "echo $PATH; touch /made")
    assert shared.libpod(*words).words == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert (tmp_path / "plain" / "made").exists()
    assert shared.libpod("mount", "c").words == str(tmp_path / "plain")
    shared.libpod("umount", "c")
    assert shared.libpod("start", "-a", "c").words.startswith("/usr")
    shared.libpod("rm", "c")
    assert (tmp_path / "plain" / "made").exists()


def test_requires(shared: Room) -> None:
    shared.libpod("create", "--name", "db", IMAGE, "sleep", "100")
    shared.libpod("create", "--name", "web", "--requires", "db", IMAGE, "sleep", "100")
    shared.libpod("start", "web")
    assert (shared.status("db"), shared.status("web")) == ("running", "running")
    assert "needed by" in shared.libpod("rm", "-f", "-t", "0", "db", status=125).stderr
    assert shared.status("db") == "running"
    shared.libpod("rm", "-f", "-t", "0", "--all")
    assert shared.names() == []


# ---------------------------------------------------------------- names, places to write to


def test_names_are_resolved_as_the_image_has_it(shared: Room) -> None:
    command = ("sh", "-c", "test ! -e /etc/resolv.conf && echo none")
    assert shared.say("--network", "host", "--dns", "none", command=command) == "none\n"
    text = shared.say("--network", "host", "--dns-opt", "ndots:3", command=("cat", "/etc/resolv.conf"))
    assert "options ndots:3\n" in text


def test_nothing_to_write_to(shared: Room) -> None:
    options = ("--read-only", "--read-only-tmpfs=false")
    result = shared.libpod("run", "--rm", *options, IMAGE, "touch", "/tmp/x", status=1)
    assert "Read-only file system" in result.stderr


def test_options_of_proc(shared: Room) -> None:
    options = ("--security-opt", "proc-opts=hidepid=2", "--security-opt", "no-new-privileges=false")
    command = ("grep", "-e", " /proc proc", "-e", "NoNew", "/proc/mounts", "/proc/self/status")
    said = shared.say(*options, command=command)
    assert re.search(r"hidepid=(2|invisible)", said)
    assert "NoNewPrivs:\t0" in said
