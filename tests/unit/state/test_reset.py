"""What a reboot makes of each key of a state, in both styles."""

from __future__ import annotations

import pytest

from libpod.state import records, reset
from libpod.state.records import ZERO_TIME

STYLES = (reset.PODMAN, reset.FIRST_LIBPOD)

# Status before, after in a store of Podman, after in one of the first libpod.
STATUSES = [
    (records.UNKNOWN, 1, 1),
    (records.CONFIGURED, 1, 1),
    (records.CREATED, 1, 1),
    (records.RUNNING, 6, 1),
    (records.STOPPED, 6, 1),
    (records.PAUSED, 6, 1),
    (records.EXITED, 6, 1),
    (records.REMOVING, 7, 1),
    (records.STOPPING, 6, 1),
    (99, 6, 1),
    (-1, 6, 1),
    (None, 1, 1),
]

SET_AT_RUN_TIME: dict[str, object] = {
    "pid": 4711,
    "conmonPid": 4712,
    "mounted": True,
    "mountPoint": "/var/lib/containers/storage/overlay/x/merged",
    "execSessions": {"a": {"id": "a"}},
    "newExecSessions": {"b": {"id": "b"}},
    "bindMounts": {"/etc/hosts": "/run/hosts"},
    "ipAddresses": [{"address": "10.88.0.2/16"}],
    "interfaces": [{"name": "eth0"}],
    "routes": [{"dst": "0.0.0.0/0"}],
    "networkResults": [{}],
    "networkStatus": {"podman": {}},
    "netns": "/run/netns/x",
    "restartPolicyMatch": True,
    "restartCount": 3,
    "checkpointed": True,
    "restored": True,
    "checkpointPath": "/checkpoint",
    "checkpointLog": "dump.log",
    "restoreLog": "restore.log",
    "startupHCPassed": True,
    "startupHCSuccessCount": 1,
    "startupHCFailureCount": 2,
    "hcUnitName": "health.timer",
}
KEPT: dict[str, object] = {
    "configPath": "/config.json",
    "runDir": "/run/containers/x",
    "destinationRunDir": "/run/y",
    "realMountPoint": "/real",
    "userNSRoot": "/run/libpod/containers-root/x",
    "startedTime": "2026-11-24T04:07:02.791881516Z",
    "finishedTime": "2026-11-24T05:07:02.791881516Z",
    "exitCode": 137,
    "exited": True,
    "error": "it broke",
    "oomKilled": True,
    "stoppedByUser": True,
    "extensionStageHooks": {"poststop": []},
    "networkDescriptions": {"podman": 0},
    "Service": {"servicePods": None},
    "ofALaterVersion": {"deep": [1, {"er": None}]},
}


@pytest.mark.parametrize(("before", "podman", "first"), STATUSES)
def test_status(before: object, podman: int, first: int) -> None:
    for style, after in ((reset.PODMAN, podman), (reset.FIRST_LIBPOD, first)):
        state = {} if before is None else {"state": before}
        changed = reset.reset_container(state, style)
        assert state == {"state": after}
        assert changed == ([] if before == after else ["state"])
        assert reset.status_after_reboot(before, style) == after


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("key", "value"), SET_AT_RUN_TIME.items())
def test_what_held_in_the_last_boot_only_is_dropped(key: str, value: object, style: str) -> None:
    state = {"state": 1, key: value}
    assert reset.reset_container(state, style) == [key]
    assert state == {"state": 1}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("key", "value"), KEPT.items())
def test_what_is_still_true_is_kept(key: str, value: object, style: str) -> None:
    state = {"state": 1, key: value}
    assert reset.reset_container(state, style) == []
    assert state == {"state": 1, key: value}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("key", ["checkpointedTime", "restoredTime"])
def test_times_of_a_checkpoint_are_zeroed_where_they_are(key: str, style: str) -> None:
    state: dict[str, object] = {"state": 1, key: "2026-11-24T04:07:02Z"}
    assert reset.reset_container(state, style) == [key]
    assert state == {"state": 1, key: ZERO_TIME}
    assert reset.reset_container(state, style) == []


@pytest.mark.parametrize("style", STYLES)
def test_order_of_the_other_keys_stays(style: str) -> None:
    state = {"z": 1, **SET_AT_RUN_TIME, "state": 3, **KEPT, "a": 2}
    reset.reset_container(state, style)
    assert list(state) == ["z", "state", *KEPT, "a"]


@pytest.mark.parametrize("style", STYLES)
def test_second_reset_changes_nothing(style: str) -> None:
    state = {"state": 3, **SET_AT_RUN_TIME, **KEPT}
    assert reset.reset_container(state, style) != []
    assert reset.reset_container(state, style) == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"cgroupPath": "/a", "InfraContainerID": "b"}, {"cgroupPath": "", "InfraContainerID": "b"}),
        ({"CgroupPath": "/a", "other": 1}, {"CgroupPath": "", "other": 1}),
        ({"cgroupPath": ""}, {"cgroupPath": ""}),
    ],
)
def test_pod(before: dict[str, object], after: dict[str, object], style: str) -> None:
    state = dict(before)
    assert reset.reset_pod(state, style) == [key for key in before if before[key] != after[key]]
    assert state == after


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"mountCount": 0, "notYetMounted": True}, {"mountCount": 0, "notYetMounted": True}),
        (
            {"mountPoint": "/m", "mountCount": 2, "copiedUp": True, "uidChowned": 5, "other": {}},
            {"mountCount": 0, "uidChowned": 5, "other": {}},
        ),
    ],
)
def test_volume(before: dict[str, object], after: dict[str, object], style: str) -> None:
    state = dict(before)
    changed = reset.reset_volume(state, style)
    assert state == after
    assert set(changed) == {key for key in before if before[key] != after.get(key)}


@pytest.mark.parametrize(
    ("configs", "style"),
    [
        ([], reset.FIRST_LIBPOD),
        ([b'{"id":"a"}', b'{"id":"b"}'], reset.FIRST_LIBPOD),
        ([b'{"id":"a"}', b'{"id":"b","lockID":0}'], reset.PODMAN),
        ([b'{"labels":{"lockID":"1"}}'], reset.FIRST_LIBPOD),
        ([b'{"labels":{"x":"\\"lockID\\""}}'], reset.FIRST_LIBPOD),
        ([b'{"lockID":'], reset.FIRST_LIBPOD),
        ([b'{"lockID":', b'{"lockID":3}'], reset.PODMAN),
        ([b"\xff", b'["lockID"]'], reset.FIRST_LIBPOD),
    ],
)
def test_style_of_a_store(configs: list[bytes], style: str) -> None:
    assert reset.store_style(configs) == style
