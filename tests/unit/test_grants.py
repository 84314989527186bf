"""A grant's secret covers everything its record says, so a record that was touched proves nothing any more."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from credkit.errors import UnknownKey
from credkit.grants import GrantRecord, grant_secret, proves
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.keys import KeyRing
from credkit.payloads import Json, UnreadableRecord, to_payload
from credkit.secret import Secret
from credkit.tickets import Purpose

MICROSECOND = timedelta(microseconds=1)
START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
KEYS = KeyRing({name: hashlib.sha256(name.encode()).digest() for name in ("k1", "k2")})
EMAIL = EmailAddress.restore("Ada@example.com", "ada@example.com")
GRANT = GrantRecord(
    id="id",
    purpose=Purpose.PASSWORD_RESET,
    key_id="k1",
    nonce=b"nonce",
    identifier=EMAIL,
    credential_id="c1",
    generation="g1",
    session_digest=b"digest",
    begun_at=START,
    expires_at=START + timedelta(seconds=600),
    tries_left=10,
)
BY_PASSWORD = replace(GRANT, by_password=True)
SIGN_UP = replace(GRANT, purpose=Purpose.SIGN_UP, credential_id=None, generation=None, session_digest=None)

# For each field values that differ from GRANT's in the least way that could matter.
TOUCHED: dict[str, list[object]] = {
    "id": ["", "ie", "id ", "ID"],
    "purpose": [Purpose.SIGN_UP],
    "key_id": ["k2"],
    "nonce": [b"", b"noncf", b"nonce\x00"],
    "identifier": [
        EmailAddress.restore("ada@example.com", "ada@example.com"),
        EmailAddress.restore("Ada@example.com", "adb@example.com"),
        PhoneNumber.restore("Ada@example.com", "ada@example.com"),
        EmailAddress.restore("ada@example.com", "Ada@example.com"),
    ],
    "credential_id": [None, "", "c2", "c1g1"],
    "generation": [None, "", "g2"],
    "session_digest": [None, b"", b"digesu"],
    "begun_at": [START - MICROSECOND, START + MICROSECOND],
    "expires_at": [GRANT.expires_at - MICROSECOND, GRANT.expires_at + MICROSECOND, GRANT.expires_at + timedelta(days=365)],
    "by_password": [True],
}
MOVES = {"tries_left", "carried"}
"""What is written again after the secret is out: the tries, and what a newer release has added."""


def secret(grant: GrantRecord, site: str = "main") -> Secret:
    return grant_secret(grant, KEYS, site=site)


def test_the_secret_of_a_grant_proves_it() -> None:
    for grant in (GRANT, SIGN_UP):
        assert proves(secret(grant), grant, KEYS, site="main")


def test_the_secret_of_a_grant_stays_what_it_is_from_release_to_release() -> None:  # TE-13
    assert secret(GRANT).reveal() == "qml0ZEN6QQLmrIO32JjMbKP5T6nG2QXMve29z2zba9M"


def test_a_secret_is_256_bits_and_the_same_each_time() -> None:
    text = secret(GRANT).reveal()
    assert len(base64.urlsafe_b64decode(text + "=")) == 32
    assert text == secret(replace(GRANT)).reveal()


# AP-01, REQ-D4b, F19: whoever can write records and has no key cannot make a grant say anything else.
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in TOUCHED.items() for value in values], ids=ascii)
def test_a_grant_of_which_anything_was_changed_is_proved_by_nobody(name: str, value: object) -> None:
    touched = replace(GRANT, **{name: value})  # type: ignore[arg-type]
    assert not proves(secret(GRANT), touched, KEYS, site="main")
    assert not proves(secret(touched), GRANT, KEYS, site="main")


def test_what_moves_while_a_grant_is_out_is_not_covered() -> None:
    for moved in (replace(GRANT, tries_left=9), replace(GRANT, tries_left=0), replace(GRANT, carried={"later": 1})):
        assert proves(secret(GRANT), moved, KEYS, site="main")


def test_every_field_is_either_covered_or_said_to_move() -> None:
    assert {field.name for field in fields(GrantRecord)} == TOUCHED.keys() | MOVES


def test_values_that_move_from_one_field_to_the_next_are_noticed() -> None:  # KE-03
    apart, together = replace(GRANT, credential_id="a", generation="b"), replace(GRANT, credential_id="ab", generation="")
    assert secret(apart) != secret(together)


def test_a_grant_of_one_site_is_worth_nothing_at_another() -> None:  # KE-02
    assert not proves(secret(GRANT), GRANT, KEYS, site="other")


def test_a_grant_is_not_proved_under_another_key_of_the_same_name() -> None:
    other = KeyRing({"k1": hashlib.sha256(b"other").digest()})
    assert not proves(secret(GRANT), GRANT, other, site="main")


def test_a_key_that_is_gone_is_trouble_and_no_wrong_secret() -> None:  # KE-04
    with pytest.raises(UnknownKey):
        proves(secret(GRANT), replace(GRANT, key_id="k9"), KEYS, site="main")


@pytest.mark.parametrize("wrong", ["", "A" * 43, "A" * 100_000, SIGN_UP.id])
def test_another_text_proves_nothing(wrong: str) -> None:
    assert not proves(Secret(wrong), GRANT, KEYS, site="main")


def test_a_secret_in_another_spelling_of_the_same_bytes_proves_nothing() -> None:
    text = secret(GRANT).reveal()
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        assert proves(Secret(text[:-1] + last), GRANT, KEYS, site="main") is (last == text[-1])
    assert not proves(Secret(text + "="), GRANT, KEYS, site="main")


@pytest.mark.parametrize("identifier", [EMAIL, PhoneNumber.restore("+1 415 555 2671", "+14155552671")])
@pytest.mark.parametrize("grant", [GRANT, SIGN_UP, BY_PASSWORD])
def test_a_grant_comes_back_from_its_record_whole(grant: GrantRecord, identifier: Identifier) -> None:
    stored = replace(grant, identifier=identifier)
    restored = GrantRecord.from_payload(stored.to_payload())
    assert restored == stored
    assert restored.identifier.entered == identifier.entered  # left out of an identifier's equality
    assert restored.to_payload() == stored.to_payload()
    assert proves(secret(stored), restored, KEYS, site="main")


def test_what_a_newer_release_added_is_carried_through() -> None:  # F31
    stored = replace(GRANT, carried={"later": [1, {"a": None}]})
    restored = GrantRecord.from_payload(stored.to_payload())
    assert restored.carried == {"later": [1, {"a": None}]}
    assert replace(restored, tries_left=9).to_payload() == replace(stored, tries_left=9).to_payload()


def test_the_record_holds_neither_the_secret_nor_a_hash_of_it() -> None:
    text, payload = secret(GRANT).reveal(), GRANT.to_payload()
    for trace in (text.encode(), hashlib.sha256(text.encode()).hexdigest().encode(), base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())):
        assert trace not in payload


@pytest.mark.parametrize("missing", [name for name in TOUCHED if name not in {"credential_id", "generation", "session_digest", "by_password"}] + ["tries_left"])
def test_a_record_that_lacks_a_field_is_unreadable(missing: str) -> None:
    whole: dict[str, Json] = {
        "id": "id",
        "purpose": "sign_up",
        "key_id": "k1",
        "nonce": "",
        "identifier": {"kind": "email", "entered": "a", "canonical": "a"},
        "begun_at": 0,
        "expires_at": 1,
        "tries_left": 1,
    }
    assert GrantRecord.from_payload(to_payload(whole, {})).credential_id is None
    del whole[missing]
    with pytest.raises(UnreadableRecord):
        GrantRecord.from_payload(to_payload(whole, {}))


def test_what_earned_a_grant_is_written_only_where_it_is_not_a_code() -> None:
    """So the records of releases that knew codes only are read as theirs, and what these write of such a grant is carried and not proved."""
    assert b'"by"' not in GRANT.to_payload()
    assert b'"by":"password"' in BY_PASSWORD.to_payload()


def test_a_grant_that_was_earned_in_a_way_of_a_later_release_is_unreadable() -> None:
    payload = BY_PASSWORD.to_payload().replace(b'"by":"password"', b'"by":"passkey"')
    with pytest.raises(UnreadableRecord):
        GrantRecord.from_payload(payload)


def test_a_digest_that_binds_the_browser_is_not_shown() -> None:
    assert "digest" not in repr(GRANT)
