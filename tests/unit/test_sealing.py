"""A sealed record is worth nothing once a byte of it, its place, its site or its key is another."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from credkit.errors import UnknownKey
from credkit.keys import KeyRing
from credkit.payloads import Json, UnreadableRecord, to_payload
from credkit.sealing import sealed, unsealed

KEYS = KeyRing({name: hashlib.sha256(name.encode()).digest() for name in ("k1", "k2")})
FIELDS: dict[str, Json] = {"name": "Zoë \u202e", "count": 3, "list": [None, True, {"deep": "x"}], "nothing": None}
CARRIED: dict[str, Json] = {"later": [1, {"a": None}]}
SEALED = sealed(FIELDS, CARRIED, KEYS, site="main", record_key="key")


def opened(payload: bytes, keys: KeyRing = KEYS, *, site: str = "main", record_key: str = "key") -> dict[str, Json]:
    return dict(unsealed(payload, keys, site=site, record_key=record_key).whole())


def resealed(**changes: Any) -> bytes:
    """Return a record with other fields and the old seal, as canonical as it was."""
    whole = {name: value for name, value in (json.loads(SEALED) | changes).items() if value is not ...}
    return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()


def test_what_was_sealed_is_read_again() -> None:
    whole = opened(SEALED)
    assert {name: value for name, value in whole.items() if name not in {"seal", "seal_key", "format"}} == {**FIELDS, **CARRIED}
    assert (whole["seal_key"], whole["format"]) == ("k1", 1)


def test_the_current_key_seals_and_every_key_of_the_ring_opens() -> None:  # KE-04
    rotated = KeyRing({"k3": bytes(range(32)), "k1": hashlib.sha256(b"k1").digest()})
    assert opened(SEALED, rotated) == opened(SEALED)
    assert opened(sealed(FIELDS, {}, rotated, site="main", record_key="key"), rotated)["seal_key"] == "k3"


def test_the_seal_itself_is_not_carried_on() -> None:
    # A record that is read and written again has one seal, its own, and no rest of the one before.
    rest = unsealed(SEALED, KEYS, site="main", record_key="key").rest()
    assert rest == {**FIELDS, **CARRIED}
    again = KeyRing({"k3": bytes(range(32)), "k1": hashlib.sha256(b"k1").digest()})
    assert opened(sealed(FIELDS, rest, again, site="main", record_key="key"), again)["seal_key"] == "k3"


def test_every_bit_of_a_sealed_record_is_covered() -> None:  # AP-01
    for place in range(len(SEALED)):
        for bit in range(8):
            touched = bytearray(SEALED)
            touched[place] ^= 1 << bit
            with pytest.raises((UnreadableRecord, UnknownKey)):
                opened(bytes(touched))


def test_no_other_character_will_do_at_the_end_of_the_seal() -> None:
    # 32 bytes leave two bits of the last base64 character unused: four characters decode to the same bytes.
    end = SEALED.index(b'="', SEALED.index(b'"seal":"')) - 1
    for other in set(range(256)) - {SEALED[end]}:
        with pytest.raises(UnreadableRecord):
            opened(SEALED[:end] + bytes([other]) + SEALED[end + 1 :])


@pytest.mark.parametrize(
    "written",
    [
        SEALED.replace(b'"count":3', b'"count": 3'),
        SEALED.replace(b'"count":3', b'"count":4,"count":3'),
        SEALED.replace(b"\\u00eb", b"\\u00EB"),
        SEALED.replace(b"\\u00eb", "ë".encode()),
        SEALED + b"\n",
        b"\xef\xbb\xbf" + SEALED,
    ],
    ids=["a space", "a name twice", "another case", "another spelling", "a line end", "a byte order mark"],
)
def test_the_same_values_written_in_another_way_are_refused(written: bytes) -> None:
    assert written != SEALED
    with pytest.raises(UnreadableRecord):
        opened(written)


@pytest.mark.parametrize(
    "changes",
    [{"count": 4}, {"count": ...}, {"count": True}, {"more": 1}, {"later": ...}, {"nothing": ...}, {"list": []}, {"format": ...}, {"format": 2}, {"format": 0}],
    ids=repr,
)
def test_a_field_that_was_changed_taken_away_or_added_is_noticed(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord):
        opened(resealed(**changes))


@pytest.mark.parametrize(
    "changes", [{"seal": ...}, {"seal": None}, {"seal": ""}, {"seal": "AA=="}, {"seal": 5}, {"seal": "ë"}, {"seal_key": ...}, {"seal_key": 1}]
)
def test_a_record_without_its_seal_is_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord):
        opened(resealed(**changes))


@pytest.mark.parametrize(
    "where", [{"site": "other"}, {"record_key": "key2"}, {"site": "mainkey", "record_key": ""}, {"site": "key", "record_key": "main"}], ids=repr
)
def test_a_record_that_was_moved_is_unreadable(where: dict[str, Any]) -> None:  # F19
    with pytest.raises(UnreadableRecord):
        opened(SEALED, **where)


def test_a_record_that_names_another_key_of_the_ring_is_unreadable() -> None:
    with pytest.raises(UnreadableRecord):
        opened(resealed(seal_key="k2"))


@pytest.mark.parametrize("name", ["k3", "", "K1", "k1 ", "\ud800"])
def test_a_record_of_a_key_that_is_gone_is_trouble_of_its_own(name: str) -> None:  # KE-04
    with pytest.raises(UnknownKey):
        opened(resealed(seal_key=name))


def test_another_key_of_the_same_name_opens_nothing() -> None:
    with pytest.raises(UnreadableRecord):
        opened(SEALED, KeyRing({"k1": bytes(range(32))}))


def test_a_seal_is_worth_nothing_for_another_purpose() -> None:  # KE-02
    body = to_payload({**FIELDS, "seal_key": "k1"}, CARRIED)
    seal = json.loads(SEALED)["seal"]
    assert seal not in {
        json.loads(to_payload({"x": made.hex()}, {}))["x"] for made in (KEYS.mac("k1", purpose, "main", "key", body) for purpose in ("grant", "code", "edits"))
    }


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"format":1}',
        b"1" * 10_000,
        b"[" * 100_000,
        b'{"format":1,"seal":"","seal_key":"k1","x":' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_what_was_never_sealed_is_unreadable(payload: bytes) -> None:
    with pytest.raises(UnreadableRecord):
        opened(payload)
