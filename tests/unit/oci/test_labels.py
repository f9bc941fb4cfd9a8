"""Labels of containers, on hosts with SELinux or AppArmor, made here of ordinary files, and on others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from libpod.errors import InvalidArgument, NotSupported
from libpod.oci import labels

FILE = "system_u:object_r:container_file_t"
CONTEXTS = """\
process = "system_u:system_r:container_t:s0"
# file = "wrong"
file = "system_u:object_r:container_file_t:s0"
"""


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without either; tests make what they need."""
    for name in ("SELINUX_FILE", "SELINUX_CONFIG", "SELINUX_POLICIES", "APPARMOR_FILE", "APPARMOR_PROFILES"):
        monkeypatch.setattr(labels, name, str(tmp_path / name))
    return tmp_path


def have_selinux(host: Path, contexts: str = CONTEXTS) -> None:
    (host / "SELINUX_FILE").write_text("1")
    (host / "SELINUX_CONFIG").write_text("SELINUX=enforcing\nSELINUXTYPE=mls\n")
    directory = host / "SELINUX_POLICIES/mls/contexts"
    directory.mkdir(parents=True)
    (directory / "lxc_contexts").write_text(contexts)


def have_apparmor(host: Path) -> None:
    (host / "APPARMOR_FILE").write_text("Y\n")
    (host / "APPARMOR_PROFILES").write_text("containers-default (enforce)\n/usr/bin/man (complain)\n")


def test_a_host_with_neither(host: Path) -> None:
    assert set(labels.why_not()) == {"selinux", "apparmor"}
    assert labels.labels([]) == labels.labels(["disable"]) == labels.NO_LABELS
    with pytest.raises(NotSupported, match=r"label=type:x.*does not have SELinux"):
        labels.labels(["type:x"])
    with pytest.raises(NotSupported, match=r"apparmor=x.*does not have AppArmor"):
        labels.check_profile("x")
    labels.check_profile("unconfined")
    labels.relabel_mounts([{"source": "/nowhere", "options": ["z"]}], "label")


def test_each_container_has_categories_of_its_own(host: Path) -> None:
    have_selinux(host)
    assert set(labels.why_not()) == {"apparmor"}
    found = labels.labels([])
    matched = re.fullmatch(r"system_u:system_r:container_t:(s0:c(\d+),c(\d+))", found.process)
    assert matched is not None
    assert int(matched[2]) < int(matched[3]) < 1024
    assert found.mount == f"system_u:object_r:container_file_t:{matched[1]}"
    assert len({labels.labels([]).process for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("options", "process", "mount"),
    [
        (["level:s0:c1,c2"], "system_u:system_r:container_t:s0:c1,c2", f"{FILE}:s0:c1,c2"),
        (["level:s0", "type:spc_t", "user:u", "role:r"], "u:r:spc_t:s0", f"{FILE}:s0"),
        (["level:s0", "filetype:f_t"], "system_u:system_r:container_t:s0", "system_u:object_r:f_t:s0"),
        (["disable"], "", ""),
    ],
)  # fmt: skip
def test_what_is_asked_for(host: Path, options: list[str], process: str, mount: str) -> None:
    have_selinux(host)
    assert labels.labels(options) == (process, mount)
    assert labels.labels(options, privileged=True) == labels.NO_LABELS


@pytest.mark.parametrize("option", ["x:y", "type", "type:", "colour:red"])
def test_unknown_label_options(host: Path, option: str) -> None:
    have_selinux(host)
    with pytest.raises(InvalidArgument, match=f"label={option}"):
        labels.labels([option])


def test_a_policy_without_containers(host: Path) -> None:
    have_selinux(host, "process = x\n")
    with pytest.raises(NotSupported, match="lxc_contexts has no labels"):
        labels.labels([])


def test_profiles_must_be_loaded(host: Path) -> None:
    have_apparmor(host)
    labels.check_profile("containers-default")
    labels.check_profile("/usr/bin/man")
    with pytest.raises(InvalidArgument, match="profile other is not loaded"):
        labels.check_profile("other")


def test_unconfined_where_everything_is(host: Path) -> None:
    """Without AppArmor the OCI runtime could not apply it, and need not."""
    assert labels.profile_to_apply("unconfined") == ""
    assert labels.profile_to_apply("") == ""
    have_apparmor(host)
    assert labels.profile_to_apply("unconfined") == "unconfined"
    assert labels.profile_to_apply("containers-default") == "containers-default"


def test_relabelling(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    have_selinux(host)
    done: dict[str, bytes] = {}
    monkeypatch.setattr("os.setxattr", lambda path, _name, value, **_keywords: done.update({path: value}))
    source = host / "source"
    (source / "inner").mkdir(parents=True)
    mounts = [
        {"source": str(source), "options": ["rbind", "Z"]},
        {"source": str(host / "SELINUX_FILE"), "options": ["z"]},
        {"source": "/nowhere", "options": ["rbind"]},
    ]
    labels.relabel_mounts(mounts, "u:r:t:s0:c1,c2")
    assert done == {
        str(source): b"u:r:t:s0:c1,c2\0",
        str(source / "inner"): b"u:r:t:s0:c1,c2\0",
        str(host / "SELINUX_FILE"): b"u:r:t:s0\0",
    }


@pytest.mark.parametrize("path", ["/", "/etc", "/usr/"])
def test_directories_of_the_host_are_not_relabelled(path: str) -> None:
    with pytest.raises(InvalidArgument, match="belongs to the host"):
        labels.relabel(path, "u:r:t:s0", shared=True)
