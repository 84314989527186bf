"""Grants as a store keeps them: what a right code allows, once, and who may use it.

A grant's secret is not stored, nor a hash of it: it is the MAC over everything the record says. So the one who presents
it proves two things at once: that it was given to him, and that nobody has changed a byte of the record since.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from credkit.framing import microseconds
from credkit.identifiers import Identifier
from credkit.keys import KeyRing
from credkit.otp import identifier_fields, read_identifier
from credkit.payloads import Json, UnreadableRecord, as_json, from_payload, to_payload
from credkit.secret import Secret
from credkit.tickets import Purpose, encode_bytes

__all__ = ["GrantRecord", "grant_secret", "proves"]

_PASSWORD: Final = "password"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """What a grant allows. Its id is also the id of the change it allows, so the change is made at most once."""

    id: str
    purpose: Purpose
    key_id: str
    nonce: bytes
    identifier: Identifier
    """The identifier whose code was right: as stored for a reset, as typed for a sign-up."""
    credential_id: str | None
    generation: str | None
    session_digest: bytes | None = field(repr=False)
    begun_at: datetime
    expires_at: datetime
    tries_left: int
    """Passwords that may still be proposed (RS-09); the one field that moves, so the one the secret does not cover."""
    by_password: bool = False
    """Whether the right password earned it, and no code: then it proves nothing about the identifier (ID-15)."""
    carried: dict[str, Json] = field(default_factory=dict[str, Json], repr=False)

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        fields: dict[str, Json] = {
            "id": self.id,
            "purpose": str(self.purpose),
            "key_id": self.key_id,
            "nonce": as_json(self.nonce),
            "identifier": identifier_fields(self.identifier),
            "credential_id": self.credential_id,
            "generation": self.generation,
            "session_digest": as_json(self.session_digest),
            "begun_at": as_json(self.begun_at),
            "expires_at": as_json(self.expires_at),
            "tries_left": self.tries_left,
        }
        # Left out where it is not so: a release that does not know it refuses the grants that it would take for more than they are, and no others.
        return to_payload(fields | ({"by": _PASSWORD} if self.by_password else {}), self.carried)

    @classmethod
    def from_payload(cls, payload: bytes) -> GrantRecord:
        """Read the bytes of a record.

        Raises:
            UnreadableRecord: They are not a grant.
        """
        fields = from_payload(payload)
        return cls(
            id=fields.text("id"),
            purpose=fields.choice("purpose", Purpose),
            key_id=fields.text("key_id"),
            nonce=fields.data("nonce"),
            identifier=read_identifier(fields.part("identifier")),
            credential_id=fields.maybe_text("credential_id"),
            generation=fields.maybe_text("generation"),
            session_digest=fields.maybe_data("session_digest"),
            begun_at=fields.moment("begun_at"),
            expires_at=fields.moment("expires_at"),
            tries_left=fields.number("tries_left"),
            by_password=_is_by_password(fields.maybe_text("by")),
            carried=dict(fields.rest()),
        )


def _is_by_password(by: str | None) -> bool:
    if by not in {None, _PASSWORD}:
        raise UnreadableRecord
    return by is not None


def grant_secret(grant: GrantRecord, keys: KeyRing, *, site: str) -> Secret:
    """Return the secret half of the grant's text.

    Raises:
        UnknownKey: The grant was made with a key that is not on the ring.
    """
    keys.require(grant.key_id)
    covered = (
        grant.id,
        grant.nonce,
        grant.identifier.kind,
        grant.identifier.entered,
        grant.identifier.canonical,
        grant.credential_id,
        grant.generation,
        grant.session_digest,
        microseconds(grant.begun_at),
        microseconds(grant.expires_at),
        *((_PASSWORD,) if grant.by_password else ()),
    )
    return Secret(encode_bytes(keys.mac(grant.key_id, "grant", site, grant.purpose, *covered)))


def proves(presented: Secret, grant: GrantRecord, keys: KeyRing, *, site: str) -> bool:
    """Return whether *presented* is the secret of *grant*, compared in constant time (KE-09)."""
    expected = grant_secret(grant, keys, site=site)
    return hmac.compare_digest(presented.reveal().encode("ascii"), expected.reveal().encode("ascii"))
