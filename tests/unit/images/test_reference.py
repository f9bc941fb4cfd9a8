"""Names of images."""

from __future__ import annotations

import pytest

from libpod.errors import InvalidArgument
from libpod.images import reference

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("bb", ("", "bb", "", "")),
        ("bb:1", ("", "bb", "1", "")),
        ("team/bb", ("", "team/bb", "", "")),
        ("localhost/bb", ("localhost", "bb", "", "")),
        ("localhost:5000/bb:x_y.z-1", ("localhost:5000", "bb", "x_y.z-1", "")),
        ("quay.io/a/b/c", ("quay.io", "a/b/c", "", "")),
        ("[::1]:5000/bb", ("[::1]:5000", "bb", "", "")),
        ("docker.io/bb", ("docker.io", "library/bb", "", "")),
        ("index.docker.io/bb", ("docker.io", "library/bb", "", "")),
        ("docker.io/team/bb", ("docker.io", "team/bb", "", "")),
        (f"quay.io/bb:1@{DIGEST}", ("quay.io", "bb", "1", DIGEST)),
        ("a.b/c__d/e.f-g---h", ("a.b", "c__d/e.f-g---h", "", "")),
    ],
)
def test_parts(text: str, parts: tuple[str, ...]) -> None:
    assert tuple(reference.parse(text)) == parts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no repository"),
        ("BB", "repository name must be lowercase"),
        ("quay.io/Team/bb", "repository name must be lowercase"),
        ("a b", "is no repository"),
        ("a//b", "is no repository"),
        ("a:", "is no tag"),
        ("a:-x", "is no tag"),
        ("a:" + "x" * 129, "is no tag"),
        ("a@x", "is no digest"),
        ("a@sha256:" + "a" * 63, "64 hexadecimal digits"),
        ("a@" + DIGEST.upper().replace("SHA", "sha"), "64 hexadecimal digits"),
        ("-a.b/c", "is no registry"),
        ("a" * 64, "an ID, not a name"),
        ("q.io/" + "a/" * 130 + "b", "longer than"),
        ("../etc", "is no registry"),
        ("a\n", "is no repository"),
    ],
)
def test_what_is_no_name(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        reference.parse(text)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("bb", "localhost/bb:latest"),
        ("team/bb:1", "localhost/team/bb:1"),
        ("docker.io/bb", "docker.io/library/bb:latest"),
        (f"quay.io/bb:1@{DIGEST}", f"quay.io/bb@{DIGEST}"),
    ],
)
def test_names_given_here(text: str, full: str) -> None:
    assert str(reference.normalize(text)) == full


def test_on_another_registry() -> None:
    short = reference.parse("bb:1")
    assert str(short.on("docker.io")) == "docker.io/library/bb:1"
    assert str(short.on("quay.io/team")) == "quay.io/team/bb:1"
