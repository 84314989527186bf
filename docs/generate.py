"""Write the tables of these pages that follow from the code, so that they cannot say anything else.

``python docs/generate.py`` rewrites them in place; `test_tables.py` fails where a page differs from what would be written. A table
stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from credkit import errors
from credkit.breaches import BreachPolicy
from credkit.budgets import Limit, Tally
from credkit.credential import Credential, Mark, Registered
from credkit.grants import GrantRecord
from credkit.identifiers import EmailAddress
from credkit.otp import Binding, Challenge, Issue, OtpPolicy
from credkit.outbox import CodeDue, Intent, NoticeDue
from credkit.passwords import OWASP_MINIMUM, RFC_9106_LOW_MEMORY, HashingProfile, PasswordRules
from credkit.policy import CourierPolicy, Limits, Policy
from credkit.ports import Record
from credkit.testing.broken import BROKEN
from credkit.testing.broken.breaches import SoundBreaches
from credkit.testing.broken.credentials import SoundCredentials
from credkit.testing.broken.hashing import SoundHashing
from credkit.testing.broken.notifiers import SoundNotifier
from credkit.testing.broken.records import SoundRecords
from credkit.testing.contracts import (
    AsyncBreachListContract,
    AsyncCredentialStoreContract,
    AsyncHashingContract,
    AsyncNotifierContract,
    AsyncRecordStoreContract,
)
from credkit.testing.contracts._kills import kills as contract_kills

PAGES: Final = Path(__file__).parent

Rows = Iterable[Sequence[str]]

# Tables ----------------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Rows) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def rewritten(text: str) -> str:
    """Return a page's *text* with its tables as they must be."""
    region = re.compile(r"(<!-- table: ([a-z-]+) -->).*?(<!-- end of table -->)", re.DOTALL)
    return region.sub(lambda found: f"{found[1]}\n\n{TABLES[found[2]]()}\n{found[3]}", text)


_LABELS: Final = re.compile(r"\s*\((?:(?:[A-Z]{2,4}-[A-Z]?\d+[a-z]?|F\d+)(?:, )?)+\)")
"""Numbers of the project's own requirements, which stand in the code and say nothing to a host."""


def prose(text: str | None) -> str:
    """Return a docstring as one line of Markdown."""
    return " ".join(_LABELS.sub("", text or "").replace("``", "`").split())


# Reasons and findings --------------------------------------------------------------------------------------------------


def reasons() -> str:
    """Every reason of a refusal."""
    rows = [(f"`{r}`", str(r.status), f"`{r.next}`", f"`{r.field}`" if r.field else "", r.text()) for r in errors.Reason]
    return table(("reason", "status", "next", "field", "text in English"), rows)


def findings() -> str:
    """Every finding about a password."""
    rows = [(f"`{kind}`", errors.Finding(kind=kind, limit=_BOUNDS.get(kind)).text()) for kind in errors.FindingKind]
    return table(("kind", "text in English"), rows)


_BOUNDS: Final = {errors.FindingKind.TOO_SHORT: PasswordRules().shortest, errors.FindingKind.TOO_LONG: 1024}


def moves() -> str:
    """Every value of `next`."""
    explained = attribute_docstrings(errors, "Next")
    return table(("next", "what to do"), [(f"`{move}`", prose(explained[move.name])) for move in errors.Next])


def trouble() -> str:
    """Every kind of trouble."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CredkitError)]
    return table(("exception", "what it means"), [(f"`{kind.__name__}`", prose(inspect.getdoc(kind))) for kind in kinds])


# Numbers ---------------------------------------------------------------------------------------------------------------


def chances() -> str:
    """What guessing may succeed with in a year, and what a policy says to it."""
    rows = [(f"{count:,}", *(_chance(count, digits) for digits in (6, 7, 8))) for count in (50, 100, 1000, 4000, 10000)]
    return table(("wrong codes in 365 days", "6 digits", "7 digits", "8 digits"), rows)


def _chance(count: int, digits: int) -> str:
    shown_chance = f"{1 - (1 - 10**-digits) ** count:.0e}".replace("e-0", "e-")
    usual = Policy()
    try:
        policy = Policy(otp=OtpPolicy(digits=digits), limits=Limits(code_failures=Limit(name="code-failures", count=count, per=timedelta(days=365))))
    except errors.ConfigurationError:
        return f"{shown_chance}, refused"
    return f"{shown_chance}, the default" if policy == usual else shown_chance


def codes() -> str:
    """Settings of one-time codes."""
    return settings("otp", OtpPolicy())


def limits() -> str:
    """Settings of limits."""
    return settings("limits", Limits())


def courier() -> str:
    """Settings of the courier."""
    return settings("courier", CourierPolicy())


def passwords() -> str:
    """Settings of passwords."""
    return settings("password", PasswordRules())


def breaches() -> str:
    """Settings of the breach check."""
    return settings("breaches", BreachPolicy())


def hashing() -> str:
    """Profiles of password hashing."""
    explained = attribute_docstrings(import_module("credkit.passwords.hasher"), None)
    profiles = (("RFC_9106_LOW_MEMORY", RFC_9106_LOW_MEMORY), ("OWASP_MINIMUM", OWASP_MINIMUM))
    return table(("profile", "parameters", "meaning and source"), [(f"`{name}`", shown(profile), prose(explained[name])) for name, profile in profiles])


def kit() -> str:
    """The other settings of a policy."""
    return settings("", Policy(), leave_out=("otp", "password", "breaches", "limits", "courier"))


def fixed() -> str:
    """Numbers that are no settings."""
    rows = [(what, shown(getattr(import_module(home), constant)), why) for home, constant, what, why in FIXED]
    return table(("what", "value", "why"), rows)


def settings(part: str, policy: object, leave_out: Sequence[str] = ()) -> str:
    """Return a table of a policy's settings with their defaults. A setting without a source here ends the run, and so the test."""
    assert is_dataclass(policy)
    explained = attribute_docstrings(inspect.getmodule(type(policy)), type(policy).__name__)
    names = [field.name for field in fields(policy) if field.name not in leave_out]
    rows = [
        (f"`{'.'.join(filter(None, ('Policy', part, name)))}`", shown(getattr(policy, name)), MEANINGS.get(name) or prose(explained[name]), SOURCES[name])
        for name in names
    ]
    return table(("setting", "default", "meaning", "source"), rows)


MEANINGS: Final = {
    "digits": "Length of a code.",
    "lifetime": "How long a code lives.",
    "weaker_than_the_floor": "Whether the floors may be gone below. It has to be said aloud, so that it can be searched for.",
    "shortest": "Least length of a new password, in code points after normalisation.",
    "begins": "Journeys begun with one typed identifier, for each purpose; seen.",
    "network_begins": "Journeys begun and codes sent again from one network key; seen.",
    "code_guesses": "Wrong codes for one typed identifier, over all purposes; seen.",
    "code_failures": "Wrong codes for one credential, over all tickets and identifiers; silent.",
    "nobody_failures": "Wrong codes for one identifier that nobody signs in with, at sign-up or on a ticket that is nobody's; silent.",
    "sends_hour": "Codes to one destination; silent.",
    "sends_day": "Codes to one destination; silent.",
    "account_sends": "Codes to one credential, over all its destinations; silent.",
    "password_failures": "Wrong passwords for one credential, at sign-in and at password change; silent at sign-in.",
    "grant_lifetime": "How long a grant lives.",
    "password_history": "Passwords before the current one that a new one must differ from; each costs one more hash at every change, and a stored hash.",
}
"""Where the docstring in the code speaks to its maintainers."""

SOURCES: Final = {
    "digits": "8: arithmetic above, OWASP Multifactor cheat sheet. Floor 6: NIST SP 800-63B-4 3.1.3.2, ASVS 6.5",
    "comparisons": "OWASP Multifactor cheat sheet (strict limits); floor 1, ceiling 10",
    "lifetime": "NIST SP 800-63B-4 3.1.3.2, ASVS 6.5.5: at most 10 minutes",
    "resend_pauses": "usability, and guides on SMS pumping; floor 30 s",
    "repeat": "own: a double click and a lost reply fit in; ceiling 60 s",
    "weaker_than_the_floor": "own",
    "begins": "own: three times the sends of a day, so that it never hides that limit",
    "network_begins": "guides on SMS pumping",
    "code_guesses": "own: ten tickets' worth",
    "code_failures": "arithmetic above",
    "nobody_failures": "arithmetic above; a day, so that strangers' junk leaves no year records",
    "sends_hour": "OWASP Forgot Password cheat sheet, guides on SMS pumping",
    "sends_day": "OWASP Forgot Password cheat sheet, guides on SMS pumping",
    "account_sends": "guides on SMS pumping",
    "password_guesses": "own number for what NIST SP 800-63B-4 3.2.2 and ASVS 6.3.1 ask",
    "password_failures": "NIST SP 800-63B-4 3.2.2: at most 100 in a row",
    "network_passwords": "own number for what the OWASP Credential Stuffing cheat sheet asks",
    "shortest": "NIST SP 800-63B-4 3.1.1.2: 15 where the password is the only factor",
    "always_with_second_factor": "NIST SP 800-63B-4 3.1.1.2: 8 beside a second factor",
    "notifier_timeout": "own: set it to your provider's",
    "spread": "own: hides the work after the answer",
    "settles": "own: longer than any call takes",
    "longest_wait": "own",
    "grant_lifetime": "OWASP Forgot Password cheat sheet (a limited session); as long as a code",
    "grant_tries": "own: enough to find an acceptable password",
    "password_history": "own: no standard asks for it; ceiling 10, about a second of hashing",
    "gate": "memory: 256 MiB a process at most; ASVS 15.2.2",
    "on_failure": "NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.12 leave it open",
    "at_least": "NIST SP 800-63B-4 3.1.1.2; ASVS 6.2.12",
    "gate_queue": "own: some seconds of waiting",
}

FIXED: Final = (
    ("credkit.keys", "KEY_BYTES", "bytes of a key, at least", "256 bits; NIST SP 800-63B-4 3.2.12 asks for 112"),
    (
        "credkit.passwords.normalization",
        "LONGEST_PASSWORD",
        "code points of a password, at most",
        "NIST SP 800-63B-4 3.1.1.2 asks for 64 at least; never cut off",
    ),
    ("credkit.context", "SHOWN_CHARACTERS", "characters of `device` and `place`", "strangers choose them, and official messages show them"),
    ("credkit.credential", "MARKS", "changes of one credential in 30 days", "one more is refused, as its owner could be left untold"),
    ("credkit.flows.transaction", "ATTEMPTS", "tries of a commit before `Busy`", "64 writers of one record all get through"),
    ("credkit.flows.challenges", "_RETENTION", "an ended ticket or grant is kept for", 'its page hears "expired", not "unknown"'),
    ("credkit.policy", "HIGHEST_CHANCE", "yearly chance of a policy, at most", "arithmetic above"),
    ("credkit.delivery", "AT_ONCE", "messages of one in-process delivery", "overdue ones are taken along"),
    ("credkit.delivery", "SWEEP_SECONDS", "seconds between two looks of a process", "for what failed, and for what a dead process left"),
    ("credkit.delivery", "DRAIN_SECONDS", "seconds that `close` waits", "what is left stays due"),
)


def shown(value: object) -> str:
    """Return a default as a page shows it."""
    match value:
        case Limit():
            return f"{value.count:,} in {shown(value.per)}"
        case HashingProfile():
            return f"{value.memory_kib} KiB, {value.passes} passes, {value.lanes} {'lane' if value.lanes == 1 else 'lanes'}"
        case timedelta():
            return _span(value)
        case tuple():
            return ", ".join(map(shown, value))
        case str():
            return f"`{value}`"
        case bool() | None:
            return {True: "yes", False: "no", None: "none"}[value]
        case float() if value < 1:
            return f"{value:.0e}".replace("e-0", "e-")
        case float():
            return f"{value:g}"
        case _:
            return f"{value:,}"


def _span(span: timedelta) -> str:
    for unit, size in (("days", timedelta(days=2)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=15)), ("s", timedelta(seconds=1))):
        one = {"days": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1), "s": timedelta(seconds=1)}[unit]
        if span >= size and span % one == timedelta(0):
            return f"{span // one} {unit}"
    return f"{span.total_seconds():g} s"


def attribute_docstrings(module: Any, owner: str | None) -> dict[str, str]:
    """Return the strings that stand under the assignments of a class, or of the module itself."""
    body = ast.parse(inspect.getsource(module)).body
    if owner is not None:
        (body,) = [node.body for node in body if isinstance(node, ast.ClassDef) and node.name == owner]
    found: dict[str, str] = {}
    for node, after in pairwise(body):
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found[target.id] = after.value.value
    return found


# What is stored --------------------------------------------------------------------------------------------------------


def inventory() -> str:
    """Every stored field. A field without a line here ends the run, and so the test; so does a line without a field."""
    parts: list[str] = []
    for owner, purposes in INVENTORY.items():
        names = stored_fields(owner)
        assert set(names) == set(purposes), f"{owner.__name__}: {set(names) ^ set(purposes)}"
        rows = [(f"`{name}`", *purposes[name]) for name in names]
        parts.append(f"**{NAMES.get(owner, owner.__name__)}**, kept {RETENTION[owner]}.\n\n" + table(("field", "class", "purpose"), rows))
    return "\n".join(parts)


def stored_fields(owner: type) -> list[str]:
    """Return the fields of a stored value."""
    assert is_dataclass(owner)
    return ["kind", *(f.name for f in fields(owner))] if owner is EmailAddress else [f.name for f in fields(owner)]


NAMES: Final[Mapping[type, str]] = {EmailAddress: "Identifier"}

_CARRIED: Final = ("state", "Fields that a newer release wrote, kept for it while both run.")
_OUTBOX: Final = {
    "id": ("state", "Names the message; the provider's idempotency key."),
    "at": ("state", "When it was asked for or done, for its text."),
    "device": ("shown", "From what, as the host says, for its text."),
    "place": ("shown", "From where, as the host says, for its text."),
    "locale": ("shown", "Language of its text."),
    "attempts": ("state", "Deliveries begun; spaces out the next."),
    "carried": _CARRIED,
}

INVENTORY: Final[Mapping[type, Mapping[str, tuple[str, str]]]] = {
    Record: {
        "key": ("state", "Names the record; identifiers and network keys only as an HMAC under the index keys."),
        "kind": ("state", "Which of the values below the payload is, and of which site."),
        "version": ("state", "63 random bits; tells whether the record has moved."),
        "payload": ("state", "One of the values below, as JSON."),
        "expires_at": ("state", "From when the store may forget it."),
        "due_at": ("state", "From when the courier looks at it."),
    },
    EmailAddress: {
        "kind": ("personal", "Email address or phone number."),
        "entered": ("personal", "As its owner typed it: where mail is sent, and what is shown."),
        "canonical": ("personal", "The form that is compared."),
    },
    Challenge: {
        "id": ("state", "Names the ticket."),
        "purpose": ("state", "The journey; worth nothing in another."),
        "secret_digest": ("digest", "SHA-256 of the ticket's 256-bit secret."),
        "session_digest": ("digest", "SHA-256 of the host's session key, if it gave one."),
        "identifier": ("personal", "What was typed; finds the owner, and counts."),
        "label": ("shown", "Three characters on the page and in the message."),
        "begun_at": ("state", "When the journey began."),
        "resend_at": ("state", "From when it may be sent again."),
        "resends": ("state", "How often it was sent again."),
        "tries_left": ("state", "Comparisons left."),
        "issue": ("state", "The newest code; see below."),
        "binding": ("personal", "Whose it is; see below."),
        "verified_at": ("state", "When the right code came."),
        "grant_id": ("state", "The grant it earned."),
        "carried": _CARRIED,
    },
    Issue: {
        "number": ("state", "Which code of the ticket; an older one is not sent any more."),
        "key_id": ("state", "Which key the code follows from."),
        "nonce": ("state", "Makes the derivation unlike any other."),
        "c": ("state", "Uniform random; the code is this plus an HMAC, and says nothing without the key."),
        "digits": ("state", "Length of the code."),
        "issued_at": ("state", "From when it lives."),
        "expires_at": ("state", "Until when."),
        "over": ("state", "Seen expired; stays so if a clock goes back."),
    },
    Binding: {
        "destination": ("personal", "The stored identifier that the code goes to."),
        "credential_id": ("personal", "Whose code it is; none for a sign-up."),
        "generation": ("state", "State of the credential when the code was sent; a later one ends it."),
    },
    GrantRecord: {
        "id": ("state", "Names the grant and the change it allows."),
        "purpose": ("state", "The journey; worth nothing in another."),
        "key_id": ("state", "Which key the secret follows from."),
        "nonce": ("state", "Makes the derivation unlike any other."),
        "identifier": ("personal", "Whose code was right."),
        "credential_id": ("personal", "Whose password may be set; none for a sign-up."),
        "generation": ("state", "State of the credential; a later one ends the grant."),
        "session_digest": ("digest", "SHA-256 of the host's session key, if it gave one."),
        "begun_at": ("state", "From when it lives."),
        "expires_at": ("state", "Until when."),
        "tries_left": ("state", "Passwords that may still be proposed."),
        "by_password": ("state", "Whether the right password earned it, and no code."),
        "carried": _CARRIED,
    },
    Tally: {
        "buckets": ("state", "How many uses in which span of time."),
        "last_at": ("state", "The newest use."),
        "cleared": ("state", "How often the count has begun anew."),
        "carried": _CARRIED,
    },
    CodeDue: _OUTBOX
    | {
        "challenge_id": ("state", "Whose code to send; the code itself is not here."),
        "number": ("state", "Which code of it."),
    },
    NoticeDue: _OUTBOX
    | {
        "kind": ("state", "What to tell."),
        "to": ("personal", "A verified identifier of the credential."),
        "credential_id": ("personal", "Whose change it was."),
        "accounts": ("personal", "The host's accounts it concerns."),
    },
    Intent: _OUTBOX
    | {
        "kind": ("state", "What to tell, once the change is seen to have been made."),
        "credential_id": ("personal", "Whose change it is."),
        "accounts": ("personal", "The host's accounts it concerns."),
        "destinations": ("personal", "Every verified identifier, all to be told."),
    },
    Credential: {
        "id": ("personal", "Names the credential; opaque."),
        "identifiers": ("personal", "What its owner signs in with; see below."),
        "password_hash": ("hash", "Argon2id, keyed by the pepper if the host gives one; of an imported person as it came, until the next sign-in."),
        "preferred": ("personal", "Where codes go."),
        "accounts": ("personal", "The host's accounts it signs in to."),
        "session_epoch": ("state", "Moves when sessions end."),
        "generation": ("state", "Moves with every security-relevant change and ends older proofs."),
        "marks": ("state", "Recent changes, so that none is made or told twice; see below."),
        "locale": ("personal", "Language of messages to its owner."),
        "disabled": ("state", "Whether the host has shut it."),
        "compromised": ("state", "Whether others may know the password, so that it signs nobody in."),
        "earlier_hashes": ("hash", "Of the passwords before, as many as the policy remembers; none by default."),
        "version": ("state", "Tells whether the row has moved."),
    },
    Registered: {
        "identifier": ("personal", "One of them."),
        "standing": ("state", "How far it is known to be its owner's."),
        "verified_at": ("state", "Since when."),
    },
    Mark: {
        "change_id": ("state", "Random name of a change."),
        "at": ("state", "When it was made."),
    },
}

_SHORT: Final = "until 30 minutes after the newest code of its ticket ends"
_OWNER: Final = "as long as its credential"
RETENTION: Final[Mapping[type, str]] = {
    Record: "as long as its payload",
    EmailAddress: "as long as what holds it",
    Challenge: _SHORT,
    Issue: _SHORT,
    Binding: _SHORT,
    GrantRecord: "until 30 minutes after it ends",
    Tally: "for the span of its limit and a 24th, from its newest use",
    CodeDue: f"until it is sent or concerns nobody, else {_SHORT}",
    NoticeDue: "until it is sent, or its notifier gives it up for good",
    Intent: "until it is settled",
    Credential: "until the host deletes it",
    Registered: _OWNER,
    Mark: "for 30 days, and then until the next change",
}

# Contracts -------------------------------------------------------------------------------------------------------------


def kills() -> str:
    """Every test of a contract, with what it catches."""
    galleries = {contract: BROKEN[sound] for contract, sound in _SOUND.items()}
    rows = [
        (f"`{contract.__name__.removeprefix('Async')}`", name.removeprefix("test_").replace("_", " "), f"`{caught}`", _told(galleries[contract], caught))
        for contract in galleries
        for name, caught in contract_kills(contract).items()
    ]
    return table(("contract", "test", "catches", "which"), rows)


def _told(gallery: Iterable[type], name: str) -> str:
    (kind,) = [kind for kind in gallery if kind.__name__ == name]
    text = prose(kind.__doc__).rstrip(".")
    return text[:1].lower() + text[1:]


_SOUND: Final[Mapping[type, type]] = {
    AsyncRecordStoreContract: SoundRecords,
    AsyncCredentialStoreContract: SoundCredentials,
    AsyncNotifierContract: SoundNotifier,
    AsyncHashingContract: SoundHashing,
    AsyncBreachListContract: SoundBreaches,
}

# The run ---------------------------------------------------------------------------------------------------------------

TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "reasons": reasons,
    "findings": findings,
    "moves": moves,
    "trouble": trouble,
    "chances": chances,
    "codes": codes,
    "breaches": breaches,
    "limits": limits,
    "passwords": passwords,
    "hashing": hashing,
    "courier": courier,
    "kit": kit,
    "fixed": fixed,
    "inventory": inventory,
    "kills": kills,
}


def main() -> None:
    """Rewrite every page whose tables differ, and say which."""
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        after = rewritten(text)
        if after != text:
            page.write_text(after, encoding="utf-8")
            print(f"rewritten: {page.name}")


if __name__ == "__main__":
    main()
