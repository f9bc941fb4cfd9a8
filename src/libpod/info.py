"""What is known about this host and this store, in the four sections of the first libpod's `info`.

Beside what that had there is what an operator looks for first: control groups, the OCI runtime and conmon,
the database and the boot refresh, network directories, containers by state.

Information is wanted most when something is wrong. So nothing here asks for the lock of an object, the
database is read if it can be had at once, what cannot be read becomes an entry of the section's list
`unreadable`, and a section that does not answer in time (a file system whose server is gone) says so and
keeps nobody waiting. All sections are read at the same time.
"""

from __future__ import annotations

import errno
import functools
import os
import threading
import time

from libpod.errors import DecodeError, FileError, LibpodError
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from libpod.config.account import Account
    from libpod.config.runtime import RuntimeConfig
    from libpod.images.registries import Registries

    Data = dict[str, object]
    Reader = Callable[["Section"], None]

PATIENCE: Final = 1.2
"""Seconds that all sections may take: with the start of the command the answer is there within two."""
_LOCK_PATIENCE: Final = 0.5
_PROGRAM_PATIENCE: Final = 1.0

UNREADABLE: Final = "unreadable"

_MEMORY_FILE: Final = "/proc/meminfo"
_VERSION_FILE: Final = "/proc/version"
_UPTIME_FILE: Final = "/proc/uptime"
_MEMORY: Final = ("MemTotal", "MemFree", "SwapTotal", "SwapFree")

# What Go calls the machines that it runs on.
_ARCHITECTURES: Final = {
    "x86_64": "amd64",
    "i386": "386",
    "i686": "386",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loong64",
    "mips64": "mips64le",
}


class Section:
    """One section while it is read: *data* by name, and what could not be read."""

    def __init__(self, config: RuntimeConfig) -> None:
        self.config = config
        self.data: Data = {}
        self.unreadable: list[str] = []
        self.failure: BaseException | None = None

    def put(self, read: Callable[[], Data | None]) -> None:
        """Add what *read* returns, if anything, or the reason why it cannot."""
        try:
            self.data.update(read() or {})
        except (LibpodError, OSError, ValueError, LookupError) as error:
            self.unreadable.append(str(error))

    def result(self) -> Data:
        """The data so far, with the reasons at the end."""
        data = dict(self.data)
        return data | {UNREADABLE: list(self.unreadable)} if self.unreadable else data


def sections(
    config: RuntimeConfig, *, patience: float | None = None, with_programs: bool = True
) -> list[dict[str, object]]:
    """The sections `host`, `store`, `registries`, `insecure registries` as {"type", "data"}, in this order.

    *patience* is the time in seconds that all of them may take, `PATIENCE` if not given. Without
    *with_programs* the OCI runtime and conmon are not asked for their versions.
    """
    if patience is None:
        patience = PATIENCE
    readings = {
        name: _Reading(read, config)
        for name, read in (
            ("host", _host),
            ("programs", _programs if with_programs else _program_paths),
            ("engine", _engine),
            ("store", _store),
            ("states", _states),
            ("registries", _registries),
        )
    }
    end = time.monotonic() + patience
    found = {name: reading.result(end, patience) for name, reading in readings.items()}
    return [
        {"type": "host", "data": _joined(found["host"], found["programs"], found["engine"])},
        {"type": "store", "data": _with_states(found["store"], found["states"])},
        {"type": "registries", "data": _part_of(found["registries"], "search")},
        {"type": "insecure registries", "data": _part_of(found["registries"], "insecure")},
    ]


def _joined(*parts: Data) -> Data:
    """The parts as one, with what could not be read at the end."""
    data: Data = {}
    unreadable: list[object] = []
    for part in parts:
        data.update({name: value for name, value in part.items() if name != UNREADABLE})
        reasons = part.get(UNREADABLE, [])
        unreadable += reasons if isinstance(reasons, list) else []
    return data | {UNREADABLE: unreadable} if unreadable else data


def _with_states(store: Data, states: Data) -> Data:
    """The numbers by state go to the containers of the image store, where Podman has them."""
    count = store.get("ContainerStore")
    if isinstance(count, dict):
        store["ContainerStore"] = count | {
            name: value for name, value in states.items() if name != UNREADABLE
        }
    return _joined(store, {name: value for name, value in states.items() if name == UNREADABLE})


def _part_of(registries: Data, name: str) -> Data:
    found = {"registries": registries.get(name, [])}
    return found | {UNREADABLE: registries[UNREADABLE]} if UNREADABLE in registries else found


class _Reading:
    """A section that is being read."""

    def __init__(self, read: Reader, config: RuntimeConfig) -> None:
        self._section = Section(config)
        # A daemon: a thread that waits for a dead file server does not keep the program from ending.
        self._thread = threading.Thread(target=_guarded, args=(read, self._section), daemon=True)
        self._thread.start()

    def result(self, end: float, patience: float) -> Data:
        """What is found, or what has been found when the time is over."""
        section = self._section
        self._thread.join(max(end - time.monotonic(), 0))
        if section.failure is not None:
            raise section.failure
        if self._thread.is_alive():
            section.unreadable.append(f"the rest gave no answer in {patience:g} s")
        return section.result()


def _guarded(read: Reader, section: Section) -> None:
    try:
        read(section)
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
        section.failure = error


# ---------------------------------------------------------------- host


def _host(section: Section) -> None:
    machine = os.uname()
    section.data.update(
        {
            "os": machine.sysname.lower(),
            "arch": _ARCHITECTURES.get(machine.machine, machine.machine),
            "cpus": len(os.sched_getaffinity(0)),
        }
    )
    section.put(_memory)
    section.put(lambda: {"kernel": _words(_VERSION_FILE)[2]})
    section.put(lambda: {"uptime": uptime_text(_words(_UPTIME_FILE)[0])})
    section.data["hostname"] = machine.nodename


def _words(path: str) -> list[str]:
    words = files.read_text(path).split()
    if len(words) < (3 if path == _VERSION_FILE else 1):
        raise DecodeError(f"{path}: unexpected contents", source=path)
    return words


def _memory() -> Data:
    """Sizes in bytes, from the kernel's kibibytes."""
    found: dict[str, int] = {}
    for line in files.read_text(_MEMORY_FILE).splitlines():
        name, _, value = line.partition(":")
        if name in _MEMORY:
            found[name] = int(value.split()[0]) * 1024
    missing = [name for name in _MEMORY if name not in found]
    if missing:
        raise DecodeError(f"{_MEMORY_FILE}: no line for {', '.join(missing)}", source=_MEMORY_FILE)
    return {name: found[name] for name in _MEMORY}


def uptime_text(seconds: str) -> str:
    """The uptime for people: "26h 3m 4.5s (Approximately 1.08 days)", from the *seconds* in /proc/uptime."""
    whole, _, fraction = seconds.partition(".")
    minutes, second = divmod(int(whole), 60)
    hours, minute = divmod(minutes, 60)
    fraction = fraction.rstrip("0")
    text = f"{second}.{fraction}s" if fraction else f"{second}s"
    if not hours:
        return f"{minute}m {text}" if minute else text
    return f"{hours}h {minute}m {text} (Approximately {hours / 24:.2f} days)"


# ---------------------------------------------------------------- engine


def _program_paths(section: Section) -> None:
    """Where the OCI runtime and conmon are."""
    config = section.config
    section.put(lambda: {"ociRuntime": _program(config.find_runtime())})
    section.put(lambda: {"conmon": _program(config.find_conmon())})


def _program(path: str) -> Data:
    return {"name": os.path.basename(path), "path": path}


def _programs(section: Section) -> None:
    """The same, with the versions that they tell."""
    _program_paths(section)
    for name in ("ociRuntime", "conmon"):
        found = section.data.get(name)
        if isinstance(found, dict):
            section.put(functools.partial(_add_version, name, found))


def _add_version(name: str, found: Data) -> Data:
    from libpod.host import process

    command = [str(found["path"]), "--version"]
    answer = process.run(command, timeout=_PROGRAM_PATIENCE).stdout.decode("utf-8", "replace")
    return {name: found | {"version": answer.partition("\n")[0].strip()}}


def _engine(section: Section) -> None:
    """What decides how containers are kept here."""
    config = section.config
    section.data["cgroupManager"] = config.cgroup_manager
    section.put(_cgroup_version)
    section.data["security"] = {
        "apparmorEnabled": os.path.exists("/sys/kernel/security/apparmor/profiles"),
        "selinuxEnabled": os.path.exists("/sys/fs/selinux/enforce"),
        "seccompEnabled": os.path.exists("/proc/sys/kernel/seccomp/actions_avail"),
        "rootless": config.rootless,
    }
    section.data["network"] = {
        "backend": config.network_backend or "cni",
        "configDirs": list(config.cni_config_dirs),
        "pluginDirs": list(config.cni_plugin_dirs),
    }
    section.data["lockType"] = config.lock_type
    section.put(lambda: {"database": _database(config)})
    section.put(lambda: {"bootRefresh": _boot_refresh(config)})


def _cgroup_version() -> Data:
    from libpod.cgroups import hierarchy

    return {"cgroupVersion": f"v{hierarchy.version()}"}


def _database(config: RuntimeConfig) -> Data:
    from libpod.boot import opening

    found = opening.locate(config)
    size = os.stat(found.path).st_size if found.exists else 0
    return {"backend": found.kind, "path": found.path, "size": size}


def _boot_refresh(config: RuntimeConfig) -> Data:
    """What the refresh of this boot has decided, by its report."""
    from libpod.boot import marker

    try:
        report = marker.read_report(config.tmp_dir)
    except FileError as error:
        if error.errno != errno.ENOENT:
            raise
        return {"decision": "none", "reason": "no refresh of libpod has run in this boot"}
    told = {key: report.get(key) for key in ("decision", "reason", "boot_id")}
    groups = [report.get(kind) for kind in ("containers", "pods", "volumes")]
    quarantined = [group.get("quarantined") for group in groups if isinstance(group, dict)]
    return told | {"quarantined": sum(len(found) for found in quarantined if isinstance(found, list))}


# ---------------------------------------------------------------- store


def _states(section: Section) -> None:
    """How many containers the database has, by their states."""
    section.put(lambda: _count_states(section.config))


def _count_states(config: RuntimeConfig) -> Data:
    from libpod import state
    from libpod.boot import opening
    from libpod.containers import items, status

    database = opening.locate(config)
    counts: dict[str, int] = dict.fromkeys(("running", "paused", "stopped"), 0)
    if not database.exists:
        return dict(counts)
    opened = state.open(database.kind, database.path, read_only=True, timeout=_LOCK_PATIENCE)
    try:
        for item in items.read_containers(opened).containers:
            word = status.BROKEN if item.error is not None else status.status_name(item.status)
            word = "stopped" if word == "exited" else word
            counts[word] = counts.get(word, 0) + 1
    finally:
        opened.close()
    return dict(counts)


def _store(section: Section) -> None:
    config = section.config
    section.data.update(
        {"GraphRoot": config.graph_root, "RunRoot": config.run_root, "VolumePath": config.volume_path}
    )
    section.put(lambda: _driver(config))
    section.put(lambda: {"ImageStore": {"number": _count(config, "images")}})
    section.put(lambda: {"ContainerStore": {"number": _count(config, "containers")}})


def _driver(config: RuntimeConfig) -> Data:
    from libpod.storage import driver, options

    name = config.graph_driver_name or driver.detect(config.graph_root)
    found = driver.open_driver(
        name, config.graph_root, config.run_root, options.parse(config.graph_driver_options)
    )
    return {
        "GraphDriverName": found.name,
        "GraphOptions": list(config.graph_driver_options),
        "GraphStatus": dict(found.status()),
    }


def _count(config: RuntimeConfig, kind: str) -> int:
    """How many images or containers the image store holds. Its files are replaced whole: no lock needed."""
    from libpod.storage import driver, records

    name = config.graph_driver_name or driver.detect(config.graph_root)
    return len(records.read_records(f"{config.graph_root}/{name}-{kind}/{kind}.json"))


# ---------------------------------------------------------------- registries


def _registries(section: Section) -> None:
    """Registries that are searched for names without one, and those that are asked without TLS.

    A file that cannot be read does not hide what the others say.
    """
    from libpod.config.account import Account
    from libpod.images.registries import Registries

    found = Registries()
    section.put(lambda: _read_registries(section, found, Account()))
    section.data["search"] = found.search
    section.data["insecure"] = found.insecure


def _read_registries(section: Section, found: Registries, account: Account) -> None:
    from libpod.images import registries

    paths = list(registries.files(account))
    for path in paths:
        section.put(functools.partial(_add_registries, found, path, drop_in=path != paths[0]))


def _add_registries(found: Registries, path: str, *, drop_in: bool) -> None:
    from libpod.config import toml

    found.add(path, toml.read(path) or {}, drop_in=drop_in)
