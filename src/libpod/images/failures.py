"""skopeo's errors as ours: one text at the end of its output, whose words tell the cause.

The texts are those of containers/image 5.23 (skopeo 1.9.3), containers/storage 1.43, Go's crypto/tls and net,
and the distribution registry, as they were seen; an unknown one is handed on as it is.
"""

from __future__ import annotations

import re

from libpod import errors
from libpod.host import process
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.errors import TransferError
    from libpod.images.skopeo import Outcome

_LINE = re.compile(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
# A sentence of containers/storage with a command of Podman's in it.
_FEW_IDS = r"(?s)^.*insufficient UIDs or GIDs available in user namespace (\(requested [^)]*\)).*$"
# What may hold any words and numbers, and tells no cause: addresses, digests.
_NAMES = r"\b(?:https?|docker)://[^\s\"]+|\bsha256:[0-9a-f]+"
_ESCAPED = {"n": "\n", "t": "\t"}
_LONGEST = 2000


class Rule(NamedTuple):
    """What words mean."""

    words: str
    error: type[TransferError]
    hint: str | None


# The first that matches counts: what is more certain comes first.
RULES = (
    Rule(
        r"no space left on device|disk quota exceeded", errors.TransferError, "free some space and try again"
    ),
    Rule(
        r"more IDs than this user has",
        errors.TransferError,
        "give the user more: see /etc/subuid, /etc/subgid and usermod(8), then end all containers and the "
        "process that pause.pid names; or make all files root's: "
        "--storage-opt DRIVER.ignore_chown_errors=true",
    ),
    Rule(r"is blocked in", errors.RegistryBlocked, None),
    Rule(
        r"rejected by policy|Source image rejected|[Ss]ignature|trust policy|policy\.json",
        errors.PolicyRejected,
        "see signature_policy_path, or /etc/containers/policy.json",
    ),
    Rule(
        r"unauthorized|authentication required|[Dd]enied|invalid username/password|\bstatus 40[13]\b|"
        r"\b40[13] \(",
        errors.AccessDenied,
        "log in: libpod login REGISTRY",
    ),
    Rule(r"no image found in", errors.ImageUnknown, "choose another machine: --arch, --os, --variant"),
    Rule(
        r"manifest unknown|name unknown|repository .*not found|not found: manifest|tag unknown|\b404\b",
        errors.ImageUnknown,
        "check the name and the tag",
    ),
    Rule(
        r"server gave HTTP response to HTTPS client|first record does not look like a TLS handshake|"
        r"x509|tls:|certificate",
        errors.RegistryUntrusted,
        "put its certificate into /etc/containers/certs.d, or do without: --tls-verify=false, or"
        " insecure = true in registries.conf",
    ),
    Rule(
        r"connection refused|no such host|i/o timeout|no route to host|network is unreachable|"
        r"connection reset|server misbehaving|TLS handshake timeout|Client\.Timeout",
        errors.RegistryUnreachable,
        "is it up, and is its name right?",
    ),
    Rule(
        r"[Dd]igest|unexpected EOF|invalid tar|gzip|corrupt|did not match|size mismatch|breakout|"
        r"is outside of|"
        r"[Bb]lob|invalid character|end of JSON|tar header|stream error|received unexpected|invalid symlink|"
        r"invalid hardlink|unexpected length|archive/tar|loading tar component|no such file",
        errors.DamagedImage,
        "get it again; if that does not help, its source is damaged",
    ),
)


def explain(outcome: Outcome, image: str) -> TransferError:
    """The error for a transfer that has failed."""
    said = re.sub(_FEW_IDS, r"it needs more IDs than this user has \1", message(outcome.stderr))
    if outcome.status < 0:
        how = f"skopeo was killed by {process.signal_name(-outcome.status)}"
        said = f"{how}: {said}" if said else how
        return errors.TransferError(f"{image}: {said}", image=image)
    told = re.sub(rf"{_NAMES}|(?<![\w/.:-]){re.escape(image)}(?![\w/-])", "…", said)
    for rule in RULES:
        if re.search(rule.words, told):
            return rule.error(f"{image}: {said}", image=image, hint=rule.hint)
    return errors.TransferError(
        f"{image}: {said or f'skopeo ended with status {outcome.status}'}", image=image
    )


def message(stderr: bytes) -> str:
    """The text of the last log line of level fatal; else the last line at all."""
    text = stderr.decode("utf-8", "replace").strip()
    found = _LINE.findall(text)
    last = found[-1] if found else text.rpartition("\n")[2]
    said = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), last).strip()
    return said if len(said) <= _LONGEST else "…" + said[-_LONGEST:]
