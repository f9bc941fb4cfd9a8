"""User namespaces of a user's own containers: keep-id, nomap and auto."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.users import IMAGE

if TYPE_CHECKING:
    from tests.lab.users import User

LOOK = "cat /proc/self/uid_map; id -u; id -g; touch /tmp/mine; stat -c '%u %g' /tmp/mine /bin/sh"


def seen(user: User, *options: str) -> list[str]:
    text = user.libpod("run", "--rm", *options, IMAGE, "sh", "-c", LOOK).stdout
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_user_keeps_their_ids(anna: User) -> None:
    uid = anna.person.uid
    ranges = [f"0 1 {uid}", f"{uid} 0 1", f"{uid + 1} {uid + 1} {65536 - uid}"]
    assert seen(anna, "--userns", "keep-id") == [*ranges, str(uid), str(uid), f"{uid} {uid}", "0 0"]
    ranges = ["0 1 7", "7 0 1", "8 8 65529"]
    assert seen(anna, "--userns", "keep-id:uid=7,gid=8") == [*ranges, "7", "8", "7 8", "0 0"]
    # Podman 4.3 asks the kernel for a range of no IDs, which it refuses.
    assert seen(anna, "--userns", "keep-id:uid=0,gid=0")[:2] == ["0 0 1", "1 1 65536"]
    assert seen(anna, "--userns", "keep-id", "--user", "0")[3:] == ["0", "0", "0 0", "0 0"]


@pytest.mark.parametrize("options", [(), ("--read-only", "--tmpfs", "/tmp")], ids=["", "read-only"])
def test_the_container_knows_who_made_it(anna: User, options: tuple[str, ...]) -> None:
    name, uid = anna.person.name, anna.person.uid
    script = "id -un; id -gn; cat /etc/passwd /etc/group; echo $HOME"
    anna.libpod("create", "--name", "k", "--userns", "keep-id", *options, IMAGE, "sh", "-c", script)
    for _ in range(2):
        lines = anna.said("start", "--attach", "k").splitlines()
        assert [*lines[:2], lines[-1]] == [name, name, "/"]
        assert lines.count(f"{name}:*:{uid}:{uid}::/:/bin/sh") == 1
        assert lines.count(f"{name}:x:{uid}:{name}") == 1


def test_files_of_the_user_are_theirs_in_the_container(anna: User) -> None:
    anna.as_root(f"mkdir -p {anna.home}/desk && chown {anna.person.uid}:{anna.person.uid} {anna.home}/desk")
    script = "stat -c %u /desk && touch /desk/made"
    options = ("--userns", "keep-id", "-v", f"{anna.home}/desk:/desk", "-v", "kept:/kept")
    assert anna.said("run", "--rm", *options, IMAGE, "sh", "-c", f"{script} /kept/made") == str(
        anna.person.uid
    )
    owner = str(anna.person.uid)
    assert anna.as_root(f"stat -c %u {anna.home}/desk/made").strip() == owner
    assert anna.as_root(f"stat -c %u {anna.storage}/volumes/kept/_data/made").strip() == owner


def test_a_user_who_is_nobody(anna: User) -> None:
    assert seen(anna, "--userns", "nomap") == ["0 1 65536", "0", "0", "0 0", "0 0"]
    # The runtime has to pass through the user's directories: they are accepted afterwards.
    mode = anna.as_root(f"stat -c %a {anna.runtime_directory}").strip()
    assert mode == "711"
    assert anna.said("run", "--rm", IMAGE, "id", "-u") == "0"


def test_ids_are_chosen_apart(anna: User) -> None:
    for name in ("a", "b"):
        anna.libpod("create", "--name", name, "--userns", "auto:size=1500", IMAGE, "sh", "-c", LOOK)
    found = {name: anna.inspect(name)["HostConfig"]["IDMappings"]["UidMap"] for name in ("a", "b")}
    assert found == {"a": ["0:1:1500"], "b": ["0:1501:1500"]}
    assert anna.said("start", "--attach", "b").split()[:3] == ["0", "1501", "1500"]
    refused = anna.refused("create", "--userns", "auto:size=62537", IMAGE, "true")
    assert "needs 62537 user IDs: of 65536 that may be used, 62536 are free" in refused
    assert "/etc/subuid" in refused
    anna.libpod("rm", "a")
    anna.libpod("create", "--name", "c", "--userns", "auto", IMAGE, "true")
    assert anna.inspect("c")["HostConfig"]["IDMappings"]["UidMap"] == ["0:1:1024"]


def test_pods_of_users_keep_their_ids(anna: User) -> None:
    uid = str(anna.person.uid)
    anna.libpod("pod", "create", "--name", "p", "--network", "none", "--userns", "keep-id")
    script = "id -u; cat /proc/self/uid_map"
    try:
        words = anna.libpod("run", "--rm", "--pod", "p", IMAGE, "sh", "-c", script).stdout.split()
        assert words == [uid, "0", "1", uid, uid, "0", "1", *words[7:]]
        refused = anna.refused("run", "--rm", "--pod", "p", "--userns", "nomap", IMAGE, "true")
        assert "the containers of pod p share namespaces" in refused
    finally:
        anna.libpod("pod", "rm", "--force", "--time", "0", "p")
    refused = anna.refused("pod", "create", "--memory", "64m")
    assert "--memory cannot be kept" in refused


def test_one_id_is_not_enough(bodo: User) -> None:
    for mode in ("keep-id", "nomap"):
        refused = bodo.refused("run", "--rm", "--userns", mode, "--rootfs", "/", "true")
        assert f"--userns {mode} needs more IDs than the user's own" in refused
        assert "/etc/subuid" in refused
    refused = bodo.refused("run", "--rm", "--userns", "auto", "--rootfs", "/", "true")
    assert "of 0 that may be used" in refused
    assert json.loads(bodo.libpod("ps", "-a", "--format", "json").stdout) == []
