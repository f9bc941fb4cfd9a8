"""Editing stored JSON in place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libpod.errors import DecodeError
from libpod.state import texts

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"{}", b'{"lockID":7}'),
        (b"{ }", b'{ "lockID":7}'),
        (b'{"a":1}', b'{"a":1,"lockID":7}'),
        (b'{"lockID":3}', b'{"lockID":7}'),
        (b'{"lockID":123456,"z":1}', b'{"lockID":7,"z":1}'),
        (b'{"a":{"lockID":3},"lockID":4}', b'{"a":{"lockID":3},"lockID":7}'),
        (b'{"a":{"lockID":3}}', b'{"a":{"lockID":3},"lockID":7}'),
        (b'{"a":"\\"lockID\\":5","lockID":4}', b'{"a":"\\"lockID\\":5","lockID":7}'),
        (b'{"lockID":1,"lockID":2}', b'{"lockID":1,"lockID":7}'),
        (b'{"lockID":null}', b'{"lockID":7}'),
        (b'{"lockID":{"x":[1,2]},"b":1.50}', b'{"lockID":7,"b":1.50}'),
        (b' {\n "a" : 1e2 ,\t"lockID" : 12 , "z":[1] }\n', b' {\n "a" : 1e2 ,\t"lockID" : 7 , "z":[1] }\n'),
        ('{"ä":"☃","lockID":4}'.encode(), '{"ä":"☃","lockID":7}'.encode()),
        (b'{"a":"\\u003c"}', b'{"a":"\\u003c","lockID":7}'),
    ],
)
def test_one_member_is_replaced_and_nothing_else(before: bytes, after: bytes) -> None:
    assert texts.replace_member(before, "lockID", 7) == after


@settings(max_examples=50)
@given(st.dictionaries(st.text(), VALUES, max_size=5), st.text(), VALUES, st.sampled_from([None, 1]))
def test_replacing_is_the_same_as_setting(
    members: dict[str, object], key: str, value: object, indent: int | None
) -> None:
    raw = json.dumps(members, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert json.loads(texts.replace_member(raw, key, value)) == {**members, key: value}


@pytest.mark.parametrize(("value", "reason"), [(None, "missing"), (b"a\xffb", "offset 1")])
def test_text_that_is_none(value: bytes | None, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        texts.decode_text(value, "name")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "is missing"),
        (b"", "invalid JSON"),
        (b"{", "invalid JSON"),
        (b'{"a":1}{', "invalid JSON"),
        (b"null", "expected a JSON object"),
        (b"[]", "expected a JSON object"),
        (b"\xff{}", "not UTF-8"),
        (b'{"a":NaN}', "NaN"),
        (b'{"state":"3"}', "state: expected a whole number, found '3'"),
        (b'{"state":true}', "state: expected a whole number"),
        (b'{"state":3.0}', "state: expected a whole number"),
        (b'{"pid":[]}', "pid: expected a whole number"),
        (b'{"mounted":1}', "mounted: expected true or false"),
        (b'{"bindMounts":[]}', "bindMounts: expected an object"),
        (b'{"runDir":{}}', "runDir: expected text"),
        (b"[" * 100000, "invalid JSON"),
    ],
)
def test_state_that_cannot_be_read(raw: bytes | None, reason: str) -> None:
    with pytest.raises(DecodeError, match="container x: state") as caught:
        texts.decode_part("container", "x", "state", raw, texts.CONTAINER_STATE_TYPES)
    assert reason in str(caught.value)


def test_null_stands_for_nothing() -> None:
    types = texts.Types({"a": str, "b": int, "c": bool, "d": dict, "e": list})
    nulls = dict.fromkeys("abcde")
    assert texts.decode_part("container", "x", "state", json.dumps(nulls).encode(), types) == nulls


FILTERS = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["a"] * 20, "action": "SCMP_ACT_ALLOW"}]}


class TestWithoutFilters:
    @pytest.fixture(autouse=True)
    def nothing_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(texts, "_known_filters", [])

    def config(self, filters: object = FILTERS, **more: object) -> bytes:
        spec = {"linux": {"resources": {"pids": {"limit": 1}}, "seccomp": filters, "maskedPaths": ["/x"]}}
        return json.dumps({"spec": spec, **more}, separators=(",", ":")).encode()

    def test_the_first_is_whole_and_the_next_is_short(self) -> None:
        assert texts.without_filters(self.config()) == self.config()
        short = texts.without_filters(self.config(name="other"))
        assert json.loads(short) == json.loads(self.config({}, name="other"))

    def test_others_are_whole(self) -> None:
        texts.without_filters(self.config())
        other = self.config({**FILTERS, "defaultAction": "SCMP_ACT_KILL"})
        assert texts.without_filters(other) == other
        assert texts.without_filters(b'{"a":1}') == b'{"a":1}'

    def test_what_is_remembered_has_an_end(self) -> None:
        for number in range(20):
            texts.without_filters(self.config({"number": number}))
        last = self.config({"number": 19})
        assert texts.without_filters(last) == last

    @pytest.mark.parametrize(
        "value", ['"seccomp":{"defaultAction":1}', '\\"seccomp":{', "seccomp:{}", 'x"seccomp":{}']
    )
    def test_the_same_inside_a_text(self, value: str) -> None:
        """Whatever a label says, it says it afterwards."""
        raw = self.config({"defaultAction": 1}, labels={"x": value})
        texts.without_filters(raw)
        found = json.loads(texts.without_filters(raw))
        assert found["labels"] == {"x": value}

    @pytest.mark.parametrize(
        "end", [b"", b"}", b'"seccomp":{"a":NaN}', b'"seccomp":{"a"', b'"seccomp":{\xff']
    )
    def test_what_is_no_json_is_left_to_the_decoder(self, end: bytes) -> None:
        raw = b'{"spec":{' + end
        for _ in range(2):
            assert texts.without_filters(raw) == raw


class TestWithoutSpec:
    def config(self, spec: object, **more: object) -> bytes:
        return json.dumps({"spec": spec, "id": "abc", **more}, separators=(",", ":")).encode()

    @pytest.mark.parametrize("spec", [{}, {"a": 1}, {"a": {"b": [{}]}}, {"a": '"},"id":"abc"'}])
    def test_only_the_specification_goes(self, spec: object) -> None:
        raw = self.config(spec, name="x", labels={"id": "abc"})
        assert texts.without_spec(raw, "abc") == self.config({}, name="x", labels={"id": "abc"})

    @pytest.mark.parametrize(
        "spec",
        [
            {"a": {"b": {}, "id": "abc"}},
            {"a": [{"b": {}, "id": "abc"}]},
            {"id": {}, "": {"": {}, "id": "abc"}},
        ],
    )
    def test_the_same_bytes_inside_it_leave_no_json(self, spec: object) -> None:
        """The decoder refuses that, and is given the whole."""
        with pytest.raises(json.JSONDecodeError):
            json.loads(texts.without_spec(self.config(spec), "abc"))

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b'{"id":"abc","spec":{"a":1}}',
            b'{"name":"x","spec":{"a":{}},"id":"abc"}',
            b'{"spec":{"a":{}},"id":"ab"}',
            b'{"spec":[{"a":{}}],"id":"abc"}',
            b'{"spec":null,"id":"abc"}',
        ],
    )
    def test_another_order_is_left_whole(self, raw: bytes) -> None:
        assert texts.without_spec(raw, "abc") == raw
