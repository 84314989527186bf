"""One-time codes as values: a challenge, a guess, and what the guess means. Nothing here can block, and no code is stored.

The record keeps `c`, uniform below 10^digits, and a nonce; the code is `(c + HMAC(key, everything it is bound to)) mod
10^digits`. So it is uniform by the system generator itself (OT-02), the courier can derive it again after a crash, and
without the key the record says nothing about it. Whoever may write records but has no key cannot move a code he
received under somebody else's challenge, because the key covers all that it is bound to (F19).

A challenge is *unbound* until the courier has found whose it is. A guess at an unbound challenge is compared like any
other, and whether it was bound is looked at afterwards, so nothing tells an unknown identifier from a known one (RS-02).
"""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from credkit.errors import ConfigurationError
from credkit.framing import Part
from credkit.identifiers import Identifier, restore_identifier
from credkit.keys import KeyRing
from credkit.payloads import Fields, Json, as_json, from_payload, to_payload
from credkit.secret import Secret
from credkit.tickets import Purpose, encode_bytes

__all__ = [
    "ALPHABET",
    "Binding",
    "Challenge",
    "Decision",
    "Issue",
    "OtpPolicy",
    "Verdict",
    "code_of",
    "identifier_fields",
    "judge",
    "normalize_code",
    "read_identifier",
    "reset_secret",
]

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What a guess may consist of: digits, and the letters that are not mistaken for them (Crockford's base 32)."""

SHORTEST_GUESS: Final = 4
LONGEST_GUESS: Final = 12
"""Any 4 to 12 characters are a comparison, whatever the length due, so that the length tells nothing (F14)."""

_IGNORED: Final = frozenset(" -\u00a0\u2007\u2009\u202f\u3000\u2010\u2011\u2012\u2013\u2212\uff0d\t\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtpPolicy:
    """How long codes are and live, and how often they may be tried and sent.

    Raises:
        ConfigurationError: Weaker than a floor, and not said so with ``weaker_than_the_floor=True``.
    """

    digits: int = 8
    """8 keeps the yearly chance of a guess below 1e-4 at 4,000 failures (requirements 1.4); the floor is 6 (NIST SP 800-63B-4 3.1.3.2)."""
    comparisons: int = 5
    """Guesses compared for one ticket, over all its codes (OT-06, OT-07)."""
    lifetime: timedelta = timedelta(seconds=600)
    """At most 10 minutes for SMS (NIST SP 800-63B-4 3.1.3.2, ASVS 6.5.5)."""
    resend_pauses: tuple[timedelta, ...] = (timedelta(seconds=60), timedelta(seconds=120), timedelta(seconds=300))
    """Pause before each resend of a ticket; there are as many resends as pauses."""
    repeat: timedelta = timedelta(seconds=30)
    """For how long the right code, typed again, gives the same grant: a double click, or a reply that was lost."""
    weaker_than_the_floor: bool = False

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not 6 <= self.digits <= LONGEST_GUESS:
            problems.append(f"otp.digits must be 6 to {LONGEST_GUESS}")
        if not 1 <= self.comparisons <= 10:
            problems.append("otp.comparisons must be 1 to 10")
        if not timedelta(seconds=30) <= self.lifetime <= timedelta(seconds=600):
            problems.append("otp.lifetime must be 30 to 600 seconds")
        if any(pause < timedelta(seconds=30) for pause in self.resend_pauses):
            problems.append("otp.resend_pauses must be 30 seconds or more each")
        if len(self.resend_pauses) > 10:
            problems.append("otp.resend_pauses may hold 10 pauses at most")
        if not timedelta(0) <= self.repeat <= timedelta(seconds=60):
            problems.append("otp.repeat must be 0 to 60 seconds")
        possible = SHORTEST_GUESS <= self.digits <= LONGEST_GUESS and self.comparisons >= 1 and self.lifetime > timedelta(0)
        if problems and not (self.weaker_than_the_floor and possible):
            raise ConfigurationError([*problems, "say weaker_than_the_floor=True if that is meant"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One code of a challenge: everything but the key."""

    number: int
    """1 for the first code, one more for each new one."""
    key_id: str
    nonce: bytes
    c: int = field(repr=False)
    digits: int
    issued_at: datetime
    expires_at: datetime
    over: bool = False
    """Seen expired or used: final, even if a clock goes back (OT-03)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Whose code it is and where it goes, filled in by the courier."""

    destination: Identifier
    credential_id: str | None = None
    """`None` where a right code proves an address only: sign-up."""
    generation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One ticket's outstanding code, as the store keeps it."""

    id: str
    purpose: Purpose
    secret_digest: bytes = field(repr=False)
    session_digest: bytes | None = field(repr=False)
    identifier: Identifier
    """What was typed."""
    label: str
    begun_at: datetime
    resend_at: datetime
    resends: int
    tries_left: int
    issue: Issue
    binding: Binding | None = None
    verified_at: datetime | None = None
    grant_id: str | None = None
    carried: dict[str, Json] = field(default_factory=dict[str, Json], repr=False)

    def to_payload(self) -> bytes:
        """Return the bytes of a record; no code is among them, nor anything it follows from without the key."""
        fields: dict[str, Json] = {
            "id": self.id,
            "purpose": str(self.purpose),
            "secret_digest": as_json(self.secret_digest),
            "session_digest": as_json(self.session_digest),
            "identifier": identifier_fields(self.identifier),
            "label": self.label,
            "begun_at": as_json(self.begun_at),
            "resend_at": as_json(self.resend_at),
            "resends": self.resends,
            "tries_left": self.tries_left,
            "issue": _issue_fields(self.issue),
            "binding": None if self.binding is None else _binding_fields(self.binding),
            "verified_at": as_json(self.verified_at),
            "grant_id": self.grant_id,
        }
        return to_payload(fields, self.carried)

    @classmethod
    def from_payload(cls, payload: bytes) -> Challenge:
        """Read the bytes of a record.

        Raises:
            UnreadableRecord: They are not a challenge.
        """
        fields = from_payload(payload)
        binding = fields.maybe_part("binding")
        return cls(
            id=fields.text("id"),
            purpose=fields.choice("purpose", Purpose),
            secret_digest=fields.data("secret_digest"),
            session_digest=fields.maybe_data("session_digest"),
            identifier=read_identifier(fields.part("identifier")),
            label=fields.text("label"),
            begun_at=fields.moment("begun_at"),
            resend_at=fields.moment("resend_at"),
            resends=fields.number("resends"),
            tries_left=fields.number("tries_left"),
            issue=_read_issue(fields.part("issue")),
            binding=None if binding is None else _read_binding(binding),
            verified_at=fields.maybe_moment("verified_at"),
            grant_id=fields.maybe_text("grant_id"),
            carried=dict(fields.rest()),
        )


class Verdict(Enum):
    """What a guess means."""

    RIGHT = "right"
    REPEATED = "repeated"
    WRONG = "wrong"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and the challenge that must be stored *before* anybody is told (OT-06)."""

    verdict: Verdict
    after: Challenge | None = None
    """`None` when nothing changes."""
    compared: bool = False
    """Whether a comparison took place that did not succeed: it counts in every budget."""


def judge(challenge: Challenge, guess: str, expected: Secret, *, now: datetime, allowed: bool, grant_id: str, repeat: timedelta) -> Decision:
    """Decide one guess.

    *expected* comes from `code_of`, *allowed* says whether the credential's budget has room, and *grant_id* is fresh.
    The guess counts only once `after` is committed; until then another caller may have spent the same try.
    """
    over = replace(challenge, issue=replace(challenge.issue, over=True))
    if challenge.verified_at is not None and (challenge.issue.over or now >= challenge.verified_at + repeat):
        return Decision(Verdict.USED, None if challenge.issue.over else over)
    if challenge.tries_left <= 0:
        return Decision(Verdict.EXHAUSTED)
    if challenge.issue.over:
        return Decision(Verdict.EXPIRED)
    if challenge.verified_at is None and now >= challenge.issue.expires_at:
        return Decision(Verdict.EXPIRED, over)

    equal = hmac.compare_digest(guess.encode("ascii"), expected.reveal().encode("ascii"))
    # Looked at only now: until here an unbound or spent-out challenge has cost exactly what any other costs.
    right = equal and allowed and challenge.binding is not None
    if right and challenge.verified_at is not None:
        return Decision(Verdict.REPEATED)
    if right:
        return Decision(Verdict.RIGHT, replace(challenge, verified_at=now, grant_id=grant_id))
    tried = replace(challenge, tries_left=challenge.tries_left - 1)
    return Decision(Verdict.WRONG if tried.tries_left else Verdict.EXHAUSTED, tried, compared=True)


def code_of(challenge: Challenge, keys: KeyRing, *, site: str, record_key: str) -> Secret:
    """Return the code of *challenge*; for an unbound one, text that costs the same to make.

    Raises:
        UnknownKey: The challenge was made with a key that is not on the ring. Trouble, never a wrong code (F21).
    """
    issue, binding = challenge.issue, challenge.binding
    keys.require(issue.key_id)
    bound: tuple[Part, ...] = (
        (None, None, None, None) if binding is None else (binding.credential_id, binding.generation, binding.destination.kind, binding.destination.canonical)
    )
    offset = keys.mac(issue.key_id, "code", site, challenge.purpose, record_key, issue.number, *bound, issue.digits, issue.nonce)
    space = 10**issue.digits
    return Secret(str((issue.c + int.from_bytes(offset, "big")) % space).zfill(issue.digits))


def reset_secret(challenge: Challenge, keys: KeyRing, *, site: str, record_key: str) -> Secret:
    """Return the secret half of the token in a reset link: 256 bits that prove what a code proves, and that nobody can guess (RS-15).

    Raises:
        UnknownKey: The challenge was made with a key that is not on the ring.
    """
    issue, binding = challenge.issue, challenge.binding
    keys.require(issue.key_id)
    bound: tuple[Part, ...] = (
        (None, None, None, None) if binding is None else (binding.credential_id, binding.generation, binding.destination.kind, binding.destination.canonical)
    )
    return Secret(encode_bytes(keys.mac(issue.key_id, "reset-link", site, challenge.purpose, record_key, issue.number, *bound, issue.nonce)))


def normalize_code(text: object) -> str | None:
    """Return what was typed as a guess, or `None` if it is none: 4 to 12 characters of `ALPHABET` (OT-15, F14).

    Spaces and dashes are dropped, decimal digits of any script become ASCII, letters become capitals. Nothing else is
    forgiven: a superscript two is not a digit.
    """
    if not isinstance(text, str) or len(text) > 4 * LONGEST_GUESS:
        return None
    kept = "".join(_plain(c) for c in text if c not in _IGNORED)
    return kept if SHORTEST_GUESS <= len(kept) <= LONGEST_GUESS and all(c in ALPHABET for c in kept) else None


def _plain(character: str) -> str:
    if character.isascii():
        return character.upper()
    digit = unicodedata.decimal(character, None)
    return "?" if digit is None else str(digit)


def identifier_fields(identifier: Identifier) -> dict[str, Json]:
    """Return *identifier* as a record holds it."""
    return {"kind": identifier.kind, "entered": identifier.entered, "canonical": identifier.canonical}


def read_identifier(fields: Fields) -> Identifier:
    """Return the identifier that `identifier_fields` made."""
    return restore_identifier(fields.text("kind"), fields.text("entered"), fields.text("canonical"))


def _issue_fields(issue: Issue) -> dict[str, Json]:
    return {
        "number": issue.number,
        "key_id": issue.key_id,
        "nonce": as_json(issue.nonce),
        "c": issue.c,
        "digits": issue.digits,
        "issued_at": as_json(issue.issued_at),
        "expires_at": as_json(issue.expires_at),
        "over": issue.over,
    }


def _read_issue(fields: Fields) -> Issue:
    return Issue(
        number=fields.number("number"),
        key_id=fields.text("key_id"),
        nonce=fields.data("nonce"),
        c=fields.number("c"),
        digits=fields.number("digits"),
        issued_at=fields.moment("issued_at"),
        expires_at=fields.moment("expires_at"),
        over=fields.flag("over"),
    )


def _binding_fields(binding: Binding) -> dict[str, Json]:
    return {"destination": identifier_fields(binding.destination), "credential_id": binding.credential_id, "generation": binding.generation}


def _read_binding(fields: Fields) -> Binding:
    return Binding(
        destination=read_identifier(fields.part("destination")),
        credential_id=fields.maybe_text("credential_id"),
        generation=fields.maybe_text("generation"),
    )
