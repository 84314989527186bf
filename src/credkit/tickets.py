"""What the browser holds between two steps: a ticket before the code is typed, a grant after. Values with a secret inside.

Their text (`id.secret`) is the only thing that proves anything; it leaves by `.text`, `.public()` and `.cookie()` only.
It belongs in a cookie of its own or in an app's memory, never in a session row, a URL or a log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

from credkit.framing import frame
from credkit.secret import Secret

__all__ = [
    "Asked",
    "AskedInput",
    "EditWindow",
    "Grant",
    "GrantInput",
    "Purpose",
    "Ticket",
    "TicketInput",
    "Token",
    "WindowInput",
    "cookie_name",
    "encode_bytes",
    "ended_cookie",
    "host_cookie",
    "host_cookie_name",
    "secret_digest",
]


class Purpose(StrEnum):
    """What a code, ticket or grant is for; it is worth nothing in any other journey (REQ-D4b)."""

    SIGN_UP = "sign_up"
    PASSWORD_RESET = "password_reset"
    SIGN_IN = "sign_in"
    SETTINGS = "settings"
    IDENTIFIER = "identifier"
    """To show, inside an edit window, that a new identifier is one's own."""
    UNDO = "undo"


_COOKIES: Final = {
    Purpose.SIGN_UP: "credkit-sign-up",
    Purpose.PASSWORD_RESET: "credkit-reset",
    Purpose.SIGN_IN: "credkit-sign-in",
    Purpose.SETTINGS: "credkit-settings",
    Purpose.IDENTIFIER: "credkit-identifier",
    Purpose.UNDO: "credkit-undo",
}

_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")
_IN_A_LINK: Final = re.compile(r"(?:\A|.*[/#])([A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})")
_LONGEST_LINK: Final = 2000


def encode_bytes(data: bytes) -> str:
    """Return *data* as URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def secret_digest(purpose: Purpose, token_id: str, secret: Secret) -> bytes:
    """Return what is stored of a ticket's secret: SHA-256 suffices for 256 random bits (ASVS 6.5.2)."""
    return hashlib.sha256(frame("ticket", purpose, token_id, secret.reveal())).digest()


@dataclass(frozen=True, slots=True)
class Token:
    """The two halves of a ticket's or grant's text: a 128-bit id to look up, a 256-bit secret to compare (OT-17)."""

    id: str
    secret: Secret

    @classmethod
    def parse(cls, text: object) -> Token | None:
        """Return the halves of *text*, or `None` if it cannot be a token, whatever it is (REQ-D4c)."""
        match = _TOKEN.fullmatch(text) if isinstance(text, str) and len(text) == 66 else None
        return match and cls(match[1], Secret(match[2]))

    @classmethod
    def in_link(cls, text: object) -> Token | None:
        """Return the token at the end of a whole link, of its fragment or of its path, or that is *text* itself; `None` if there is none."""
        match = _IN_A_LINK.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST_LINK else None
        return match and cls.parse(match[1])

    def proves(self, expected: Secret) -> bool:
        """Return whether the secret half is *expected*, compared in constant time (KE-09)."""
        return hmac.compare_digest(self.secret.reveal().encode("ascii"), expected.reveal().encode("ascii"))

    @property
    def text(self) -> str:
        """The whole text, secret included."""
        return f"{self.id}.{self.secret.reveal()}"


class _Held(Protocol):
    @property
    def purpose(self) -> Purpose: ...
    @property
    def secret_text(self) -> Secret: ...
    @property
    def begun_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def insecure(self) -> bool: ...


def _cookie(held: _Held) -> dict[str, Any]:
    return host_cookie(_COOKIES[held.purpose], held.secret_text.reveal(), held.expires_at - held.begun_at, insecure=held.insecure)


def cookie_name(purpose: Purpose, *, insecure: bool) -> str:
    """Return the name of the cookie of a journey; *insecure* is for plain http on localhost, where a browser takes no ``__Host-`` cookie."""
    return host_cookie_name(_COOKIES[purpose], insecure=insecure)


def ended_cookie(purpose: Purpose, *, insecure: bool) -> dict[str, Any]:
    """Return the keyword arguments of ``set_cookie`` that take the cookie of a journey away."""
    return host_cookie(_COOKIES[purpose], "", timedelta(0), insecure=insecure)


def host_cookie_name(name: str, *, insecure: bool) -> str:
    """Return the name under which a browser keeps the cookie *name*, for this host alone unless *insecure*."""
    return name if insecure else f"__Host-{name}"


def host_cookie(name: str, value: str, life: timedelta, *, insecure: bool) -> dict[str, Any]:
    """Return the keyword arguments of ``set_cookie`` for a cookie that no script and no other host sees."""
    return {
        "key": host_cookie_name(name, insecure=insecure),
        "value": value,
        "max_age": max(0, int(life.total_seconds())),
        "path": "/",
        "secure": not insecure,
        "httponly": True,
        "samesite": "lax",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An unfinished journey, as its browser holds it. The same for known and unknown identifiers (RS-01)."""

    purpose: Purpose
    secret_text: Secret = field(repr=False)
    begun_at: datetime
    expires_at: datetime
    """When the newest code ends."""
    resend_at: datetime
    """From when `resend` is allowed."""
    label: str
    """A few characters shown on the page and in the message, to tell two messages apart (NO-15)."""
    masked: str
    """What was typed, masked (ID-22); never the address sent to."""
    tries_left: int
    insecure: bool = field(default=False, repr=False)

    @property
    def text(self) -> str:
        """The ticket's text, with its secret."""
        return self.secret_text.reveal()

    def public(self) -> dict[str, Any]:
        """Return everything a mobile client needs, ready for JSON, secret included."""
        return {
            "ticket": self.text,
            "expires_at": self.expires_at.isoformat(),
            "resend_at": self.resend_at.isoformat(),
            "label": self.label,
            "masked": self.masked,
            "tries_left": self.tries_left,
        }

    def cookie(self) -> dict[str, Any]:
        """Return the keyword arguments that Django's, Starlette's and Werkzeug's ``set_cookie`` share."""
        return _cookie(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a right code yields and the next step demands; it does one thing, once (RS-08)."""

    purpose: Purpose
    secret_text: Secret = field(repr=False)
    begun_at: datetime
    expires_at: datetime
    insecure: bool = field(default=False, repr=False)

    @property
    def text(self) -> str:
        """The grant's text, with its secret."""
        return self.secret_text.reveal()

    def public(self) -> dict[str, Any]:
        """Return everything a mobile client needs, ready for JSON, secret included."""
        return {"grant": self.text, "expires_at": self.expires_at.isoformat()}

    def cookie(self) -> dict[str, Any]:
        """Return the keyword arguments that Django's, Starlette's and Werkzeug's ``set_cookie`` share.

        It has the ticket's name, so that setting it ends the ticket's cookie.
        """
        return _cookie(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question to the owner that has not been answered, as the session that asked holds it. It can only ask how things stand, open, and cancel."""

    purpose: Purpose = Purpose.SETTINGS
    secret_text: Secret = field(repr=False)
    begun_at: datetime
    expires_at: datetime
    """When the answer comes too late."""
    label: str
    """A few characters shown on the page and in the message, to tell two requests apart (NO-15)."""
    masked: str
    """Where the link was sent, masked: the asking session is signed in, and has to know where to look."""
    insecure: bool = field(default=False, repr=False)

    @property
    def text(self) -> str:
        """The text, with its secret."""
        return self.secret_text.reveal()

    def public(self) -> dict[str, Any]:
        """Return everything a mobile client needs, ready for JSON, secret included."""
        return {"asked": self.text, "expires_at": self.expires_at.isoformat(), "label": self.label, "masked": self.masked}

    def cookie(self) -> dict[str, Any]:
        """Return the keyword arguments that Django's, Starlette's and Werkzeug's ``set_cookie`` share."""
        return _cookie(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditWindow:
    """What an approved request opens for the session that asked, until Done or time-out."""

    purpose: Purpose = Purpose.SETTINGS
    secret_text: Secret = field(repr=False)
    begun_at: datetime
    expires_at: datetime
    insecure: bool = field(default=False, repr=False)

    @property
    def text(self) -> str:
        """The window's text, with its secret."""
        return self.secret_text.reveal()

    def public(self) -> dict[str, Any]:
        """Return everything a mobile client needs, ready for JSON, secret included."""
        return {"window": self.text, "expires_at": self.expires_at.isoformat()}

    def cookie(self) -> dict[str, Any]:
        """Return the keyword arguments that Django's, Starlette's and Werkzeug's ``set_cookie`` share.

        It has the name of the cookie that `Asked` describes, so that setting it ends that one.
        """
        return _cookie(self)


TicketInput: TypeAlias = Ticket | str
"""A ticket, or its text."""

GrantInput: TypeAlias = Grant | str
"""A grant, or its text."""

AskedInput: TypeAlias = Asked | str
"""A request that waits for its answer, or its text."""

WindowInput: TypeAlias = EditWindow | str
"""An edit window, or its text."""
