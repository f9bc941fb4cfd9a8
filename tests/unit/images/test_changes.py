"""Instructions that change the configuration of an image."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.errors import InvalidArgument
from libpod.images import changes


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({}, 'CMD ["a", "b c"]', {"Cmd": ["a", "b c"]}),
        ({}, "cmd a b", {"Cmd": ["/bin/sh", "-c", "a b"]}),
        ({}, "CMD=sh", {"Cmd": ["/bin/sh", "-c", "sh"]}),
        ({}, "ENTRYPOINT [not json", {"Entrypoint": ["/bin/sh", "-c", "[not json"]}),
        ({"Env": ["A=1", "B=2"]}, 'ENV A=x "C=y z"', {"Env": ["A=x", "B=2", "C=y z"]}),
        ({}, "ENV A b c", {"Env": ["A=b c"]}),
        ({"Labels": {"a": "1"}}, "LABEL b=2 c='3 4'", {"Labels": {"a": "1", "b": "2", "c": "3 4"}}),
        ({"ExposedPorts": {"1/tcp": {}}}, "EXPOSE 80 90-91/udp",
         {"ExposedPorts": {"1/tcp": {}, "80/tcp": {}, "90/udp": {}, "91/udp": {}}}),
        ({}, 'VOLUME ["/a", "/b"]', {"Volumes": {"/a": {}, "/b": {}}}),
        ({}, "VOLUME /a /b", {"Volumes": {"/a": {}, "/b": {}}}),
        ({"WorkingDir": "/a"}, "WORKDIR b/../c", {"WorkingDir": "/a/c"}),
        ({}, "USER 1:2", {"User": "1:2"}),
        ({}, "STOPSIGNAL SIGINT", {"StopSignal": "SIGINT"}),
        ({"OnBuild": ["RUN a"]}, "ONBUILD RUN b", {"OnBuild": ["RUN a", "RUN b"]}),
    ],
)  # fmt: skip
def test_instructions(before: dict[str, Any], change: str, after: dict[str, Any]) -> None:
    changes.apply(before, [change])
    assert before == after


@pytest.mark.parametrize(
    "change",
    ["", "RUN x", "CMD", "EXPOSE x", "EXPOSE 0", "EXPOSE 1-2-3", "EXPOSE 1/icmp", "LABEL =x", 'ENV A="'],
)
def test_what_is_none(change: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid change"):
        changes.apply({}, [change])
