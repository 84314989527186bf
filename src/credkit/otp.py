"""One-time codes as values: a challenge, a guess, and what the guess means. Nothing here can block, and no code is stored.

The record keeps `c`, uniform below 10^digits, and a nonce; the code is `(c + HMAC(key, everything it is bound to)) mod
10^digits`. So it is uniform by the system generator itself (OT-02), the courier can derive it again after a crash, and
without the key the record says nothing about it. Whoever may write records but has no key cannot move a code he
received under somebody else's challenge, because the key covers all that it is bound to (F19).

How long a code is follows from how many guesses have failed at the sign-in in a year: the ladder. Each length has a number of
failures up to which codes of that length are compared; beyond it the courier sends longer ones, and beyond the last rung twelve letters that
nobody guesses. So the yearly chance is bounded whatever the number of tickets (F11, OT-13), and the owner always gets in.

A challenge is *unbound* until the courier has found whose it is. A guess at an unbound challenge is compared like any
other, and whether it was bound is looked at afterwards, so nothing tells an unknown identifier from a known one (RS-02).
"""

from __future__ import annotations

import hmac
import itertools
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from credkit.budgets import Limit
from credkit.errors import ConfigurationError
from credkit.framing import Part, microseconds
from credkit.identifiers import Identifier, restore_identifier
from credkit.keys import KeyRing
from credkit.payloads import Fields, Json, as_json, from_payload, to_payload
from credkit.secret import Secret
from credkit.tickets import Purpose, encode_bytes

__all__ = [
    "ALPHABET",
    "HIGHEST_CHANCE",
    "LETTERS",
    "Binding",
    "Challenge",
    "Decision",
    "Issue",
    "Link",
    "OtpPolicy",
    "Rung",
    "Verdict",
    "code_of",
    "identifier_fields",
    "judge",
    "judge_link",
    "link_secret",
    "normalize_code",
    "read_identifier",
    "stop_secret",
]

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What a guess may consist of: digits, and the letters that are not mistaken for them (Crockford's base 32)."""

SHORTEST_GUESS: Final = 4
LONGEST_GUESS: Final = 12
"""Any 4 to 12 characters are a comparison, whatever the length due, so that the length tells nothing (F14)."""

LETTERS: Final = 12
"""Letters of a code that nobody guesses: 12 of 32 are 60 bits, so that even 10^6 guesses a second for a year are a chance of 3e-5."""

HIGHEST_CHANCE: Final = 1e-4
"""Most that guessing at one credential's codes may succeed with in a year (OT-01)."""

_MOST_FAILURES: Final = 100_000

_DAYS: Final = 366
"""By what a year's failures are divided for a count that is kept for a day."""

_NO_ID: Final = "A" * 22
"""As long as 128 random bits are as text."""

_IGNORED: Final = frozenset(" -\u00a0\u2007\u2009\u202f\u3000\u2010\u2011\u2012\u2013\u2212\uff0d\t\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One length of codes, and up to how many failures in a year codes of that length are compared."""

    digits: int
    failures: int

    @property
    def failures_a_day(self) -> int:
        """The same where failures are counted for a day only: so many on each day come to no more in a year."""
        return self.failures // _DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class OtpPolicy:
    """How long codes are and live, and how often they may be tried and sent.

    Raises:
        ConfigurationError: Weaker than a floor, and not said so with ``weaker_than_the_floor=True``.
    """

    digits: int = 8
    """The length a sign-in begins with: 8, as a site is attacked as a whole (requirements 1.2); the floor is 6 (NIST SP 800-63B-4 3.1.3.2)."""
    ladder: tuple[Rung, ...] = (Rung(digits=6, failures=50), Rung(digits=8, failures=4000), Rung(digits=10, failures=100_000))
    """Longer codes as failures of a year add up; after the last rung a code is `LETTERS` letters. 50 of 10^6 are 5e-5, 3,950 of 10^8 4e-5 and
    96,000 of 10^10 1e-5: below 1e-4 together (requirements 1.4)."""
    link_from: int = 4
    """Which message to one destination within an hour or a day also carries a link, if it is an email about a reset: fewer than that an
    owner asks for, and whoever keeps asking cannot keep the owner out (F12)."""
    link_lifetime: timedelta = timedelta(hours=24)
    """How long such a link works: 24 hours by email is the most (NIST SP 800-63B-4 4.2.1.2), and as long as the sends of a day are remembered."""
    site_alarm: int = 300
    """Wrong codes of the whole site in an hour from which on the observer is told (OT-12, requirements 1.4)."""
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
        if self.digits < 6:
            problems.append("otp.digits must be 6 or more")
        if not self._impossible() and self.yearly_chance > HIGHEST_CHANCE:
            steps = ", ".join(f"{rung.failures:,} at {rung.digits} digits" for rung in self.rungs)
            problems.append(f"otp.ladder ({steps}) is a yearly chance of {self.yearly_chance:.1e}, above {HIGHEST_CHANCE}")
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
        if not timedelta(0) < self.link_lifetime <= timedelta(hours=24) or self.link_from < 1 or self.site_alarm < 1:
            problems.append("otp.link_lifetime must be at most 24 hours, and otp.link_from and otp.site_alarm at least 1")
        if self._impossible() or (problems and not self.weaker_than_the_floor):
            waived = [*problems, "say weaker_than_the_floor=True if that is meant"] if problems else []
            raise ConfigurationError([*self._impossible(), *waived])

    def _impossible(self) -> list[str]:
        """Return what no word makes good."""
        lengths, failures = [rung.digits for rung in self.ladder], [rung.failures for rung in self.ladder]
        problems: list[str] = []
        if not SHORTEST_GUESS <= self.digits <= LONGEST_GUESS:
            problems.append(f"otp.digits must be {SHORTEST_GUESS} to {LONGEST_GUESS} whatever is said")
        if not all(SHORTEST_GUESS <= digits <= LONGEST_GUESS for digits in lengths) or not _rises(lengths):
            problems.append(f"the lengths of otp.ladder must rise, from {SHORTEST_GUESS} to {LONGEST_GUESS} digits")
        if not _rises([0, *failures]):
            problems.append("the failures of otp.ladder must rise, from 1")
        if self.comparisons < 1 or self.lifetime <= timedelta(0):
            problems.append("otp.comparisons and otp.lifetime must be above nothing")
        return problems

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder from the policy's own length on; for a length it does not have, a rung that adds 4e-5."""
        own = next((rung for rung in self.ladder if rung.digits == self.digits), None)
        first = own or Rung(digits=self.digits, failures=max(1, min(10**self.digits // 25_000, _MOST_FAILURES)))
        return (first, *(rung for rung in self.ladder if rung.digits > first.digits and rung.failures > first.failures))

    @property
    def failures(self) -> Limit:
        """How far wrong codes of one credential are counted, over all tickets, journeys and identifiers; silent (OT-09, F13)."""
        return Limit(name="code-failures", count=self.rungs[-1].failures, per=timedelta(days=365))

    @property
    def nobody_failures(self) -> Limit:
        """The same for one identifier that nobody signs in with, at sign-up or on a ticket that is nobody's; silent.

        A day and not a year, as strangers' junk must leave no year records (F15).
        """
        return Limit(name="nobody-failures", count=max(1, self.rungs[-1].failures_a_day), per=timedelta(days=1))

    @property
    def yearly_chance(self) -> float:
        """Most that guessing at the codes of one sign-in can succeed with in a year, whatever the number of tickets and journeys (OT-01, F11)."""
        rungs = self.rungs
        below = (0, *(rung.failures for rung in rungs))
        return sum((rung.failures - before) / math.pow(10, rung.digits) for rung, before in zip(rungs, below, strict=False))

    def length_for(self, failures: int, *, by_day: bool, longer: bool = False) -> int | None:
        """Return how many digits a new code needs after *failures* of a year, or of a day; `None` stands for letters.

        The shortest with room for all comparisons of a ticket; the one after it where codes have to be *longer* for a while (OT-12).
        """
        fitting = [rung.digits for rung in self.rungs if failures + self.comparisons <= _most(rung, by_day=by_day)]
        return next(iter(fitting[longer:]), None)

    def compares(self, issue: Issue, failures: int, *, by_day: bool) -> bool:
        """Return whether a code is compared after *failures*: by its own length, so that no number of tickets opened early helps (F11)."""
        return issue.letters or any(rung.digits == issue.digits and failures < _most(rung, by_day=by_day) for rung in (*self.rungs, *self.ladder))


def _most(rung: Rung, *, by_day: bool) -> int:
    return rung.failures_a_day if by_day else rung.failures


def _rises(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in itertools.pairwise(numbers))


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
    letters: bool = False
    """Whether the code is `LETTERS` letters, and not digits."""

    @property
    def space(self) -> int:
        """How many codes there are."""
        return len(ALPHABET) ** LETTERS if self.letters else 10**self.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Whose code it is and where it goes, filled in by the courier."""

    destination: Identifier
    credential_id: str | None = None
    """`None` where a right code proves an address only: sign-up."""
    generation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that was sent beside a code or instead of one: it proves the same, nobody can guess it, and no guess at the code ends it."""

    key_id: str
    nonce: bytes
    binding: Binding
    expires_at: datetime


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
    link: Link | None = None
    """The newest link that was sent, of a reset."""
    stopped: bool = False
    """Whether its addressee said "I did not ask": from then on every code is as wrong as any, and nobody can tell (RS-18)."""
    carried: dict[str, Json] = field(default_factory=dict[str, Json], repr=False)

    @property
    def ends_at(self) -> datetime:
        """When nothing that was sent for it works any more."""
        return self.issue.expires_at if self.link is None else max(self.issue.expires_at, self.link.expires_at)

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
            "stand_in": _binding_fields(_stand_in(self.identifier)) if self.binding is None else None,
            "verified_at": as_json(self.verified_at),
            "grant_id": self.grant_id,
            "letters": self.issue.letters,
            "stopped": self.stopped,
            "link": None if self.link is None else _link_fields(self.link),
        }
        return to_payload(fields, self.carried)

    @classmethod
    def from_payload(cls, payload: bytes) -> Challenge:
        """Read the bytes of a record.

        Raises:
            UnreadableRecord: They are not a challenge.
        """
        fields = from_payload(payload)
        binding, stand_in, link = (fields.maybe_part(name) for name in ("binding", "stand_in", "link"))
        read = [_read_binding(part) for part in (binding, stand_in) if part is not None]
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
            issue=replace(_read_issue(fields.part("issue")), letters=fields.maybe_flag("letters")),
            binding=None if binding is None else read[0],
            verified_at=fields.maybe_moment("verified_at"),
            grant_id=fields.maybe_text("grant_id"),
            link=None if link is None else _read_link(link),
            stopped=fields.maybe_flag("stopped"),
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
    issue = challenge.issue
    keys.require(issue.key_id)
    length: Part = "letters" if issue.letters else issue.digits
    offset = keys.mac(issue.key_id, "code", site, challenge.purpose, record_key, issue.number, *_bound(challenge.binding), length, issue.nonce)
    number = (issue.c + int.from_bytes(offset, "big")) % issue.space
    return Secret(_in_letters(number) if issue.letters else str(number).zfill(issue.digits))


def _bound(binding: Binding | None) -> tuple[Part, ...]:
    if binding is None:
        return (None, None, None, None)
    return (binding.credential_id, binding.generation, binding.destination.kind, binding.destination.canonical)


def _in_letters(number: int) -> str:
    size = len(ALPHABET)
    return "".join(ALPHABET[number // size**place % size] for place in range(LETTERS))


def judge_link(challenge: Challenge, link: Link, *, now: datetime, grant_id: str, repeat: timedelta) -> Decision:
    """Decide about a link that was proved to be the newest one sent. Guesses at the code have nothing to do with it; success has (OT-04)."""
    if challenge.verified_at is not None:
        return Decision(Verdict.REPEATED if now < challenge.verified_at + repeat else Verdict.USED)
    if now >= link.expires_at:
        return Decision(Verdict.EXPIRED, replace(challenge, link=None))  # final, even if a clock goes back (OT-03)
    return Decision(Verdict.RIGHT, replace(challenge, binding=link.binding, verified_at=now, grant_id=grant_id))


def link_secret(challenge: Challenge, link: Link, keys: KeyRing, *, site: str) -> Secret:
    """Return the secret half of the token in a reset link: 256 bits that prove what a code proves, and that nobody can guess (RS-15).

    Raises:
        UnknownKey: The link was made with a key that is not on the ring.
    """
    keys.require(link.key_id)
    until = microseconds(link.expires_at)
    return Secret(encode_bytes(keys.mac(link.key_id, "reset-link", site, challenge.purpose, challenge.id, *_bound(link.binding), until, link.nonce)))


def stop_secret(challenge: Challenge, destination: Identifier, keys: KeyRing, *, site: str) -> Secret:
    """Return the secret half of the token that says "I did not ask", of a message to *destination*; all it can do is to end the challenge (RS-18).

    Raises:
        UnknownKey: The challenge was made with a key that is not on the ring.
    """
    issue = challenge.issue
    keys.require(issue.key_id)
    text = keys.mac(issue.key_id, "stop", site, challenge.purpose, challenge.id, challenge.secret_digest, destination.kind, destination.canonical)
    return Secret(encode_bytes(text))


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


def _link_fields(link: Link) -> dict[str, Json]:
    return {
        "key_id": link.key_id,
        "nonce": as_json(link.nonce),
        "binding": _binding_fields(link.binding),
        "expires_at": as_json(link.expires_at),
    }


def _read_link(fields: Fields) -> Link:
    return Link(key_id=fields.text("key_id"), nonce=fields.data("nonce"), binding=_read_binding(fields.part("binding")), expires_at=fields.moment("expires_at"))


def _stand_in(identifier: Identifier) -> Binding:
    """Return what an unbound challenge holds in place of a binding, so that it is as long, and takes as long to read and to write (TE-05)."""
    return Binding(destination=identifier, credential_id=_NO_ID, generation=_NO_ID)


def _binding_fields(binding: Binding) -> dict[str, Json]:
    return {"destination": identifier_fields(binding.destination), "credential_id": binding.credential_id, "generation": binding.generation}


def _read_binding(fields: Fields) -> Binding:
    return Binding(
        destination=read_identifier(fields.part("destination")),
        credential_id=fields.maybe_text("credential_id"),
        generation=fields.maybe_text("generation"),
    )
