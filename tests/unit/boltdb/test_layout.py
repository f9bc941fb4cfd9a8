"""Meta pages and their checksum."""

from __future__ import annotations

import struct

import pytest

from libpod.boltdb.layout import (
    BUCKET_HEADER_SIZE,
    ELEMENT_SIZE,
    META_END,
    META_SIZE,
    NO_FREELIST,
    PAGE_HEADER_SIZE,
    Meta,
    decode_meta,
    encode_meta,
    fnv1a,
)


def make_meta(
    *,
    page_size: int = 4096,
    root: int = 3,
    freelist: int = 2,
    high_water: int = 4,
    txid: int = 7,
    slot: int = 1,
) -> Meta:
    return Meta(
        page_size=page_size,
        root=root,
        sequence=5,
        freelist=freelist,
        high_water=high_water,
        txid=txid,
        slot=slot,
        flags=0,
    )


def test_sizes_are_those_of_the_format() -> None:
    assert (PAGE_HEADER_SIZE, ELEMENT_SIZE, BUCKET_HEADER_SIZE, META_SIZE) == (16, 16, 16, 64)


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"", 0xCBF29CE484222325),
        (b"a", 0xAF63DC4C8601EC8C),
        (b"foobar", 0x85944171F73967E8),
    ],
)
def test_checksum_has_the_published_values(data: bytes, checksum: int) -> None:
    assert fnv1a(data) == checksum


def test_meta_survives_the_way_through_bytes() -> None:
    page = encode_meta(make_meta())
    assert len(page) == 4096
    meta = decode_meta(page[:META_END], 1)
    assert isinstance(meta, Meta)
    for name in Meta.__slots__:
        assert getattr(meta, name) == getattr(make_meta(), name), name


def test_meta_page_header_names_slot_and_type() -> None:
    assert struct.unpack_from("=QHHI", encode_meta(make_meta())) == (1, 4, 0, 0)


def test_every_single_flipped_bit_is_noticed() -> None:
    page = encode_meta(make_meta())[:META_END]
    for bit in range(PAGE_HEADER_SIZE * 8, META_END * 8):
        damaged = bytearray(page)
        damaged[bit // 8] ^= 1 << bit % 8
        assert isinstance(decode_meta(bytes(damaged), 1), str), bit


def test_flipped_bits_in_the_page_header_do_not_matter() -> None:
    page = bytearray(encode_meta(make_meta())[:META_END])
    page[0] ^= 0xFF
    assert isinstance(decode_meta(bytes(page), 1), Meta)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "ends inside"),
        (b"\0" * (META_END - 1), "ends inside"),
        (b"\0" * META_END, "magic"),
        (b"SQLite format 3\0" * 8, "magic"),
        (
            b"\0" * 16 + bytes.fromhex("ed0cdaed")[:: 1 if struct.pack("=H", 1)[0] else -1] + b"\0" * 60,
            "byte order",
        ),
    ],
)
def test_other_bytes_are_no_meta(data: bytes, fault: str) -> None:
    found = decode_meta(data, 0)
    assert isinstance(found, str)
    assert fault in found


@pytest.mark.parametrize(
    ("meta", "fault"),
    [
        (make_meta(page_size=0), "page size 0"),
        (make_meta(page_size=4095), "page size 4095"),
        (make_meta(page_size=256), "page size 256"),
        (make_meta(page_size=1 << 25), "page size"),
        (make_meta(root=0), "root page 0"),
        (make_meta(root=1), "root page 1"),
        (make_meta(root=4), "root page 4"),
        (make_meta(freelist=1), "free-list page 1"),
        (make_meta(freelist=4), "free-list page 4"),
        (make_meta(freelist=NO_FREELIST - 1), "free-list page"),
    ],
)
def test_impossible_numbers_are_refused_although_the_checksum_is_right(meta: Meta, fault: str) -> None:
    body = encode_meta(make_meta())
    whole = encode_meta(meta) if meta.page_size else body
    if not meta.page_size:
        fields = list(struct.unpack_from("=IIIIQQQQQ", body, 16))
        fields[2] = 0
        raw = struct.pack("=IIIIQQQQQ", *fields)
        whole = body[:16] + raw + struct.pack("=Q", fnv1a(raw))
    found = decode_meta(whole[:META_END].ljust(META_END, b"\0"), 1)
    assert isinstance(found, str)
    assert fault in found


def test_free_list_may_be_absent() -> None:
    assert isinstance(decode_meta(encode_meta(make_meta(freelist=NO_FREELIST))[:META_END], 1), Meta)


def test_other_format_version_is_named() -> None:
    fields = list(struct.unpack_from("=IIIIQQQQQ", encode_meta(make_meta()), 16))
    fields[1] = 1
    raw = struct.pack("=IIIIQQQQQ", *fields)
    page = b"\0" * 16 + raw + struct.pack("=Q", fnv1a(raw))
    assert decode_meta(page, 0) == "format version 1, known is 2"
