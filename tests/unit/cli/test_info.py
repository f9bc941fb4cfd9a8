"""Information for people."""

from __future__ import annotations

from libpod.cli.info import text


def test_sections_are_indented_by_what_they_hold() -> None:
    section: dict[str, object] = {
        "type": "store",
        "data": {
            "GraphRoot": "/srv",
            "GraphOptions": [],
            "GraphStatus": {"Backing Filesystem": "ext4"},
            "ImageStore": {"number": 2},
            "unreadable": ["/proc/meminfo: permission denied"],
            "name\x1b": "value\x1b",
        },
    }
    assert list(text(section)) == [
        "store:",
        "  GraphRoot: /srv",
        "  GraphOptions: none",
        "  GraphStatus:",
        "    Backing Filesystem: ext4",
        "  ImageStore:",
        "    number: 2",
        "  unreadable:",
        "    - /proc/meminfo: permission denied",
        "  name\\x1b: value\\x1b",
    ]
