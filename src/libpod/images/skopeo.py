"""Moving images: `skopeo copy`, the tool of the library that Podman uses itself.

skopeo is always told which store, which signature policy and which directory for temporary files are meant,
so that nothing depends on the defaults of this host. Credentials reach it in files only. While it works its
reads are watched (`/proc/PID/io`): a transfer may take as long as it needs, but one that does not move is
given up.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time

from libpod.errors import CommandNotFound, FileError, InvalidArgument, LibpodError, TransferStalled
from libpod.host import files, process, scratch
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from libpod.host.process import Child
    from libpod.images.transport import Options
    from libpod.storage.store import Store

STALL_SECONDS: Final = 180.0
"""How long a transfer may not move before it is given up."""

SHORT_SECONDS: Final = 60.0
"""How long a question to a registry may take."""

RETRIES: Final = 2
"""How often skopeo tries again where the network failed; it waits one second, then two."""

# What a user may have set for reaching registries, beside what every program gets.
PASSED_VARIABLES: Final = (
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE",
)  # fmt: skip
# A signal when we die, whatever kills us: a transfer must not go on without anybody who cleans up after it.
_DIE_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL")
_TICK_SECONDS: Final = 1.0
_LONGEST_ERROR: Final = 1 << 20
_SPECIAL: Final = "+:,[]@"


class Outcome(NamedTuple):
    """How skopeo ended, and what it said."""

    status: int
    stdout: bytes
    stderr: bytes


class Skopeo:
    """skopeo for one store. *policy* is the signature policy's path, empty for the default one.

    *registries_conf* is a registries.conf to use instead of the usual one.
    """

    def __init__(self, store: Store, *, policy: str = "", registries_conf: str = "") -> None:
        self.store = store
        self._policy = policy
        self._registries_conf = registries_conf

    def stored(self, name: str) -> str:
        """How skopeo is told of an image of the store: by a full name, or by `@` and an ID."""
        store = self.store
        for path in (store.graph_root, store.run_root):
            if any(character in path for character in _SPECIAL):
                raise InvalidArgument(
                    f"images cannot be moved to or from the store {path}: its path has one of {_SPECIAL}"
                )
        # An option with a list of mount options cannot be told this way; it changes mounts, not transfers.
        options = ",".join(option for option in store.driver_options if "," not in option)
        where = f"{store.driver.name}@{store.graph_root}+{store.run_root}"
        return f"containers-storage:[{where}{':' if options else ''}{options}]{name}"

    @contextlib.contextmanager
    def room(self) -> Iterator[str]:
        """A directory for temporary files, on the file system of the store; gone at the end."""
        with scratch.directory(os.path.join(self.store.graph_root, "tmp")) as path:
            yield path

    def copy(self, room: str, source: str, target: str, options: Options, flags: Sequence[str] = ()) -> None:
        """Copy an image. Raises TransferError, and what is below it, with the registry's or file's reason.

        Whatever happens, the store is left without half-made layers and the directory *room* without blobs.
        """
        from libpod.images import failures

        words = ["copy", *(["--quiet"] if options.on_line is None and options.terminal is None else [])]
        words += ["--retry-times", str(RETRIES), *flags, source, target]
        try:
            outcome = self.run(room, words, options)
        except BaseException:
            self._clear()
            raise
        if outcome.status != 0:
            self._clear()
            raise failures.explain(outcome, options.shown or source)

    def output(self, room: str, words: Sequence[str], options: Options) -> bytes:
        """What skopeo prints. Raises TransferError."""
        from libpod.images import failures

        quiet = options._replace(on_line=None, terminal=None)
        outcome = self.run(room, words, quiet)
        if outcome.status != 0:
            raise failures.explain(outcome, options.shown)
        return outcome.stdout

    def short(self, words: Sequence[str], shown: str, *, data: bytes = b"") -> bytes:
        """Run a command that moves no image, with *data* on its standard input; returns what it prints.

        Raises TransferError that names *shown*, and CommandTimeout.
        """
        from libpod.images import failures

        flags = ["--registries-conf", self._registries_conf] if self._registries_conf else []
        command = [*_DIE_WITH_US, _find(), *flags, *words]
        done = process.run(
            command, timeout=SHORT_SECONDS, input=data, environment=_environment(), check=False
        )
        if done.status != 0:
            raise failures.explain(Outcome(*done), shown)
        return done.stdout

    def _clear(self) -> None:
        """What a transfer that failed may have left. The error of the transfer is the one that counts."""
        with contextlib.suppress(LibpodError):
            self.store.clear_incomplete_layers()

    def run(self, room: str, words: Sequence[str], options: Options) -> Outcome:
        """Run skopeo to its end. TransferStalled when nothing has moved for too long."""
        command = [*_DIE_WITH_US, _find(), "--tmpdir", room, *self._global_flags(options), *words]
        with contextlib.ExitStack() as stack:
            errors, errors_of_child = _pipe(stack)
            output, output_of_child = _pipe(stack)
            stdout = output_of_child if options.terminal is None else options.terminal
            child = process.spawn(
                command, environment={**_environment(), "TMPDIR": room}, stdout=stdout, stderr=errors_of_child
            )
            try:
                os.close(errors_of_child)
                os.close(output_of_child)
                watch = _Watch(child, output, errors, options)
                return stack.enter_context(contextlib.closing(watch)).finish()
            except BaseException:
                # Ctrl-C included.
                child.kill()
                raise

    def _global_flags(self, options: Options) -> list[str]:
        flags = ["--policy", self._policy] if self._policy else []
        if self._registries_conf:
            flags += ["--registries-conf", self._registries_conf]
        for name, value in (("os", options.os), ("arch", options.arch), ("variant", options.variant)):
            if value:
                flags += [f"--override-{name}", value]
        return flags


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}


def _find() -> str:
    import shutil

    found = shutil.which("skopeo", path=os.environ.get("PATH", process.DEFAULT_PATH))
    if found is None:
        raise CommandNotFound(
            "skopeo, which moves images, is not installed", hint="install the package skopeo"
        )
    return found


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    """Both ends of a pipe; those that are still open are closed at the end."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    for descriptor in (ours, theirs):
        stack.callback(_close, descriptor, os.fstat(descriptor).st_ino)
    os.set_blocking(ours, False)
    return ours, theirs


def _close(descriptor: int, inode: int) -> None:
    with contextlib.suppress(OSError):
        # The number may mean another file by now.
        if os.fstat(descriptor).st_ino == inode:
            os.close(descriptor)


class _Watch:
    """Reads what skopeo says until it has ended, and sees to it that it moves."""

    def __init__(self, child: Child, output: int, errors: int, options: Options) -> None:
        self._child = child
        self._options = options
        self._output, self._errors = output, errors
        self._said: dict[int, bytearray] = {output: bytearray(), errors: bytearray()}
        self._selector = selectors.DefaultSelector()
        self._ended = os.pidfd_open(child.pid)
        self._shown = 0
        for descriptor in (output, errors, self._ended):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def finish(self) -> Outcome:
        moved, reads = time.monotonic(), -1
        while not self._step():
            now = self._reads()
            if now != reads or self._waits_for_lock():
                moved, reads = time.monotonic(), now
            elif time.monotonic() - moved > self._options.stall_seconds:
                raise TransferStalled(
                    f"{self._options.shown}: nothing has moved for {self._options.stall_seconds:g} seconds",
                    image=self._options.shown,
                    hint="is the registry alive, and the network? Try again",
                )
        for descriptor in (self._output, self._errors):
            self._read(descriptor)
        return Outcome(self._child.wait(10), bytes(self._said[self._output]), bytes(self._said[self._errors]))

    def _step(self) -> bool:
        """Wait a moment for something to happen. True once skopeo has ended."""
        for key, _events in self._selector.select(_TICK_SECONDS):
            if key.fd == self._ended:
                return True
            self._read(key.fd)
        return False

    def _read(self, descriptor: int) -> None:
        while True:
            try:
                piece = os.read(descriptor, 1 << 16)
            except BlockingIOError:
                return
            if not piece:
                if descriptor in self._selector.get_map():
                    self._selector.unregister(descriptor)
                return
            said = self._said[descriptor]
            if descriptor == self._output or len(said) < _LONGEST_ERROR:
                said.extend(piece)
            if descriptor == self._output:
                self._show_lines()

    def _show_lines(self) -> None:
        show = self._options.on_line
        said = self._said[self._output]
        while show is not None and (end := said.find(b"\n", self._shown)) >= 0:
            show(said[self._shown : end].decode("utf-8", "replace"))
            self._shown = end + 1

    def _reads(self) -> int:
        """Bytes that skopeo has read from files and the network; writes to a terminal are no progress."""
        try:
            first = files.read_bytes(f"/proc/{self._child.pid}/io").split(b"\n", 1)[0]
            return int(first.split()[1])
        except (FileError, IndexError, ValueError):
            return 0

    def _waits_for_lock(self) -> bool:
        """Whether it waits for another program that is busy with the store."""
        try:
            lines = files.read_text("/proc/locks").splitlines()
        except FileError:
            return False
        return any(f" {self._child.pid} " in line for line in lines if " -> " in line)

    def close(self) -> None:
        self._selector.close()
        os.close(self._ended)
