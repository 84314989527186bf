"""A device mark only loosens: it is good for what its owner signs in with, until it ends, and anything else is no mark at all."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from credkit.credential import Credential, Registered, Standing
from credkit.devices import Device, DeviceMark, device_cookie_name, mark_device, read_mark
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.keys import KeyRing

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DAYS = timedelta(days=90)
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
KEYS = KeyRing({"k": OLD})
ADA, WORK, PHONE = EmailAddress.parse("ada@example.com"), EmailAddress.parse("ada@work.example.com"), PhoneNumber.parse("+14155552671")


def credential(*registered: Registered, **changes: Any) -> Credential:
    entries = registered or (Registered(identifier=ADA, standing=Standing.VERIFIED), Registered(identifier=PHONE, standing=Standing.CARRIED_OVER))
    plain = Credential(id="c1", identifiers=entries, password_hash=None, preferred=None, accounts=(), session_epoch=3, generation="g", version="v")
    return replace(plain, **changes)


def mark(of: Credential | None = None, *, keys: KeyRing = KEYS, site: str = "site", insecure: bool = False) -> DeviceMark:
    return mark_device("d1", of or credential(), keys, site=site, begun_at=NOW, expires_at=NOW + DAYS, insecure=insecure)


def read(text: str | None, typed: Identifier = ADA, *, keys: KeyRing = KEYS, site: str = "site", now: datetime = NOW) -> Device | None:
    return read_mark(text, typed, keys, site=site, now=now)


@pytest.mark.parametrize("typed", [ADA, PHONE])
def test_it_is_known_for_every_identifier_that_signs_in(typed: Identifier) -> None:
    assert read(mark().text, typed) == Device(id="d1", credential_id="c1", session_epoch=3)


def test_it_is_not_known_for_what_others_sign_in_with() -> None:
    assert read(mark().text, WORK) is None


def test_it_is_not_known_for_what_was_never_verified() -> None:  # ID-15
    unverified = Registered(identifier=WORK, standing=Standing.UNVERIFIED)
    assert read(mark(credential(Registered(identifier=ADA, standing=Standing.VERIFIED), unverified)).text, WORK) is None


def test_it_ends() -> None:
    assert read(mark().text, now=NOW + DAYS - timedelta(microseconds=1)) is not None
    assert read(mark().text, now=NOW + DAYS) is None


def test_it_is_worth_nothing_at_another_site() -> None:
    assert read(mark(site="other").text) is None


def test_it_outlives_a_rotation_and_ends_with_its_key() -> None:
    text = mark().text
    assert read(text, keys=KeyRing({"new": NEW, "k": OLD})) is not None
    assert read(text, keys=KeyRing({"new": NEW})) is None


@pytest.mark.parametrize("place", [0, 10, 100, -44, -43, -2])
def test_whoever_changes_a_letter_of_it_has_none(place: int) -> None:
    text = mark().text
    position = place % len(text)
    other = "A" if text[position] != "A" else "B"
    assert read(text[:position] + other + text[position + 1 :]) is None


def test_whoever_writes_one_without_the_key_has_none() -> None:
    payload, _, mac = mark().text.partition(".")
    longer = base64.urlsafe_b64decode(payload + "==").replace(b'"session_epoch":3', b'"session_epoch":4')
    assert read(f"{base64.urlsafe_b64encode(longer).decode().rstrip('=')}.{mac}") is None


@pytest.mark.parametrize("text", [None, "", ".", "a", "a.b", "\ud800", "x" * 1_000_000, "A." + "A" * 43, "AAAAA." + "A" * 43, "AAAA." + "\u0391" * 43])
def test_what_is_no_mark_counts_as_none(text: str | None) -> None:
    assert read(text) is None


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"format":2}', b'{"format":1}', b"[" * 1500])
def test_what_a_newer_release_may_have_written_counts_as_none(payload: bytes) -> None:
    texts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (payload, KEYS.mac("k", "device", "site", payload))]
    assert read(".".join(texts)) is None


@pytest.mark.parametrize("changes", [{"id": "c2"}, {"session_epoch": 4}, {"session_epoch": 2}])
def test_it_belongs_to_its_sign_in_until_all_sessions_end(changes: dict[str, Any]) -> None:  # RS-11
    device = read(mark().text)
    assert device is not None
    assert device.is_of(credential())
    assert not device.is_of(credential(**changes))
    assert not device.is_of(None)


def test_no_identifier_can_be_read_from_it_nor_two_marks_be_known_for_one_persons() -> None:
    payloads = [base64.urlsafe_b64decode(text.partition(".")[0] + "==") for text in (mark().text, replace_id("d2").text)]
    assert all(word not in payload for payload in payloads for word in (b"ada", b"example", b"4155552671"))
    first, second = (set(payload.split(b'"identifiers":')[1].split(b"]")[0].strip(b"[").split(b",")) for payload in payloads)
    assert not first & second


def replace_id(device_id: str) -> DeviceMark:
    return mark_device(device_id, credential(), KEYS, site="site", begun_at=NOW, expires_at=NOW + DAYS, insecure=False)


def test_its_cookie_is_for_this_host_alone_and_lives_as_long_as_it() -> None:
    cookie = mark().cookie()
    assert cookie.pop("value") == mark().text
    assert cookie == {
        "key": "__Host-credkit-device",
        "max_age": 90 * 86400,
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "lax",
    }
    assert device_cookie_name(insecure=False) == "__Host-credkit-device"


def test_at_localhost_its_cookie_needs_no_https() -> None:
    cookie = mark(insecure=True).cookie()
    assert (cookie["key"], cookie["secure"]) == ("credkit-device", False)
    assert device_cookie_name(insecure=True) == "credkit-device"


def test_its_text_is_not_shown() -> None:
    assert mark().text not in repr(mark()) + str(mark())


def test_a_cookie_has_room_for_the_mark_of_a_person_with_many_identifiers() -> None:
    many = [Registered(identifier=EmailAddress.parse(f"ada{number}@example.com"), standing=Standing.VERIFIED) for number in range(100)]
    text = mark(credential(*many)).text
    assert len(text) <= 4000
    assert read(text, many[-1].identifier) is not None
