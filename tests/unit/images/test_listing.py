"""Lists of images, their filters, and the rules of removal, on records of a store."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from libpod.errors import DependencyExists, ImageExists, InvalidArgument, InvalidState, NoSuchImage
from libpod.images import listing, reports
from libpod.images.catalog import Catalog
from libpod.images.registries import Registries
from libpod.images.removal import Removal
from libpod.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path


class Shelf:
    """Writes records as containers/storage has them: images on a chain of layers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layers: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.containers: list[dict[str, Any]] = []

    def layer(self, name: str, parent: str = "", size: int = 1000) -> None:
        record = {"id": name * 64, "created": "2026-01-01T00:00:00Z", "diff-digest": f"sha256:{name * 64}"}
        self.layers.append({**record, "diff-size": size, **({"parent": parent * 64} if parent else {})})

    def image(self, digit: str, layers: str, *names: str, labels: Any = None, day: int = 1) -> str:
        identifier = digit * 64
        created = f"2026-01-{day:02}T00:00:00Z"
        config: dict[str, Any] = {
            "config": {"Labels": labels}, "created": created, "architecture": "amd64", "os": "linux",
            "rootfs": {"diff_ids": [f"sha256:{name * 64}" for name in layers]},
            "history": [{"created_by": f"step {n}", "created": created_of(n)} for n in range(len(layers))],
        }  # fmt: skip
        key = f"sha256:{identifier}"
        manifest: dict[str, Any] = {"schemaVersion": 2, "config": {"digest": key}}
        directory = self.root / "overlay-images" / identifier
        directory.mkdir(parents=True)
        (directory / "manifest").write_text(json.dumps(manifest))
        (directory / ("=" + base64.b64encode(key.encode()).decode())).write_text(json.dumps(config))
        record: dict[str, Any] = {
            "id": identifier,
            "digest": f"sha256:{digit * 63}f",
            "layer": layers[-1] * 64,
            "created": created,
        }
        record["big-data-sizes"] = {key: 10, "manifest": 5}
        record["names"] = list(names)
        self.images.append(
            record if names else {key: value for key, value in record.items() if key != "names"}
        )
        return identifier

    def store(self) -> Store:
        for kind in ("layers", "images", "containers"):
            path = self.root / f"overlay-{kind}"
            path.mkdir(parents=True, exist_ok=True)
            (path / f"{kind}.json").write_text(json.dumps(getattr(self, kind)))
        return Store(str(self.root), str(self.root.parent / "run"), "overlay")


def created_of(step: int) -> str:
    return f"2025-01-01T00:00:{step:02}Z"


@pytest.fixture(name="shelf")
def _shelf(tmp_path: Path) -> Shelf:
    """base <- middle (no name) <- top; other."""
    shelf = Shelf(tmp_path / "root")
    for name, parent in (("a", ""), ("b", "a"), ("c", "b"), ("d", "")):
        shelf.layer(name, parent)
    shelf.image("1", "a", "quay.io/t/base:1", day=1)
    shelf.image("2", "ab", day=2)
    shelf.image("3", "abc", "localhost/top:latest", "docker.io/library/top:x", labels={"k": "v"}, day=3)
    shelf.image("4", "d", "localhost/other:latest", day=4)
    return shelf


def catalog(shelf: Shelf) -> Catalog:
    return Catalog(shelf.store(), Registries)


def shown(shelf: Shelf, *filters: str, everything: bool = False) -> str:
    return "".join(image.id[0] for image in listing.select(catalog(shelf), filters, everything=everything))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((), "431"),
        (("dangling=true",), ""),
        (("dangling=false",), "431"),
        (("intermediate=true",), "2"),
        (("label=k",), "3"),
        (("label=k=v",), "3"),
        (("label=k=w",), ""),
        (("label!=k",), "41"),
        (("reference=top",), "3"),
        (("reference=t/base",), "1"),
        (("reference=*/base:1",), "1"),
        (("reference=quay.io/*/*",), "1"),
        (("before=top",), "1"),
        (("since=base:1",), "43"),
        (("until=2026-01-03",), "1"),
        (("id=4",), "4"),
        (("containers=false", "label=k"), "3"),
    ],
)
def test_filters(shelf: Shelf, filters: tuple[str, ...], expected: str) -> None:
    assert shown(shelf, *filters) == expected


def test_all_shows_those_in_between(shelf: Shelf) -> None:
    assert shown(shelf, everything=True) == "4321"


@pytest.mark.parametrize("text", ["foo=bar", "dangling", "dangling=perhaps", "until=soon"])
def test_filters_that_are_none(shelf: Shelf, text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"filter|is not a time"):
        shown(shelf, text)


@pytest.mark.parametrize(
    ("name", "found", "by"),
    [
        ("top", "3", "localhost/top:latest"),
        ("top:x", "3", "docker.io/library/top:x"),
        ("quay.io/t/base:1", "1", "quay.io/t/base:1"),
        ("base:1", "1", "quay.io/t/base:1"),
        ("3" * 64, "3", ""),
        ("sha256:" + "3" * 64, "3", ""),
        ("33", "3", ""),
        ("sha256:" + "4" * 63 + "f", "4", ""),
        ("quay.io/t/base@sha256:" + "1" * 63 + "f", "1", ""),
        ("other@sha256:" + "4" * 63 + "f", "4", ""),
    ],
)
def test_finding(shelf: Shelf, name: str, found: str, by: str) -> None:
    image, by_name = catalog(shelf).locate(name)
    assert (image.id[0], by_name) == (found, by)


@pytest.mark.parametrize(
    "name", ["", "nosuch", "base", "5", "top@sha256:" + "4" * 63 + "f", "UPPER", "base:2"]
)
def test_not_finding(shelf: Shelf, name: str) -> None:
    with pytest.raises(NoSuchImage, match="image not known"):
        catalog(shelf).find(name)


def test_names_that_may_mean_several(shelf: Shelf) -> None:
    shelf.image("5", "d", "a.io/x/y:latest")
    shelf.image("6", "d", "b.io/x/y:latest")
    with pytest.raises(ImageExists, match=r"a\.io/x/y:latest, b\.io/x/y:latest"):
        catalog(shelf).find("x/y")


def test_sizes_and_history(shelf: Shelf) -> None:
    found = catalog(shelf)
    top = found.find("top")
    assert found.size(top) == 3015
    assert [(step.id[0], step.size) for step in reports.history(found, top)] == [
        ("3", 1000),
        ("2", 1000),
        ("1", 1000),
    ]
    row = listing.describe(found, top)
    assert (row["ParentId"], row["Labels"], row["Containers"]) == ("2" * 64, {"k": "v"}, 0)
    assert row["RepoDigests"] == [f"docker.io/library/top@{top.digest}", f"localhost/top@{top.digest}"]
    shelf.layers.pop(0)
    damaged = catalog(shelf)
    assert damaged.size(damaged.find("top")) == 2015
    with pytest.raises(NoSuchImage, match="damaged: layer aaaaaaaaaaaa"):
        damaged.chain(damaged.find("top"))


def test_an_image_that_cannot_be_read_hides_no_other(shelf: Shelf) -> None:
    for path in (shelf.root / "overlay-images" / ("3" * 64)).iterdir():
        path.write_text("{")
    assert shown(shelf) == "4321"


def removal(shelf: Shelf, *, force: bool = False, prune: bool = True) -> Removal:
    store = shelf.store()
    return Removal(lambda: Catalog(store, Registries), store.delete_container, force=force, prune=prune)


def left(shelf: Shelf) -> tuple[str, str]:
    kinds = ("images", "layers")
    found = [json.loads((shelf.root / f"overlay-{kind}/{kind}.json").read_text()) for kind in kinds]
    return "".join(sorted(r["id"][0] for r in found[0])), "".join(sorted(r["id"][0] for r in found[1]))


def test_a_name_of_several_goes_alone(shelf: Shelf) -> None:
    remover = removal(shelf)
    assert remover.remove("top") == (["localhost/top:latest"], [])
    assert remover.remove("top:x") == (["docker.io/library/top:x"], ["3" * 64, "2" * 64])
    assert left(shelf) == ("14", "ad")


def test_an_id_with_several_names_needs_force(shelf: Shelf) -> None:
    with pytest.raises(InvalidState, match="more than one name"):
        removal(shelf).remove("3" * 64)
    assert removal(shelf, force=True, prune=False).remove("333").deleted == ["3" * 64]
    assert left(shelf) == ("124", "abd")


def test_layers_of_others_stay(shelf: Shelf) -> None:
    assert removal(shelf).remove("base:1") == (["quay.io/t/base:1"], [])
    assert left(shelf) == ("234", "abcd")


def test_an_image_in_use(shelf: Shelf) -> None:
    shelf.layer("e", "d")
    shelf.containers.append({"id": "9" * 64, "names": ["c"], "image": "4" * 64, "layer": "e" * 64})
    with pytest.raises(DependencyExists, match="in use by container 999999999999") as error:
        removal(shelf).remove("other")
    assert error.value.dependents == ("9" * 64,)
    assert removal(shelf).unused(everything=True, filters=()) == ["3" * 64, "2" * 64, "1" * 64]
    assert removal(shelf, force=True).remove("other").deleted == ["4" * 64]


def test_prune(shelf: Shelf) -> None:
    shelf.image("5", "d", day=5)
    assert removal(shelf).unused(everything=False, filters=()) == ["5" * 64]
    assert removal(shelf).unused(everything=True, filters=["label=k"]) == ["3" * 64]
