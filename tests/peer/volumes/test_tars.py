"""`volume export` and `volume import`: what one program writes the other reads, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore

FILL = "echo hello > /v/file; ln -s file /v/link; ln /v/file /v/same; touch /v/private; chmod 600 /v/private"
LIST = "cd /v; ls -lR . | grep -v total; cat file link; test file -ef same && echo same"
OF_MEMORY = ("-o", "type=tmpfs", "-o", "device=tmpfs")


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    store = make_store()
    store.libpod("volume", "create", "full")
    store.podman("run", "--rm", "--net", "none", "-v", "full:/v", IMAGE, "sh", "-c", FILL)
    return store


def content(store: Store, volume: str) -> str:
    """What a container sees in a volume."""
    return store.podman("run", "--rm", "--net", "none", "-v", f"{volume}:/v", IMAGE, "sh", "-c", LIST).stdout


def test_either_reads_what_the_other_writes(store: Store) -> None:
    for writer, reader in (
        (store.libpod, store.podman),
        (store.podman, store.libpod),
        (store.libpod, store.libpod),
    ):
        writer("volume", "export", "--output", "/srv/tar", "full")
        reader("volume", "create", "copy")
        reader("volume", "import", "copy", "/srv/tar")
        assert content(store, "copy") == content(store, "full")
        reader("volume", "rm", "copy")


def test_through_pipes_and_over_what_is_there(store: Store) -> None:
    before = content(store, "full")
    words = [
        " ".join(store.libpod_command("volume", verb, "full", *more))
        for verb, more in (("export", ()), ("import", ("-",)))
    ]
    script = f"{words[0]} | gzip > /srv/tar.gz && {words[1]} < /srv/tar.gz"
    store.machine.run(["sh", "-c", script], environment=store.libpod_environment)
    assert content(store, "full") == before


def test_a_volume_that_has_to_be_mounted(store: Store) -> None:
    """A tmpfs is empty again as soon as nobody has it mounted."""
    store.libpod("volume", "create", *OF_MEMORY, "memory")
    store.libpod("volume", "mount", "memory")
    store.libpod("volume", "export", "-o", "/srv/tar", "full")
    store.libpod("volume", "import", "memory", "/srv/tar")
    store.libpod("volume", "export", "-o", "/srv/again", "memory")
    assert store.on_disk("/srv/again").stat().st_size > 1024
    store.libpod("volume", "unmount", "memory")
    assert "/memory/" not in store.machine.run(["cat", "/proc/mounts"]).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "nobody"), "no such volume: nobody"),
        (("import", "nobody", "/srv/file"), "no such volume: nobody"),
        (("import", "full", "/srv/nothing"), "read /srv/nothing: No such file"),
        (("import", "full", "/srv/file"), "/srv/file is no tar"),
    ],
)
def test_what_cannot_be(store: Store, arguments: tuple[str, ...], message: str) -> None:
    store.on_disk("/srv/file").write_text("words\n" * 200)
    before = content(store, "full")
    result = store.libpod("volume", *arguments, check=False)
    assert result.status == 125
    assert message in result.stderr
    assert content(store, "full") == before
