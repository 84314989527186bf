"""What the contracts are tried with: small records, and people whose identifiers and fields are hard to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.ports import AsyncRecordStore, Record, Write
from credkit.testing.contracts._driving import require, require_same
from credkit.testing.fakes import START

__all__ = [
    "ADA",
    "BOB",
    "CAROL",
    "CHANGES",
    "DAY",
    "LOOK_ALIKES",
    "MOBILE",
    "NOW",
    "SHOUTED",
    "TICK",
    "delete",
    "email",
    "given",
    "new",
    "parts",
    "phone",
    "put",
    "record",
    "require_equal",
    "verified",
]

NOW: Final = START
TICK: Final = timedelta(microseconds=1)
DAY: Final = timedelta(days=1)

# Records ----------------------------------------------------------------------------------------------------------------


def record(
    key: str = "a", *, version: int = 1, kind: str = "kind", payload: bytes = b"payload", expires_at: datetime = NOW + DAY, due_at: datetime | None = None
) -> Record:
    """Return a record."""
    return Record(key=key, kind=kind, version=version, payload=payload, expires_at=expires_at, due_at=due_at)


def put(made: Record, expected: int = 0) -> Write:
    """Return the write that puts *made* in the place of a version."""
    return Write(key=made.key, expected_version=expected, record=made)


def delete(key: str, expected: int) -> Write:
    """Return the write that deletes."""
    return Write(key=key, expected_version=expected, record=None)


async def given(store: AsyncRecordStore, *made: Record) -> None:
    """Store what a test begins with."""
    committed = await store.commit({}, [put(one) for one in made])
    require(committed.done, "a commit of records under keys that nobody has used was not done; is the store empty when a test begins?")


# Credentials ------------------------------------------------------------------------------------------------------------

LOOK_ALIKES: Final = (
    ("mail@\u0131.example", "mail@i.example"),  # Turkish dotless i
    ("stra\u00dfe@example.com", "strasse@example.com"),
    ("\u212aelvin@example.com", "Kelvin@example.com"),  # the Kelvin sign, which lower() turns into k
    ("\u212aelvin@example.com", "kelvin@example.com"),
    ("caf\u00e9@example.com", "cafe\u0301@example.com"),  # NFC and NFD
    ("caf\u00e9@example.com", "cafe@example.com"),
    ("ada@example.com", "Ada@example.com"),
    ("ada@example.com", "ada@example.com "),
    ("ada@example.com", "ad\u0430@example.com"),  # the last one is Cyrillic
    ("ada@example.com", "\uff41da@example.com"),  # full width
    ("ada@example.com", "ada\u200b@example.com"),
    ("a_a@example.com", "aba@example.com"),  # a pattern of LIKE
    ("\u017fam@example.com", "sam@example.com"),  # the long s
)
"""Texts that some collation, case folding or normalisation takes for one another (ST-04)."""


def email(canonical: str, entered: str | None = None) -> EmailAddress:
    """Return an address as a store brings it back."""
    return EmailAddress.restore(entered or canonical, canonical)


def phone(canonical: str, entered: str | None = None) -> PhoneNumber:
    """Return a number as a store brings it back."""
    return PhoneNumber.restore(entered or canonical, canonical)


ADA, BOB, CAROL = email("ada@example.com"), email("bob@example.com"), email("carol@example.com")
SHOUTED = email("ada@example.com", entered="ADA@Example.com")
MOBILE = phone("+14155552671", "(415) 555-2671")


def verified(identifier: Identifier) -> Registered:
    """Return *identifier* as one that its owner has proved."""
    return Registered(identifier=identifier, standing=Standing.VERIFIED, verified_at=NOW)


def new(*identifiers: Identifier, change_id: str = "change", **changes: Any) -> NewCredential:
    """Return somebody to add."""
    given = identifiers or (ADA,)
    made = NewCredential(
        identifiers=tuple(map(verified, given)),
        password_hash="$argon2id$...",
        preferred=given[0],
        generation="generation",
        marks=(Mark(change_id=change_id, at=NOW),),
    )
    return replace(made, **changes)


CHANGES: Final[tuple[Mapping[str, Any], ...]] = (
    {"identifiers": (verified(MOBILE), verified(ADA))},
    {"identifiers": (verified(ADA),), "preferred": None},
    {"identifiers": (verified(ADA), verified(MOBILE), verified(BOB))},
    {"identifiers": (verified(SHOUTED), verified(MOBILE)), "preferred": SHOUTED},
    {"identifiers": (Registered(identifier=ADA, standing=Standing.UNVERIFIED), verified(MOBILE))},
    {"identifiers": (replace(verified(ADA), verified_at=NOW + TICK), verified(MOBILE))},
    {"password_hash": "another"},
    {"password_hash": None},
    {"preferred": MOBILE},
    {"preferred": None},
    {"accounts": ("one", "\u00e9\u4e2d\u6587", "two, three", 'fo"ur')},
    {"accounts": ()},
    {"session_epoch": 2**40},
    {"generation": "another"},
    {"marks": (Mark(change_id="b", at=NOW + timedelta(microseconds=999_999)), Mark(change_id="a", at=NOW))},
    {"marks": tuple(Mark(change_id=f"change-{n}", at=NOW) for n in range(64))},
    {"marks": ()},
    {"locale": "sr-Latn"},
    {"disabled": True},
    {"compromised": True},
    {"earlier_hashes": ("$argon2id$2", "$2b$12$'\";--", "$argon2id$2")},
    {"earlier_hashes": ("\u00e9",)},
)
"""What a replaced credential may differ in: every field, with values that are hard to keep."""


def parts(credential: Credential | None) -> dict[str, Any]:
    """Return all that there is to a credential, by names: identifiers compare by their canonical text only, so also how they were typed."""
    if credential is None:
        return {}
    found = {field.name: getattr(credential, field.name) for field in fields(credential)}
    entered = tuple(entry.identifier.entered for entry in credential.identifiers)
    return {**found, "as typed": entered, "preferred as typed": None if credential.preferred is None else credential.preferred.entered}


def require_equal(found: Credential | None, wanted: Credential | None, why: str) -> None:
    """Go on only if both are the same in every part.

    Raises:
        AssertionError: They are not; the text names the parts.
    """
    __tracebackhide__ = True
    one, other = parts(found), parts(wanted)
    for name in dict.fromkeys([*other, *one]):
        require_same(one.get(name, "no credential"), other.get(name, "no credential"), f"{why}; it differs in {name}")
