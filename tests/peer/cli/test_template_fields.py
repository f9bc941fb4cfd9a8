"""Every field that Podman 4.3 knows in templates is known here, and has the same value."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests import tools
from tests.lab.podman import IMAGE
from tests.lab.stores import PODMAN_4

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

# What only the image store or Podman's own configuration tells, addresses of Podman's memory, and its whole
# structures, which it prints in an order of their own.
NOT_COMPARED = {
    "ps": {"ListContainer"},
    "pod ps": {"ListPodsReport", "Containers"},
    "container inspect": {
        "Config",
        "GraphDriver",
        "HostConfig",
        "Mounts",
        "NetworkSettings",
        "SizeRw",
        "State",
    },
    "container inspect State": set(),
    "container inspect HostConfig": {"CapAdd", "CapDrop", "IDMappings"},
    "container inspect Config": {"Healthcheck", "OnBuild"},
    "container inspect NetworkSettings": {"InspectBasicNetworkConfig"},
    "pod inspect": {"InspectPodData", "InfraConfig", "SharedNamespaces"},
}
# Numbers that are others a moment later, and those that we do not count.
NOT_OF_STATS = {"ContainerStats", "PerCPU", "CPUSystemNano"}
# While a second passes between the two.
AGES = re.compile(r"\b(Less than a second|About a minute|\d+ (seconds?|minutes?)) ago")


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    """A store with a pod, one container in it that runs, and one beside it that has ended."""
    store = make_store(PODMAN_4)
    infra = ("--infra-image", IMAGE, "--infra-command", "sleep 100000", "--network", "none")
    store.podman("pod", "create", "--name", "p", "--label", "q=w", "--share", "net", *infra)
    store.run("member", "--pod", "p", "--label", "a=b", "-v", "/tmp:/data")
    store.podman("run", "--name", "ended", "--network", "none", IMAGE, "true")
    return store


def split(place: str) -> tuple[list[str], str]:
    """The verb of a place `VERB [FIELD]`, and the field with a point before it."""
    words = place.split()
    return (words[:-1], f".{words[-1]}") if words[-1][0].isupper() else (words, "")


def known_to_podman(store: Store, place: str) -> Iterator[str]:
    """The fields that Podman's completion offers for `VERB [FIELD]`."""
    words, field = split(place)
    text = "{{" + field + "."
    offered = store.podman("__completeNoDesc", *words, "--format", text, check=False).stdout
    for line in offered.splitlines():
        if line.startswith(text):
            yield line.removeprefix(text).rstrip("}").rstrip(".")


def test_fields_have_the_values_that_podman_prints(store: Store) -> None:
    found = {}
    for place, left_out in NOT_COMPARED.items():
        verb, field = split(place)
        subject = {"container inspect": ["member"], "pod inspect": ["p"], "ps": ["-a"]}.get(
            " ".join(verb), []
        )
        wanted = [name for name in known_to_podman(store, place) if name not in left_out]
        assert wanted, place
        for name in wanted:
            command = (*verb, *subject, "--format", f"{name}={{{{{field}.{name}}}}}")
            texts = [run(*command, check=False).stdout for run in (store.libpod, store.podman)]
            ours, theirs = (AGES.sub("", text) for text in texts)
            if ours != theirs:
                found[f"{place} {name}"] = (ours, theirs)
    assert found == {}


@pytest.mark.parametrize("name", ["member", "ended"])
def test_where_the_files_of_a_container_are(store: Store, name: str) -> None:
    template = "{{json .GraphDriver}} {{.GraphDriver.Data.MergedDir}} {{.ImageDigest}}"
    ours, theirs = (run("inspect", name, "-f", template).stdout for run in (store.libpod, store.podman))
    assert ours == theirs
    assert "UpperDir" in ours


def test_labels_are_no_fields(store: Store) -> None:
    store.create("labelled", "--label", "Version=1")
    for command in (
        (
            "ps",
            "-a",
            "--filter",
            "label=Version",
            "--format",
            "{{.Labels}} {{.Labels.Version}} {{.Labels.other}}",
        ),
        (
            "inspect",
            "labelled",
            "-f",
            "{{.Config.Labels}} {{.Config.Labels.Version}} {{.Config.Labels.other}}",
        ),
    ):
        texts = [run(*command).stdout for run in (store.libpod, store.podman)]
        assert texts[0] == texts[1] == "map[Version:1] 1 <no value>\n"


def test_figures_can_be_asked_for_one_by_one(store: Store) -> None:
    wanted = sorted(set(known_to_podman(store, "stats")) - NOT_OF_STATS)
    template = "{" + ",".join(f'"{name}":"{{{{.{name}}}}}"' for name in wanted) + "}"
    command = ("stats", "--no-stream", "--format", template, "member")
    ours, theirs = (json.loads(run(*command).stdout) for run in (store.libpod, store.podman))
    forms = {name: [re.sub(r"[\d.]+", "9", value[name]) for value in (ours, theirs)] for name in wanted}
    forms = {name: [re.sub("(ms|µs)$", "s", form) for form in forms[name]] for name in wanted}
    assert {name: form for name, form in forms.items() if form[0] != form[1]} == {}


def test_namespaces(store: Store) -> None:
    fields = ("CGROUPNS", "IPC", "MNT", "NET", "PIDNS", "USERNS", "UTS", "Cgroup", "User", "Namespaces")
    template = " ".join(f"{{{{.{name}}}}}" for name in fields)
    for flags in (("--ns",), ("--ns", "--no-trunc", "--noheading"), ("--format", template)):
        texts = [run("ps", "-a", *flags).stdout for run in (store.libpod, store.podman)]
        ours, theirs = ([line.split() for line in text.splitlines()] for text in texts)
        assert ours == theirs
    listed = [
        [row["Namespaces"] for row in json.loads(run("ps", "-a", *flags, "--format", "json").stdout)]
        for flags in ((), ("--ns",))
        for run in (store.libpod, store.podman)
    ]
    assert (listed[0], listed[2]) == (listed[1], listed[3])
    for flag in ("--size", "--quiet"):
        assert store.libpod("ps", "--ns", flag, check=False).status == 125
    tables = [run("pod", "ps", "--ns").stdout for run in (store.podman, store.libpod)]
    assert AGES.sub("", tables[1]).split() == AGES.sub("", tables[0]).split()


def test_containers_that_only_the_storage_knows(store: Store) -> None:
    tools.require_tool("buildah")
    buildah = ("buildah", "--root", store.root, "--runroot", store.run_root)
    store.machine.run([*buildah, "from", "--name", "work", IMAGE])
    seen: list[dict[str, Any]] = []
    for run in (store.podman, store.libpod):
        rows = json.loads(run("ps", "-a", "--external", "--format", "json").stdout)
        (row,) = (row for row in rows if row["Names"] == ["work"])
        seen.append({key: row[key] or None for key in row if key not in ("CreatedAt",)})
        assert "work" not in run("ps", "-a").stdout
        assert "Storage" in run("ps", "--external").stdout
        exists = [
            run("container", "exists", *flags, "work", check=False).status for flags in ((), ("--external",))
        ]
        assert exists == [1, 0]
    assert seen[0] == seen[1]
    listed = store.libpod("ps", "-aq", "--external", "--filter", "name=work").stdout.split()
    assert [name[:12] for name in listed] == [seen[0]["Id"][:12]]
