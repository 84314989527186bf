"""Write the tables of these pages that follow from the code, so that they cannot say anything else.

``python docs/generate.py`` rewrites them in place; `test_tables.py` fails where a page differs from what would be written. A table
stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``.
"""

from __future__ import annotations

import ast
import inspect
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from runpy import run_path
from typing import Any, Final

from credkit import Context, errors, events
from credkit.approvals import TRANSITIONS, Approval, ApprovalPolicy, Event, State, Step, moved
from credkit.breaches import BreachPolicy
from credkit.budgets import Delays, Limit, Tally
from credkit.chances import guess_probability, spray_probability
from credkit.credential import Credential, Mark, Registered
from credkit.edits import AddIdentifier, ChangeIdentifier, Edit, HostChange, Prefer, RemoveIdentifier, SetPassword, Shown, edit_fields
from credkit.grants import GrantRecord
from credkit.history import Dispute, Entry, History, Hold, UndoPolicy
from credkit.identifiers import EmailAddress, parse_identifier
from credkit.messages import Message, MessageKind
from credkit.otp import Binding, Challenge, Issue, Link, OtpPolicy, Rung
from credkit.outbox import ApprovalDue, CodeDue, DisputeDue, EventDue, Intent, NoticeDue, ReminderDue
from credkit.passwords import OWASP_MINIMUM, RFC_9106_LOW_MEMORY, HashingProfile, PasswordRules
from credkit.payloads import from_payload
from credkit.policy import CourierPolicy, Limits, Policy
from credkit.ports import Committed, Record, Write
from credkit.sealing import sealed
from credkit.site import Site
from credkit.sms import SmsPolicy
from credkit.stores.memory import MemoryStores
from credkit.stores.sqlalchemy import SqlStores
from credkit.testing import TestWorld, kit_for_tests
from credkit.testing.broken import BROKEN
from credkit.testing.broken.breaches import SoundBreaches
from credkit.testing.broken.credentials import SoundCredentials
from credkit.testing.broken.hashing import SoundHashing
from credkit.testing.broken.notifiers import SoundNotifier
from credkit.testing.broken.observers import SoundObserver
from credkit.testing.broken.records import SoundRecords
from credkit.testing.contracts import (
    AsyncBreachListContract,
    AsyncCredentialStoreContract,
    AsyncHashingContract,
    AsyncNotifierContract,
    AsyncRecordStoreContract,
    ObserverContract,
)
from credkit.testing.contracts._kills import kills as contract_kills
from credkit.testing.fakes import START
from credkit.testing.kits import keys_for_tests

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


# Messages --------------------------------------------------------------------------------------------------------------


def messages() -> str:
    """Every kind of message, with its subject and whether a code or a link is in it."""
    assert set(MESSAGES) == set(MessageKind)
    site = Site(name="Example", url="https://example.com", support="help@example.com")
    to = parse_identifier(ADA)
    subjects = {kind: Message(id="", kind=kind, to=to, site=site, at=START).subject for kind in MessageKind}
    return table(("kind", "subject", "when, and to whom", "holds"), [(f"`{kind}`", subjects[kind], *MESSAGES[kind]) for kind in MessageKind])


_EVERYBODY: Final = "every verified identifier"
MESSAGES: Final[Mapping[MessageKind, tuple[str, str]]] = {
    MessageKind.SIGN_UP_CODE: ("a sign-up; the identifier typed", "a code"),
    MessageKind.RESET_CODE: ("a reset; the verification method", "a code"),
    MessageKind.SIGN_IN_CODE: ("a sign-in by code; the verification method", "a code"),
    MessageKind.ALREADY_REGISTERED: ("a sign-up with an identifier in use; that identifier", ""),
    MessageKind.PASSWORD_RESET: (f"a reset is complete; {_EVERYBODY}", ""),
    MessageKind.PASSWORD_CHANGED: (f"a password change; {_EVERYBODY}", ""),
    MessageKind.PASSWORD_COMPROMISED: (f"a mark by the host; {_EVERYBODY}", ""),
    MessageKind.RESET_LINK: ('a reset, with `Policy(reset_by="link")`; the verification method', "a link"),
    MessageKind.IDENTIFIER_CODE: ("a new identifier in an edit window; that identifier", "a code"),
    MessageKind.UNDO_CODE: ("an undo; an identifier that no change touched", "a code"),
    MessageKind.SETTINGS_REQUEST: ("somebody asks to change settings; the verification method", "a link to approve or deny"),
    MessageKind.SETTINGS_APPROVED: (f"an approval; {_EVERYBODY}", ""),
    MessageKind.SETTINGS_DENIED: (f"a denial; {_EVERYBODY}", ""),
    MessageKind.SETTINGS_CHANGED: (
        f"a change in an edit window; {_EVERYBODY} of before and after",
        "a link to undo; not after `lost_control`, nor for fields of the host's",
    ),
    MessageKind.SESSIONS_ENDED: (f'"it was not me"; {_EVERYBODY}', ""),
    MessageKind.CHANGES_UNDONE: (f"an undo; {_EVERYBODY} of before and after", ""),
    MessageKind.UNDO_DISPUTED: ("a dispute; everybody concerned", "a link to object, while that may be"),
    MessageKind.UNDO_CONTESTED: ("an objection; everybody concerned", ""),
    MessageKind.SIGN_IN_NAMES: ("a reminder; the identifier typed", ""),
}

# Numbers ---------------------------------------------------------------------------------------------------------------


def chances() -> str:
    """What guessing may succeed with in a year, and what a policy says to it."""
    rows = []
    for digits in range(6, 11):
        policy = Policy(otp=OtpPolicy(digits=digits))
        steps = ", then ".join(f"{rung.digits} digits up to {rung.failures:,}" for rung in policy.otp.rungs)
        rows.append((f"{digits}{', the default' if policy == Policy() else ''}", f"{steps}, then letters", small(guess_probability(policy))))
    return table(("`OtpPolicy.digits`", "compared while the wrong codes of 365 days are fewer", "chance in a year"), rows)


def sprays() -> str:
    """What guesses at many sign-ins come to in a day."""
    rows = [
        (f"{accounts:,}", str(each), *(_sprayed(digits, accounts, each, longer=longer) for digits, longer in ((6, False), (8, False), (8, True))))
        for accounts, each in ((10_000, 1), (100_000, 3), (1_000_000, 1), (1_000_000, 5), (10_000_000, 5))
    ]
    return table(("sign-ins", "guesses at each", "6 digits", "8 digits", "8 digits, longer once the site has noticed"), rows)


def _sprayed(digits: int, accounts: int, each: int, *, longer: bool) -> str:
    spray = spray_probability(Policy(otp=OtpPolicy(digits=digits)), accounts=accounts, guesses_each=each, days=1, longer=longer)
    return f"{small(spray.hits)} hits, {spray.chance:.2%}"


def small(number: float) -> str:
    """Return a number in two digits."""
    return f"{number:.1e}".replace("e-0", "e-") if number < 0.1 else f"{number:.2g}"


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


def approvals() -> str:
    """Settings of approvals."""
    return settings("approvals", ApprovalPolicy())


def undoing() -> str:
    """Settings of undo."""
    return settings("undo", UndoPolicy())


def text_messages() -> str:
    """Settings of text messages: two of them have no default."""
    return settings("sms", SmsPolicy(regions=frozenset({"US"}), per_day="uncapped"), to_be_given=("regions", "per_day"))


def hashing() -> str:
    """Profiles of password hashing."""
    explained = attribute_docstrings(import_module("credkit.passwords.hasher"), None)
    profiles = (("RFC_9106_LOW_MEMORY", RFC_9106_LOW_MEMORY), ("OWASP_MINIMUM", OWASP_MINIMUM))
    return table(("profile", "parameters", "meaning and source"), [(f"`{name}`", shown(profile), prose(explained[name])) for name, profile in profiles])


def kit() -> str:
    """The other settings of a policy."""
    return settings("", Policy(), leave_out=("otp", "password", "breaches", "limits", "courier", "approvals", "undo", "sms"))


def fixed() -> str:
    """Numbers that are no settings."""
    rows = [(what, shown(getattr(import_module(home), constant)), why) for home, constant, what, why in FIXED]
    return table(("what", "value", "why"), rows)


def settings(part: str, policy: object, leave_out: Sequence[str] = (), to_be_given: Sequence[str] = ()) -> str:
    """Return a table of a policy's settings with their defaults. A setting without a source here ends the run, and so the test."""
    assert is_dataclass(policy)
    explained = attribute_docstrings(inspect.getmodule(type(policy)), type(policy).__name__)
    names = [field.name for field in fields(policy) if field.name not in leave_out]
    paths = {name: ".".join(filter(None, (part, name))) for name in names}
    defaults = {name: "to be given" if name in to_be_given else shown(getattr(policy, name)) for name in names}
    rows = [(f"`Policy.{path}`", defaults[name], MEANINGS.get(path) or prose(explained[name]), SOURCES[path]) for name, path in paths.items()]
    return table(("setting", "default", "meaning", "source"), rows)


MEANINGS: Final = {
    "otp.digits": "Length of a code.",
    "otp.lifetime": "How long a code lives.",
    "otp.weaker_than_the_floor": "Whether the floors may be gone below. It has to be said aloud, so that it can be searched for.",
    "password.shortest": "Least length of a new password, in code points after normalisation.",
    "limits.begins": "Journeys begun with one typed identifier, for each purpose; seen.",
    "limits.network_begins": "Journeys begun and codes sent again from one network key; seen.",
    "otp.ladder": "Longer codes as wrong ones of a year add up; after the last, twelve letters.",
    "otp.site_alarm": "Wrong codes of the whole site in an hour from which on the observer is told.",
    "otp.link_from": "Which message to one destination within an hour or a day also carries a link, if it is an email about a reset.",
    "otp.link_lifetime": "How long such a link works.",
    "limits.site_failures": "Wrong codes at the whole site, from which on new codes are a rung longer; counted late, and no limit.",
    "limits.sends_hour": "Codes to one destination; silent.",
    "limits.sends_day": "Codes to one destination; silent.",
    "limits.account_sends": "Codes to one credential, over all its destinations; silent.",
    "limits.device_sends": "Codes to one credential beside these, when strangers have used them up, for whoever asks on a known device; silent.",
    "limits.password_guesses": "Wrong passwords with one typed identifier, or from one known device; seen.",
    "limits.password_failures": "Wrong passwords for one credential; silent at sign-in, and no stop for a known device. Counted \
apart for whoever is signed in, and for whoever holds an undo link.",
    "grant_lifetime": "How long a grant lives.",
    "limits.approvals": "Requests to change settings of one credential; seen, by whoever is signed in.",
    "limits.strangers": 'Requests of one session that were "not me"; seen. At this count it may ask no more.',
    "approvals.lifetime": "How long the owner may take to answer; at most a day.",
    "approvals.approved": "How long the asking session may take to open the window after that; at most 30 minutes.",
    "approvals.window": "How long the window stays open; at most an hour.",
    "approvals.other_channels": "Whether the asking session may choose another verified identifier to send the link to. It also lets a thief choose.",
    "undo.lifetime": "How long an undo link works, from the first delivery that a notifier accepted.",
    "undo.undelivered": "How long it works from the change at the most, however late it was delivered.",
    "password_history": "Passwords before the current one that a new one must differ from; each costs one more hash at every change, and a stored hash.",
}
"""Where the docstring in the code speaks to its maintainers."""

SOURCES: Final = {
    "otp.digits": "8: arithmetic above, OWASP Multifactor cheat sheet. Floor 6: NIST SP 800-63B-4 3.1.3.2, ASVS 6.5",
    "otp.comparisons": "OWASP Multifactor cheat sheet (strict limits); floor 1, ceiling 10",
    "otp.lifetime": "NIST SP 800-63B-4 3.1.3.2, ASVS 6.5.5: at most 10 minutes",
    "otp.resend_pauses": "usability, and guides on SMS pumping; floor 30 s",
    "otp.repeat": "own: a double click and a lost reply fit in; ceiling 60 s",
    "otp.weaker_than_the_floor": "own",
    "limits.begins": "own: three times the sends of a day, so that it never hides that limit",
    "limits.network_begins": "guides on SMS pumping",
    "otp.ladder": "arithmetic above",
    "otp.site_alarm": "own number: a quarter of what makes codes longer",
    "otp.link_from": "own: more than an owner asks for",
    "otp.link_lifetime": "NIST SP 800-63B-4 4.2.1.2: 24 hours by email",
    "limits.site_failures": "own number: a year of it is a chance of 10 % to hit anybody at 8 digits",
    "limits.sends_hour": "OWASP Forgot Password cheat sheet, guides on SMS pumping",
    "limits.sends_day": "OWASP Forgot Password cheat sheet, guides on SMS pumping",
    "limits.account_sends": "guides on SMS pumping",
    "limits.device_sends": "own: a sign-in and a reset a day, and one more",
    "limits.password_guesses": "NIST SP 800-63B-4 3.2.2 (waits that grow, 30 s to an hour), ASVS 6.3.1",
    "limits.password_failures": "NIST SP 800-63B-4 3.2.2: at most 100 in a row",
    "limits.network_passwords": "own number for what the OWASP Credential Stuffing cheat sheet asks",
    "password.shortest": "NIST SP 800-63B-4 3.1.1.2: 15 where the password is the only factor",
    "password.always_with_second_factor": "NIST SP 800-63B-4 3.1.1.2: 8 beside a second factor",
    "courier.notifier_timeout": "own: set it to your provider's",
    "courier.spread": "own: hides the work after the answer",
    "courier.settles": "own: longer than any call takes",
    "courier.longest_wait": "own",
    "limits.approvals": "own: more than a person needs, few enough to be no nuisance",
    "limits.strangers": "own: once may be a mistake",
    "approvals.lifetime": "as long as a code: NIST SP 800-63B-4 3.1.3.2, ASVS 6.5.5",
    "approvals.approved": "own: as long as the question",
    "approvals.window": "own: time for a form and two codes",
    "approvals.match_digits": "NIST SP 800-63B-4 3.1.3: the claimant transfers a secret, and does not compare or pick one; floor 4, ceiling 8",
    "approvals.match_tries": "own; floor 1, ceiling 5",
    "approvals.without_match_code": "own: what a scanner cannot do has to be asked for",
    "approvals.other_channels": "own",
    "approvals.poll": "OpenID CIBA 7.3 and 11: 5 seconds, and 5 more for whoever is too fast",
    "approvals.cooling_off": "MAS, 12 hours for a new token; 0 to 7 days",
    "approvals.freeze_after_not_me": "own; 0 to 7 days",
    "undo.lifetime": "own: a weekend; an hour to 30 days",
    "undo.undelivered": "own: a provider's outage, or a holiday; an hour to 30 days",
    "undo.dispute": "own: a day, so that everybody concerned looks at their mail once; an hour to 30 days",
    "undo.after_undo": "own; 0 to 30 days",
    "sms.regions": 'ASVS 6.6, guides on SMS pumping; `"anywhere"` has to be said',
    "sms.per_day": 'guides on SMS pumping; `"uncapped"` has to be said',
    "sms.alarm_from": "own: fewer say nothing",
    "sms.alarm_below": "own, for guides on SMS pumping: people type most of their codes",
    "sms.voip": "ASVS 6.6; NIST SP 800-63B-4 leaves it open",
    "sms.stale_after": "own, for NIST SP 800-63B-4 3.1.3.3: numbers are given to other people; floor 30 days",
    "reset_by": "own: a code is typed on the page that asked, a link opens where the mail is read",
    "sign_in_by_code": "own: a code by mail or text message is a weak factor, so it has to be asked for",
    "grant_lifetime": "OWASP Forgot Password cheat sheet (a limited session); as long as a code",
    "grant_tries": "own: enough to find an acceptable password",
    "device_lifetime": "own; NIST SP 800-63B-4 5: it is no authenticator; 1 to 366 days",
    "password_history": "own: no standard asks for it; ceiling 10, about a second of hashing",
    "audit": "ASVS 16.5.3; OWASP Logging cheat sheet: a failing log stops nobody and opens nothing",
    "gate": "memory: 256 MiB a process at most; ASVS 15.2.2",
    "breaches.on_failure": "NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.12 leave it open",
    "breaches.at_least": "NIST SP 800-63B-4 3.1.1.2; ASVS 6.2.12",
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
    (
        "credkit.credential",
        "MARKS",
        "changes of one credential in 30 days",
        "one more is refused, as its owner could be left untold; a reset by code, an undo and the end of sessions are not",
    ),
    ("credkit.credential", "CONFIRMED_FOR", "a sign-in by code dates its identifier anew after", "so that it writes no more than once in that time"),
    ("credkit.flows.transaction", "ATTEMPTS", "tries of a commit before `Busy`", "64 writers of one record all get through"),
    ("credkit.flows.challenges", "RETENTION", "an ended ticket or grant is kept for", 'its page hears "expired", not "unknown"'),
    ("credkit.flows.approvals", "_MOST_EDITS", "changes that one request names, at most", "as many as a person reads"),
    ("credkit.flows.account_settings", "_MOST_STEPS", "codes to new identifiers in one window, at most", "a window is no way to send mail to strangers"),
    ("credkit.flows.approvals", "_RETENTION", "a request is kept after its last possible end for", "its pages hear what became of it"),
    ("credkit.flows.histories", "MEMORY", "what undo needs is kept after the last change for", "longer than any span of a policy"),
    ("credkit.edits", "LONGEST_SHOWN", "characters of a value as shown", "longer ones are shortened in the middle, with part of a digest"),
    ("credkit.edits", "LONGEST_HOST_VALUE", "characters of a host's own value in a request", "a record stays small"),
    ("credkit.otp", "HIGHEST_CHANCE", "yearly chance of a policy, at most", "arithmetic above"),
    ("credkit.delivery", "AT_ONCE", "messages of one in-process delivery", "overdue ones are taken along"),
    ("credkit.delivery", "SWEEP_SECONDS", "seconds between two looks of a process", "for what failed, and for what a dead process left"),
    ("credkit.delivery", "DRAIN_SECONDS", "seconds that `close` waits", "what is left stays due"),
)


def shown(value: object) -> str:
    """Return a default as a page shows it."""
    match value:
        case Limit():
            return _limit(value)
        case Rung():
            return f"{value.digits} digits up to {value.failures:,}"
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


def _limit(limit: Limit) -> str:
    if isinstance(limit, Delays):
        return f"{limit.count:,} free in {shown(limit.per)}, then a wait of {shown(limit.first)} that doubles to {shown(limit.longest)}"
    return f"{limit.count:,}{' in a row' if limit.consecutive else ''} in {shown(limit.per)}"


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


# Events ----------------------------------------------------------------------------------------------------------------


def audit_events() -> str:
    """Every kind of event: which call tells it, and what it is called elsewhere."""
    explained = attribute_docstrings(events, "EventKind")
    rows: list[tuple[str, ...]] = []
    for kind in events.EventKind:
        told_by = prose(explained.get(kind.name)) if kind.call is None else f"`kit.{kind.call}`"
        rows.append((f"`{kind}`", told_by, *(f"`{_owasp(kind, outcome)}`" for outcome in (events.Outcome.SUCCESS, events.Outcome.REFUSED))))
    return table(("event", "told by", "success", "refused"), rows)


def owasp_reasons() -> str:
    """Every reason that has a word of its own in the OWASP vocabulary."""
    words = {r: {_owasp(kind, events.Outcome.REFUSED, r) for kind in events.EventKind} for r in errors.Reason}
    alone = {r: word for r, (word, *others) in words.items() if not others}
    return table(
        ("OWASP vocabulary", "reasons"), [(f"`{word}`", ", ".join(f"`{r}`" for r in alone if alone[r] == word)) for word in sorted(set(alone.values()))]
    )


def _owasp(kind: events.EventKind, outcome: events.Outcome, reason: errors.Reason | None = None) -> str:
    return events.owasp_name(events.Event(id="", kind=kind, outcome=outcome, at=START, site="", reason=reason))


def causes() -> str:
    """Every true reason."""
    explained = attribute_docstrings(events, "Cause")
    return table(("cause", "meaning"), [(f"`{cause}`", prose(explained[cause.name])) for cause in events.Cause])


def event_fields() -> str:
    """What stands in an event."""
    explained = attribute_docstrings(events, "Event")
    return table(("field", "meaning"), [(f"`{field.name}`", prose(explained[field.name])) for field in fields(events.Event)])


# Account settings and undo ---------------------------------------------------------------------------------------------


def transitions() -> str:
    """What may follow what in a request to change settings, asked of the code that decides it."""
    rows = [(f"`{state}`", *(_cell(state, event) for event in Event)) for state in State]
    return table(("state", *(f"`{event}`" for event in Event)), rows)


def _cell(state: State, event: Event) -> str:
    try:
        after = moved(_request(state), event, START).state
    except errors.Refused as refused:
        assert (state, event) not in TRANSITIONS
        return f"refused: `{refused.reason}`"
    assert after is TRANSITIONS[state, event]
    return f"**{after}**" if after is not state else f"stays {after}"


def _request(state: State) -> Approval:
    """Return a request that stands there at the start of time."""
    destination = parse_identifier("ada@example.com")
    over = state is State.EXPIRED
    return Approval(
        id="",
        credential_id="",
        generation="",
        session_digest=None,
        ticket_digest=b"",
        destination=destination,
        edits=None,
        label="",
        device=None,
        place=None,
        key_id="",
        nonce=b"",
        c=0,
        digits=4,
        asked_at=START,
        state=State.PENDING if over else state,
        ends_at=START if over else START + timedelta(minutes=10),
        tries_left=3,
        told=(destination,),
        accounts=(),
        locale=None,
    )


ADA, NEXT, PHONE, RIGHT, OTHER = "ada@example.com", "ada@next.example", "+14155552671", "nine grey herons wade", "four loud kettles sing"
NOBODY: Final = Context.none()


def undo() -> str:
    """What a link from a notice leads to, with what beside it: each line is played, and says what came of it."""
    rows = [(beside, f"`{call}`", _played(play, policy)) for beside, call, play, policy in UNDOING]
    return table(("beside the link", "call", "what comes of it"), rows)


def _played(play: Callable[[TestWorld, str], object], policy: Policy | None) -> str:
    """Change Ada's address, let somebody use the link, and say what became of it."""
    world = kit_for_tests(policy=policy)
    credential_id = moved_away(world, new_password=play is _by_lost_password)
    link = link_of(world, MessageKind.SETTINGS_CHANGED, ADA)
    try:
        play(world, link)
    except errors.Refused as refused:
        return f"refused: `{refused.reason}`"
    credential = world.credentials.get(credential_id)
    assert credential is not None
    if credential.registered(parse_identifier(ADA)) is not None:
        return "**undone**"
    return "a dispute: all is held still" if _disputed(world, link) else "the change stays"


def _disputed(world: TestWorld, link: str) -> bool:
    """Return whether all is held still; once the host has decided, the link is void."""
    try:
        return world.kit.undo.review(link).disputed
    except errors.Refused:
        return False


def moved_away(world: TestWorld, *, new_password: bool = False) -> str:
    """Let Ada, who has an address and a phone, take another address; return her credential's id."""
    settings = world.kit.settings
    world.add(ADA, password=RIGHT)
    who = world.kit.sign_in.with_password(ADA, RIGHT, context=NOBODY).session
    for old, new in ((None, PHONE), (ADA, NEXT)):
        asked = settings.request(who, context=NOBODY)
        settings.approve(link_of(world, MessageKind.SETTINGS_REQUEST, ADA), settings.status(who, asked).match_code, context=NOBODY)
        window = settings.open(who, asked, context=NOBODY)
        add, change = settings.add_identifier, settings.change_identifier
        step = add(who, window, new, context=NOBODY) if old is None else change(who, window, old, new, context=NOBODY)
        settings.confirm_identifier(who, window, step, world.inbox.last_code(new), context=NOBODY)
        if old is not None and new_password:
            who = replace(who, session_epoch=settings.set_password(who, window, OTHER, context=NOBODY).session_epoch)
        settings.done(who, window)
        world.clock.advance(days=1 if old is None else 0)
    return who.credential_id


def link_of(world: TestWorld, kind: MessageKind, to: str) -> str:
    """Return the newest link of a kind of message to somebody."""
    return next(m.link.reveal() for m in reversed(world.inbox.to(to)) if m.kind is kind and m.link is not None)


def _by_code(world: TestWorld, link: str) -> object:
    ticket = world.kit.undo.begin(link, context=NOBODY)
    grant = world.kit.undo.verify(ticket, world.inbox.last_code(PHONE), context=NOBODY)
    return world.kit.undo.complete(link, grant=grant, context=NOBODY)


def _by_password(world: TestWorld, link: str) -> object:
    return world.kit.undo.complete(link, password=RIGHT, context=NOBODY)


def _by_lost_password(world: TestWorld, link: str) -> object:
    return _by_password(world, link)


def _dispute(world: TestWorld, link: str) -> object:
    return world.kit.undo.dispute(link, ADA, context=NOBODY)


def _silence(world: TestWorld, link: str) -> None:
    _dispute(world, link)
    world.clock.advance(Policy().undo.dispute + timedelta(minutes=1))
    world.kit.courier.run_due(limit=100)


def _contest(world: TestWorld, link: str) -> None:
    _dispute(world, link)
    world.kit.undo.contest(link_of(world, MessageKind.UNDO_DISPUTED, NEXT), NEXT, context=NOBODY)
    world.clock.advance(Policy().undo.dispute + timedelta(minutes=1))
    world.kit.courier.run_due(limit=100)


def _settle(world: TestWorld, link: str, *, restore: bool) -> None:
    (credential_id,) = {message.credential_id for message in world.inbox.to(NEXT) if message.credential_id}
    _contest(world, link)
    world.kit.admin.settle_dispute(credential_id, restore=restore, actor="support")


def _twice(world: TestWorld, link: str) -> object:
    _by_code(world, link)
    return _by_code(world, link)


def _proof_in_dispute(world: TestWorld, link: str) -> object:
    _dispute(world, link)
    return _by_code(world, link)


UNDOING: Final[Sequence[tuple[str, str, Callable[[TestWorld, str], object], Policy | None]]] = (
    ("nothing", "complete", lambda world, link: world.kit.undo.complete(link, context=NOBODY), None),
    ("a code to an identifier that no change touched", "complete", _by_code, None),
    ("a code to an identifier that a change touched", "begin", lambda world, link: world.kit.undo.begin(link, context=NOBODY, channel=1), None),
    ("the password of before, which still is the password", "complete", _by_password, None),
    ("the password of before, changed since", "complete", _by_lost_password, None),
    ("another password", "complete", lambda world, link: world.kit.undo.complete(link, password=OTHER, context=NOBODY), None),
    ("the address that the notice was sent to, typed in full", "dispute", _dispute, None),
    ("another one of theirs", "dispute", lambda world, link: world.kit.undo.dispute(link, PHONE, context=NOBODY), None),
    ("one of somebody else", "dispute", lambda world, link: world.kit.undo.dispute(link, "eve@example.com", context=NOBODY), None),
    ("in a dispute: a code to an identifier that no change touched", "complete", _proof_in_dispute, None),
    ("in a dispute: nobody objects for its whole time", "(the courier)", _silence, None),
    ("in a dispute: somebody objects in time", "contest", _contest, None),
    ("in a contested dispute: the host restores", "admin.settle_dispute", lambda world, link: _settle(world, link, restore=True), None),
    ("in a contested dispute: the host does not", "admin.settle_dispute", lambda world, link: _settle(world, link, restore=False), None),
    ("once it is undone: any proof", "complete", _twice, None),
)

# What is stored --------------------------------------------------------------------------------------------------------


def inventory() -> str:
    """Every stored field. A field without a line here ends the run, and so the test; so does a line without a field."""
    parts: list[str] = []
    for owner, purposes in INVENTORY.items():
        names = stored_fields(owner)
        assert set(names) == set(purposes), f"{owner.__name__}: {set(names) ^ set(purposes)}"
        rows = [(f"`{name}`", *purposes[name]) for name in names]
        parts.append(f"**{NAMES.get(owner, owner.__name__)}**, kept {RETENTION[owner]}.\n\n" + table(("field", "class", "purpose"), rows))
    for name, stored in small_fields().items():
        purposes, kept = SMALL[name]
        assert stored == set(purposes), f"{name}: {stored ^ set(purposes)}"
        rows = [(f"`{field}`", *purpose) for field, purpose in purposes.items()]
        parts.append(f"**{name}**, kept {kept}.\n\n" + table(("field", "class", "purpose"), rows))
    return "\n".join(parts)


def small_fields() -> dict[str, set[str]]:
    """Return the fields of what is stored and is no value with a class of its own, as they are found in what is written."""
    ada = parse_identifier(ADA)
    edits: list[Edit] = [AddIdentifier(ada), ChangeIdentifier(ada, ada), RemoveIdentifier(ada), Prefer(ada), SetPassword(), HostChange("name", "a", "b")]
    seal = from_payload(sealed({}, {}, keys_for_tests(), site="main", record_key="")).whole()
    return {"Edit": {name for edit in edits for name in edit_fields(edit)}, "Seal": {*seal} - {"format"}} | {
        kind.title(): names for kind, names in pointer_fields().items()
    }


def pointer_fields() -> dict[str, set[str]]:
    """Return the kinds of the small records that lead from one to another, with their fields, from a run that writes each."""
    known = {"approval", "budget", "challenge", "grant", "history", "outbox"}
    stores = MemoryStores()
    written: dict[str, set[str]] = {}
    commit = stores.records.commit

    def noting(checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        for record in (write.record for write in writes if write.record is not None):
            written.setdefault(record.kind.partition("/")[2], set()).update({*from_payload(record.payload).whole()} - {"format"})
        return commit(checks, writes)

    stores.records.commit = noting  # type: ignore[method-assign]
    world = kit_for_tests(records=stores.records, credentials=stores.credentials)
    moved_away(world)
    _dispute(world, link_of(world, MessageKind.SETTINGS_CHANGED, ADA))
    assert known < set(written)
    return {kind: names for kind, names in sorted(written.items()) if kind not in known}


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
        "binding": ("personal", "Whose it is; see below. While it is nobody's, what was typed stands in for it, so that neither length nor time tells."),
        "verified_at": ("state", "When the right code came."),
        "grant_id": ("state", "The grant it earned."),
        "link": ("personal", "The newest link that was sent; see below."),
        "stopped": ("state", "Whether its addressee did not ask."),
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
        "letters": ("state", "Whether the code is letters."),
    },
    Link: {
        "key_id": ("state", "Which key the link follows from."),
        "nonce": ("state", "Makes the derivation unlike any other."),
        "binding": ("personal", "Whose it is and where it went; see below."),
        "expires_at": ("state", "Until when."),
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
        "turned_down": ("personal", "Where the host's check has not let it go."),
        "known": ("personal", "The known device that asked, if one did: its id, and the credential and epoch it is known to."),
    },
    EventDue: _OUTBOX
    | {
        "change_id": ("state", "The change that the observer is to be told of."),
        "kind": ("state", "What kind of change."),
        "credential_id": ("state", "Whose."),
    },
    ReminderDue: _OUTBOX
    | {
        "typed": ("personal", "What was typed; finds the owner, if there is one."),
    },
    ApprovalDue: _OUTBOX | {"approval_id": ("state", "Which request to send; the link itself is not here.")},
    DisputeDue: _OUTBOX
    | {
        "credential_id": ("personal", "Whose changes are to be undone."),
        "dispute_id": ("state", "Unless this dispute is contested or over by then."),
    },
    NoticeDue: _OUTBOX
    | {
        "kind": ("state", "What to tell."),
        "to": ("personal", "A verified identifier of the credential."),
        "credential_id": ("personal", "Whose change it was."),
        "accounts": ("personal", "The host's accounts it concerns."),
        "shown": ("personal", "What was changed, identifiers masked; see below."),
        "link_id": ("state", "Which change its link undoes, or which dispute it contests; the token itself is not here."),
    },
    Intent: _OUTBOX
    | {
        "kind": ("state", "What to tell, once the change is seen to have been made."),
        "credential_id": ("personal", "Whose change it is."),
        "accounts": ("personal", "The host's accounts it concerns."),
        "destinations": ("personal", "Every verified identifier, all to be told."),
        "shown": ("personal", "What is changed, identifiers masked; see below."),
        "link_id": ("state", "Which change the link undoes, or which dispute it contests; the token itself is not here."),
    },
    Approval: {
        "id": ("state", "Names the request and its window."),
        "credential_id": ("personal", "Whose settings."),
        "generation": ("state", "State of the credential when it was asked; a change from elsewhere ends the request."),
        "session_digest": ("digest", "SHA-256 of the asking session's key, if the host gave one."),
        "ticket_digest": ("digest", "SHA-256 of the asking ticket's 256-bit secret."),
        "destination": ("personal", "Where the question went."),
        "edits": ("personal", "The changes asked for, or none: settings in general; see below."),
        "label": ("shown", "Three characters on the page and in the message."),
        "device": ("shown", "What asked, as the host says."),
        "place": ("shown", "From where, as the host says."),
        "key_id": ("state", "Which key link, window and match code follow from."),
        "nonce": ("state", "Makes the derivation unlike any other."),
        "c": ("state", "Uniform random; the match code is this plus an HMAC, and says nothing without the key."),
        "digits": ("state", "Length of the match code."),
        "asked_at": ("state", "When it was asked."),
        "state": ("state", "Where it stands."),
        "ends_at": ("state", "When that ends by itself."),
        "tries_left": ("state", "Match codes that may still be wrong."),
        "told": ("personal", "Whom word of the decision goes to."),
        "accounts": ("personal", "The host's accounts it concerns."),
        "locale": ("personal", "Language of messages to its owner."),
        "steps": ("personal", "New identifiers that wait for their codes; see below."),
        "authorized": ("state", "Settings of the host's that leave was given for."),
        "not_me": ("state", 'Whether its owner said "it was not me".'),
        "carried": _CARRIED,
    },
    Step: {
        "challenge_id": ("state", "Which code it waits for."),
        "identifier": ("personal", "The new one."),
        "replaces": ("personal", "The old one, if any."),
        "lost_control": ("state", "Whether the old one may be in other hands."),
    },
    Shown: {
        "what": ("shown", "What is changed."),
        "old": ("personal", "From what; an identifier masked."),
        "new": ("personal", "To what; an identifier masked."),
    },
    History: {
        "credential_id": ("personal", "Whose."),
        "entries": ("personal", "What the sign-in was before each recent change; see below."),
        "hold": ("personal", "What an undo holds back for a while; see below."),
        "frozen_until": ("state", 'Until when "it was not me" holds everything still.'),
        "dispute": ("state", "An undo that waits for objections; see below."),
        "carried": _CARRIED,
    },
    Entry: {
        "id": ("state", "Names the undo link."),
        "change_id": ("state", "Random name of the change."),
        "at": ("state", "When it was made."),
        "identifiers": ("personal", "What the owner signed in with before it."),
        "preferred": ("personal", "Where codes went before it."),
        "password_digest": ("digest", "SHA-256 of the password hash of before, to know it again; of no use for guessing without the hash."),
        "shown": ("personal", "What was changed, identifiers masked."),
        "key_id": ("state", "Which key the undo link follows from."),
        "nonce": ("state", "Makes the derivation unlike any other."),
        "delivered_at": ("state", "When a notice with the link was first accepted."),
        "lost": ("personal", "Identifiers that the change gave up as being in other hands: their links are void."),
    },
    Hold: {
        "until": ("state", "Until when."),
        "only": ("personal", "The identifiers that codes and approvals may go to."),
    },
    Dispute: {
        "id": ("state", "Names the contest link."),
        "entry_id": ("state", "Which change is to be undone."),
        "change_id": ("state", "Random name of the undo."),
        "opened_at": ("state", "When it was asked for."),
        "opened_by": ("personal", "Whose link opened it."),
        "resolves_at": ("state", "When silence undoes the change."),
        "key_id": ("state", "Which key the contest link follows from."),
        "nonce": ("state", "Makes the derivation unlike any other."),
        "contested": ("state", "Whether somebody objected."),
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

_SHORT: Final = "until 30 minutes after the newest code or link of its ticket ends"
_REQUEST: Final = "until a day after it could last do anything"
_HISTORY: Final = "for 45 days after it was written last; while an undo is in dispute, until that is settled"
_OWNER: Final = "as long as its credential"
RETENTION: Final[Mapping[type, str]] = {
    Record: "as long as its payload",
    EmailAddress: "as long as what holds it",
    Challenge: _SHORT,
    Issue: _SHORT,
    Link: _SHORT,
    Binding: _SHORT,
    GrantRecord: "until 30 minutes after it ends",
    Tally: "for the span of its limit and a 24th, from its newest use",
    CodeDue: f"until it is sent or concerns nobody, else {_SHORT}",
    EventDue: "until the observer has taken it in",
    ReminderDue: "until it is sent or concerns nobody, else for an hour",
    ApprovalDue: f"until it is sent or has been answered, else {_REQUEST}",
    DisputeDue: "until the dispute is over",
    NoticeDue: "until it is sent, or its notifier gives it up for good",
    Intent: "until it is settled",
    Approval: _REQUEST,
    Step: _REQUEST,
    Shown: "as long as what holds it",
    History: _HISTORY,
    Entry: _HISTORY,
    Hold: _HISTORY,
    Dispute: "until it is settled",
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
    ObserverContract: SoundObserver,
}
SMALL: Final[Mapping[str, tuple[Mapping[str, tuple[str, str]], str]]] = {
    "Edit": (
        {
            "type": ("state", "What kind of change."),
            "old": ("personal", "From what."),
            "new": ("personal", "To what; never a password."),
            "name": ("state", "The host's own name for it."),
        },
        _REQUEST,
    ),
    "Seal": (
        {
            "seal": ("digest", "HMAC over all of an approval or history, and over the place it lies in."),
            "seal_key": ("state", "Which key that was made with: the current one when it was written last."),
        },
        "as long as what it seals",
    ),
    "Asked": ({"approval_id": ("state", "Which request of a credential is the newest.")}, _REQUEST),
    "Poll": (
        {"at": ("state", "When the waiting page last asked."), "every": ("state", "How long it has to wait, in microseconds.")},
        _REQUEST,
    ),
    "Undo": (
        {"credential_id": ("personal", "Whose history the token of an undo or contest link is about.")},
        "for 14 days after the change; once there is a dispute, until 45 days after that would end",
    ),
}
"""What is stored and is no value with a class of its own: fields, and for how long."""

# The run ---------------------------------------------------------------------------------------------------------------


def round_trips() -> str:
    """What each step asks of the stores, counted on SQLite; a statement on PostgreSQL is a call, which the suite counts there."""
    with tempfile.TemporaryDirectory() as folder:
        steps = run_path(str(PAGES / "round_trips.py"))["measured"](stores := SqlStores.from_url(f"sqlite:///{folder}/counted.sqlite").create())
        stores.close()
    rows = [
        (name, ", ".join(f"{count} {call}" for call, count in step.calls.items()), str(sum(step.calls.values())), str(step.statements))
        for name, step in steps.items()
    ]
    return table(("step", "calls of the stores", "statements on PostgreSQL", "statements on SQLite"), rows)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "reasons": reasons,
    "findings": findings,
    "moves": moves,
    "trouble": trouble,
    "chances": chances,
    "sprays": sprays,
    "codes": codes,
    "breaches": breaches,
    "approvals": approvals,
    "undoing": undoing,
    "text-messages": text_messages,
    "transitions": transitions,
    "undo": undo,
    "limits": limits,
    "passwords": passwords,
    "hashing": hashing,
    "courier": courier,
    "kit": kit,
    "fixed": fixed,
    "inventory": inventory,
    "events": audit_events,
    "owasp-reasons": owasp_reasons,
    "causes": causes,
    "event-fields": event_fields,
    "kills": kills,
    "round-trips": round_trips,
    "messages": messages,
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
