"""Marks of known devices as values: who has signed in on a device before, told by the device itself and by no record.

A mark only loosens: with one, the limits that a stranger can see count the device and not what was typed, so that whoever guesses at
somebody's password does not stand in the owner's way (PW-19; the "device cookie" of OWASP). It is no factor and replaces none (SI-11; NIST
SP 800-63B-4 section 5: cookies are no authenticators). Nothing of it is stored: it says itself what it is bound to, under a MAC.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from credkit.credential import Credential
from credkit.identifiers import Identifier
from credkit.keys import KeyRing
from credkit.payloads import Fields, Json, UnreadableRecord, as_json, from_payload, to_payload
from credkit.secret import Secret
from credkit.tickets import encode_bytes, host_cookie, host_cookie_name

__all__ = ["Device", "DeviceMark", "device_cookie_name", "mark_device", "read_mark"]

_COOKIE: Final = "credkit-device"

_MARK: Final = re.compile(r"([A-Za-z0-9_-]{1,4000})\.([A-Za-z0-9_-]{43})")
"""A browser keeps cookies up to 4,096 bytes (RFC 6265 section 6.1)."""

_DIGEST_BYTES: Final = 12
"""96 bits of a keyed digest: nobody without the key can look for two identifiers that share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device on which somebody has proved who they are."""

    id: str
    """128 random bits, the same as long as its mark is renewed."""
    credential_id: str
    session_epoch: int

    def to_fields(self) -> dict[str, Json]:
        """Return it as JSON holds it."""
        return {"id": self.id, "credential_id": self.credential_id, "session_epoch": self.session_epoch}

    @classmethod
    def from_fields(cls, fields: Fields) -> Device:
        """Read it again.

        Raises:
            UnreadableRecord: It is none.
        """
        return cls(id=fields.text("id"), credential_id=fields.text("credential_id"), session_epoch=fields.number("session_epoch"))

    def is_of(self, credential: Credential | None) -> bool:
        """Return whether it is known to *credential* as it is now: whatever ends all sessions ends all devices (RS-11)."""
        return credential is not None and (credential.id, credential.session_epoch) == (self.credential_id, self.session_epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMark:
    """What a device keeps to be known by, in a cookie of its own; the host gives it back as `Context(device_mark=...)`. Sign-out leaves it there."""

    secret_text: Secret = field(repr=False)
    begun_at: datetime
    expires_at: datetime
    insecure: bool = field(default=False, repr=False)

    @property
    def text(self) -> str:
        """The mark's text, which is all that proves anything."""
        return self.secret_text.reveal()

    def cookie(self) -> dict[str, Any]:
        """Return the keyword arguments that Django's, Starlette's and Werkzeug's ``set_cookie`` share."""
        return host_cookie(_COOKIE, self.text, self.expires_at - self.begun_at, insecure=self.insecure)


def device_cookie_name(*, insecure: bool) -> str:
    """Return the name of the cookie of a mark; *insecure* is for plain http on localhost."""
    return host_cookie_name(_COOKIE, insecure=insecure)


def mark_device(device_id: str, credential: Credential, keys: KeyRing, *, site: str, begun_at: datetime, expires_at: datetime, insecure: bool) -> DeviceMark:
    """Return the mark of a device on which *credential* has just been proved."""
    usable = [entry.identifier for entry in credential.identifiers if entry.usable]
    device = Device(id=device_id, credential_id=credential.id, session_epoch=credential.session_epoch)
    fields: dict[str, Json] = {
        **device.to_fields(),
        "begun_at": as_json(begun_at),
        "expires_at": as_json(expires_at),
        "identifiers": [encode_bytes(_digest(identifier, device_id, keys, keys.current, site)) for identifier in usable],
    }
    payload = to_payload(fields, {})
    text = f"{encode_bytes(payload)}.{encode_bytes(keys.mac(keys.current, 'device', site, payload))}"
    return DeviceMark(secret_text=Secret(text), begun_at=begun_at, expires_at=expires_at, insecure=insecure)


def read_mark(text: str | None, typed: Identifier, keys: KeyRing, *, site: str, now: datetime) -> Device | None:
    """Return the device whose mark *text* is, if *typed* signs in on it; `None` for everything else, as a mark only loosens."""
    payload, key_id = _authentic(text, keys, site)
    if key_id is None:
        return None
    try:
        fields = from_payload(payload)
        device = Device.from_fields(fields)
        known, expires_at = fields.texts("identifiers"), fields.moment("expires_at")
    except UnreadableRecord:
        return None  # a newer release's
    is_known = encode_bytes(_digest(typed, device.id, keys, key_id, site)) in known
    return device if is_known and now < expires_at else None


def _authentic(text: str | None, keys: KeyRing, site: str) -> tuple[bytes, str | None]:
    """Return the payload and the id of the key that made it, or no key: nothing is read before its MAC is right."""
    match = None if text is None else _MARK.fullmatch(text)
    if match is None:
        return b"", None
    try:
        payload, mac = (base64.urlsafe_b64decode(half + "=" * (-len(half) % 4)) for half in match.groups())
    except (binascii.Error, ValueError):
        return b"", None
    proved = [key_id for key_id in keys.ids if hmac.compare_digest(keys.mac(key_id, "device", site, payload), mac)]
    return payload, next(iter(proved), None)


def _digest(identifier: Identifier, device_id: str, keys: KeyRing, key_id: str, site: str) -> bytes:
    return keys.mac(key_id, "device-identifier", site, device_id, identifier.kind, identifier.canonical)[:_DIGEST_BYTES]
