"""Images and a real registry: push, pull, short names, mirrors, credentials, and all that may go wrong."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
import threading
from typing import TYPE_CHECKING

import pytest

from libpod.errors import RegistryUnreachable, TransferStalled
from libpod.images.transport import Options
from tests.lab import registry as lab

if TYPE_CHECKING:
    from pathlib import Path

    from tests.host.images.room import ImageRoom
    from tests.lab.registry import Faulty, Registry


def test_push_pull_and_run(room: ImageRoom, registry: Registry) -> None:
    room.insecure(registry.host)
    name = f"{registry.host}/new/web:1.0"
    digest_file = room.directory / "digest"
    room.libpod("tag", "bb", name)
    pushed = room.libpod("push", "--digestfile", str(digest_file), name)
    assert "Writing manifest to image destination" in pushed.stderr
    assert pushed.stdout == ""
    digest = digest_file.read_text()
    identifier = room.image_id("bb")
    room.libpod("rmi", "-f", identifier)
    assert room.records("layers") == []
    pulled = room.libpod("pull", name)
    assert pulled.words == identifier
    assert f"Trying to pull {name}..." in pulled.stderr
    assert room.say(command=("echo", "hello"), image=name) == "hello\n"
    room.libpod("rmi", name)
    quiet = room.libpod("pull", "-q", f"{registry.host}/new/web@{digest}")
    assert (quiet.words, quiet.stderr) == (identifier, "")
    assert room.names() == [f"{registry.host}/new/web@{digest}"]
    assert room.json("images", "--format", "json")[0]["Digest"] == digest
    template = "{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}"
    repository = f"{registry.host}/new/web"
    assert (
        room.libpod("images", "--format", template).words == f"{identifier[:12]} {repository}:<none> {digest}"
    )
    assert room.libpod("image", "inspect", "-f", "{{.Os}}", identifier).words == "linux"
    assert room.libpod("history", "--format", "table {{.ID}}\t{{.Size}}", identifier).words.startswith("ID ")


def test_run_pulls_what_is_missing(room: ImageRoom, registry: Registry) -> None:
    room.insecure(registry.host)
    name = f"{registry.host}/t/bb:latest"
    room.libpod("rmi", "bb")
    room.refuses("run", "--pull", "never", name, "true", says=["image not known", "hint: pull it"])
    first = room.libpod("run", "--rm", name, "echo", "hello")
    assert f"Trying to pull {name}..." in first.stderr
    assert first.stdout == "hello\n"
    assert "Trying" not in room.libpod("run", "--rm", name, "true").stderr
    assert "Trying" in room.libpod("run", "--rm", "--pull=always", name, "true").stderr
    # The registry has the same manifest: there is nothing newer.
    assert "Trying" not in room.libpod("run", "--rm", "--pull", "newer", name, "true").stderr
    room.libpod("create", "--name", "made", name, "true")
    assert room.inspect("made")["ImageName"] == name


def test_all_tags(room: ImageRoom, registry: Registry) -> None:
    room.insecure(registry.host)
    for tag in ("1", "2"):
        room.libpod("push", "-q", "bb", f"{registry.host}/many/bb:{tag}")
    room.libpod("pull", "-q", "--all-tags", f"{registry.host}/many/bb")
    assert room.names() == [f"{registry.host}/many/bb:{tag}" for tag in ("1", "2")] + ["localhost/bb:latest"]


def test_without_tls_only_if_that_is_allowed(room: ImageRoom, registry: Registry) -> None:
    name = f"{registry.host}/t/bb"
    room.refuses("pull", name, says=["server gave HTTP response to HTTPS client", "--tls-verify=false"])
    room.libpod("pull", "-q", "--tls-verify=false", name)
    room.libpod("push", "-q", "--tls-verify=false", name)


def test_tls_with_a_certificate_that_is_not_known(room: ImageRoom, tmp_path: Path) -> None:
    with lab.registry(tmp_path / "r", tls=True) as registry:
        name = f"{registry.host}/a/bb"
        certificates = tmp_path / "certs"
        certificates.mkdir()
        room.refuses("push", "bb", name, says=["x509", "/etc/containers/certs.d"])
        (certificates / "ca.crt").write_bytes((registry.directory / "certificate.pem").read_bytes())
        room.libpod("push", "-q", "--cert-dir", str(certificates), "bb", name)
        room.libpod("pull", "-q", "--cert-dir", str(certificates), name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("t/nosuch", ["not known to the registry", "check the name"]),
        ("t/bb:nosuch", ["manifest unknown", "check the name"]),
        (f"t/bb@sha256:{'0' * 64}", ["manifest unknown"]),
    ],
)
def test_what_the_registry_does_not_have(
    room: ImageRoom, registry: Registry, name: str, says: list[str]
) -> None:
    room.insecure(registry.host)
    says = [f"{registry.host}/{name}" if says[0].startswith("not known") else says[0], *says[1:]]
    room.refuses("pull", f"{registry.host}/{name}", says=says)


def test_nobody_answers(room: ImageRoom) -> None:
    host = f"127.0.0.1:{lab.free_port()}"
    room.refuses("pull", f"{host}/x", says=["connection refused", "hint: is it up"])
    with room.runtime() as runtime, pytest.raises(RegistryUnreachable):
        runtime.images.push("bb", f"{host}/x")


def test_credentials(room: ImageRoom, tmp_path: Path) -> None:
    with lab.registry(tmp_path / "r", auth=True) as registry:
        room.insecure(registry.host)
        name = f"{registry.host}/private/bb"
        where = ("--authfile", str(room.authfile))
        room.refuses("push", "bb", name, says=["unauthorized", "hint: log in"])
        room.refuses("login", *where, "-u", lab.USER, "--password-stdin", registry.host, says=[registry.host],
                     data="wrong")  # fmt: skip
        assert not room.authfile.exists() or registry.host not in room.authfile.read_text()
        logged = room.libpod("login", *where, "-u", lab.USER, "--password-stdin", registry.host,
                             data=lab.PASSWORD + "\n")  # fmt: skip
        assert logged.words == "Login Succeeded!"
        assert room.authfile.stat().st_mode & 0o777 == 0o600
        assert room.libpod("login", "--get-login", registry.host).words == lab.USER
        room.libpod("push", "-q", "bb", name)
        room.libpod("pull", "-q", name)
        room.libpod("logout", registry.host)
        room.refuses("pull", name, says=["authentication required", "hint: log in"])
        pulled = room.libpod("--log-level", "debug", "pull", "--creds", f"{lab.USER}:{lab.PASSWORD}", name)
        assert lab.PASSWORD not in pulled.stderr
        room.refuses("pull", "--creds", f"{lab.USER}:wrong", name, says=["unauthorized"])
        room.refuses("pull", "--authfile", "/nosuch", name, says=["/nosuch"])


def test_secrets_are_in_no_argument(room: ImageRoom, tmp_path: Path) -> None:
    """Looked at while skopeo runs: its registry does not answer."""
    from tests import leftovers

    with lab.registry(tmp_path / "r") as registry, lab.faulty(registry) as proxy:
        room.insecure(proxy.host, registry.host)
        room.libpod("push", "-q", "bb", f"{registry.host}/s/bb")
        room.libpod("rmi", "bb")
        proxy.fault = lab.STALL
        with room.started("pull", "-q", "--creds", "me:SECRET", f"{proxy.host}/s/bb") as process:
            assert proxy.stalled.wait(120)
            lines = [leftovers.command_line(pid) for pid in leftovers.processes_naming(str(room.directory))]
            started = [line for line in lines if line and "-m libpod" not in line]
            assert any("skopeo" in line for line in started)
            assert not [line for line in started if "SECRET" in line]
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 130


# ---------------------------------------------------------------- registries.conf


def test_short_names(room: ImageRoom, registry: Registry) -> None:
    room.refuses("pull", "t/bb", says=["did not resolve to an alias", str(room.registries)])
    room.registries.write_text(f'unqualified-search-registries = ["127.0.0.1:1", "{registry.host}"]\n')
    room.insecure(registry.host)
    pulled = room.libpod("pull", "t/bb")
    assert "Trying to pull 127.0.0.1:1/t/bb:latest..." in pulled.stderr
    assert f"{registry.host}/t/bb:latest" in room.names()
    # A name of this host goes first; the end of a full name does.
    room.libpod("pull", "-q", "--policy", "missing", "bb")
    room.registries.write_text(f'[aliases]\n"short" = "{registry.host}/t/bb"\n')
    room.insecure(registry.host)
    aliased = room.libpod("pull", "short")
    assert 'Resolved "short" as an alias' in aliased.stderr
    assert room.image_id("short") == aliased.words
    room.registries.write_text(
        'short-name-mode = "enforcing"\nunqualified-search-registries = ["a.io", "b.io"]'
    )
    room.refuses("pull", "t/bb", says=["a.io, b.io", "enforcing"])


def test_both_versions_mirrors_and_blocked(room: ImageRoom, registry: Registry) -> None:
    room.registries.write_text(
        f'[registries.search]\nregistries = ["{registry.host}"]\n'
        f'[registries.insecure]\nregistries = ["{registry.host}"]\n'
        '[registries.block]\nregistries = ["bad.example.com"]\n'
    )
    room.libpod("pull", "-q", "t/bb")
    room.refuses(
        "pull", "bad.example.com/x", says=["registry bad.example.com is blocked in", "registries.conf"]
    )
    room.registries.write_text(
        '[[registry]]\nprefix = "example.com/a"\nlocation = "127.0.0.1:1/b"\n'
        f'[[registry.mirror]]\nlocation = "{registry.host}/t"\ninsecure = true\n'
    )
    room.libpod("pull", "-q", "example.com/a/bb")
    assert "example.com/a/bb:latest" in room.names()
    sections = {entry["type"]: entry["data"] for entry in room.json("info", "--format", "json")}
    assert sections["registries"]["registries"] == []


# ---------------------------------------------------------------- what comes is broken


@pytest.mark.parametrize(
    ("fault", "says"),
    [(lab.TRUNCATE, "unexpected EOF"), (lab.CORRUPT, "igest"), (lab.RESET, "connection reset")],
)
def test_broken_blobs(room: ImageRoom, registry: Registry, faulty: Faulty, fault: str, says: str) -> None:
    room.insecure(faulty.host)
    room.libpod("rmi", "bb")
    faulty.fault = fault
    room.refuses("pull", f"{faulty.host}/t/bb", says=[says])
    faulty.fault = lab.NONE
    room.libpod("pull", "-q", f"{faulty.host}/t/bb")
    assert room.say(command=("echo", "whole"), image=f"{faulty.host}/t/bb") == "whole\n"


def test_a_registry_that_stops_in_the_middle_is_given_up(room: ImageRoom, faulty: Faulty) -> None:
    room.insecure(faulty.host)
    room.libpod("rmi", "bb")
    faulty.fault = lab.STALL
    with room.runtime() as runtime, pytest.raises(TransferStalled, match="nothing has moved for 2 seconds"):
        runtime.images.pull(f"{faulty.host}/t/bb", Options(stall_seconds=2))
    assert room.half_done() == []
    assert room.records("layers") == []


STATUS_OF_SIGNAL = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}


@pytest.mark.parametrize("number", STATUS_OF_SIGNAL)
def test_a_pull_that_is_killed(room: ImageRoom, faulty: Faulty, number: signal.Signals) -> None:
    room.insecure(faulty.host)
    room.libpod("rmi", "bb")
    faulty.fault = lab.STALL
    with room.started("pull", f"{faulty.host}/t/bb") as process:
        assert faulty.stalled.wait(120)
        process.send_signal(number)
        assert process.wait(120) == STATUS_OF_SIGNAL[number]
    # skopeo dies with us, whatever killed us.
    assert room.settled(lambda: not list(room._processes()))
    if number != signal.SIGKILL:
        assert room.half_done() == []
    faulty.fault = lab.NONE
    faulty.released.set()
    room.libpod("pull", "-q", f"{faulty.host}/t/bb")
    assert room.half_done() == []


def test_a_full_disk(room: ImageRoom, registry: Registry) -> None:
    room.insecure(registry.host)
    room.libpod("rmi", "bb")
    temporary = room.root / "tmp"
    temporary.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", temporary], check=True)
    try:
        room.refuses(
            "pull", f"{registry.host}/t/bb", says=["no space left on device", "hint: free some space"]
        )
    finally:
        subprocess.run(["umount", temporary], check=True)
    room.libpod("pull", "-q", f"{registry.host}/t/bb")


def test_progress_is_drawn_on_a_terminal(room: ImageRoom, registry: Registry) -> None:
    room.insecure(registry.host)
    room.libpod("rmi", "bb")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        command = room.command("pull", f"{registry.host}/t/bb")
        environment = {**room.environment, "TERM": "xterm"}
        done = subprocess.run(
            command, env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, check=True
        )
        os.set_blocking(ours, False)
        drawn = os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout.decode().strip() == room.image_id(f"{registry.host}/t/bb")
    assert "Copying blob" in drawn
    assert "\x1b[" in drawn


def test_a_policy_that_rejects(room: ImageRoom, registry: Registry) -> None:
    room.insecure(registry.host)
    policy = room.directory / "policy.json"
    policy.write_text(json.dumps({"default": [{"type": "reject"}]}))
    room.configuration.write_text(room.configuration.read_text() + f'signature_policy_path = "{policy}"\n')
    room.refuses(
        "pull", f"{registry.host}/t/bb", says=["rejected by policy", "hint: see signature_policy_path"]
    )
    policy.write_text("{}")
    room.refuses("pull", f"{registry.host}/t/bb", says=[str(policy)])
    policy.unlink()
    room.refuses("pull", f"{registry.host}/t/bb", says=[str(policy)])


@pytest.mark.parametrize("name", ["UPPER", "a:b:c", "x@sha256:1", "-", "a//b", "x" * 300, "docker:x", "oci:"])
def test_names_that_are_none(room: ImageRoom, name: str) -> None:
    room.refuses("pull", "--", name, says=["Error: "])


def test_an_image_for_another_machine(room: ImageRoom, registry: Registry, tmp_path: Path) -> None:
    """It is pulled with a warning, as with Podman; a list without one for us is refused."""
    from tests.lab import image

    room.insecure(registry.host)
    image.write_layout(tmp_path / "other", machine="s390x")
    loaded = room.libpod("load", "-i", str(tmp_path / "other"))
    assert "image platform (linux/s390x) does not match the expected platform" in loaded.stderr
    image.write_list(tmp_path / "list", "s390x", "arm64")
    name = f"{registry.host}/list/bb"
    command = ["skopeo", "--insecure-policy", "copy", "-q", "--all", "--dest-tls-verify=false"]
    subprocess.run([*command, f"oci:{tmp_path}/list:latest", f"docker://{name}"], check=True)
    room.refuses(
        "pull", name, says=["no image found in image index for architecture amd64", "hint: choose another"]
    )
    room.libpod("pull", "-q", "--arch", "arm64", name)
    assert room.json("image", "inspect", name)[0]["Architecture"] == "arm64"


def test_pulls_at_the_same_time(room: ImageRoom, registry: Registry) -> None:
    room.insecure(registry.host)
    room.libpod("rmi", "bb")
    for tag in map(str, range(4)):
        room.libpod("pull", "-q", f"{registry.host}/t/bb")
        room.libpod("push", "-q", f"{registry.host}/t/bb", f"{registry.host}/same/bb:{tag}")
    room.libpod("rmi", f"{registry.host}/t/bb")
    threads = [
        threading.Thread(target=room.libpod, args=("pull", "-q", f"{registry.host}/same/bb:{tag}"))
        for tag in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert room.names() == [f"{registry.host}/same/bb:{tag}" for tag in range(4)]
