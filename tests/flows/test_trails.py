"""What events say: whose it was, what it was about, and the true reason where the answer hides it; spans; and observers that fail."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from credkit import ConfigurationError, Context, Policy, Refused
from credkit.breaches import BreachCheckFailed, Fingerprint
from credkit.credential import Credential
from credkit.errors import AuditFailed, DeliveryFailed, Reason, StoreError
from credkit.events import Cause, Event, EventKind, Outcome
from credkit.flows.trails import Trail
from credkit.identifiers import parse_identifier
from credkit.lifting import LiftedBreaches
from credkit.messages import MessageKind
from credkit.policy import Limits
from credkit.ports import Committed, Write
from credkit.testing import TestWorld, kit_for_tests
from flows import journeys
from flows.journeys import WRONG, refusal

ADA, BOB, PASSWORD = "ada@example.com", "bob@example.com", "nine grey herons wade"
CONTEXT = Context(network_key="net-7", device="Firefox on Linux", place="Oslo", session_key="session-1")


def world(**given: Any) -> TestWorld:
    made = kit_for_tests(**given)
    made.add(ADA, password=PASSWORD)
    return made


def refused_sign_in(made: TestWorld, identifier: str, password: str) -> Event:
    made.events.clear()
    with pytest.raises(Refused):
        made.kit.sign_in.with_password(identifier, password, context=CONTEXT)
    return made.events.assert_saw(EventKind.SIGN_IN, Outcome.REFUSED)


def disabled(made: TestWorld) -> None:
    held = made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT).credential
    made.credentials.replace(held, replace(held, disabled=True))


def test_who_is_added_for_a_test_is_not_told_of() -> None:
    assert world().events.seen == []


def test_a_sign_in_tells_who_from_where_and_when() -> None:
    made = world()
    signed_in = made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT)
    event = made.events.assert_saw(EventKind.SIGN_IN, Outcome.SUCCESS)
    assert (event.credential_id, event.masked, event.channel) == (signed_in.credential.id, signed_in.credential.identifiers[0].identifier.masked, "email")
    assert (event.network_key, event.device, event.place) == ("net-7", "Firefox on Linux", "Oslo")
    assert (event.at, event.site, event.reason, event.cause) == (made.clock.now(), "main", None, None)


@pytest.mark.parametrize(
    ("identifier", "password", "prepare", "cause"),
    [
        (BOB, PASSWORD, None, Cause.UNKNOWN_IDENTIFIER),
        (ADA, "four loud kettles sing", None, Cause.WRONG_PASSWORD),
        (ADA, "", None, Cause.IMPOSSIBLE_PASSWORD),
        (ADA, PASSWORD, disabled, Cause.DISABLED),
    ],
)
def test_a_sign_in_that_failed_tells_the_true_reason(identifier: str, password: str, prepare: Any, cause: Cause) -> None:
    made = world()
    if prepare is not None:
        prepare(made)
    event = refused_sign_in(made, identifier, password)
    assert (event.reason, event.cause) == (Reason.SIGN_IN_FAILED, cause)


def test_a_silent_limit_is_told_to_the_observer_alone() -> None:
    limits = Limits()
    made = world(policy=Policy(limits=replace(limits, password_failures=replace(limits.password_failures, count=1))))
    refused_sign_in(made, ADA, "four loud kettles sing")
    event = refused_sign_in(made, ADA, PASSWORD)
    assert (event.reason, event.cause) == (Reason.SIGN_IN_FAILED, Cause.LIMIT_OF_CREDENTIAL)


def test_known_and_unknown_are_told_alike_but_for_what_is_hidden() -> None:  # TE-04
    made = world()
    known, unknown = (refused_sign_in(made, identifier, "four loud kettles sing") for identifier in (ADA, BOB))
    hidden = {"id", "credential_id", "cause", "pseudonym", "masked"}
    assert {name: value for name, value in known.facts(network=True).items() if name not in hidden} == {
        name: value for name, value in unknown.facts(network=True).items() if name not in hidden
    }


def test_an_identifier_stands_in_events_as_one_keyed_pseudonym() -> None:  # AU-06
    made = world()
    events = [refused_sign_in(made, typed, "four loud kettles sing") for typed in (ADA, "ADA@Example.com", BOB)]
    assert events[0].pseudonym == events[1].pseudonym != events[2].pseudonym
    assert all(text not in repr(events) for text in (ADA, BOB, "ada@", "bob@"))


def test_the_events_of_one_journey_are_found_by_its_ticket() -> None:
    made = world()
    ticket = made.kit.reset.begin(ADA, context=CONTEXT)
    with pytest.raises(Refused):
        made.kit.reset.verify(ticket, "00000000", context=CONTEXT)
    grant = made.kit.reset.verify(ticket, made.inbox.last_code(ADA), context=CONTEXT)
    made.kit.reset.complete(grant, "four loud kettles sing", context=CONTEXT)
    told = [event for event in made.events.seen if event.kind.call is not None]
    assert [(event.kind, event.outcome) for event in told] == [
        (EventKind.RESET_BEGIN, Outcome.SUCCESS),
        (EventKind.RESET_VERIFY, Outcome.REFUSED),
        (EventKind.RESET_VERIFY, Outcome.SUCCESS),
        (EventKind.RESET, Outcome.SUCCESS),
    ]
    assert {event.about for event in told[:3]} == {ticket.text.partition(".")[0]}
    assert told[3].about == grant.text.partition(".")[0]
    assert [event.credential_id is None for event in told] == [True, False, False, False]


def test_a_wrong_code_is_told_with_its_true_reason() -> None:
    made = world()
    for identifier, cause in ((ADA, Cause.WRONG_CODE), (BOB, Cause.NOBODYS_CODE)):
        ticket = made.kit.reset.begin(identifier, context=CONTEXT)
        made.events.clear()
        with pytest.raises(Refused):
            made.kit.reset.verify(ticket, "00000000", context=CONTEXT)
        event = made.events.assert_saw(EventKind.RESET_VERIFY, Outcome.REFUSED)
        assert (event.reason, event.cause) == (Reason.CODE_WRONG, cause)


def test_an_answer_that_hides_nothing_has_no_cause() -> None:
    made = world()
    ticket = made.kit.reset.begin(ADA, context=CONTEXT)
    made.clock.advance(days=1)
    made.kit.purge()
    with pytest.raises(Refused):
        made.kit.reset.verify(ticket, "00000000", context=CONTEXT)
    assert made.events.of(EventKind.RESET_VERIFY)[0].cause is None


def test_trouble_is_told_by_its_name_and_by_nothing_that_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world()

    def fails(_: object) -> None:
        raise OSError("secret-of-the-driver")

    monkeypatch.setattr(made.credentials, "find", fails)
    with pytest.raises(StoreError):
        made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT)
    event = made.events.assert_saw(EventKind.SIGN_IN, Outcome.FAILED)
    assert (event.cause, event.trouble) == (Cause.STORE_FAILED, "StoreError")
    assert "secret-of-the-driver" not in repr(event)


def test_a_success_has_no_cause_whatever_was_feared_on_the_way() -> None:
    made = world()
    with Trail(made.kit.sign_in._flow._shell, EventKind.SIGN_IN, CONTEXT) as trail:
        trail.because(Cause.WRONG_PASSWORD)
    assert made.events.assert_saw(EventKind.SIGN_IN, Outcome.SUCCESS).cause is None


def test_a_decision_made_again_forgets_why_the_one_before_was_refused() -> None:
    made = world()
    trail = Trail(made.kit.sign_in._flow._shell, EventKind.SIGN_IN, CONTEXT)
    trail.because(Cause.WRONG_CODE)
    trail.because(None)
    with pytest.raises(Refused), trail:
        raise Refused(Reason.TICKET_INVALID)
    assert made.events.assert_saw(EventKind.SIGN_IN, Outcome.REFUSED).cause is None


def test_a_call_that_is_broken_off_is_told_of() -> None:
    made = world()
    flow = made.kit.sign_in._flow
    with pytest.raises(KeyboardInterrupt), Trail(flow._shell, EventKind.SIGN_IN, CONTEXT):
        raise KeyboardInterrupt
    assert made.events.assert_saw(EventKind.SIGN_IN, Outcome.FAILED).cause is Cause.INTERRUPTED


def test_whatever_a_call_was_given_its_event_is_told() -> None:
    made = world()
    for given in (None, 7, b"x", "x" * 10_000, object()):
        with pytest.raises((Refused, ConfigurationError)):
            made.kit.settings.cancel(given, given)  # type: ignore[arg-type]
        with pytest.raises((Refused, ConfigurationError)):
            made.kit.admin.mark_compromised(given, actor=given)  # type: ignore[arg-type]
    assert len(made.events.of(EventKind.SETTINGS_CANCEL)) == len(made.events.of(EventKind.PASSWORD_COMPROMISED)) == 5


def test_an_administrators_call_names_the_actor() -> None:
    made = world()
    held = made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT).credential
    made.kit.admin.mark_compromised(held.id, actor="support\nname")
    event = made.events.assert_saw(EventKind.PASSWORD_COMPROMISED, Outcome.SUCCESS)
    assert (event.actor, event.credential_id) == ("support\ufffdname", held.id)


# Spans -----------------------------------------------------------------------------------------------------------------------


class Tracing:
    """An observer with spans, that notes what is inside what."""

    def __init__(self, *, fails: bool = False) -> None:
        self.noted: list[str] = []
        self.fails = fails

    def saw(self, event: Event) -> None:
        self.noted.append(f"saw {event.kind} {event.outcome}")

    @contextmanager
    def span(self, name: str) -> Generator[None]:
        self.noted.append(f"open {name}")
        yield
        self.noted.append(f"close {name}")
        if self.fails:
            raise OSError("no collector")


def traced(observer: Tracing) -> TestWorld:
    made = world()
    shell = replace(made.kit._shell, observer=observer)
    made.kit.sign_in._flow = type(made.kit.sign_in._flow)(shell)
    return made


def test_an_event_is_told_inside_the_span_of_its_operation() -> None:
    observer = Tracing()
    made = traced(observer)
    with pytest.raises(Refused):
        made.kit.sign_in.with_password(BOB, PASSWORD, context=CONTEXT)
    assert observer.noted == ["open sign_in", "saw sign_in refused", "close sign_in"]


def test_a_span_that_fails_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    observer = Tracing(fails=True)
    assert traced(observer).kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT).credential
    assert len(reported) == 1


def test_a_span_that_cannot_be_opened_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    observer = Tracing()
    observer.span = lambda _: 1 / 0  # type: ignore[method-assign, assignment]
    assert traced(observer).kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT).credential
    assert len(reported) == 1
    assert observer.noted == ["saw sign_in success"]


# Observers that fail ---------------------------------------------------------------------------------------------------------


def test_where_the_audit_is_required_nobody_is_signed_in_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    made = world(policy=Policy(audit="required"))
    made.events.failing = OSError("full")
    with pytest.raises(AuditFailed):
        made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT)
    with pytest.raises(Refused, match="sign_in_failed"):
        made.kit.sign_in.with_password(BOB, PASSWORD, context=CONTEXT)
    made.events.failing = None
    assert made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT)


def test_a_password_that_others_know_hands_out_no_grant_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    made = world(policy=Policy(audit="required"))
    held = made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT).credential
    made.kit.admin.mark_compromised(held.id, actor="support")
    made.events.failing = OSError("full")
    with pytest.raises(AuditFailed):
        made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT)


def test_an_observer_of_the_hosts_own_is_told_what_the_world_keeps() -> None:
    observer = Tracing()
    made = kit_for_tests(observer=observer)
    made.kit.reminder.send(ADA, context=CONTEXT)
    assert observer.noted == [f"saw {event.kind} {event.outcome}" for event in made.events.seen]


# What the courier tells ------------------------------------------------------------------------------------------------------


def message(made: TestWorld) -> Event:
    return made.events.of(EventKind.MESSAGE)[-1]


def test_a_message_that_was_sent_is_told_of() -> None:
    made = world()
    ticket = made.kit.reset.begin(ADA, context=CONTEXT)
    event = made.events.assert_saw(EventKind.MESSAGE, Outcome.SUCCESS)
    assert (event.message, event.masked, event.channel) == (MessageKind.RESET_CODE, made.inbox.messages[-1].to.masked, "email")
    assert event.credential_id == made.inbox.messages[-1].credential_id
    assert (event.about or "").startswith(ticket.text.partition(".")[0])


@pytest.mark.parametrize(("permanent", "cause"), [(True, Cause.REJECTED), (False, Cause.DELIVERY_FAILED)])
def test_a_message_that_was_not_accepted_is_told_of(permanent: bool, cause: Cause) -> None:
    made = world()
    made.inbox.failing = DeliveryFailed(permanent=permanent)
    made.kit.reset.begin(ADA, context=CONTEXT)
    assert made.events.assert_saw(EventKind.MESSAGE, Outcome.FAILED).cause is cause


def nobody_has_it(made: TestWorld) -> None:
    made.kit.reset.begin(BOB, context=CONTEXT)


def it_is_disabled(made: TestWorld) -> None:
    disabled(made)
    made.kit.reset.begin(ADA, context=CONTEXT)


def nobody_is_to_be_reminded(made: TestWorld) -> None:
    made.kit.reminder.send(BOB, context=CONTEXT)


def signing_up_with_a_disabled_one(made: TestWorld) -> None:
    disabled(made)
    made.kit.sign_up.begin(ADA, context=CONTEXT)


@pytest.mark.parametrize(
    ("play", "kind", "cause"),
    [
        (nobody_has_it, MessageKind.RESET_CODE, Cause.UNKNOWN_IDENTIFIER),
        (it_is_disabled, MessageKind.RESET_CODE, Cause.DISABLED),
        (nobody_is_to_be_reminded, MessageKind.SIGN_IN_NAMES, Cause.UNKNOWN_IDENTIFIER),
        (signing_up_with_a_disabled_one, MessageKind.ALREADY_REGISTERED, Cause.DISABLED),
    ],
)
def test_a_message_that_nobody_may_have_is_told_of_with_its_true_reason(play: Any, kind: MessageKind, cause: Cause) -> None:
    made = world()
    play(made)
    event = made.events.assert_saw(EventKind.MESSAGE, Outcome.REFUSED)
    assert (event.message, event.cause, event.reason) == (kind, cause, None)
    assert event.masked is not None


def test_a_message_too_many_is_told_of() -> None:
    limits = Limits()
    made = world(policy=Policy(limits=replace(limits, sends_hour=replace(limits.sends_hour, count=1))))
    for _ in range(2):
        made.kit.reminder.send(ADA, context=CONTEXT)
    assert (message(made).outcome, message(made).cause) == (Outcome.REFUSED, Cause.LIMIT_OF_DESTINATION)


def test_a_message_that_is_out_of_date_is_told_of() -> None:
    made = world()
    made.inbox.failing = DeliveryFailed()
    made.kit.reset.begin(ADA, context=CONTEXT)
    made.kit.reminder.send(ADA, context=CONTEXT)
    made.clock.advance(hours=2)
    made.events.clear()
    made.kit.courier.run_due()
    assert {event.message for event in made.events.of(EventKind.MESSAGE) if event.cause is Cause.OUT_OF_DATE} == {
        MessageKind.RESET_CODE,
        MessageKind.SIGN_IN_NAMES,
    }


def change_password(made: TestWorld) -> None:
    signed_in = made.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT)
    made.kit.password.change(signed_in.session, PASSWORD, "four loud kettles sing", context=CONTEXT)


def test_a_change_is_told_of_under_its_own_id() -> None:  # AU-09
    made = world()
    change_password(made)
    event = made.events.assert_saw(EventKind.CHANGE, Outcome.SUCCESS)
    stored = made.credentials.get(event.credential_id or "")
    assert stored is not None
    assert stored.has_mark(event.id)
    assert (event.message, event.about) == (MessageKind.PASSWORD_CHANGED, event.id)


def test_a_change_that_could_not_be_told_is_told_later_and_its_owner_at_once(monkeypatch: pytest.MonkeyPatch) -> None:  # AU-09
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    made = world()
    made.events.failing = OSError("full")
    change_password(made)
    made.inbox.assert_sent(MessageKind.PASSWORD_CHANGED, to=ADA)
    made.events.failing = None
    assert made.kit.courier.run_due().kept == 0
    assert made.events.of(EventKind.CHANGE) == []
    made.clock.advance(seconds=30)
    made.kit.courier.run_due()
    made.events.assert_saw(EventKind.CHANGE, Outcome.SUCCESS)
    made.clock.advance(days=1)
    made.kit.courier.run_due()
    made.events.assert_saw(EventKind.CHANGE, Outcome.SUCCESS)


def test_a_kit_without_an_observer_queues_no_event_of_a_change() -> None:
    made = world()
    flow = made.kit.password._flow
    made.kit.password._flow = type(flow)(replace(flow._shell, observer=None))
    made.kit.courier._flow = type(made.kit.courier._flow)(replace(flow._shell, observer=None))
    change_password(made)
    made.clock.advance(days=1)
    made.kit.courier.run_due()
    made.inbox.assert_sent(MessageKind.PASSWORD_CHANGED, to=ADA)
    assert made.records.due("main/outbox", made.clock.now(), 10) == []


# What is found out on the way --------------------------------------------------------------------------------------------------


def sign_up(made: TestWorld, identifier: str) -> Credential:
    ticket = made.kit.sign_up.begin(identifier, context=CONTEXT)
    grant = made.kit.sign_up.verify(ticket, made.inbox.last_code(identifier), context=CONTEXT)
    return made.kit.sign_up.complete(grant, "four loud kettles sing", context=CONTEXT)


def test_a_new_identifier_that_looks_like_anothers_is_told_of() -> None:  # ID-10
    made = world()
    made.add(BOB, password=PASSWORD)
    found = made.credentials.find(parse_identifier(BOB))
    added = sign_up(made, "b0b@example.com")
    event = made.events.assert_saw(EventKind.IDENTIFIER_CONFUSABLE, Outcome.SUCCESS)
    assert found is not None
    assert (event.credential_id, event.about) == (added.id, found.id)


@pytest.mark.parametrize("identifier", ["eve@example.com", "b0b@example.com", "+1 415 555 2671"])
def test_one_that_looks_like_nobodys_is_not(identifier: str) -> None:
    made = world()
    sign_up(made, identifier)
    assert made.events.of(EventKind.IDENTIFIER_CONFUSABLE) == []


def test_looking_for_look_alikes_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    made = world()
    find = made.credentials.find

    def fails_for_bob(identifier: Any) -> Any:
        if identifier.canonical == BOB:
            raise OSError("down")
        return find(identifier)

    monkeypatch.setattr(made.credentials, "find", fails_for_bob)
    assert sign_up(made, "b0b@example.com")
    assert len(reported) == 1


class NoList:
    """A list of breached passwords that is away."""

    def count(self, fingerprint: Fingerprint) -> int:
        raise BreachCheckFailed("away")


def test_a_password_that_was_accepted_unchecked_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:  # PW-09
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    made = world()
    flow = made.kit.password._flow
    made.kit.password._flow = type(flow)(replace(flow._shell, breaches=LiftedBreaches(NoList())))
    change_password(made)
    assert made.events.assert_saw(EventKind.BREACH_UNCHECKED, Outcome.FAILED).cause is Cause.BREACH_LIST_FAILED


class _Forgetting(journeys.SpiedRecords):
    """Records that lose every challenge in the moment of the next commit, once that is asked for."""

    armed = False

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        if self.armed:
            self.armed = False
            lost = [record for record in self.within.dump() if record.kind.endswith("/challenge")]
            assert self.within.commit({}, [Write(key=record.key, expected_version=record.version, record=None) for record in lost]).done
        return super().commit(checks, writes)


def test_a_cause_that_a_lost_commit_has_left_is_not_told() -> None:
    records = _Forgetting()
    world = kit_for_tests(records=records)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    records.armed = True
    assert refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT).reason is Reason.TICKET_INVALID
    assert world.events.assert_saw(EventKind.RESET_VERIFY, Outcome.REFUSED).cause is None
