"""The end of a user's last session takes their runtime directory, and their containers live on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.users import User


def end_session(user: User) -> None:
    """Take the runtime directory away, and make it again as for the next session."""
    path, number = user.runtime_directory, user.person.uid
    user.as_root(f"rm -rf {path}; mkdir -m 700 {path}; chown {number}:{number} {path}")


def test_a_container_outlives_the_session_of_its_user(anna: User) -> None:
    anna.sleep("here", "--stop-timeout", "1")
    pid = anna.inspect("here")["State"]["Pid"]
    hosts = anna.libpod("exec", "here", "cat", "/etc/hosts").stdout
    end_session(anna)
    assert anna.libpod("refresh").stdout.startswith("adopted: ")
    assert (anna.states(), anna.inspect("here")["State"]["Pid"]) == ({"here": "running"}, pid)
    # What its OCI runtime knew of it is gone.
    assert "hint: if it runs, the runtime has lost its state of it" in anna.refused("exec", "here", "id")
    anna.libpod("stop", "here")
    assert anna.states() == {"here": "exited"}
    anna.libpod("start", "here")
    assert anna.libpod("exec", "here", "cat", "/etc/hosts").stdout == hosts


@pytest.mark.parametrize("verb", [("kill", "-s", "KILL"), ("rm", "-f", "-t", "0"), ("restart", "-t", "0")])
def test_it_can_be_ended(anna: User, verb: tuple[str, ...]) -> None:
    anna.sleep("here")
    pid = anna.inspect("here")["State"]["Pid"]
    end_session(anna)
    anna.libpod("refresh")
    anna.libpod(*verb, "here")
    anna.as_root(f"for i in $(seq 600); do [ -e /proc/{pid} ] || exit 0; sleep 0.1; done; exit 1")
    if verb[0] != "rm":
        anna.libpod("rm", "-f", "-t", "0", "here")
