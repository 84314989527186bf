"""Whatever a person, a browser or a broken page sends: every call answers with a refusal or with credkit's own trouble, and loses nothing (HO-01).

Hostile values go into every place of every call that holds what came from outside: identifiers, tickets, codes, grants, passwords, sessions
and what the host says of the request. Two things are shown for each: nothing but `Refused` or `CredkitError` comes out, and what is stored
is afterwards what it was before, so the good ticket or grant still works. An argument's *name* that is wrong stays a `TypeError`: that is
the host's own line of code, and no input.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credkit.context import Context, Session
from credkit.credential import Credential
from credkit.errors import ConfigurationError, CredkitError, FindingKind, PasswordRefused, Reason, Refused
from credkit.otp import ALPHABET, normalize_code
from credkit.secret import Secret
from credkit.stores.memory import MemoryCredentials, MemoryRecords, MemoryStores
from credkit.stores.sqlite import SqliteStores
from credkit.testing import Inbox, TestWorld, kit_for_tests
from credkit.testing.kits import site_for_tests
from credkit.tickets import Grant, Purpose, Ticket

ADA, BOB = "ada@example.com", "bob@example.com"
OLD, NEW = "nine grey herons wade", "four loud kettles sing"
NAUGHTY: list[str] = json.loads((Path(__file__).parents[1] / "vectors" / "identifiers_hostile.json").read_text(encoding="utf-8"))["texts"]
ENCODED = string.ascii_letters + string.digits + "-_"


class Shifty(str):
    """A text that is one thing when asked and another when used, as a lazy translation can be."""

    __slots__ = ()

    def __str__(self) -> str:
        return "eve@example.com"

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


NO_TEXT: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "0": 0,
    "1.5": 1.5,
    "nan": float("nan"),
    "bytes": b"ada@example.com",
    "bytearray": bytearray(b"x"),
    "list": ["ada@example.com"],
    "empty list": [],
    "tuple": ("ada@example.com",),
    "dict": {"$ne": None},
    "set": {1},
    "object": object(),
    "lambda": lambda: "ada@example.com",
    "exception": ValueError("x"),
}
"""What a JSON body or a broken page may hold where a text is due (REQ-D4c)."""

TEXTS: dict[str, str] = {
    **{ascii(text): text for text in NAUGHTY},
    "empty": "",
    "spaces": " " * 50,
    "lone surrogate": "\ud800",
    "surrogate inside": "a" * 10 + "\udfff" + "b" * 10,
    "a megabyte": "a" * 1_000_000,
    "a megabyte of combining marks": "e" + "\u0301" * 500_000,
    "a megabyte of NUL": "\0" * 1_000_000,
    "noncharacter": "nine grey herons \uffff wade",
    "dots": "." * 66,
    "a ticket's shape": "A" * 22 + "." + "A" * 43,
    "a ticket's shape in another script": "\uff21" * 22 + "." + "\uff21" * 43,
    "shifty": Shifty("a" * 66),
}

HOSTILE: dict[str, Any] = {**NO_TEXT, **TEXTS}

CONTEXT = Context(network_key="2001:db8::/64", session_key="a browser")


@dataclass
class World:
    """A kit with somebody in it, Ada."""

    made: TestWorld = field(default_factory=kit_for_tests)

    def __post_init__(self) -> None:
        self.kit, self.inbox = self.made.kit, self.made.inbox
        self.credential: Credential = self.made.add(ADA, password=OLD)
        self.session = Session(credential_id=self.credential.id, session_epoch=self.credential.session_epoch)

    def reset_begun(self) -> tuple[Ticket, str]:
        ticket = self.kit.reset.begin(ADA, context=CONTEXT)
        return ticket, self.inbox.last_code(ADA)

    def reset_verified(self) -> Grant:
        ticket, code = self.reset_begun()
        return self.kit.reset.verify(ticket, code, context=CONTEXT)

    def sign_up_begun(self) -> tuple[Ticket, str]:
        ticket = self.kit.sign_up.begin(BOB, context=CONTEXT)
        return ticket, self.inbox.last_code(BOB)

    def sign_up_verified(self) -> Grant:
        ticket, code = self.sign_up_begun()
        return self.kit.sign_up.verify(ticket, code, context=CONTEXT)

    def state(self) -> tuple[object, ...]:
        """Return everything that is stored, and how much was sent."""
        records, credentials = self.made.records, self.made.credentials
        assert isinstance(records, MemoryRecords)
        assert isinstance(credentials, MemoryCredentials)
        rows = sorted((r.key, r.kind, r.payload, r.expires_at, r.due_at or r.expires_at) for r in records.dump())
        return rows, [(c, c.password_hash) for c in credentials.dump()], len(self.inbox.messages)


@contextmanager
def nothing_lost(world: World) -> Iterator[None]:
    """Hold that whatever happens inside leaves no trace in the stores."""
    before = world.state()
    yield
    assert world.state() == before


def refusal(call: Callable[[], object], what: object = "") -> Refused:
    """Return the refusal of a call; anything else that it does fails the test, in the name of *what* was given."""
    try:
        result = call()
    except Refused as refused:
        return refused
    except Exception as escaped:
        raise AssertionError(f"{what}: {escaped!r} escaped") from escaped
    raise AssertionError(f"{what}: was accepted, and gave {type(result).__name__}")


def trouble(call: Callable[[], object], what: object = "") -> CredkitError:
    """Return the trouble that a call is in; anything else fails the test."""
    try:
        call()
    except CredkitError as found:
        return found
    except Exception as escaped:
        raise AssertionError(f"{what}: {escaped!r} escaped") from escaped
    raise AssertionError(f"{what}: was accepted")


def everywhere(world: World, value: Any, *, password: Any = NEW, code: Any = "00000000", context: Any = CONTEXT) -> dict[str, Callable[[], object]]:
    """Return every call that takes a ticket or grant, with *value* for it."""
    kit = world.kit
    return {
        "sign_up.look": lambda: kit.sign_up.look(value, context=context),
        "sign_up.resend": lambda: kit.sign_up.resend(value, context=context),
        "sign_up.verify": lambda: kit.sign_up.verify(value, code, context=context),
        "sign_up.complete": lambda: kit.sign_up.complete(value, password, context=context),
        "reset.look": lambda: kit.reset.look(value, context=context),
        "reset.resend": lambda: kit.reset.resend(value, context=context),
        "reset.verify": lambda: kit.reset.verify(value, code, context=context),
        "reset.complete": lambda: kit.reset.complete(value, password, context=context),
    }


def must_be_invalid(calls: dict[str, Callable[[], object]], what: object) -> None:
    for name, call in calls.items():
        expected = Reason.GRANT_INVALID if name.endswith("complete") else Reason.TICKET_INVALID
        assert refusal(call, f"{name} of {what}").reason is expected, f"{name} of {what}"


# Identifiers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["sign_up.begin", "reset.begin", "sign_in.with_password"])
def test_a_hostile_identifier_is_refused_wherever_one_is_typed(call: str) -> None:
    # ID-01, REQ-D4c
    world = World()
    calls: dict[str, Callable[[Any], object]] = {
        "sign_up.begin": lambda value: world.kit.sign_up.begin(value, context=CONTEXT),
        "reset.begin": lambda value: world.kit.reset.begin(value, context=CONTEXT),
        "sign_in.with_password": lambda value: world.kit.sign_in.with_password(value, OLD, context=CONTEXT),
    }
    with nothing_lost(world):
        for name, value in HOSTILE.items():
            assert refusal(lambda value=value: calls[call](value), name).field == "identifier", name


def test_a_form_that_judges_while_one_types_passes_hostile_identifiers_over() -> None:
    world = World()
    assert world.kit.password.findings(NEW, identifiers=list(HOSTILE.values())) == ()
    (found,) = world.kit.password.findings("ada.lovelace.1815", identifiers=[*HOSTILE.values(), "ada.lovelace@example.com"])
    assert found.kind is FindingKind.IDENTIFIER
    one: Any = "ada.lovelace@example.com"  # and not in a list: a slip that must not switch the rule off
    assert world.kit.password.findings("ada.lovelace.1815", identifiers=one) == (found,)


# Tickets and grants -----------------------------------------------------------------------------------------------------


def test_what_is_no_ticket_and_no_grant_is_refused_by_every_call_that_takes_one() -> None:
    world = World()
    with nothing_lost(world):
        for name, value in {**HOSTILE, "a class": Ticket, "a secret": Secret(TEXTS["a ticket's shape"])}.items():
            must_be_invalid(everywhere(world, value), name)


NO_CHANGE = World()
"""For Hypothesis: what is refused without a trace needs no world of its own, and that there is no trace is shown each time."""


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", fullmatch=True) | st.binary() | st.integers() | st.lists(st.text()))
def test_nothing_that_was_not_handed_out_is_a_ticket_or_grant(value: object) -> None:
    with nothing_lost(NO_CHANGE):
        must_be_invalid(everywhere(NO_CHANGE, value), repr(value))


def tampered(text: str) -> Iterator[str]:
    """Yield *text* with one character changed, at each place; with every other last character; shorter, longer and turned about."""
    for place, character in enumerate(text):
        before, after = text[:place], text[place + 1 :]
        yield before + ("A" if character != "A" else "B") + after
        yield before + (character.swapcase() if character.isalpha() else "\uff10") + after
        yield before + after
    yield from (text[:-1] + other for other in ENCODED if other != text[-1])  # base64 may have bits to spare in its last character
    yield from (text[:length] for length in range(len(text)))
    yield from (text + more for more in ("A", "=", "\n", " ", ".", "\0"))
    yield from (more + text for more in ("A", " ", "\n", "\ufeff"))
    first, _, second = text.partition(".")
    yield from (f"{second}.{first}", f"{first}.{first}", f"{first}{second}", f"{first}..{second}", text[::-1], text.upper(), text.lower(), text * 2)


@pytest.mark.parametrize("journey", ["sign_up", "reset"])
def test_a_ticket_that_is_off_by_anything_is_refused_and_the_good_one_still_works(journey: str) -> None:
    # OT-17
    world = World()
    ticket, code = world.sign_up_begun() if journey == "sign_up" else world.reset_begun()
    with nothing_lost(world):
        for text in tampered(ticket.text):
            must_be_invalid(everywhere(world, text, code=code), text)
    assert getattr(world.kit, journey).verify(ticket.text, code, context=CONTEXT)


@pytest.mark.parametrize("journey", ["sign_up", "reset"])
def test_a_grant_that_is_off_by_anything_is_refused_and_the_good_one_still_works(journey: str) -> None:
    # RS-08
    world = World()
    grant = world.sign_up_verified() if journey == "sign_up" else world.reset_verified()
    with nothing_lost(world):
        for text in tampered(grant.text):
            must_be_invalid(everywhere(world, text), text)
    assert getattr(world.kit, journey).complete(grant.text, NEW, context=CONTEXT)


def disguises(held: Any) -> list[Any]:
    """Return a ticket or grant, its text, and what pretends to be for either purpose: what it says of itself decides nothing."""
    return [held, held.text, replace(held, purpose=Purpose.SIGN_UP), replace(held, purpose=Purpose.PASSWORD_RESET)]


def only(calls: dict[str, Callable[[], object]], *beginnings: str) -> dict[str, Callable[[], object]]:
    return {name: call for name, call in calls.items() if name.startswith(beginnings)}


def test_a_ticket_or_grant_of_one_journey_is_worth_nothing_in_another() -> None:
    # REQ-D4b: each with the code that would be right where it belongs
    world = World()
    (reset, reset_code), (sign_up, sign_up_code) = world.reset_begun(), world.sign_up_begun()
    with nothing_lost(world):
        for held in disguises(reset):
            must_be_invalid(only(everywhere(world, held, code=reset_code), "sign_up", "reset.complete"), "a reset's ticket")
        for held in disguises(sign_up):
            must_be_invalid(only(everywhere(world, held, code=sign_up_code), "reset", "sign_up.complete"), "a sign-up's ticket")
    reset_grant = world.kit.reset.verify(reset, reset_code, context=CONTEXT)
    sign_up_grant = world.kit.sign_up.verify(sign_up, sign_up_code, context=CONTEXT)
    with nothing_lost(world):
        for held in disguises(reset_grant):
            must_be_invalid(only(everywhere(world, held), "sign_up", "reset.look", "reset.resend", "reset.verify"), "a reset's grant")
        for held in disguises(sign_up_grant):
            must_be_invalid(only(everywhere(world, held), "reset", "sign_up.look", "sign_up.resend", "sign_up.verify"), "a sign-up's grant")
    assert world.kit.reset.complete(reset_grant, NEW, context=CONTEXT)
    assert world.kit.sign_up.complete(sign_up_grant, NEW, context=CONTEXT)


def test_a_code_typed_on_another_ticket_of_the_same_person_is_wrong_there() -> None:
    # OT-05
    world = World()
    (first, first_code), (second, _) = world.reset_begun(), world.reset_begun()
    world.made.clock.advance(seconds=61)  # the second message was deferred by a pause
    world.kit.courier.run_due()
    assert world.inbox.last_code(ADA) != first_code
    assert refusal(lambda: world.kit.reset.verify(second, first_code, context=CONTEXT)).reason is Reason.CODE_WRONG
    assert world.kit.reset.verify(second, world.inbox.last_code(ADA), context=CONTEXT)
    assert world.kit.reset.verify(first, first_code, context=CONTEXT)


def test_halves_of_two_tickets_or_grants_make_none() -> None:
    world = World()
    (ticket, code), (other, other_code) = world.reset_begun(), world.sign_up_begun()
    with nothing_lost(world):
        for one, two in ((ticket, other), (other, ticket)):
            must_be_invalid(everywhere(world, f"{one.text.partition('.')[0]}.{two.text.partition('.')[2]}", code=code), "two halves")
    grant, other_grant = world.kit.reset.verify(ticket, code, context=CONTEXT), world.kit.sign_up.verify(other, other_code, context=CONTEXT)
    with nothing_lost(world):
        for one, two in ((grant, other_grant), (other_grant, grant), (ticket, grant), (grant, ticket)):
            must_be_invalid(everywhere(world, f"{one.text.partition('.')[0]}.{two.text.partition('.')[2]}"), "two halves")
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT)


def test_another_sites_ticket_or_grant_is_refused_in_the_same_store() -> None:
    world = World()
    inbox, stores = Inbox(), MemoryStores()
    other = world.kit.at(site_for_tests("other"), credentials=stores.credentials, notifier=inbox)
    foreign = other.sign_up.begin(ADA, context=CONTEXT)
    code = inbox.last_code(ADA)
    with nothing_lost(world):
        must_be_invalid(everywhere(world, foreign, code=code), "another site's ticket")
    grant = other.sign_up.verify(foreign, code, context=CONTEXT)
    with nothing_lost(world):
        must_be_invalid(everywhere(world, grant), "another site's grant")
    assert other.sign_up.complete(grant, NEW, context=CONTEXT)


def test_another_sessions_ticket_or_grant_is_refused_and_stays_good_in_its_own() -> None:
    # F23
    elsewhere = [None, "", "another browser", "A BROWSER", "a browser ", "a browse", "\ud800", "x" * 1_000_000]
    world = World()
    ticket, code = world.reset_begun()
    with nothing_lost(world):
        for session_key in elsewhere:
            must_be_invalid(everywhere(world, ticket, code=code, context=replace(CONTEXT, session_key=session_key)), "another session's ticket")
    grant = world.kit.reset.verify(ticket, code, context=CONTEXT)
    with nothing_lost(world):
        for session_key in elsewhere:
            must_be_invalid(everywhere(world, grant, context=replace(CONTEXT, session_key=session_key)), "another session's grant")
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT)


# Codes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("journey", ["sign_up", "reset"])
def test_a_hostile_code_is_malformed_and_not_counted(journey: str) -> None:
    # OT-15, REQ-D4c
    world = World()
    ticket, code = world.sign_up_begun() if journey == "sign_up" else world.reset_begun()
    hostile = {name: value for name, value in HOSTILE.items() if normalize_code(value) is None}
    assert set(NO_TEXT) < set(hostile)
    with nothing_lost(world):
        for name, value in hostile.items():
            refused = refusal(lambda value=value: getattr(world.kit, journey).verify(ticket, value, context=CONTEXT), name)
            assert refused.reason is Reason.CODE_MALFORMED, name
    assert getattr(world.kit, journey).verify(ticket, code, context=CONTEXT)


@given(st.text(max_size=60) | st.text(alphabet=ALPHABET + "abc -", min_size=4, max_size=14))
def test_a_text_in_place_of_a_code_is_malformed_or_a_counted_guess_and_nothing_else(text: str) -> None:
    # F14: a guess is counted as one, whatever it looks like
    world = World()
    ticket, code = world.reset_begun()
    refused = refusal(lambda: world.kit.reset.verify(ticket, text, context=CONTEXT), repr(text))
    left = world.kit.reset.look(ticket, context=CONTEXT).tries_left
    if normalize_code(text) is None:
        assert (refused.reason, left) == (Reason.CODE_MALFORMED, ticket.tries_left)
    else:
        assert (refused.reason, left) == (Reason.CODE_WRONG, ticket.tries_left - 1)
    assert world.kit.reset.verify(ticket, code, context=CONTEXT)


# Passwords --------------------------------------------------------------------------------------------------------------


@dataclass
class Wrapper:
    """A wrapper in the manner of pydantic's, around anything."""

    value: Any

    def get_secret_value(self) -> Any:
        return self.value


WRAPPERS: dict[str, Callable[[Any], Any]] = {"bare": lambda value: value, "wrapped": Wrapper, "secret": Secret}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_what_is_no_text_is_nobodys_new_password_and_the_grant_stays_good(wrap: Callable[[Any], Any]) -> None:
    # RS-09, PW-02, PW-04, REQ-D4c
    for name, value in NO_TEXT.items():
        world = World()
        reset, sign_up = world.reset_verified(), world.sign_up_verified()
        assert [found.kind for found in world.kit.password.findings(wrap(value), identifiers=[ADA])] == [FindingKind.EMPTY], name
        for call in (
            lambda reset=reset, value=value, world=world: world.kit.reset.complete(reset, wrap(value), context=CONTEXT),
            lambda sign_up=sign_up, value=value, world=world: world.kit.sign_up.complete(sign_up, wrap(value), context=CONTEXT),
            lambda value=value, world=world: world.kit.password.change(world.session, OLD, wrap(value), context=CONTEXT),
        ):
            assert isinstance(refusal(call, name), PasswordRefused), name
        assert world.kit.reset.complete(reset, NEW, context=CONTEXT)
        assert world.kit.sign_up.complete(sign_up, NEW, context=CONTEXT)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_hostile_new_password_is_refused_with_findings_or_is_the_password_from_then_on(wrap: Callable[[Any], Any]) -> None:
    """No third way: not cut, not mapped to another, not accepted and forgotten (PW-02, PW-03)."""
    accepted = 0
    for name, value in TEXTS.items():
        world = World()
        grant = world.reset_verified()
        findings = world.kit.password.findings(wrap(value), identifiers=[ADA])
        if findings:
            refused = refusal(lambda grant=grant, value=value, world=world: world.kit.reset.complete(grant, wrap(value), context=CONTEXT), name)
            assert refused.findings == findings, name
            assert world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
            assert world.kit.reset.complete(grant, NEW, context=CONTEXT)
        else:
            accepted += 1
            assert world.kit.reset.complete(grant, wrap(value), context=CONTEXT)
            assert world.kit.sign_in.with_password(ADA, wrap(value), context=CONTEXT)
            longer = refusal(lambda value=value, world=world: world.kit.sign_in.with_password(ADA, value + "x", context=CONTEXT), name)
            assert longer.reason is Reason.SIGN_IN_FAILED, name
    assert 0 < accepted < len(TEXTS) / 2


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_hostile_password_signs_nobody_in_and_locks_nobody_out(wrap: Callable[[Any], Any]) -> None:
    # PW-17, REQ-D4c
    for name, value in HOSTILE.items():
        world = World()
        refused = refusal(lambda value=value, world=world: world.kit.sign_in.with_password(ADA, wrap(value), context=CONTEXT), name)
        assert refused.reason is Reason.SIGN_IN_FAILED, name
        refused = refusal(lambda value=value, world=world: world.kit.password.change(world.session, wrap(value), NEW, context=CONTEXT), name)
        assert refused.reason is Reason.CURRENT_PASSWORD_WRONG, name
        assert world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
        assert world.kit.password.change(world.session, OLD, NEW, context=CONTEXT)


# Sessions ---------------------------------------------------------------------------------------------------------------


def test_what_is_no_session_has_ended() -> None:
    world = World()
    with nothing_lost(world):
        for name, value in HOSTILE.items():
            assert world.kit.sign_in.holds(value) is False, name
            refused = refusal(lambda value=value: world.kit.password.change(value, OLD, NEW, context=CONTEXT), name)
            assert refused.reason is Reason.SESSION_ENDED, name


@pytest.mark.parametrize("part", ["credential_id", "session_epoch"])
def test_a_session_with_a_hostile_part_has_ended(part: str) -> None:
    """A cookie's JSON, say: also `False` is not the epoch 0 (REQ-D4c)."""
    world = World()
    assert world.session.session_epoch == 0
    values = {name: value for name, value in HOSTILE.items() if name != "0"} | {"0 as text": "0", "0.0": 0.0, "-1": -1, "2 ** 80": 2**80}
    with nothing_lost(world):
        for name, value in values.items():
            session = replace(world.session, **{part: value})
            assert world.kit.sign_in.holds(session) is False, name
            refused = refusal(lambda session=session: world.kit.password.change(session, OLD, NEW, context=CONTEXT), name)
            assert refused.reason is Reason.SESSION_ENDED, name
    assert world.kit.sign_in.holds(world.session)


# What the host says of a request ----------------------------------------------------------------------------------------

FROM_STRANGERS = ("locale", "device", "place", "region")
"""A browser writes these: whatever they hold is made harmless."""

FROM_THE_HOST = ("network_key", "session_key", "device_mark")
"""The host makes these: taking one that is no text for none would switch off a limit or a binding, so it is said at once."""


def all_journeys(world: World, context: Context) -> None:
    """Go through everything, to the end."""
    ticket = world.kit.sign_up.begin(BOB, context=context)
    grant = world.kit.sign_up.verify(ticket, world.inbox.last_code(BOB), context=context)
    world.kit.sign_up.complete(grant, OLD, context=context)
    signed_in = world.kit.sign_in.with_password(BOB, OLD, context=context)
    world.kit.password.change(signed_in.session, OLD, NEW, context=context)
    ticket = world.kit.reset.begin(BOB, context=context)
    world.kit.reset.look(ticket, context=context)
    world.made.clock.advance(seconds=61)
    world.kit.reset.resend(ticket, context=context)
    grant = world.kit.reset.verify(ticket, world.inbox.last_code(BOB), context=context)
    world.kit.reset.complete(grant, OLD, context=context)


def test_what_a_stranger_says_of_himself_stops_no_journey_and_is_kept_short() -> None:
    for value in HOSTILE.values():
        world = World()
        all_journeys(world, replace(CONTEXT, **dict.fromkeys(FROM_STRANGERS, value)))
        assert isinstance(world.made.records, MemoryRecords)
        assert max(len(record.payload) for record in world.made.records.dump()) < 1000
        assert max(len(message.text) for message in world.inbox.messages) < 1000
        bob = world.made.credentials.find(world.inbox.messages[-1].to)
        assert bob is not None
        assert len(bob.locale or "") <= 35


def test_what_a_stranger_says_of_himself_can_be_stored_on_disk(tmp_path: Path) -> None:
    """A lone surrogate in a language tag must not end a sign-up in the driver."""
    for number, value in enumerate(["\ud800", "en\udfff", "a" * 10_000, "en\0"]):
        stores = SqliteStores(tmp_path / f"{number}.sqlite").create()
        all_journeys(World(kit_for_tests(records=stores.records, credentials=stores.credentials)), replace(CONTEXT, **dict.fromkeys(FROM_STRANGERS, value)))


@pytest.mark.parametrize("locale", ["en", "de-CH", "zh-Hant-TW", "en_US", "sl-rozaj-biske-1994", "x-klingon"])
def test_a_language_tag_is_kept_as_it_is(locale: str) -> None:
    assert Context(locale=locale).locale == locale


def test_an_opaque_key_may_be_any_text() -> None:
    for value in TEXTS.values():
        all_journeys(World(), replace(CONTEXT, **dict.fromkeys(FROM_THE_HOST, value)))


@pytest.mark.parametrize("name", FROM_THE_HOST)
def test_an_opaque_key_that_is_no_text_is_the_hosts_mistake(name: str) -> None:
    for what, value in NO_TEXT.items():
        if value is not None:
            found = trouble(lambda value=value: Context(**{name: value}), what)
            assert isinstance(found, ConfigurationError)
            assert found.problems == (f"context.{name} must be text",)


def test_what_is_no_context_is_the_hosts_mistake_and_costs_nobody_anything() -> None:
    world = World()
    (ticket, code), (sign_up, sign_up_code) = world.reset_begun(), world.sign_up_begun()
    with nothing_lost(world):
        for name, value in HOSTILE.items():
            for call in (
                *only(everywhere(world, ticket, code=code, context=value), "reset.look", "reset.resend", "reset.verify").values(),
                *only(everywhere(world, sign_up, code=sign_up_code, context=value), "sign_up.look", "sign_up.resend", "sign_up.verify").values(),
                lambda value=value: world.kit.sign_up.begin(BOB, context=value),
                lambda value=value: world.kit.reset.begin(ADA, context=value),
                lambda value=value: world.kit.sign_in.with_password(ADA, OLD, context=value),
                lambda value=value: world.kit.password.change(world.session, OLD, NEW, context=value),
            ):
                assert isinstance(trouble(call, name), ConfigurationError), name
    grant, sign_up_grant = world.kit.reset.verify(ticket, code, context=CONTEXT), world.kit.sign_up.verify(sign_up, sign_up_code, context=CONTEXT)
    with nothing_lost(world):
        for name, value in HOSTILE.items():
            assert isinstance(trouble(everywhere(world, grant, context=value)["reset.complete"], name), ConfigurationError), name
            assert isinstance(trouble(everywhere(world, sign_up_grant, context=value)["sign_up.complete"], name), ConfigurationError), name
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT)
    assert world.kit.sign_up.complete(sign_up_grant, NEW, context=CONTEXT)


# The rest ---------------------------------------------------------------------------------------------------------------


def test_linking_what_is_no_text_is_the_hosts_mistake() -> None:
    world = World()
    with nothing_lost(world):
        for name, value in {**NO_TEXT, "empty": ""}.items():
            for arguments in ((value, "shop", "support"), (world.credential.id, value, "support"), (world.credential.id, "shop", value)):
                credential_id, account, actor = arguments
                trouble(lambda c=credential_id, a=account, by=actor: world.kit.admin.link(c, a, actor=by), name)
        for name, value in TEXTS.items():
            trouble(lambda value=value: world.kit.admin.link(value, "shop", actor="support"), name)


@pytest.mark.parametrize("call", ["run_due", "purge"])
def test_a_limit_that_is_no_number_is_trouble(call: str) -> None:
    world = World()
    with nothing_lost(world):
        for name, value in HOSTILE.items():
            if not isinstance(value, int) and value is not None:
                trouble(lambda value=value: world.kit.courier.run_due(limit=value) if call == "run_due" else world.kit.purge(limit=value), name)


def test_an_argument_that_does_not_exist_is_a_type_error() -> None:
    world = World()
    begin: Any = world.kit.reset.begin
    with nothing_lost(world), pytest.raises(TypeError):
        begin(ADA, contxet=CONTEXT)


def test_a_storm_of_hostile_calls_leaves_the_owner_where_she_was() -> None:
    """All of it at once, from one network and one session: afterwards the code and the password still work."""
    world = World()
    ticket, code = world.reset_begun()
    for name, value in HOSTILE.items():
        for call in everywhere(world, value, password=value, code=value).values():
            refusal(call, name)
        refusal(lambda value=value: world.kit.sign_in.with_password(value, value, context=CONTEXT), name)
        refusal(lambda value=value: world.kit.reset.begin(value, context=CONTEXT), name)
    assert world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
    world.made.clock.advance(seconds=599)
    assert world.kit.reset.complete(world.kit.reset.verify(ticket, code, context=CONTEXT), NEW, context=CONTEXT)
