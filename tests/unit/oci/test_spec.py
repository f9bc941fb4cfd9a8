"""The specification that is stored, and the one for a start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libpod.errors import InvalidArgument
from libpod.oci import capabilities, spec, volumes
from libpod.oci.finalize import StartFacts, finalize
from libpod.oci.options import Namespaces, Resources, SpecOptions

IMAGE = {
    "Env": ["PATH=/bin", "LANG=C"],
    "Entrypoint": ["/entry"],
    "Cmd": ["serve"],
    "WorkingDir": "/srv",
    "User": "web",
}


def generate(**options: object) -> dict[str, object]:
    options.setdefault("command", ["true"])
    options.setdefault("seccomp_profile", "unconfined")
    return spec.generate(SpecOptions(**options), {})[0]  # type: ignore[arg-type]


def process(found: dict[str, object]) -> dict[str, object]:
    value = found["process"]
    assert isinstance(value, dict)
    return value


def linux(found: dict[str, object]) -> dict[str, object]:
    value = found["linux"]
    assert isinstance(value, dict)
    return value


def destinations(found: dict[str, object]) -> list[str]:
    value = found["mounts"]
    assert isinstance(value, list)
    return [mount["destination"] for mount in value]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (SpecOptions(), ["/entry", "serve"]),
        (SpecOptions(command=["x"]), ["/entry", "x"]),
        (SpecOptions(entrypoint=["/e"]), ["/e"]),
        (SpecOptions(entrypoint=["/e"], command=["x"]), ["/e", "x"]),
        (SpecOptions(entrypoint=[], command=["x"]), ["x"]),
    ],
)
def test_arguments(options: SpecOptions, expected: list[str]) -> None:
    assert spec.arguments(options, IMAGE) == expected


def test_nothing_to_run_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no command to run"):
        spec.arguments(SpecOptions(entrypoint=[]), IMAGE)
    with pytest.raises(InvalidArgument, match="no command to run"):
        spec.arguments(SpecOptions(), {})


def test_environment_later_wins() -> None:
    found = spec.environment(SpecOptions(environment={"LANG": "de", "NEW": "a=b"}), IMAGE)
    assert found == ["PATH=/bin", "TERM=xterm", "container=podman", "LANG=de", "NEW=a=b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$LANG", "C"), ("${LANG}x", "Cx"), ("${NO:-d}", "d"), ("${LANG:-d}", "C"), ("${LANG:+d}", "d"),
        ("${NO:+d}", ""), ("$NO", ""), ("$$", "$$"), ("a=$LANG=", "a=C="),
    ],
)  # fmt: skip
def test_merged_environment(text: str, expected: str) -> None:
    options = SpecOptions(merged_environment={"LANG": text, "NEW": "not there"}, unset_environment=["TERM"])
    assert spec.environment(options, {"Env": ["LANG=C"]})[-2:] == ["container=podman", f"LANG={expected}"]


def test_unset_environment() -> None:
    asked = SpecOptions(unset_all=True, environment={"A": "b"})
    assert spec.environment(asked, IMAGE) == ["A=b"]
    found = spec.environment(SpecOptions(unset_environment=["LANG", "TERM", "NO"]), IMAGE)
    assert found == ["PATH=/bin", "container=podman"]


def test_init_runs_the_command() -> None:
    asked = SpecOptions(command=["a"], init_program="/usr/bin/first")
    assert spec.arguments(asked, {}) == ["/run/podman-init", "--", "a"]
    generated, _warnings = spec.generate(asked, {})
    mounts = generated["mounts"]
    assert isinstance(mounts, list)
    assert mounts[0] == {
        "destination": "/run/podman-init", "type": "bind", "source": "/usr/bin/first",
        "options": ["bind", "ro", "rprivate"],
    }  # fmt: skip
    with pytest.raises(InvalidArgument, match="PID namespace"):
        spec.arguments(asked._replace(namespaces=Namespaces(pid="container:x")), {})


@pytest.mark.parametrize("environment", [{"": "x"}, {"A=B": "x"}, {"A": "x\0y"}])
def test_impossible_environment(environment: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="environment variable"):
        spec.environment(SpecOptions(environment=environment), {})


def test_image_gives_the_working_directory() -> None:
    found, _warnings = spec.generate(SpecOptions(seccomp_profile="unconfined"), IMAGE)
    assert process(found)["cwd"] == "/srv"


def test_default_mounts_are_podmans() -> None:
    assert destinations(generate()) == ["/proc", "/dev", "/dev/pts", "/dev/mqueue", "/sys", "/sys/fs/cgroup"]


def test_what_was_asked_for_replaces_a_default(tmp_path: Path) -> None:
    asked = volumes.parse([f"{tmp_path}:/sys:ro"])
    found = destinations(generate(volumes=asked))
    assert found[0] == "/sys"
    assert found.count("/sys") == 1


@pytest.mark.parametrize(
    ("uid_map", "gid_map", "has_group"),
    [
        ((), (), True),
        (((0, 1000, 6),), (), True),
        (((0, 1000, 5),), (), False),
        (((0, 1000, 9),), ((0, 1, 1), (1, 5, 3)), False),
        (((0, 1000, 1),), ((0, 1, 1), (5, 5, 1)), True),
    ],
)
def test_the_group_of_terminals_must_be_mapped(uid_map: object, gid_map: object, *, has_group: bool) -> None:
    namespaces = Namespaces(user="private" if uid_map else "host")
    mounts = generate(uid_map=uid_map, gid_map=gid_map, namespaces=namespaces)["mounts"]
    assert isinstance(mounts, list)
    options = next(mount["options"] for mount in mounts if mount["destination"] == "/dev/pts")
    assert ("gid=5" in options) is has_group


def test_a_user_namespace_has_mappings_and_no_device_rules() -> None:
    found = linux(generate(uid_map=((0, 1000, 6),), namespaces=Namespaces(user="private")))
    entry = [{"containerID": 0, "hostID": 1000, "size": 6}]
    assert found["uidMappings"] == found["gidMappings"] == entry
    assert "devices" not in found["resources"]  # type: ignore[operator]
    assert {"type": "user"} in found["namespaces"]  # type: ignore[operator]
    joined = linux(generate(uid_map=((0, 1000, 6),), namespaces=Namespaces(user="container:x")))
    assert "user" not in [each["type"] for each in joined["namespaces"]]  # type: ignore[attr-defined]


def test_read_only_root_leaves_places_to_write() -> None:
    found = generate(read_only=True)
    assert found["root"] == {"path": "rootfs", "readonly": True}
    assert {"/tmp", "/var/tmp", "/run"} <= set(destinations(found))


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        (Namespaces(), ["pid", "network", "ipc", "uts", "mount"]),
        (Namespaces(pid="host", network="host", ipc="host", uts="host"), ["mount"]),
        (Namespaces(network="container:abc"), ["pid", "network", "ipc", "uts", "mount"]),
        (Namespaces(cgroup="private"), ["pid", "network", "ipc", "uts", "mount", "cgroup"]),
    ],
)
def test_namespaces(namespaces: Namespaces, expected: list[str]) -> None:
    found = linux(generate(namespaces=namespaces))["namespaces"]
    assert isinstance(found, list)
    assert [namespace["type"] for namespace in found] == expected


def test_namespace_by_path() -> None:
    found = linux(generate(namespaces=Namespaces(network="ns:/proc/self/ns/net")))["namespaces"]
    assert {"type": "network", "path": "/proc/self/ns/net"} in found  # type: ignore[operator]
    with pytest.raises(InvalidArgument, match="/nowhere"):
        generate(namespaces=Namespaces(network="ns:/nowhere"))


@pytest.mark.parametrize(
    ("resources", "section", "expected"),
    [
        (Resources(memory=64), "memory", {"limit": 64, "swap": 128}),
        (Resources(memory=64, memory_swap=-1), "memory", {"limit": 64, "swap": -1}),
        (Resources(cpu_quota=50, cpu_period=100), "cpu", {"quota": 50, "period": 100}),
        (Resources(cpu_shares=2, cpuset_cpus="0"), "cpu", {"shares": 2, "cpus": "0"}),
        (Resources(), "pids", {"limit": 2048}),
        (Resources(pids_limit=7), "pids", {"limit": 7}),
        (Resources(pids_limit=-1), "pids", None),
        (Resources(), "memory", None),
    ],
)
def test_resources(resources: Resources, section: str, expected: object) -> None:
    found = linux(generate(resources=resources))["resources"]
    assert isinstance(found, dict)
    assert found.get(section) == expected


@pytest.mark.parametrize("resources", [Resources(memory_swap=5), Resources(memory=10, memory_swap=5)])
def test_impossible_swap(resources: Resources) -> None:
    with pytest.raises(InvalidArgument, match="--memory-swap"):
        generate(resources=resources)


@pytest.mark.parametrize(
    ("name", "namespaces", "message"),
    [
        ("kernel.panic", Namespaces(), "would change the host"),
        ("net.ipv4.ip_forward", Namespaces(network="host"), "host's network namespace"),
        ("kernel.shmmax", Namespaces(ipc="host"), "host's ipc namespace"),
        ("fs.file-max", Namespaces(), "would change the host"),
    ],
)
def test_sysctls_of_the_host_are_refused(name: str, namespaces: Namespaces, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        generate(sysctls={name: "1"}, namespaces=namespaces)


def test_default_sysctls_that_do_not_fit_are_left_out() -> None:
    defaults = {"net.ipv4.ping_group_range": "0 0"}
    assert linux(generate(default_sysctls=defaults))["sysctl"] == defaults
    assert "sysctl" not in linux(generate(default_sysctls=defaults, namespaces=Namespaces(network="host")))


@pytest.mark.parametrize(
    ("namespaces", "kind"),
    [
        (Namespaces(), "mqueue"),
        (Namespaces(ipc="host"), "mqueue"),
        (Namespaces(ipc="host", user="private"), "bind"),
    ],
)
def test_the_queues_of_the_host_are_bound_only_where_they_cannot_be_mounted(
    namespaces: Namespaces, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.path.isdir", lambda path: path == "/dev/mqueue")
    mounts = generate(namespaces=namespaces)["mounts"]
    assert isinstance(mounts, list)
    assert [mount["type"] for mount in mounts if mount["destination"] == "/dev/mqueue"] == [kind]


def test_privileged_hides_nothing_and_filters_nothing() -> None:
    found = linux(generate(privileged=True, seccomp_profile=None))
    assert not {"seccomp", "maskedPaths", "readonlyPaths"} & set(found)
    assert found["devices"]
    sets = process(generate(privileged=True))["capabilities"]
    assert isinstance(sets, dict)
    assert sets["effective"] == sorted(capabilities.grantable())


def test_another_user_has_only_the_capabilities_that_were_added(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = process(generate(user="5"))["capabilities"]
    assert isinstance(plain, dict)
    assert set(plain) == {"bounding"}
    added = process(generate(user="5", add_capabilities=["NET_ADMIN"]))["capabilities"]
    assert isinstance(added, dict)
    assert added["effective"] == added["ambient"] == ["CAP_NET_ADMIN"]
    monkeypatch.setattr(capabilities, "grantable", lambda: ["CAP_KILL", "CAP_CHOWN"])
    everything = process(generate(user="5", add_capabilities=["all"]))["capabilities"]
    assert isinstance(everything, dict)
    assert everything["effective"] == everything["ambient"] == ["CAP_CHOWN", "CAP_KILL"]


def test_unmasked_paths() -> None:
    found = linux(generate(unmasked_paths=["/proc/kcore", "/proc/sys"], masked_paths=["/secret"]))
    assert "/proc/kcore" not in found["maskedPaths"]  # type: ignore[operator]
    assert "/secret" in found["maskedPaths"]  # type: ignore[operator]
    assert "/proc/sys" not in found["readonlyPaths"]  # type: ignore[operator]
    assert "maskedPaths" not in linux(generate(unmasked_paths=["ALL"]))


def test_shared_mounts_need_a_shared_root(tmp_path: Path) -> None:
    assert "rootfsPropagation" not in linux(generate())
    asked = volumes.parse([f"{tmp_path}:/d:rshared"])
    assert linux(generate(volumes=asked))["rootfsPropagation"] == "shared"
    asked = volumes.parse([f"{tmp_path}:/d:slave"])
    assert linux(generate(volumes=asked))["rootfsPropagation"] == "rslave"


# ---------------------------------------------------------------- for a start


def start(stored: dict[str, object], root: Path, **facts: object) -> dict[str, object]:
    values = {
        "container_id": "a" * 64,
        "root": str(root),
        "cgroup_path": "/parent/libpod-x",
        "created": "2026-01-01T00:00:00Z",
        "stop_signal": 15,
        **facts,
    }
    return finalize(stored, StartFacts(**values))  # type: ignore[arg-type]


def test_the_stored_specification_stays_as_it_is(tmp_path: Path) -> None:
    stored = generate()
    before = repr(stored)
    start(stored, tmp_path, bind_mounts={"/etc/hosts": "/x"}, user="7")
    assert repr(stored) == before


def test_start_adds_what_is_known_only_then(tmp_path: Path) -> None:
    found = start(generate(), tmp_path, umask="0027", user="7:8")
    assert found["root"] == {"path": str(tmp_path)}
    assert found["hostname"] == "a" * 12
    assert process(found)["user"] == {"uid": 7, "gid": 8, "umask": 0o27, "additionalGids": [8]}
    assert process(found)["env"][-1] == "HOSTNAME=" + "a" * 12  # type: ignore[index]
    assert linux(found)["cgroupsPath"] == "/parent/libpod-x"
    annotations = found["annotations"]
    assert isinstance(annotations, dict)
    assert annotations["io.container.manager"] == "libpod"
    assert annotations["org.opencontainers.image.stopSignal"] == "15"


def test_mounts_are_sorted_so_that_none_hides_another(tmp_path: Path) -> None:
    asked = volumes.parse([f"{tmp_path}:/dev/pts/x/y", f"{tmp_path}:/a"])
    found = destinations(start(generate(volumes=asked), tmp_path, bind_mounts={"/dev/shm": "/s"}))
    assert found.index("/dev") < found.index("/dev/shm")
    assert found.index("/dev/pts") < found.index("/dev/pts/x/y")


def test_files_of_the_user_go_before_ours(tmp_path: Path) -> None:
    asked = volumes.parse([f"{tmp_path}:/etc/hosts"])
    found = start(
        generate(volumes=asked), tmp_path, bind_mounts={"/etc/hosts": "/ours", "/etc/hostname": "/h"}
    )
    mounts = found["mounts"]
    assert isinstance(mounts, list)
    assert [m["source"] for m in mounts if m["destination"] == "/etc/hosts"] == [str(tmp_path)]
    assert "/etc/hostname" in destinations(found)


def test_runtimes_know_nothing_of_labels_to_give(tmp_path: Path) -> None:
    asked = volumes.parse([f"{tmp_path}:/a:z", f"{tmp_path}:/b:ro,Z"])
    mounts = start(generate(volumes=asked), tmp_path)["mounts"]
    assert isinstance(mounts, list)
    options = {mount["destination"]: mount["options"] for mount in mounts}
    assert options["/a"] == ["rw", "rprivate", "rbind"]
    assert options["/b"] == ["ro", "rprivate", "rbind"]


def test_a_user_keeps_the_own_group_and_gets_a_home_only_from_passwd(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("web:x:5:6::/srv:\n")
    known = process(start(generate(), tmp_path, user="web", groups=["9"]))
    assert known["user"] == {"uid": 5, "gid": 6, "additionalGids": [6, 9]}
    assert "HOME=/srv" in known["env"]  # type: ignore[operator]
    unknown = process(start(generate(), tmp_path, user="7"))
    assert not [entry for entry in unknown["env"] if entry.startswith("HOME=")]  # type: ignore[attr-defined]
    assert "additionalGids" not in process(start(generate(), tmp_path))["user"]  # type: ignore[operator]


@pytest.mark.parametrize(("runtime", "expected"), [("runc", None), ("crun", "rslave")])
def test_recursive_slaves_are_named_to_runtimes_that_need_it(
    tmp_path: Path, runtime: str, expected: str | None
) -> None:
    stored = generate(volumes=volumes.parse([f"{tmp_path}:/d:slave"]))
    assert linux(start(stored, tmp_path, runtime=runtime)).get("rootfsPropagation") == expected


def test_who_shares_the_network_of_the_host_has_its_name(tmp_path: Path) -> None:
    name = os.uname().nodename
    for namespaces in (Namespaces(network="host"), Namespaces(uts="host")):
        found = start(generate(namespaces=namespaces), tmp_path)
        assert f"HOSTNAME={name}" in process(found)["env"]  # type: ignore[operator]
    assert generate(namespaces=Namespaces(network="host"), hostname="box")["hostname"] == "box"


def test_joined_namespaces_replace_own_ones(tmp_path: Path) -> None:
    found = start(generate(), tmp_path, namespaces={"network": "/proc/5/ns/net", "uts": "/proc/5/ns/uts"})
    namespaces = linux(found)["namespaces"]
    assert isinstance(namespaces, list)
    assert [n for n in namespaces if n["type"] == "network"] == [
        {"type": "network", "path": "/proc/5/ns/net"}
    ]
    # A name cannot be set in a namespace of another container.
    assert "hostname" not in found


def test_host_uts_has_no_hostname_to_set(tmp_path: Path) -> None:
    assert "hostname" not in start(generate(namespaces=Namespaces(uts="host")), tmp_path)
