"""What skopeo says, as our errors. The texts were seen with skopeo 1.9.3."""

from __future__ import annotations

import pytest

from libpod import errors
from libpod.images import failures
from libpod.images.skopeo import Outcome

START = 'time="2026-11-25T22:26:26Z" level=fatal msg="'
CASES = [
    ("reading manifest x in 127.0.0.1:1/t/bb: manifest unknown: manifest unknown", errors.ImageUnknown),
    (
        "reading manifest latest in a/b: name unknown: repository name not known to registry",
        errors.ImageUnknown,
    ),
    (
        'choosing an image: no image found in image index for architecture amd64, variant \\"\\"',
        errors.ImageUnknown,
    ),
    ("reading manifest latest in a/b: unauthorized: authentication required", errors.AccessDenied),
    ("logging into a: invalid username/password", errors.AccessDenied),
    ("requested access to the resource is denied", errors.AccessDenied),
    (
        "pinging container registry a: dial tcp 127.0.0.1:1: connect: connection refused",
        errors.RegistryUnreachable,
    ),
    ("dial tcp: lookup nosuch.example: no such host", errors.RegistryUnreachable),
    ("http: server gave HTTP response to HTTPS client", errors.RegistryUntrusted),
    ("x509: certificate signed by unknown authority", errors.RegistryUntrusted),
    ("registry a is blocked in /etc/containers/registries.conf", errors.RegistryBlocked),
    ("Source image rejected: Running image docker://a is rejected by policy.", errors.PolicyRejected),
    ("Error loading trust policy: open /x/policy.json: no such file or directory", errors.PolicyRejected),
    ("writing blob: storing blob to file: happened during read: unexpected EOF", errors.DamagedImage),
    ("Digest did not match, expected sha256:1, got sha256:2", errors.DamagedImage),
    ("writing blob: write /x: no space left on device", errors.TransferError),
    ("something nobody has seen", errors.TransferError),
]


@pytest.mark.parametrize(("said", "kind"), CASES)
def test_causes(said: str, kind: type[errors.TransferError]) -> None:
    stderr = f'time="t" level=warning msg="Failed, retrying"\n{START}{said}"\n'.encode()
    error = failures.explain(Outcome(1, b"", stderr), "a/b")
    assert type(error) is kind
    assert error.image == "a/b"
    assert error.message == "a/b: " + said.replace('\\"', '"')
    assert (error.hint is None) == (kind is errors.RegistryBlocked or "nobody" in said)


@pytest.mark.parametrize(
    "said",
    [
        'pinging 127.0.0.1:40491: Get \\"https://127.0.0.1:40491/v2/\\": x509: unknown authority',
        'Get \\"https://denied.example/v2/manifest unknown\\": x509: unknown authority',
        "trying to reuse blob sha256:40404040 at destination: x509: unknown authority",
        "reading manifest of h:404/signature/gzip: x509: unknown authority",
    ],
)
def test_names_tell_no_cause(said: str) -> None:
    error = failures.explain(Outcome(1, b"", f'{START}{said}"\n'.encode()), "h:404/signature/gzip")
    assert type(error) is errors.RegistryUntrusted


def test_other_ends() -> None:
    assert "killed by SIGKILL" in failures.explain(Outcome(-9, b"", b""), "a").message
    assert failures.explain(Outcome(3, b"", b""), "a").message == "a: skopeo ended with status 3"
    assert failures.explain(Outcome(1, b"", b"plain\nlast line\n"), "a").message == "a: last line"
    assert len(failures.explain(Outcome(1, b"", b"x" * 100_000), "a").message) < 3000


def test_a_user_with_too_few_ids() -> None:
    said = (
        "writing blob: adding layer: potentially insufficient UIDs or GIDs available in user namespace "
        "(requested 1000:1000 for /home/a): Check /etc/subuid and run podman-system-migrate: lchown /home/a"
    )
    error = failures.explain(Outcome(1, b"", f'{START}{said}"\n'.encode()), "a/b")
    assert error.message == "a/b: it needs more IDs than this user has (requested 1000:1000 for /home/a)"
    assert "ignore_chown_errors" in str(error.hint)
