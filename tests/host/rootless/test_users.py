"""What an ordinary user does with containers, from the first to the last command."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab import users
from tests.lab.containers import Room
from tests.lab.users import IMAGE

if TYPE_CHECKING:
    from tests.lab.users import User


def test_a_whole_life(anna: User) -> None:
    identifier = anna.said("create", "--name", "web", IMAGE, "sh", "-c", "echo hello; exec sleep 1000")
    assert anna.said("start", "web") == "web"
    assert anna.states() == {"web": "running"}
    found = anna.inspect("web")
    assert found["Id"] == identifier
    pid = found["State"]["Pid"]
    assert anna.as_root(f"grep ^Uid: /proc/{pid}/status").split()[1:] == [str(anna.person.uid)] * 4
    assert anna.said("exec", "-u", "worker", "web", "id", "-un") == "worker"
    assert anna.said("logs", "web") == "hello"
    assert anna.libpod("stop", "--time", "0", "web").stdout.strip() == "web"
    assert anna.states() == {"web": "exited"}
    anna.said("start", "web")
    assert anna.said("rm", "--force", "--time", "0", "web") == "web"
    assert anna.states() == {}
    assert Room.settled(lambda: identifier not in anna.processes()), "conmon and its exit command end"


def test_exit_codes_and_removal_by_conmon(anna: User) -> None:
    anna.libpod("run", "--rm", IMAGE, "sh", "-c", "exit 7", status=7)
    anna.libpod("run", "--rm", IMAGE, "no-such-program", status=127)
    anna.libpod("run", "-d", "--rm", IMAGE, "true")
    assert Room.settled(lambda: not anna.said("ps", "-aq"))


def test_owners_are_those_of_the_map(anna: User) -> None:
    script = "touch /data/mine /own; chown 7:8 /own; ls -ln /own"
    anna.said("create", "--name", "w", "-v", "vol:/data", "-v", "/srv:/host:ro", IMAGE, "sh", "-c", script)
    assert anna.said("start", "--attach", "w").split()[2:4] == ["7", "8"]
    anna.said("run", "--rm", "-u", "worker", "-v", "vol:/data", IMAGE, "touch", "/tmp/x")
    root = anna.as_root(f"find {anna.storage}/vfs -name own").strip()
    assert anna.as_root(f"stat -c '%u %g' {root}").split() == [
        str(anna.person.on_host(7)),
        str(anna.person.on_host(8)),
    ]
    volume = f"{anna.storage}/volumes/vol/_data/mine"
    assert anna.as_root(f"stat -c %u {volume}").strip() == str(anna.person.uid)


def test_every_command_is_in_the_same_namespace(anna: User) -> None:
    anna.said("ps", "--size")
    before = anna.namespace()
    here = anna.said("run", "--rm", IMAGE, "readlink", "/proc/self/ns/user")
    assert anna.namespace() == before
    assert here == before[1]


def test_first_commands_at_once_make_one_namespace(anna: User) -> None:
    anna.as_root(f"kill {anna.namespace()[0]}; rm {anna.runtime_directory}/libpod/tmp/pause.pid")
    command = anna.libpod_command("run", "--rm", IMAGE, "readlink", "/proc/self/ns/user")
    words = anna.machine.enter(anna._words(tuple(command)))
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **anna._environment}
    started = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        for _ in range(3)
    ]
    found = {process.communicate(timeout=120)[0].strip() for process in started}
    assert found == {anna.namespace()[1]}


def test_containers_outlive_the_waiting_process(anna: User) -> None:
    """It may be in the control group of a service that ends; a conmon still is in the namespace."""
    anna.sleep("s")
    pid, namespace = anna.namespace()
    anna.as_root(f"kill -KILL {pid}")
    assert anna.said("exec", "s", "readlink", "/proc/self/ns/user") == namespace
    assert anna.namespace()[0] != pid
    assert anna.namespace()[1] == namespace
    assert anna.libpod("rm", "--force", "--time", "0", "s").stdout.strip() == "s"


def test_a_reboot(anna: User) -> None:
    for name in ("one", "two"):
        anna.sleep(name, "-v", "kept:/data")
    anna.said("exec", "one", "touch", "/data/file", "/file")
    anna.said("create", "--name", "new", IMAGE, "true")
    users.reboot(anna.machine)
    report = json.loads(anna.libpod("refresh", "--format", "json").stdout)
    assert report["decision"] == "refresh"
    assert (report["containers"]["reset"], report["containers"]["quarantined"]) == (3, [])
    assert anna.states() == {"one": "exited", "two": "exited", "new": "created"}
    assert not anna.machine.path(f"{anna.runtime_directory}/libpod/tmp/pause.pid").exists()
    anna.said("start", "one")
    assert anna.said("exec", "one", "ls", "/data/file", "/file").split() == ["/data/file", "/file"]
    assert json.loads(anna.libpod("refresh", "--format", "json").stdout)["decision"] == "noop"


# Many flags go into one container where they do not touch each other.
SEEN = [
    pytest.param(
        (
            *("-t", "--read-only", "--tmpfs", "/t", "--hostname", "box", "--pids-limit", "0"),
            *("--device", "/dev/fuse", "--sysctl", "net.ipv4.ping_group_range=0 0"),
        ),
        "tty; touch /x 2>/dev/null || echo no; touch /tmp/x; grep -c ' /t ' /proc/mounts; hostname; "
        "ls /dev/fuse; cat /proc/sys/net/ipv4/ping_group_range; wc -l </proc/self/uid_map",
        "/dev/pts/0 no 1 box /dev/fuse 0 0 2",
        id="all of its own",
    ),
    pytest.param(
        ("--network", "host", "--pid", "host", "--ipc", "host"),
        "ls -d /sys/kernel /dev/shm; cat /proc/*/comm 2>/dev/null | grep -qx conmon && echo yes",
        "/dev/shm /sys/kernel yes",
        id="namespaces of the host",
    ),
    pytest.param(("--privileged",), "ls /dev/zero", "/dev/zero", id="privileged"),
]


@pytest.mark.parametrize(("options", "script", "output"), SEEN)
def test_options(anna: User, options: tuple[str, ...], script: str, output: str) -> None:
    said = anna.libpod("run", "--rm", *options, IMAGE, "sh", "-c", script).stdout
    assert said.split() == output.split()


REFUSED = [
    (("--memory", "100m"), "--memory cannot be kept", "cgroup version 2"),
    (("--cpus", "1"), "--cpus cannot be kept", "loginctl enable-linger"),
    (("--pids-limit", "10"), "--pids-limit cannot be kept", "loginctl enable-linger"),
    (("--cpuset-cpus", "0"), "--cpuset-cpus cannot be kept", "loginctl enable-linger"),
]


@pytest.mark.parametrize(("options", "message", "hint"), REFUSED)
def test_limits_that_nobody_would_keep(anna: User, options: tuple[str, ...], message: str, hint: str) -> None:
    said = anna.refused("create", *options, IMAGE, "true")
    assert message in said
    assert hint in said
    assert anna.states() == {}


def test_less_than_root_may(anna: User) -> None:
    result = anna.libpod("run", "--rm", "--oom-score-adj", "-500", IMAGE, "cat", "/proc/self/oom_score_adj")
    assert result.stdout == "0\n"
    assert "--oom-score-adj -500 becomes 0" in result.stderr
    anna.sleep("s")
    assert "has no control group" in anna.refused("pause", "s")
    assert "not counted" in anna.refused("stats", "--no-stream", "s")
    assert anna.said("top", "s", "pid").split()[0] == "PID"


def test_overlay_of_the_kernel(machine_driver: User) -> None:
    """Whiteouts and opaque directories need attributes that a user may set."""
    user = machine_driver
    script = (
        "rm -r /home/worker && mkdir /home/worker && touch /home/worker/new && rm /etc/group && ls /home/*"
    )
    user.said("create", "--name", "o", IMAGE, "sh", "-c", script)
    assert user.said("start", "--attach", "o") == "new"
    assert "D /etc/group" in user.said("diff", "o")
    user.said("rm", "o")


@pytest.fixture
def machine_driver(anna: User) -> User:
    """The same user with a second store, for the overlay driver."""
    anna.said("ps", "-a")
    from tests.lab.users import User as Type

    class Other(Type):
        def libpod_command(self, *arguments: str) -> list[str]:
            found = super().libpod_command(*arguments)
            return [*found[:3], "--root", f"{self.home}/other", *found[3:]]

    other = Other(anna.machine, anna.person, driver="overlay")
    other.pull()
    return other
