"""Whether a store must be refreshed: a pure function from facts to one of four outcomes.

`noop` (this boot is done), `refresh` (a new boot, or a first use: everything recorded as running is gone),
`adopt` (the runtime directory was lost, but this boot's containers live: per-boot files are made again and no
state is touched) and `refuse` (either could do harm).

What the facts say, first match:

==================================  =============  ===============  =======================================
alive file                          last refresh   live processes   outcome
==================================  =============  ===============  =======================================
of this boot                        this boot,     none             refresh (cloned image)
                                    other machine
of this boot, user space restarted  this boot      none, some were  refresh (soft reboot, or restart of the
                                                   recorded         container that we are in)
of this boot                        any            any              noop
of an earlier boot, by its boot ID  any            none             refresh (directory on a disk)
of an earlier boot, by its boot ID  any            some             refuse (contradiction)
of an earlier boot, by its time     any            none             refresh (directory on a disk)
of an earlier boot, by its time     any            some, or doubt   noop (the clock was set)
of a boot that cannot be told       any            any              noop (default: reset nothing)
absent, other directory is alive    this boot      any              refuse (second view)
absent                              any            some, elsewhere  refuse (second view)
absent                              another boot   some, unknown    refuse (contradiction)
                                                   to the database
absent                              any            some             adopt
absent                              another boot   none             refresh (normal reboot)
absent                              none, or this  none             refresh (first use, cleaned directory)
absent                              not provably   doubt            refuse
                                    another boot
==================================  =============  ===============  =======================================

An alive file that holds a boot ID says which boot it is of. Podman 4 leaves it empty: then it is of this boot
when the last finished refresh is, or else when it changed after the system started.

An earlier refresh of this boot that did not finish had proof that nothing lives, and whoever starts a
container makes an alive file first: so doubt alone does not keep the next one from finishing it.

A live process of the store never leads to `refresh`: `_refresh` is the only place that makes this outcome,
and it turns into a refusal there.
"""

from __future__ import annotations

from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from libpod.boot.marker import BootRecord

NOOP: Final = "noop"
REFRESH: Final = "refresh"
ADOPT: Final = "adopt"
REFUSE: Final = "refuse"

# A clock that stands before this was never set: 2020-01-01. Times from it prove nothing.
CLOCK_NEVER_SET = 1577836800.0

DONE: Final = "this boot is done: alive file and last refresh have this boot's ID"
"""The reason in the steady state."""

_THIS, _EARLIER, _ABSENT, _UNKNOWN = "this boot", "an earlier boot", "absent", "unknown"


class LiveProcess(NamedTuple):
    """A process that works for a container of this store."""

    pid: int | None
    """None when only its control pipe shows that it lives: it runs in another PID namespace."""
    container: str
    """The full container ID."""
    name: str = ""
    """The container's name, where the database knows it."""
    recorded: bool = False
    """The database records this very process for the container."""
    other_directory: str | None = None
    """The runtime directory that the process sees, when it is not the one that we see."""


class Facts(NamedTuple):
    """What is known before the decision. None always means that it cannot be told."""

    tmp_dir: str
    """The runtime directory, as we see it."""
    alive: str | None = None
    """What the alive file holds, without the newline; None when there is no such file."""
    alive_changed: float | None = None
    """When the alive file was last changed, in seconds since 1970."""
    boot_id: str | None = None
    machine_id: str | None = None
    system_start: float | None = None
    """When the first process of our PID namespace started, in seconds since 1970."""
    session: str | None = None
    """Changes when user space was restarted without the kernel; see `libpod.boot.marker.session`."""
    record: BootRecord | None = None
    """What the last finished refresh wrote down; None when there was none."""
    database: bool = True
    """There is a database."""
    live: tuple[LiveProcess, ...] | None = None
    """Live processes of this store; None when nobody looked, or nobody can."""
    unproven: int = 0
    """Containers recorded as running of which we can see neither life nor death."""
    running: int | None = None
    """Containers recorded as running, paused or stopping; None when the database was not read."""
    other_alive: bool = False
    """The last refresh used another runtime directory, and that one is of this boot."""
    pending: bool = False
    """A refresh of this boot was begun and did not finish."""
    locks_held: bool = False
    """Lock numbers are allocated although there is no alive file."""
    missing_mount: str | None = None
    """A mount point at or above the graph root that /etc/fstab names and that is not mounted."""


class Decision(NamedTuple):
    """The outcome, the reason in one sentence, and what to do about it where something can be done."""

    outcome: str
    reason: str
    hint: str | None = None
    settled: bool = False
    """Nothing is to be done because this boot was refreshed, which may be written down."""


def decide(facts: Facts) -> Decision:
    """What to do with the store. See the table at the head of this module."""
    boot = _alive_is_of(facts)
    if boot == _THIS:
        return _decide_done(facts)
    if facts.missing_mount is not None:
        return _missing_mount(facts.missing_mount)
    if boot == _EARLIER:
        return _decide_old(facts)
    if boot == _UNKNOWN:
        return Decision(NOOP, "the alive file exists and its boot cannot be told, so nothing is reset")
    return _decide_absent(facts)


def _alive_is_of(facts: Facts) -> str:
    """Which boot the alive file is of."""
    if facts.alive is None:
        return _ABSENT
    if facts.alive and facts.boot_id is not None:
        return _THIS if facts.alive == facts.boot_id else _EARLIER
    if not facts.alive and _recorded_boot(facts) == _THIS:
        return _THIS
    return _judge_by_time(facts)


def _judge_by_time(facts: Facts) -> str:
    start, changed = facts.system_start, facts.alive_changed
    if start is None or changed is None or min(start, changed) < CLOCK_NEVER_SET:
        return _UNKNOWN
    return _EARLIER if changed < start else _THIS


def _recorded_boot(facts: Facts) -> str:
    """Which boot the last finished refresh was in."""
    if facts.record is None:
        return _ABSENT
    if facts.boot_id is None or facts.record.boot_id is None:
        return _UNKNOWN
    return _THIS if facts.record.boot_id == facts.boot_id else _EARLIER


# ---------------------------------------------------------------- the alive file is of this boot


def _decide_done(facts: Facts) -> Decision:
    if _recorded_boot(facts) != _THIS:
        who = "another program" if facts.record is None else "another program, after the last refresh here,"
        return Decision(NOOP, f"{who} refreshed this boot: the alive file is of this boot", settled=True)
    if _nothing_lives(facts):
        if _other_machine(facts):
            return _refresh(facts, "the machine ID differs from the last refresh: a copy of another machine")
        if _other_session(facts) and facts.running:
            return _refresh(
                facts,
                "same boot ID, but user space was restarted (soft reboot, or restart of the container that "
                f"we are in), and {_lost(facts)}",
            )
    return Decision(NOOP, DONE, settled=True)


def _other_machine(facts: Facts) -> bool:
    record = facts.record
    if record is None or record.machine_id is None or facts.machine_id is None:
        return False
    return record.machine_id != facts.machine_id


def _other_session(facts: Facts) -> bool:
    record = facts.record
    if record is None or record.session is None or facts.session is None:
        return False
    return record.session != facts.session


# ---------------------------------------------------------------- the alive file is of an earlier boot


def _decide_old(facts: Facts) -> Decision:
    by_identity = bool(facts.alive) and facts.boot_id is not None
    if by_identity:
        # No process of the boot that wrote this file can live: a live one makes `_refresh` refuse.
        reason = f"{facts.tmp_dir} outlived a reboot: its alive file holds the ID of an earlier boot"
        return _refresh(facts, reason)
    if facts.live:
        reason = f"the alive file is older than this boot, but {_live(facts.live)}: the clock was set"
        return Decision(NOOP, reason, settled=True)
    if not _nothing_lives(facts):
        return Decision(NOOP, "the alive file is older than this boot, but something may live unseen")
    return _refresh(facts, f"{facts.tmp_dir} outlived a reboot: its alive file is older than this boot")


# ---------------------------------------------------------------- there is no alive file


def _decide_absent(facts: Facts) -> Decision:
    if facts.other_alive and _recorded_boot(facts) == _THIS:
        assert facts.record is not None
        return _second_view(facts, facts.record.tmp_dir)
    if facts.live:
        return _decide_lost(facts, facts.live)
    doubtful = not _nothing_lives(facts) or (facts.boot_id is None and facts.locks_held)
    proven = _provably_another_boot(facts) or (facts.pending and facts.boot_id is not None)
    if doubtful and not proven and facts.running != 0:
        return _cannot_tell(facts)
    return _refresh(facts, _reason_absent(facts))


def _decide_lost(facts: Facts, live: tuple[LiveProcess, ...]) -> Decision:
    """No alive file, and live processes."""
    for process in live:
        if process.other_directory is not None:
            return _second_view(facts, process.other_directory)
    if _provably_another_boot(facts) and not all(process.recorded for process in live):
        return _contradiction(facts, "the boot ID differs from the last refresh")
    return Decision(
        ADOPT,
        f"no alive file, but {_live(live)}: {facts.tmp_dir} was cleaned, and no state is reset",
    )


def _provably_another_boot(facts: Facts) -> bool:
    return _recorded_boot(facts) == _EARLIER


def _reason_absent(facts: Facts) -> str:
    if facts.pending:
        return "no alive file, and an earlier refresh of this boot did not finish"
    if not facts.database:
        return "no alive file and no database: first use of this store"
    recorded = _recorded_boot(facts)
    if recorded == _ABSENT:
        return "no alive file, no earlier refresh is known, and no process of this store lives"
    if _other_machine(facts):
        return "no alive file, and the machine ID differs from the last refresh: first boot of a copied image"
    if recorded == _EARLIER:
        return "no alive file, and boot ID differs from the last refresh"
    if recorded == _UNKNOWN:
        return "no alive file, boot ID cannot be compared, and no process of this store lives"
    return f"no alive file in the same boot: {facts.tmp_dir} was cleaned, and {_lost(facts)}"


def _lost(facts: Facts) -> str:
    if not facts.running:
        return "no container was recorded as running"
    return f"none of {_count(facts.running)} recorded as running lives"


# ---------------------------------------------------------------- outcomes


def _nothing_lives(facts: Facts) -> bool:
    """Proven: somebody looked, found nothing, and could have seen it."""
    return facts.live is not None and not facts.live and not facts.unproven


def _refresh(facts: Facts, reason: str) -> Decision:
    """The only place that decides for a refresh: never over a live process."""
    if facts.live:
        return _contradiction(facts, reason)
    return Decision(REFRESH, reason)


def _contradiction(facts: Facts, evidence: str) -> Decision:
    hint = "end these processes, and run libpod refresh again"
    if facts.alive is not None:
        # Without it the processes alone decide, and those of this store are kept.
        hint += f"; or, to keep them, remove {facts.tmp_dir}/alive first"
    return Decision(REFUSE, f"{evidence}, yet {_live(facts.live or ())}", hint=hint)


def _second_view(facts: Facts, other: str) -> Decision:
    if other == facts.tmp_dir:
        where = f"another {other} (another mount namespace: PrivateTmp=, su, a container)"
    else:
        where = other
    using = f": {_live(facts.live)} there" if facts.live else ""
    return Decision(
        REFUSE,
        f"this store is in use in this boot through {where}{using}; {facts.tmp_dir} here is a second view",
        hint="run this in the session or unit that started the containers, with its XDG_RUNTIME_DIR",
    )


def _cannot_tell(facts: Facts) -> Decision:
    if facts.live is None:
        cause = "the processes of this system cannot be seen"
    elif facts.unproven:
        cause = f"{_count(facts.unproven)} may live in another PID namespace"
    else:
        cause = "lock numbers are still held, as they are after a false reboot"
    return Decision(
        REFUSE,
        f"no alive file, that this is another boot cannot be proven, and {cause}",
        hint="run this where /proc shows the whole system, or stop the containers first",
    )


def _missing_mount(path: str) -> Decision:
    return Decision(
        REFUSE,
        f"{path} is a mount point in /etc/fstab and is not mounted: the store may be the one that it covers",
        hint=f"mount {path} and run libpod refresh again; a unit needs RequiresMountsFor={path}",
    )


def _live(live: tuple[LiveProcess, ...]) -> str:
    """That they live, for a sentence; three are named."""
    shown = [_name(process) for process in live[:3]]
    more = len(live) - len(shown)
    if len(live) == 1:
        return f"{shown[0]} lives"
    last = f"{more} more" if more else shown.pop()
    return f"{', '.join(shown)} and {last} live"


def _name(process: LiveProcess) -> str:
    container = f"container {process.name or process.container[:12]}"
    return container if process.pid is None else f"process {process.pid} of {container}"


def _count(number: int) -> str:
    return "1 container" if number == 1 else f"{number} containers"
