"""Secrets of Podman's store, in containers that it made and in ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.lab.podman import IMAGE

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore


def test_secrets_as_files_and_variables(make_store: MakeStore) -> None:
    store = make_store()
    store.machine.run(["sh", "-c", "printf hidden > /tmp/secret"])
    for name in ("one", "two"):
        store.podman("secret", "create", name, "/tmp/secret")
    options = (
        "--secret", "one", "--secret", "one,target=/abs/path", "--secret", "two,type=env,target=WORD",
        "--network", "none",
    )  # fmt: skip
    script = "cat /run/secrets/one /abs/path; echo $WORD; stat -c %a /run/secrets/one"
    store.podman("create", "--name", "c", *options, IMAGE, "sh", "-c", script.replace("stat -c %a", "ls -d"))
    theirs = store.podman("start", "-a", "c").stdout
    assert theirs == "hiddenhiddenhidden\n/run/secrets/one\n"
    assert store.libpod("start", "-a", "c").stdout == theirs
    assert "hidden" not in store.libpod("inspect", "c").stdout
    store.podman("secret", "rm", "two")
    refused = store.libpod("start", "c", check=False)
    assert refused.status == 125
    assert "secret two" in refused.stderr
    store.libpod("rm", "c")


def test_a_container_of_ours_with_secrets(make_store: MakeStore) -> None:
    """It has what Podman's own container has, whoever starts it, and nobody else can see it."""
    store = make_store()
    store.machine.run(["sh", "-c", "printf hidden > /tmp/secret"])
    store.podman("secret", "create", "one", "/tmp/secret")
    options = (
        "--secret", "one", "--secret", "one,target=/abs/path,uid=3,gid=4,mode=0440",
        "--secret", "one,type=env,target=WORD", "--network", "none",
    )  # fmt: skip
    script = "cat /run/secrets/one /abs/path; echo $WORD; stat -c '%a %u %g' /run/secrets/one /abs/path"
    found = {}
    for name, program in (("theirs", store.podman), ("ours", store.libpod)):
        program("create", "--name", name, *options, IMAGE, "sh", "-c", script)
        for other in (store.podman, store.libpod):
            found[name, other] = other("start", "-a", name).stdout
        inspected = store.libpod("inspect", name).stdout
        assert "hidden" not in inspected
        (described,) = json.loads(inspected)
        assert [secret["Name"] for secret in described["Config"]["Secrets"]] == ["one", "one"]
    assert len(set(found.values())) == 1, found
    assert next(iter(found.values())).startswith("hiddenhiddenhidden\n")
    for option in ("gone", "one,type=env,uid=1"):
        assert store.libpod("create", "--secret", option, IMAGE, "true", check=False).status == 125
    store.libpod("rm", "theirs", "ours")
