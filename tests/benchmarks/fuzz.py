"""Whatever is typed or stored: ``python tests/benchmarks/fuzz.py --inputs 10000000``. Nothing but the documented refusals may come out of a parser, and soon.

Texts grow from those of tests/vectors and from made-up records: pieces are cut out, doubled, exchanged, mixed with others and with signs that parsers
trip over. Each goes to one parser. It ends with status 1 at the first surprise, and prints the seed and the text that made it; an interrupt
ends it with what was done so far.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from credkit.budgets import Tally
from credkit.errors import ConfigurationError, InvalidIdentifier, PasswordRefused
from credkit.grants import GrantRecord
from credkit.identifiers import EmailAddress, PhoneNumber, confusable_skeleton, mixes_scripts, parse_identifier
from credkit.identifiers.suggestions import suggest_email, suggest_phone
from credkit.keys import KeyRing
from credkit.messages import MessageKind
from credkit.otp import Binding, Challenge, Issue, normalize_code
from credkit.outbox import CodeDue, EventDue, Intent, NoticeDue, ReminderDue, read_outbox_item
from credkit.passwords import Bcrypt, PasswordHasher, PasswordRules, Pbkdf2, Scrypt, normalize_password
from credkit.payloads import UnreadableRecord
from credkit.sign_in_help import SignInHelp
from credkit.site import Site
from credkit.testing import cheap_hasher
from credkit.tickets import Purpose, Token

VECTORS: Final = Path(__file__).parents[1] / "vectors"
SLOW: Final = 0.5
"""Seconds of processor time for one text. The worst that is known takes a hundredth of that."""

_LARGEST_POOL: Final = 20_000

HELP: Final = SignInHelp(site=Site(name="Example", url="https://example.com", support="help@example.com", default_region="US"), smtputf8=True)
RULES: Final = PasswordRules()
ADA: Final = EmailAddress.parse("ada.lovelace@example.com")
CHEAP: Final = cheap_hasher()
HASHER: Final = PasswordHasher(legacy=[Pbkdf2(iterations=1_000_000), Scrypt(n=1 << 15), Bcrypt(cost=12)])
AT: Final = datetime(2026, 9, 30, tzinfo=UTC)
PHONE: Final = PhoneNumber.restore("+1 415 555 2671", "+14155552671")

_STEPS: Final = (
    "@", ".", "..", " ", "+", "-", "\u00a0", "\u200b", "\u200d", "\u202e", "\ufeff", "\x00", "\n", "\ud800", "\udfff", "\uff20", "\u0131", "\u212a", "\u00df",
    "\u0958", "\ufdfa", "\u0661", "\uff11", "\u0301", "\u1100", "\U000e0041", "\U0001f600", "xn--", "xn--a", "%", "{", "}", "[", "]", '"', "\\", "$", ":",
    "null", "true", "-1", "1e999", "NaN", "9" * 30, "$argon2id$", "==", "pbkdf2_sha256$", "$2b$12$", "bcrypt_sha256$", "com", "password", "qwerty", "12345",
)  # fmt: skip


def skeleton_of(text: str) -> object:
    """Compare what an address looks like, where it is one."""
    return confusable_skeleton(EmailAddress.parse(text, smtputf8=True)), mixes_scripts(text)


def stored_hash(text: str) -> object:
    """Compare with a text in place of a hash; only such as cost next to nothing."""
    return CHEAP.verify(text, normalize_password("a password of usual length")) if "argon2" not in text else HASHER.describe(text)


Parser = tuple[Callable[[str], object], tuple[type[BaseException], ...], int]

PARSERS: Final[dict[str, Parser]] = {
    "parse_identifier": (lambda text: parse_identifier(text, region="US", allow_test_domains=True), (InvalidIdentifier,), 12),
    "EmailAddress.parse": (EmailAddress.parse, (InvalidIdentifier,), 10),
    "EmailAddress.parse, smtputf8": (lambda text: EmailAddress.parse(text, smtputf8=True), (InvalidIdentifier,), 10),
    "PhoneNumber.parse": (lambda text: PhoneNumber.parse(text, region="DE"), (InvalidIdentifier,), 10),
    "look-alikes": (skeleton_of, (InvalidIdentifier,), 4),
    "suggestions": (lambda text: (suggest_email(text), suggest_phone(text, region="GB")), (), 3),
    "hints": (lambda text: HELP.hints(identifier=text, password=text), (), 2),
    "normalize_password": (normalize_password, (PasswordRefused,), 10),
    "findings": (lambda text: RULES.findings(text, identifiers=[ADA, PHONE], words=["Example", text[:20]]), (), 6),
    "strength": (lambda text: RULES.strength(text).text(), (), 3),
    "stored hashes": (stored_hash, (PasswordRefused,), 4),
    "HashFacts": (HASHER.describe, (), 8),
    "normalize_code": (normalize_code, (), 6),
    "Token.parse": (Token.parse, (), 4),
    "Token.in_link": (Token.in_link, (), 4),
    "KeyRing.parse": (KeyRing.parse, (ConfigurationError,), 4),
    "challenges": (lambda text: Challenge.from_payload(text.encode("utf-8", "surrogatepass")), (UnreadableRecord,), 5),
    "grants": (lambda text: GrantRecord.from_payload(text.encode("utf-8", "surrogatepass")), (UnreadableRecord,), 5),
    "counts": (lambda text: Tally.from_payload(text.encode("utf-8", "surrogatepass")), (UnreadableRecord,), 5),
    "outbox": (lambda text: read_outbox_item(text.encode("utf-8", "surrogatepass")), (UnreadableRecord,), 5),
}
"""The parser, what it may raise, and how often it has its turn."""


def first_texts() -> list[str]:
    """Return the texts that all others grow from."""
    texts = ["", "a", "ada@example.com", "+1 415 555 2671", "A" * 22 + "." + "b" * 43, "2026-11:" + "A" * 43 + "="]
    texts += json.loads((VECTORS / "identifiers_hostile.json").read_text(encoding="utf-8"))["texts"]
    for case in json.loads((VECTORS / "sign_in_help.json").read_text(encoding="utf-8"))["cases"]:
        texts += [case[name] for name in ("identifier", "password") if isinstance(case.get(name), str)]
    long = json.loads((VECTORS / "passwords_long.json").read_text(encoding="utf-8"))
    texts += [*long["good"], *(text for group in long["weak"].values() for text in group)]
    texts += [case["stored"] for case in json.loads((VECTORS / "legacy_hashes.json").read_text(encoding="utf-8"))["hashes"]]
    items = (
        CodeDue(id="i", at=AT, challenge_id="c", number=1),
        ReminderDue(id="i", at=AT, typed=ADA),
        EventDue(id="i", at=AT, change_id="c", kind=MessageKind.PASSWORD_RESET, credential_id="7"),
        NoticeDue(id="i", at=AT, kind=MessageKind.PASSWORD_RESET, to=PHONE, credential_id="c", accounts=("a",)),
        Intent(id="i", at=AT, kind=MessageKind.PASSWORD_CHANGED, credential_id="c", accounts=(), destinations=(ADA, PHONE)),
    )
    issue = Issue(number=1, key_id="k", nonce=bytes(16), c=12345678, digits=8, issued_at=AT, expires_at=AT)
    challenge = Challenge(
        id="i",
        purpose=Purpose.PASSWORD_RESET,
        secret_digest=bytes(32),
        session_digest=bytes(32),
        identifier=ADA,
        label="7GQ",
        begun_at=AT,
        resend_at=AT,
        resends=0,
        tries_left=5,
        issue=issue,
        binding=Binding(destination=PHONE, credential_id="c", generation="g"),
    )
    grant = GrantRecord(
        id="i",
        purpose=Purpose.SIGN_UP,
        key_id="k",
        nonce=bytes(32),
        identifier=ADA,
        credential_id="c",
        generation="g",
        session_digest=None,
        begun_at=AT,
        expires_at=AT,
        tries_left=10,
    )
    records = [item.to_payload().decode() for item in (*items, challenge, grant, Tally())]
    return [*texts, *records * 20, CHEAP.hash(normalize_password("nine grey herons wade"))]


def grown(random: Random, pool: list[str]) -> str:
    """Return a text of the pool after some accidents."""
    text = random.choice(pool)
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice((0, 0, 1, 2, 4, 12)))
        kind = random.randrange(7)
        piece = text[start:end]
        if kind == 0:
            piece = ""
        elif kind == 1:
            piece = random.choice(_STEPS)
        elif kind == 2:
            piece = chr(random.choice((random.randrange(0x80), random.randrange(0x3000), random.randrange(0x110000)))) + piece
        elif kind == 3:
            piece *= random.choice((2, 3, 40))
        elif kind == 4:
            other = random.choice(pool)
            cut = random.randint(0, len(other))
            piece = other[cut : cut + random.randint(0, 20)]
        elif kind == 5:
            piece = piece.swapcase()[::-1]
        else:
            piece = "".join(chr(random.randrange(0x20, 0x7F)) for _ in range(random.randint(1, 8)))
        text = text[:start] + piece + text[end:]
    return text[:4000]


@dataclass
class Tallies:
    """What has been tried, and what came of it."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    accepted: bool = False

    def tried(self, name: str, text: str) -> str | None:
        """Give *text* to a parser, and return what was wrong with its answer."""
        call, documented, _ = PARSERS[name]
        before = time.thread_time()
        self.accepted = False
        try:
            call(text)
            self.accepted = True
        except documented:
            self.refused[name] += 1
        except Exception as surprise:  # noqa: BLE001  # that is the point
            return f"raised {surprise!r}"
        taken = time.thread_time() - before
        self.slowest = max(self.slowest, taken if self.done[name] else 0.0)  # the first text of each reads its tables
        self.done[name] += 1
        return f"took {taken:.2f} s" if taken > SLOW and self.done[name] > 1 else None


def texts(seed: str, inputs: int, tally: Tallies) -> Iterator[tuple[int, str, str]]:
    """Yield texts, each with its number and the parser it goes to; what is not refused leads further."""
    random, pool = Random(f"fuzz {seed}"), first_texts()  # noqa: S311  # the same ones at every run
    turns = [name for name, (_, _, weight) in PARSERS.items() for _ in range(weight)]
    for number in range(inputs):
        text, name = grown(random, pool), random.choice(turns)
        yield number, text, name
        if tally.accepted and number % 16 == 0 and len(pool) < _LARGEST_POOL:
            pool.append(text)


def main() -> None:
    """Fuzz, and say how many there were."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000_000, help="texts to try")
    parser.add_argument("--seed", default="1", help="another one, for other texts")
    given = parser.parse_args()

    tally = Tallies()
    began = time.monotonic()
    with suppress(KeyboardInterrupt):  # what was done until then is told all the same
        for number, text, name in texts(given.seed, given.inputs, tally):
            trouble = tally.tried(name, text)
            if trouble:
                sys.exit(f"input {number} of seed {given.seed}: {name} {trouble} at {text!a}")
    for name, count in tally.done.items():
        print(f"{name:32}{count:12,} of which refused {tally.refused[name]:12,}")
    print(f"{'inputs':32}{tally.done.total():12,} in {time.monotonic() - began:,.0f} s, the slowest {1000 * tally.slowest:.0f} ms")


if __name__ == "__main__":
    main()
