"""Debian's docker-registry on the loopback device, and a proxy in front of it that breaks blobs."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER = "tester"
PASSWORD = "a secret: with colon"
# bcrypt of PASSWORD, with the lowest cost there is.
HASH = "$2b$04$YiYChWwSxMCJZHqwrrNG..Z3Yhd0R3PWBLpvub2hOq7R3KR2X7g3m"
START_SECONDS = 120.0
_CHUNK = 1 << 16


class Registry:
    """A running registry. *host* is its address with the port, as names of images begin."""

    def __init__(self, host: str, directory: Path) -> None:
        self.host = host
        self.directory = directory

    def blobs(self) -> list[Path]:
        """The files of all blobs."""
        return sorted(self.directory.glob("data/docker/registry/v2/blobs/*/*/*/data"))


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def registry(directory: Path, *, auth: bool = False, tls: bool = False) -> Iterator[Registry]:
    """Run a registry that keeps its data in *directory*; with *auth* only for USER, with *tls* by HTTPS."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    lines = ["version: 0.1", "log: {level: error, accesslog: {disabled: true}}"]
    lines.append(
        f"storage: {{filesystem: {{rootdirectory: {directory / 'data'}}}, delete: {{enabled: true}}}}"
    )
    certificate = _certificate(directory) if tls else ""
    lines.append(f"http: {{addr: '127.0.0.1:{port}'{certificate}}}")
    if auth:
        (directory / "htpasswd").write_text(f"{USER}:{HASH}\n")
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {directory / 'htpasswd'}}}}}")
    settings = directory / "config.yml"
    settings.write_text("\n".join(lines) + "\n")
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            ["docker-registry", "serve", settings], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait(port, process)
            yield Registry(f"127.0.0.1:{port}", directory)
        finally:
            process.kill()


def _certificate(directory: Path) -> str:
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return f", tls: {{certificate: {certificate}, key: {key}}}"


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("docker-registry does not start")


# ---------------------------------------------------------------- faults

NONE, TRUNCATE, CORRUPT, STALL, RESET = "none", "truncate", "corrupt", "stall", "reset"
BROKEN_FROM = 1 << 15


class Faulty(http.server.ThreadingHTTPServer):
    """Hands requests on to a registry; *fault* says what becomes of blobs longer than BROKEN_FROM."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.fault = NONE
        self.released = threading.Event()
        self.stalled = threading.Event()

    @property
    def host(self) -> str:
        """Its address with the port."""
        return f"127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Faulty
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Hand the request on, and the answer back."""
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        # Some come more than once (Accept).
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        broken = "/blobs/" in self.path and len(body) > BROKEN_FROM
        with contextlib.suppress(OSError):
            self._send(body, self.server.fault if broken else NONE)

    def do_HEAD(self) -> None:
        """The same without the body."""
        self.do_GET()

    def _send(self, body: bytes, fault: str) -> None:
        if fault == NONE:
            self.wfile.write(body)
            return
        if fault == CORRUPT:
            self.wfile.write(body[:-1] + bytes([body[-1] ^ 0xFF]))
            return
        self.wfile.write(body[:BROKEN_FROM])
        self.wfile.flush()
        if fault == STALL:
            self.server.stalled.set()
            self.server.released.wait(120)
        self.close_connection = True
        if fault == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self.connection.close()


@contextlib.contextmanager
def faulty(target: Registry) -> Iterator[Faulty]:
    """Run the proxy in front of *target*."""
    server = Faulty(target.host)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
