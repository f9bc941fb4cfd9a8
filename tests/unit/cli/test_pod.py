"""The table of pods."""

from __future__ import annotations

from libpod.cli import pod

ROW = {
    "Id": "0f37a5291f7e9cde7443047fbe60dd1eb0cccd2ba25f6a5f903ea60d9023acb6",
    "Name": "pod1",
    "Status": "Degraded",
    "CreatedAt": "Less than a second ago",
    "InfraId": "",
    "Containers": [{}, {}],
}


def test_the_table_looks_like_podman_s() -> None:
    assert pod.text([ROW], whole=False).splitlines() == [
        "POD ID        NAME        STATUS      CREATED                 INFRA ID    # OF CONTAINERS",
        "0f37a5291f7e  pod1        Degraded    Less than a second ago              2",
    ]


def test_ids_are_cut_unless_they_are_wanted_whole() -> None:
    row = ROW | {"InfraId": "5c3a76a1f51de4372c519c9b243135e6b1a0bff104b849468398c473eb6dfe86"}
    assert "5c3a76a1f51d  2" in pod.text([row], whole=False)
    assert f"{row['InfraId']}  2" in pod.text([row], whole=True)
