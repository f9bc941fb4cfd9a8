"""What further flags of `create` and `run` do: first processes, time, files, environment, limits."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import leftovers, tools, trees
from tests.lab.containers import CONFIGURATION, IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room

BLKIO = Path("/sys/fs/cgroup/blkio")
ZONES = Path("/usr/share/zoneinfo")


def _remove(room: Room, *names: str) -> None:
    room.libpod("rm", "-f", "-t", "0", *names)


# ---------------------------------------------------------------- the first process


def test_init_reaps_and_passes_signals_on(shared: Room) -> None:
    """A command that ignores its dead children leaves none, and gets the signal that `stop` sends."""
    tools.require_tool("catatonit")
    command = ("sh", "-c", "trap 'exit 7' TERM; (sleep 0.1 & exec true) & while :; do sleep 0.1; done")
    shared.libpod("run", "-d", "--name", "c", "--init", IMAGE, *command)
    shown = shared.libpod("exec", "c", "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline; ls /run").stdout
    assert shown.startswith("/run/podman-init -- sh -c trap")
    assert "podman-init" in shown.splitlines()[-1]
    found = shared.inspect("c")
    assert (found["Path"], found["Args"][:2]) == ("/run/podman-init", ["--", "sh"])
    assert found["HostConfig"]["Init"] is True
    assert found["Config"]["Cmd"] == list(command)
    shared.libpod("stop", "-t", "20", "c")
    assert shared.libpod("wait", "c").words == "7"
    _remove(shared, "c")


def test_init_by_path_and_by_configuration(shared: Room, tmp_path: Path) -> None:
    program = tmp_path / "first"
    program.write_bytes(Path("/usr/bin/catatonit").read_bytes())
    program.chmod(0o755)
    script = ("sh", "-c", "grep -c podman-init /proc/1/cmdline; grep podman-init /proc/mounts | cut -d, -f1")
    asked = shared.say("--init", "--init-path", str(program), command=script)
    assert asked.startswith("1\n")
    assert asked.endswith(" ro\n")
    configuration = tmp_path / "containers.conf"
    added = f'[containers]\ninit = true\ninit_path = "{program}"'
    configuration.write_text(CONFIGURATION.replace("[containers]", added))
    with_file = {"CONTAINERS_CONF": str(configuration)}
    for option, name in (("--init=true", "podman-init"), ("--init=false", "cat"), ("--rm", "podman-init")):
        words = ("run", "--rm", option, IMAGE, "cat", "/proc/1/comm")
        assert shared.libpod(*words, environment=with_file).words == name


def test_init_that_cannot_be(shared: Room) -> None:
    said = shared.refused("run", "--init", "--init-path", "/no/init", IMAGE, "true")
    assert "no program for --init found: tried /no/init" in said
    assert "PID namespace of the container's own" in shared.refused(
        "create", "--init", "--pid", "host", IMAGE, "true"
    )


def test_timeout(shared: Room) -> None:
    """conmon kills it, whoever waits."""
    shared.libpod("run", "-d", "--name", "c", "--timeout", "1", IMAGE, "sleep", "100")
    assert shared.inspect("c")["Config"]["Timeout"] == 1
    shared.libpod("wait", "c")
    assert shared.settled(lambda: shared.status("c") == "exited")
    _remove(shared, "c")
    assert "not a whole number" in shared.refused("run", "--timeout", "soon", IMAGE, "true")


# ---------------------------------------------------------------- systemd


def test_systemd(shared: Room, tmp_path: Path) -> None:
    """The systemd of a distribution comes up, and halts when it is told to stop."""
    root = tmp_path / "root"
    for directory in (root, tmp_path / "upper", tmp_path / "work"):
        directory.mkdir()
    layers = f"lowerdir={trees.ensure(trees.DEBIAN_12)},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "none", "-o", layers, root], check=True)
    try:
        # Without services, some of which take long to find that a container is no place for them.
        words = ("run", "-d", "--name", "c", "--rootfs", str(root), "/sbin/init", "--unit=basic.target")
        identifier = shared.libpod(*words).words
        found = shared.inspect("c")["Config"]
        assert (found["SystemdMode"], found["StopSignal"]) == (True, 37)
        assert f"container_uuid={identifier[:32]}" in found["Env"]
        state, up = ("exec", "c", "systemctl", "is-system-running"), ("running", "degraded")
        assert shared.settled(lambda: shared.libpod(*state, status=None).words in up, seconds=240)
        mounted = shared.libpod("exec", "c", "findmnt", "-no", "FSTYPE", "/run").words
        assert mounted == "tmpfs"
        assert "killing it" not in shared.libpod("stop", "-t", "200", "c", timeout=240).stderr
        assert shared.libpod("wait", "c").words == "0"
    finally:
        _remove(shared, "c")
        subprocess.run(["umount", root], check=True)


def test_without_systemd(shared: Room) -> None:
    assert "--systemd 'perhaps': one of" in shared.refused("run", "--systemd", "perhaps", IMAGE, "true")
    assert "exclude each other" in shared.refused("run", "--init", "--systemd=always", IMAGE, "true")
    script = "grep -c journal /proc/mounts; echo ${container_uuid-unset}"
    assert shared.say(command=("sh", "-c", script)) == "0\nunset\n"
    for mode, expected in (("always", "1"), ("false", "0"), ("true", "0")):
        said = shared.say(f"--systemd={mode}", command=("sh", "-c", script))
        assert said.splitlines()[0] == expected


# ---------------------------------------------------------------- files


def test_time_zone(shared: Room) -> None:
    if not ZONES.is_dir():
        tools.missing("tzdata")
    words = ("sh", "-c", "md5sum < /etc/localtime; cat /proc/mounts | grep -c localtime")
    for zone, path in (("Europe/Berlin", ZONES / "Europe/Berlin"), ("local", Path("/etc/localtime"))):
        shared.libpod("create", "--name", "c", "--tz", zone, IMAGE, *words)
        expected = shared.libpod("run", "--rm", "-i", IMAGE, "cat", data="").stdout + _md5(path)
        assert shared.libpod("start", "-a", "c").stdout == f"{expected}  -\n1\n"
        assert shared.inspect("c")["Config"]["Timezone"] == zone
        _remove(shared, "c")
    for zone in ("No/Where", "../../../etc/passwd", "/etc/localtime"):
        assert "no such time zone" in shared.refused("run", "--tz", zone, IMAGE, "true")


def _md5(path: Path) -> str:
    import hashlib

    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_no_hosts(shared: Room, tmp_path: Path) -> None:
    shared.libpod("create", "--name", "c", "--no-hosts", IMAGE, "sh", "-c", "ls /etc/hosts 2>&1")
    assert "No such file" in shared.libpod("start", "-a", "c", status=1).stdout
    assert shared.inspect("c")["HostsPath"] == ""
    _remove(shared, "c")
    said = shared.refused("run", "--no-hosts", "--add-host", "a:1.2.3.4", IMAGE, "true")
    assert "--no-hosts and --add-host exclude each other" in said
    configuration = tmp_path / "containers.conf"
    configuration.write_text(CONFIGURATION.replace("[containers]", "[containers]\nno_hosts = true"))
    words = ("run", "--rm", IMAGE, "ls", "/etc/hosts")
    shared.libpod(*words, environment={"CONTAINERS_CONF": str(configuration)}, status=1)


def test_label_files(shared: Room, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("# comment\na=1\nb=two words\nFROM_US\n")
    second.write_text("a=2\n")
    options = ("--label-file", str(first), "--label-file", str(second), "-l", "b=3")
    shared.libpod("create", "--name", "c", *options, IMAGE, "true", environment={"FROM_US": "x"})
    labels = shared.inspect("c")["Config"]["Labels"]
    assert {name: labels.get(name) for name in ("a", "b", "FROM_US")} == {"a": "2", "b": "3", "FROM_US": "x"}
    _remove(shared, "c")
    assert f"{tmp_path}/missing" in shared.refused(
        "create", "--label-file", f"{tmp_path}/missing", IMAGE, "true"
    )


def test_pid_file(shared: Room, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    shared.libpod("run", "-d", "--name", "c", "--pidfile", str(path), IMAGE, "sleep", "100")
    found = shared.inspect("c")
    assert int(path.read_text()) == found["State"]["Pid"]
    assert found["PidFile"] == str(path)
    before = path.read_text()
    shared.libpod("restart", "-t", "0", "c")
    assert path.read_text() != before
    assert int(path.read_text()) == shared.inspect("c")["State"]["Pid"]
    _remove(shared, "c")


# ---------------------------------------------------------------- --replace


def test_replace(shared: Room) -> None:
    words = ("run", "-d", "--stop-signal", "KILL", "--replace", "--name", "c", IMAGE, "sleep", "100")
    first = shared.libpod(*words).words
    second = shared.libpod(*words).words
    assert first != second
    assert shared.names() == ["c"]
    third = shared.libpod("create", "--replace", "--name", "c", IMAGE, "true").words
    assert shared.inspect("c")["Id"] == third
    assert not leftovers.processes_naming(second)
    # What cannot be made replaces nothing.
    shared.refused("run", "--replace", "--name", "c", "--tz", "No/Where", IMAGE, "true")
    shared.refused("run", "--replace", "--name", "c", "--pull", "never", "localhost/no-image", "true")
    assert shared.inspect("c")["Id"] == third
    # A name is no beginning of an ID.
    shared.libpod("create", "--replace", "--name", third[:12], IMAGE, "true")
    assert sorted(shared.names()) == sorted(["c", third[:12]])
    assert "--replace needs --name" in shared.refused("run", "--replace", IMAGE, "true")
    _remove(shared, "--all")


def test_what_others_need_is_not_replaced(shared: Room) -> None:
    identifier = shared.libpod("create", "--name", "db", IMAGE, "true").words
    shared.libpod("create", "--name", "web", "--requires", "db", IMAGE, "true")
    assert "needed by" in shared.refused("create", "--replace", "--name", "db", IMAGE, "true")
    assert shared.inspect("db")["Id"] == identifier
    _remove(shared, "--all")


# ---------------------------------------------------------------- environment


OURS = {"FROM_US": "ours", "HTTP_PROXY": "http://proxy:1", "no_proxy": "local"}


def _variables(room: Room, *options: str, **environment: str) -> dict[str, str]:
    words = ("run", "--rm", *options, IMAGE, "/bin/env")
    said = room.libpod(*words, environment={**OURS, **environment}).stdout
    return dict(line.partition("=")[::2] for line in said.splitlines())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"HTTP_PROXY": "http://proxy:1", "no_proxy": "local", "FROM_US": None, "FROM_IMAGE": "yes"}),
        (("--http-proxy=false",), {"HTTP_PROXY": None, "no_proxy": None}),
        (("-e", "HTTP_PROXY=other"), {"HTTP_PROXY": "other", "no_proxy": "local"}),
        (("--env-host", "-e", "no_proxy=x"), {"FROM_US": "ours", "no_proxy": "x", "FROM_IMAGE": "yes"}),
        (("--unsetenv", "FROM_IMAGE", "--unsetenv", "TERM"), {"FROM_IMAGE": None, "TERM": None}),
        (("--unsetenv", "FROM_IMAGE", "-e", "FROM_IMAGE=1"), {"FROM_IMAGE": "1"}),
        (("--unsetenv-all", "-e", "A=b"), {"A": "b", "FROM_IMAGE": None, "PATH": None, "container": None}),
        (("--env-merge", "FROM_IMAGE=${FROM_IMAGE}-$TERM"), {"FROM_IMAGE": "yes-xterm"}),
        (("--env-merge", "NEW=x"), {"NEW": None}),
        (("--env-merge", "FROM_IMAGE=${NO:-a=b}", "--unsetenv", "TERM"), {"FROM_IMAGE": "a=b"}),
        (("--env-merge", "FROM_IMAGE=x", "-e", "FROM_IMAGE=y"), {"FROM_IMAGE": "y"}),
    ],
)  # fmt: skip
def test_environment(shared: Room, options: tuple[str, ...], expected: dict[str, str | None]) -> None:
    found = _variables(shared, *options)
    assert {name: found.get(name) for name in expected} == expected


def test_environment_by_configuration(shared: Room, tmp_path: Path) -> None:
    configuration = tmp_path / "containers.conf"
    text = CONFIGURATION.replace("[containers]", "[containers]\nhttp_proxy = false\nenv_host = true")
    configuration.write_text(text)
    found = _variables(shared, "--env-host=false", CONTAINERS_CONF=str(configuration))
    assert "HTTP_PROXY" not in found
    assert "FROM_US" not in found
    assert _variables(shared, CONTAINERS_CONF=str(configuration))["FROM_US"] == "ours"


# ---------------------------------------------------------------- limits


def _block_device() -> tuple[str, str]:
    """A block device of the host and its numbers."""
    for entry in sorted(Path("/sys/block").iterdir()):
        if Path("/dev", entry.name).is_block_device():
            return f"/dev/{entry.name}", (entry / "dev").read_text().strip()
    pytest.skip("no block device")


@pytest.mark.skipif(not BLKIO.is_dir(), reason="no blkio of cgroups version 1")
def test_limits_of_block_devices(shared: Room) -> None:
    device, numbers = _block_device()
    options = [
        word
        for flag, value in (
            ("read-bps", "1mb"),
            ("write-bps", "2k"),
            ("read-iops", "10"),
            ("write-iops", "20"),
        )
        for word in (f"--device-{flag}", f"{device}:{value}")
    ]
    kinds = ("read_bps", "write_bps", "read_iops", "write_iops")
    files = [f"/sys/fs/cgroup/blkio/blkio.throttle.{kind}_device" for kind in kinds]
    said = shared.say(*options, command=("cat", *files))
    assert said.splitlines() == [f"{numbers} {value}" for value in (1 << 20, 2048, 10, 20)]


@pytest.mark.skipif(not BLKIO.is_dir(), reason="no blkio of cgroups version 1")
def test_weight_of_block_devices(shared: Room) -> None:
    """Kept where the kernel has weights, of whichever scheduler; else left out with a word."""
    words = ("sh", "-c", "cat /sys/fs/cgroup/blkio/blkio.*weight 2>/dev/null; true")
    result = shared.libpod("run", "--rm", "--blkio-weight", "500", IMAGE, *words)
    has_weight = any((BLKIO / name).exists() for name in ("blkio.weight", "blkio.bfq.io_serviced"))
    assert ("500" in result.stdout) is has_weight
    assert ("--blkio-weight is left out" in result.stderr) is not has_weight


def test_limits_of_memory_and_time(shared: Room) -> None:
    files = {
        "memory/memory.swappiness": "33",
        "memory/memory.oom_control": "oom_kill_disable 1",
        "cpu/cpu.cfs_period_us": "50000",
        "cpu/cpu.cfs_quota_us": "20000",
    }
    if not all(Path("/sys/fs/cgroup", name).exists() for name in files):
        pytest.skip("no memory and cpu of cgroups version 1")
    options = (
        "--memory", "64m", "--memory-swappiness", "33", "--oom-kill-disable", "--cpu-period", "50000",
        "--cpu-quota", "20000",
    )  # fmt: skip
    said = shared.say(*options, command=("head", "-qn1", *(f"/sys/fs/cgroup/{name}" for name in files)))
    assert said.splitlines() == list(files.values())


def test_device_rules(shared: Room) -> None:
    """A device node that the container makes itself is of use only if a rule lets it."""
    script = "mknod /x c 10 229; (: < /x) 2>/dev/null && echo opened || echo refused"
    assert shared.say(command=("sh", "-c", script)) == "refused\n"
    options = ("--device-cgroup-rule", "c 10:* rwm")
    assert shared.say(*options, command=("sh", "-c", script)) == "opened\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cpus", "1", "--cpu-quota", "5000"), "--cpus and --cpu-quota exclude each other"),
        (("--cpus", "1", "--cpu-period", "5000"), "--cpus and --cpu-period exclude each other"),
        (("--cpu-period", "10"), "--cpu-period 10 is not between"),
        (("--cpu-quota", "10"), "--cpu-quota 10 is less than"),
        (("--memory-swappiness", "101"), "--memory-swappiness 101 is not between 0 and 100"),
        (("--blkio-weight", "5"), "--blkio-weight: weight '5' is not between 10 and 1000"),
        (("--blkio-weight-device", "/dev/null:100"), "/dev/null is no block device"),
        (("--device-read-bps", "/dev/missing:1m"), "/dev/missing: No such file"),
        (("--device-cgroup-rule", "x 1:2 r"), "TYPE MAJOR:MINOR ACCESS"),
        (("--annotation", "a"), "--annotation 'a' is not of the form"),
        (("--timeout", "-1"), "--timeout -1 is negative"),
        (("--personality", "bsd"), "--personality 'bsd': one of LINUX, LINUX32"),
        (("--chrootdirs", "tmp"), "--chrootdirs 'tmp' is not an absolute path"),
        (("--secret", "gone"), "--secret gone: no secret has this name or ID"),
        (("--no-healthcheck", "--health-cmd", "true"), "exclude each other"),
        (
            ("--health-cmd", "true", "--health-retries", "0"),
            "--health-retries '0' is not a number",
        ),
        (("--health-cmd", "true", "--health-on-failure", "never"), "one of none, kill, restart, stop"),
        (("--health-on-failure", "kill"), "no health check that could fail"),
        (("--cgroups", "split"), "--cgroups split is not supported"),
        (("--init-ctr=once",), "an init container needs a pod"),
        (("--seccomp-policy", "image"), "--seccomp-policy image is not supported"),
        (("--env-merge", "A"), "--env-merge 'A' is not of the form NAME=VALUE"),
        (("--cgroup-conf", "memory.high"), "--cgroup-conf 'memory.high' is not of the form FILE=VALUE"),
    ],
)
def test_what_cannot_be(shared: Room, options: tuple[str, ...], message: str) -> None:
    assert message in shared.refused("create", *options, IMAGE, "true")


@pytest.mark.skipif(not os.path.isdir("/sys/fs/cgroup/memory"), reason="cgroups version 2")
def test_files_of_version_2_on_version_1(shared: Room) -> None:
    said = shared.refused("create", "--cgroup-conf", "memory.high=1G", IMAGE, "true")
    assert "--cgroup-conf needs cgroups version 2" in said


# ---------------------------------------------------------------- accounts


def test_accounts(shared: Room) -> None:
    """Users of the host and of no name get a line; in a root that cannot be written, in a copy."""
    form = "$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/false"
    options = ("-u", "1234:44", "--hostuser", "daemon", "--passwd-entry", form, "-w", "/tmp")
    for more in ((), ("--read-only",)):
        said = shared.say(*options, *more, command=("sh", "-c", "id -un; tail -n2 /etc/passwd")).splitlines()
        assert said[0] == "1234"
        assert said[1].startswith("daemon:x:1:1:daemon:/tmp:/bin/false")
        assert said[2] == "1234:x:1234:44:container user:/tmp:/bin/false"
    assert "1234" not in shared.say("-u", "1234", "--passwd=false", command=("cat", "/etc/passwd"))


def test_a_user_whom_the_host_does_not_have(shared: Room) -> None:
    said = shared.refused("run", "--rm", "--hostuser", "nobody-at-all", IMAGE, "true")
    assert "--hostuser nobody-at-all: the host has no such user" in said


# ---------------------------------------------------------------- what is passed on, and what stays away


def test_descriptors(shared: Room, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("from outside\n")
    script = (
        'exec 3< "$1"; shift; "$@"',
        "sh",
        str(path),
        *shared.command("run", "--rm", "--preserve-fds", "1", IMAGE, "sh", "-c", "cat <&3"),
    )
    result = subprocess.run(
        ["sh", "-c", *script],
        env=shared.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode, result.stdout) == (0, "from outside\n"), result
    assert shared.settled(lambda: not leftovers.processes_naming(str(shared.directory)))
    said = shared.refused("run", "--preserve-fds", "1", IMAGE, "true")
    assert "--preserve-fds 1: descriptor 3 is not open" in said


def test_descriptors_for_a_command_in_a_running_container(shared: Room, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("from outside\n")
    shared.sleep("c")
    command = shared.command("exec", "--preserve-fds", "1", "c", "sh", "-c", "cat <&3")
    for script in ('exec 3< "$0"; exec "$@"', 'exec 3< "$0"; "$@" | cat'):
        result = subprocess.run(
            ["sh", "-c", script, str(path), *command], env=shared.environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert (result.returncode, result.stdout) == (0, "from outside\n"), result
    said = shared.refused("exec", "--preserve-fds", "1", "c", "true")
    assert "--preserve-fds 1: descriptor 3 is not open" in said
    shared.libpod("rm", "-f", "-t", "0", "c")


def test_a_container_for_descriptors_starts_again_without(shared: Room, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = shared.command(
        "run", "--name", "c", "--preserve-fds", "1", IMAGE, "sh", "-c", "ls /proc/self/fd/3"
    )
    with subprocess.Popen(["sh", "-c", 'exec 3< "$0"; exec "$@"', str(tmp_path / "file"), *words],
                          env=shared.environment, stdout=subprocess.PIPE) as first:  # fmt: skip
        assert first.wait(120) == 0
    assert shared.libpod("start", "-a", "c", status=None).status in (0, 1)
    assert shared.status("c") in ("exited", "stopped")
    _remove(shared, "c")


def test_the_image_goes_too(room: Room) -> None:
    room.libpod("tag", IMAGE, "localhost/other")
    assert room.libpod("run", "--rm", "--rmi", "localhost/other", "sh", "-c", "exit 3", status=3).stderr == ""
    names = {
        name
        for image in json.loads(room.libpod("images", "--format", "json").stdout)
        for name in image["Names"]
    }
    assert names == {"localhost/bb:latest"}
    room.libpod("create", "--name", "user", IMAGE, "true")
    kept = room.libpod("run", "--rm", "--rmi", IMAGE, "true")
    assert "Warning: image localhost/bb:latest is kept: " in kept.stderr
    assert "exclude each other" in room.libpod("run", "-d", "--rmi", IMAGE, "true", status=125).stderr
    room.libpod("rm", "user")


def test_no_health_check(shared: Room) -> None:
    for flags in (("--no-healthcheck",), ("--health-cmd", "none")):
        shared.libpod("run", "--name", "c", *flags, IMAGE, "true")
        found = shared.inspect("c")
        assert found["Config"]["Healthcheck"] == {"Test": ["NONE"]}
        assert found["State"]["Health"]["Status"] == ""
        _remove(shared, "c")


def test_personality(shared: Room) -> None:
    """runc before 1.2 passes over it without a word; we do not."""
    version = subprocess.run(
        ["runc", "--version"], check=True, capture_output=True, text=True
    ).stdout.split()[2]
    options = ("--personality", "linux32")
    if version.startswith(("0.", "1.0.", "1.1.")):
        said = shared.refused("run", *options, IMAGE, "true")
        assert "--personality is not kept by /usr/bin/runc" in said
    else:
        assert shared.say(*options, command=("uname", "-m")) == "i686\n"


def test_files_of_names_in_other_roots(shared: Room) -> None:
    options = ("--chrootdirs", "/data", "--add-host", "db:10.1.2.3")
    assert "10.1.2.3\tdb\n" in shared.say(*options, command=("cat", "/data/etc/hosts"))


def test_what_changes_nothing(shared: Room) -> None:
    shared.libpod("create", "--name", "c", "-a", "stdout", "--disable-content-trust", IMAGE, "true")
    shared.libpod("rm", "c")
    said = shared.refused("create", "--attach", "somewhere", IMAGE, "true")
    assert "--attach" in said
