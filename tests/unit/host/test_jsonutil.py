"""JSON as Go writes it, and typed access to what was read."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libpod.errors import DecodeError, InternalError
from libpod.host import jsonutil

# Pairs of a value and the bytes that Go 1.19's encoding/json gives for it.
GO_OUTPUT: list[tuple[object, bytes]] = [
    (None, b"null"),
    (True, b"true"),
    (-7, b"-7"),
    (2**63, b"9223372036854775808"),
    ({}, b"{}"),
    ([], b"[]"),
    ({"b": 1, "a": [1, 2, {"c": None}]}, b'{"b":1,"a":[1,2,{"c":null}]}'),
    ("<a href='x'>&", b"\"\\u003ca href='x'\\u003e\\u0026\""),
    ("grün ☃ 🐙", '"grün ☃ 🐙"'.encode()),
    ("line\u2028and\u2029paragraph", b'"line\\u2028and\\u2029paragraph"'),
    ('quote " backslash \\ slash /', b'"quote \\" backslash \\\\ slash /"'),
    ("\n\r\t", b'"\\n\\r\\t"'),
    ("\x00\x01\x1f\x7f", b'"\\u0000\\u0001\\u001f\x7f"'),
    ("\b\f", b'"\\u0008\\u000c"'),
    ("\\b\\f \\\\b", b'"\\\\b\\\\f \\\\\\\\b"'),
    (0.0, b"0"),
    (-0.0, b"-0"),
    (1.0, b"1"),
    (1.5, b"1.5"),
    (0.1, b"0.1"),
    (1e-5, b"0.00001"),
    (1.25e-6, b"0.00000125"),
    (1e-7, b"1e-7"),
    (1.5e-10, b"1.5e-10"),
    (1e16, b"10000000000000000"),
    (-1.2345e17, b"-123450000000000000"),
    (1e20, b"100000000000000000000"),
    (1e21, b"1e+21"),
    (1.7976931348623157e308, b"1.7976931348623157e+308"),
    ({"a": [1.0, "<", 1e-05]}, b'{"a":[1,"\\u003c",0.00001]}'),
    ({"version": "1.0", "x": "a:1.0,"}, b'{"version":"1.0","x":"a:1.0,"}'),
]


@pytest.mark.parametrize(("value", "expected"), GO_OUTPUT)
def test_dumps_writes_what_go_writes(value: object, expected: bytes) -> None:
    assert jsonutil.dumps(value) == expected


RECORD = (
    b'{"state":2,"startedTime":"0001-01-01T00:00:00Z","exitCode":-1,"bindMounts":{"/etc/hosts":"/run/a\\u0026b"},'
    b'"oom":1.5,"big":123456789012345678901234567890,"list":[],"none":null,"Service":{"servicePods":null}}'
)


def test_a_record_that_is_not_changed_is_the_same_record() -> None:
    assert jsonutil.dumps(jsonutil.loads(RECORD, "record")) == RECORD


def test_half_a_surrogate_pair_survives() -> None:
    assert jsonutil.dumps(jsonutil.loads(b'"a\\ud800b"', "x")) == b'"a\\ud800b"'


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-1e15, 1e15)
    | st.text()
    | st.text('\ud800\\\b\f"<>&\u2028'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_is_written_reads_back_equal(value: object) -> None:
    assert json.loads(jsonutil.dumps(value)) == value
    assert not {b"<", b">", b"&"} & {bytes([byte]) for byte in jsonutil.dumps(value)}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_number_is_lost(value: float) -> None:
    assert float(jsonutil.dumps(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", object()])
def test_values_without_a_json_form_are_our_own_fault(value: object) -> None:
    with pytest.raises(InternalError):
        jsonutil.dumps({"value": value})


def test_endless_nesting_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InternalError):
        jsonutil.dumps(loop)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,}', "line 1, column 9"),
        (b'{"a": 1}\n}', "line 2, column 1"),
        (b'{"a": "\xff"}', "byte offset 7"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[" * 100_000, "recursion"),
        (b"9" * 5000, "digits"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ('{"a": 1}'.encode("utf-16"), "byte offset 0"),
        (b'{"a": "\x01"}', "line 1, column 8"),
        (b"\x00" * 20, "line 1, column 1"),
    ],
)
def test_bad_json_names_the_source_and_the_place(data: bytes, words: str) -> None:
    with pytest.raises(DecodeError) as caught:
        jsonutil.loads(data, "/var/lib/x.json")
    assert caught.value.message.startswith("/var/lib/x.json: invalid JSON")
    assert words in caught.value.message
    assert caught.value.source == "/var/lib/x.json"


@pytest.mark.parametrize(("data", "kind"), [(b"[]", "a list"), (b"null", "null"), (b"3", "number 3")])
def test_only_an_object_will_do(data: bytes, kind: str) -> None:
    assert jsonutil.loads_object(b'{"a":1}', "x") == {"a": 1}
    with pytest.raises(DecodeError, match=f"x: expected a JSON object, found .*{kind}"):
        jsonutil.loads_object(data, "x")


VALUES: dict[str, object] = {
    "text": "a",
    "number": 7,
    "truth": True,
    "list": ["a", "b"],
    "object": {"k": "v"},
    "null": None,
    "mixed list": ["a", 1],
    "mixed object": {"k": 1},
    "float": 1.5,
}
RIGHT_KEYS = {
    jsonutil.get_str: {"text"},
    jsonutil.get_int: {"number"},
    jsonutil.get_bool: {"truth"},
    jsonutil.get_list: {"list", "mixed list"},
    jsonutil.get_object: {"object", "mixed object"},
    jsonutil.get_str_list: {"list"},
    jsonutil.get_str_map: {"object"},
}


@pytest.mark.parametrize("getter", RIGHT_KEYS, ids=lambda getter: getter.__name__)
@pytest.mark.parametrize("key", sorted(VALUES))
def test_a_value_has_the_right_type_or_is_refused(getter: object, key: str) -> None:
    assert callable(getter)
    if key in RIGHT_KEYS[getter]:
        assert getter(VALUES, key, source="s") is VALUES[key]
    else:
        with pytest.raises(DecodeError) as caught:
            getter(VALUES, key, source="s")
        assert caught.value.message.startswith(f"s: {key}")
        assert caught.value.source == "s"


@pytest.mark.parametrize("getter", RIGHT_KEYS, ids=lambda getter: getter.__name__)
@pytest.mark.parametrize("key", ["absent", "null"])
def test_a_default_stands_in_for_absent_and_null(getter: object, key: str) -> None:
    assert callable(getter)
    assert getter(VALUES, key, None, source="s") is None
    with pytest.raises(DecodeError, match="is missing" if key == "absent" else "is null"):
        getter(VALUES, key, source="s")


def test_the_place_in_a_list_or_object_is_named() -> None:
    with pytest.raises(DecodeError, match=r"s: mixed list\[1\]: expected text, found the number 1"):
        jsonutil.get_str_list(VALUES, "mixed list", source="s")
    with pytest.raises(DecodeError, match=r"s: mixed object\.k: expected text"):
        jsonutil.get_str_map(VALUES, "mixed object", source="s")


def test_a_copy_shares_nothing_that_can_change() -> None:
    value = {"list": [1, {"a": None}], "text": "x", "empty": {}}
    found = jsonutil.copied(value)
    assert found == value
    found["list"][1]["a"] = 2  # type: ignore[index]
    found["empty"]["b"] = 3  # type: ignore[index]
    assert value == {"list": [1, {"a": None}], "text": "x", "empty": {}}


@pytest.mark.parametrize(
    "text", ["{", '{"a"', '{"a":}', "[1", '"a', "", "nul", '{"a": NaN}', "{} {}", '"\\x"']
)
def test_what_is_not_json_is_told_before_json_is_imported(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DecodeError) as first:
        jsonutil.loads(text.encode(), "source")
    for name in [name for name in sys.modules if name.partition(".")[0] == "json"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(DecodeError) as second:
        jsonutil.loads(text.encode(), "source")
    assert second.value.message == first.value.message
    assert second.value.message.startswith("source: invalid JSON")
