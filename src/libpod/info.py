"""What is known about this host and this store, in the four sections of the first libpod's `info`.

Information is wanted most when something is wrong. So nothing here asks for a lock or opens a database, what
cannot be read becomes an entry of the section's list `unreadable`, and a section that does not answer in time
(a file system whose server is gone) says so and keeps nobody waiting.
"""

from __future__ import annotations

import functools
import os
import threading

from libpod.errors import DecodeError, LibpodError
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

PATIENCE: Final = 5.0
"""Seconds that one section may take."""

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


def sections(config: RuntimeConfig, *, patience: float = PATIENCE) -> list[dict[str, object]]:
    """The sections `host`, `store`, `registries`, `insecure registries` as {"type", "data"}, in this order.

    *patience* is the time in seconds that each of them may take.
    """
    registries = _in_time(_registries, config, patience)
    return [
        {"type": "host", "data": _in_time(_host, config, patience)},
        {"type": "store", "data": _in_time(_store, config, patience)},
        {"type": "registries", "data": _part_of(registries, "search")},
        {"type": "insecure registries", "data": _part_of(registries, "insecure")},
    ]


def _part_of(registries: Data, name: str) -> Data:
    found = {"registries": registries.get(name, [])}
    return found | {UNREADABLE: registries[UNREADABLE]} if UNREADABLE in registries else found


def _in_time(read: Reader, config: RuntimeConfig, patience: float) -> Data:
    """What *read* finds, or what it has found when its time is over."""
    section = Section(config)
    # A daemon: a thread that waits for a dead file server does not keep the program from ending.
    thread = threading.Thread(target=_guarded, args=(read, section), daemon=True)
    thread.start()
    thread.join(patience)
    if section.failure is not None:
        raise section.failure
    if thread.is_alive():
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


# ---------------------------------------------------------------- store


def _store(section: Section) -> None:
    config = section.config
    section.data.update({"GraphRoot": config.graph_root, "RunRoot": config.run_root})
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
