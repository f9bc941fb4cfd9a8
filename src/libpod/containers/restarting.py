"""Restart policies: which containers run again after they have ended by themselves.

conmon's exit command asks, and starts them. The policies, and the keys in the database that tell how far it
has come, are Podman's (measured with 4.3.1): `restartPolicyMatch` is true from an end that the policy is to
look at until the next start, `restartCount` is how often the policy has started it since somebody did.
"""

from __future__ import annotations

from libpod.errors import InvalidArgument
from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.state.records import ContainerRecord

NEVER, ON_FAILURE, ALWAYS, UNLESS_STOPPED = "no", "on-failure", "always", "unless-stopped"
POLICIES = (NEVER, ON_FAILURE, ALWAYS, UNLESS_STOPPED)
_MATCH, _COUNT, _STOPPED_BY_USER = "restartPolicyMatch", "restartCount", "stoppedByUser"


def parse(text: str) -> tuple[str, int]:
    """The policy and the number of tries, 0 for any, of `always`, `on-failure:3`, …

    Raises what `check` raises, and InvalidArgument for tries that are no number.
    """
    policy, colon, tries = text.partition(":")
    if colon and not (tries.isascii() and tries.isdigit()):
        raise InvalidArgument(f"restart policy {text!r}: {tries!r} is no number of tries")
    return check(policy, int(tries) if colon else 0)


def check(policy: str, tries: int) -> tuple[str, int]:
    """Return both; InvalidArgument for a policy that is none, and for tries where they mean nothing."""
    if policy not in POLICIES:
        raise InvalidArgument(
            f"{policy!r} is no restart policy", hint=f"one of {', '.join(POLICIES)}; {ON_FAILURE}:TRIES, too"
        )
    if tries < 0 or (tries and policy != ON_FAILURE):
        raise InvalidArgument(
            f"restart policy {policy}: {tries} tries", hint=f"only {ON_FAILURE} has a number of tries"
        )
    return policy, tries


def policy_of(record: ContainerRecord) -> str:
    """The container's policy; empty if it was made without one."""
    return jsonutil.get_str(record.config, "restart_policy", "", source=record.describe())


def note_end(record: ContainerRecord) -> None:
    """It has ended while it ran, and not because of `stop`: that may be an end for its policy."""
    if policy_of(record) not in ("", NEVER) and record.state.get(_STOPPED_BY_USER) is not True:
        record.state[_MATCH] = True


def is_due(record: ContainerRecord) -> bool:
    """Whether its policy lets it run again now that it has ended."""
    if record.state.get(_MATCH) is not True:
        return False
    if policy_of(record) != ON_FAILURE:
        return True
    tries = jsonutil.get_int(record.config, "restart_retries", 0, source=record.describe())
    return record.exit_code != 0 and (tries == 0 or count(record) < tries)


def count(record: ContainerRecord) -> int:
    """How often its policy has started it since somebody did."""
    return jsonutil.get_int(record.state, _COUNT, 0, source=record.describe())


def note_restart(record: ContainerRecord) -> None:
    """Its policy starts it once more."""
    record.state[_COUNT] = count(record) + 1
    record.state.pop(_MATCH, None)


def give_up(record: ContainerRecord) -> bool:
    """Somebody has asked for its end: it stays down. True if that is to be saved."""
    return record.state.pop(_MATCH, None) is True


def begin_anew(record: ContainerRecord) -> None:
    """Somebody starts it: what its policy has done so far counts no longer."""
    record.state.pop(_MATCH, None)
    record.state.pop(_COUNT, None)
