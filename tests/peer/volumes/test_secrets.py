"""Containers that Podman made with secrets are started by us."""

from __future__ import annotations

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
