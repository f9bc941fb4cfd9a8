"""What follows from the program that a container runs first."""

from __future__ import annotations

import pytest

from libpod.containers import firstprocess, validity
from libpod.containers.create import CreateOptions
from libpod.errors import InvalidArgument
from libpod.oci.options import HOST, PRIVATE, Namespaces, SpecOptions

INIT, TRUE = SpecOptions(command=["/sbin/init"]), SpecOptions(command=["true"])


@pytest.mark.parametrize(
    ("options", "image", "expected"),
    [
        (CreateOptions(spec=INIT, systemd="true"), {}, ("always", 37)),
        (CreateOptions(systemd="true"), {"Cmd": ["/sbin/init"]}, ("always", 37)),
        (CreateOptions(spec=TRUE, systemd="true"), {"Cmd": ["/sbin/init"]}, ("false", 15)),
        (CreateOptions(spec=INIT), {}, ("false", 15)),
        (CreateOptions(spec=INIT, systemd="true", stop_signal=2), {}, ("always", 2)),
        (CreateOptions(spec=INIT, systemd="true"), {"StopSignal": "SIGINT"}, ("always", 2)),
        (CreateOptions(spec=TRUE, systemd="always"), {}, ("always", 37)),
    ],
)
def test_systemd_and_its_signal(
    options: CreateOptions, image: dict[str, object], expected: tuple[str, int]
) -> None:
    found = firstprocess.resolve(options, image)
    assert (found.systemd, found.stop_signal) == expected


@pytest.mark.parametrize(
    ("version", "options", "asked", "expected"),
    [
        (2, INIT, "", PRIVATE),
        (2, INIT, HOST, HOST),
        (2, TRUE, "", PRIVATE),
        (2, TRUE, HOST, HOST),
        (1, TRUE, "", ""),
        (1, INIT, "", ""),
        (0, INIT, "", ""),
    ],
)
def test_the_control_groups_that_it_sees(
    monkeypatch: pytest.MonkeyPatch, version: int, options: SpecOptions, asked: str, expected: str
) -> None:
    """Its own with version 2, where systemd could write to those of the host."""
    monkeypatch.setattr(firstprocess, "cgroup_version", lambda: version)
    wanted = CreateOptions(spec=options._replace(namespaces=Namespaces(cgroup=asked)), systemd="true")
    assert firstprocess.resolve(wanted, {}).spec.namespaces.cgroup == expected


def test_nothing_to_run() -> None:
    with pytest.raises(InvalidArgument, match="no command to run"):
        firstprocess.resolve(CreateOptions(), {})


def test_what_nobody_asked_for_is_valid() -> None:
    validity.check(CreateOptions(spec=TRUE))
