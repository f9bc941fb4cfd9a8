"""`image mount`: mounts of images are counted with Podman, and both programs show them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    return make_store()


def shown(store: Store) -> str:
    """The images that are mounted, as both programs print them."""
    texts = {run("image", "mount").stdout for run in (store.podman, store.libpod)}
    found = [
        json.loads(run("image", "mount", "--format", "json").stdout or "null")
        for run in (store.podman, store.libpod)
    ]
    assert (found[0] or []) == found[1]
    (only,) = texts
    return only


def test_mounts_are_counted_together(store: Store) -> None:
    identifier = store.podman("images", "-q", "--no-trunc").stdout.strip().removeprefix("sha256:")
    assert shown(store) == ""
    path = store.libpod("image", "mount", IMAGE).stdout.strip()
    assert store.podman("image", "mount", IMAGE).stdout.strip() == path
    assert shown(store) == f"{IMAGE}  {path}\n"
    assert store.path(f"{path}/bin/busybox").exists()
    assert store.libpod("image", "unmount", IMAGE).stdout.strip() == identifier
    assert store.path(f"{path}/bin/busybox").exists()
    assert store.podman("image", "unmount", IMAGE).stdout.strip() == identifier
    assert shown(store) == ""
    assert not store.path(f"{path}/bin").exists()


def test_all_at_once(store: Store) -> None:
    store.libpod("image", "mount", "--all")
    store.podman("image", "mount", IMAGE)
    assert IMAGE in shown(store)
    store.libpod("image", "unmount", "--force", "--all")
    assert shown(store) == ""
    store.libpod("image", "unmount", "--all")
    for arguments in (
        ("unmount",),
        ("unmount", "--all", IMAGE),
        ("mount", "--all", IMAGE),
        ("mount", "nobody"),
    ):
        assert store.libpod("image", *arguments, check=False).status == 125


def test_what_an_image_adds_and_which_names_it_has_had(store: Store) -> None:
    ours, theirs = (
        json.loads(run("image", "diff", "--format", "json", IMAGE).stdout)
        for run in (store.libpod, store.podman)
    )
    assert sorted(ours["added"]) == sorted(theirs["added"])
    store.podman("create", "--name", "c", "--net", "none", IMAGE, "true")
    assert store.libpod("image", "diff", "c", check=False).status == 125
    store.podman("tag", IMAGE, "localhost/second:1")
    store.podman("untag", IMAGE, "localhost/second:1")
    tables = [run("images", "--history").stdout for run in (store.podman, store.libpod)]
    assert [line.split()[-1] for line in tables[0].splitlines()] == [
        line.split()[-1] for line in tables[1].splitlines()
    ]
