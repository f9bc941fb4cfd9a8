"""Podman 4.3, buildah and our program on one store: each lists, runs and removes the images of the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore

REGISTRY = """\
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /srv/registry}}
http: {addr: '127.0.0.1:5000'}
"""
HOST = "127.0.0.1:5000"
# Keys of `image inspect` whose values follow from the image alone.
SAME = (
    "Id", "Digest", "RepoTags", "RepoDigests", "Parent", "Comment", "Created", "Config", "Version", "Author",
    "Architecture", "Os", "Size", "VirtualSize", "GraphDriver", "RootFS", "Labels", "Annotations",
    "ManifestType", "User", "History", "NamesHistory",
)  # fmt: skip


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    return make_store()


@pytest.fixture(name="registry")
def _registry(store: Store) -> str:
    """A registry in the machine, which ends with it."""
    (store.machine.disk / "srv/registry.yml").write_text(REGISTRY)
    (store.machine.disk / "etc-containers/registries.conf").write_text(
        f'[[registry]]\nlocation = "{HOST}"\ninsecure = true\n'
    )
    script = "ip link set lo up; docker-registry serve /srv/registry.yml </dev/null >/run/registry 2>&1 &"
    store.machine.run(["sh", "-c", script])
    return HOST


def rows(store: Store, program: str, *options: str) -> list[Any]:
    found = getattr(store, program)("images", "--format", "json", *options).stdout
    listed = json.loads(found)
    assert isinstance(listed, list)
    return sorted(listed, key=lambda row: (row["Id"], row["Names"] or []))


def inspected(store: Store, program: str, name: str) -> dict[str, Any]:
    found = json.loads(getattr(store, program)("image", "inspect", name).stdout)[0]
    return {key: found[key] for key in SAME}


def assert_same_view(store: Store) -> None:
    """Both programs say the same of every image."""
    assert rows(store, "libpod") == rows(store, "podman")
    assert rows(store, "libpod", "-a") == rows(store, "podman", "-a")
    for identifier in {row["Id"] for row in rows(store, "podman", "-a")}:
        assert inspected(store, "libpod", identifier) == inspected(store, "podman", identifier)
    ours, theirs = (getattr(store, name)("images", "-q").stdout.split() for name in ("libpod", "podman"))
    assert sorted(ours) == sorted(set(theirs))


def says(store: Store, program: str, image: str) -> str:
    options = ("--network", "none")
    found = getattr(store, program)("run", "--rm", *options, image, "echo", "hello").stdout
    assert isinstance(found, str)
    return found


def test_what_each_makes_the_other_shows_runs_and_removes(store: Store) -> None:
    store.podman("create", "--name", "c", "--net=none", "-e", "A=b", "-l", "x=y", IMAGE, "touch", "/data/new")
    store.podman("start", "-a", "c")
    store.podman("commit", "-q", "c", "theirs")
    store.libpod("commit", "-q", "-c", "LABEL k=v", "c", "ours")
    store.libpod("tag", "ours", "another/name:1")
    store.podman("tag", "theirs", "theirs:2")
    store.podman("untag", "theirs", "theirs:2")
    for image in (IMAGE, "another/name:1", "name:1", "ours"):
        names = [
            getattr(store, program)("create", "--net=none", image, "true").stdout.strip()
            for program in ("podman", "libpod")
        ]
        shown = store.podman("inspect", "--format", "{{.ImageName}}", *names).stdout.split()
        assert shown[0] == shown[1], image
        store.podman("rm", *names)
    assert_same_view(store)
    for program in ("podman", "libpod"):
        for image in ("theirs", "ours", "another/name:1"):
            assert says(store, program, image) == "hello\n"
    store.podman("rm", "c")
    assert store.podman("rmi", "ours").stdout == "Untagged: localhost/ours:latest\n"
    assert store.libpod("rmi", "theirs").stdout.startswith("Untagged: localhost/theirs:latest\nDeleted: ")
    assert_same_view(store)
    store.libpod("rmi", "-a")
    assert store.podman("images", "-aq").stdout == ""
    layers = store.path(f"{store.root}/overlay-layers/layers.json").read_text()
    assert json.loads(layers) == []


def test_registries_and_archives(store: Store, registry: str) -> None:
    source = f"containers-storage:[overlay@{store.root}+{store.run_root}]{IMAGE}"
    target = f"docker://{registry}/their/bb:latest"
    # The registry may need a moment.
    store.machine.run(["skopeo", "copy", "-q", "--retry-times", "5", source, target])
    store.podman("rmi", IMAGE)
    store.libpod("pull", "-q", f"{registry}/their/bb")
    assert_same_view(store)
    assert says(store, "podman", f"{registry}/their/bb") == "hello\n"
    store.libpod("push", "-q", f"{registry}/their/bb", f"{registry}/our/bb")
    store.libpod("rmi", f"{registry}/their/bb")
    store.podman("pull", "-q", f"{registry}/our/bb")
    assert says(store, "libpod", f"{registry}/our/bb") == "hello\n"
    for form in ("docker-archive", "oci-archive", "oci-dir", "docker-dir"):
        for first, second in (("libpod", "podman"), ("podman", "libpod")):
            path = f"/srv/{first}-{form}"
            getattr(store, first)("save", "-q", "--format", form, "-o", path, f"{registry}/our/bb")
            getattr(store, second)("load", "-q", "-i", path)
            assert rows(store, "libpod") == rows(store, "podman")


def test_what_buildah_builds_runs(store: Store) -> None:
    buildah = f"buildah --root {store.root} --runroot {store.run_root}"
    script = f"""
        set -e
        c=$({buildah} from {IMAGE})
        {buildah} config --label built=yes --cmd 'echo built' "$c"
        {buildah} commit -q "$c" localhost/built:latest
        {buildah} rm "$c"
    """
    store.machine.run(["sh", "-c", script], environment=store.environment)
    assert_same_view(store)
    assert store.libpod("run", "--rm", "--network", "none", "built").stdout == "built\n"


def test_images_in_use_by_either(store: Store) -> None:
    store.create("theirs")
    for maker in ("theirs", "ours"):
        if maker == "ours":
            store.libpod("create", "--name", "ours", "--network", "none", IMAGE, "true")
            store.podman("rm", "theirs")
        refused = store.libpod("rmi", IMAGE, check=False)
        assert refused.status == 2
        assert "in use by container" in refused.stderr
        assert store.podman("rmi", IMAGE, check=False).status == 2
    assert store.libpod("rmi", "--force", IMAGE).stdout.splitlines()[0] == f"Untagged: {IMAGE}"
    assert store.states() == {}
    assert store.libpod("rmi", IMAGE, check=False).status == 1
    assert store.podman("rmi", IMAGE, check=False).status == 1


CASES = (
    ("rmi", "nosuch"),
    ("image", "exists", "nosuch"),
    ("image", "exists", IMAGE),
    ("history", "nosuch"),
    ("tag", "nosuch", "x"),
    ("tag", IMAGE, "UPPER"),
    ("untag", "nosuch"),
    ("save", "-o", "/srv/x", "nosuch"),
    ("load", "-i", "/nosuch"),
    ("load", "-i", "/etc/hostname"),
    ("pull", "a:b:c"),
    ("pull", "nosuch/x"),
    ("image", "inspect", "nosuch"),
    ("inspect", "nosuch"),
    ("inspect", "--type", "image", IMAGE),
    ("run", "--network", "none", "--pull", "never", "nosuch", "true"),
    ("import", "/nosuch"),
)


def test_same_exit_status(store: Store) -> None:
    for arguments in CASES:
        ours, theirs = store.libpod(*arguments, check=False), store.podman(*arguments, check=False)
        assert ours.status == theirs.status, (ours, theirs)
        assert bool(ours.stderr) == bool(theirs.stderr), (ours, theirs)
