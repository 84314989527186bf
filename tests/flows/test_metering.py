"""Limits inside the journeys. Each of `policy.Limits` is reached here: those that a stranger may see say how long to wait, the others act in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from credkit.budgets import STRIPES, Delays, Limit, Tally
from credkit.context import Context
from credkit.errors import Next, Reason, Refused
from credkit.flows.metering import Charge, Meter, forget_uses, load_meters, refund
from credkit.flows.shell import Subject
from credkit.flows.transaction import Transaction
from credkit.lifting import finish
from credkit.messages import MessageKind
from credkit.policy import Limits
from credkit.ports import Record, Write
from credkit.testing import TestWorld, kit_for_tests
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, MICROSECOND, NEW, NOBODY, OLD, OTHER, PAUSE, PHONE, WRONG, granted, refusal, signs_in

NET = Context(network_key="net")
YEAR_AND_A_BUCKET = timedelta(days=365 * 25 / 24)

fresh_names = count()


# Limits that are seen ---------------------------------------------------------------------------------------------------


def begin(world: TestWorld, who: str) -> None:
    world.kit.reset.begin(who, context=CONTEXT)


def begin_from_net(world: TestWorld, who: str) -> None:
    world.kit.sign_up.begin(f"new{next(fresh_names)}@example.com", context=NET)


def guess_password(world: TestWorld, who: str) -> None:
    _unless(Reason.SIGN_IN_FAILED, world.kit.sign_in.with_password, who, OTHER, context=CONTEXT)


def guess_password_from_net(world: TestWorld, who: str) -> None:
    _unless(Reason.SIGN_IN_FAILED, world.kit.sign_in.with_password, f"new{next(fresh_names)}@example.com", OTHER, context=NET)


def _unless(expected: Reason, call: Callable[..., object], *given: object, **named: object) -> None:
    """Make a call that is refused as a wrong guess is, or let the refusal through."""
    try:
        call(*given, **named)
    except Refused as refused:
        if refused.reason is not expected:
            raise


SEEN: dict[str, tuple[Callable[[TestWorld, str], None], Reason]] = {
    "begins": (begin, Reason.TOO_MANY_REQUESTS),
    "network_begins": (begin_from_net, Reason.TOO_MANY_REQUESTS),
    "password_guesses": (guess_password, Reason.TOO_MANY_TRIES),
    "network_passwords": (guess_password_from_net, Reason.TOO_MANY_TRIES),
}

SILENT = {"site_failures", "sends_hour", "sends_day", "account_sends", "device_sends", "password_failures"}

OF_SETTINGS = {"approvals", "strangers"}
"""Seen by whoever is signed in, and by nobody else: `test_account_settings` reaches them."""


def test_every_limit_is_reached_in_this_file_or_among_the_settings() -> None:
    assert {*SEEN, *SILENT, *OF_SETTINGS} == {field.name for field in fields(Limits)}


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("who", [ADA, NOBODY])
def test_a_limit_that_is_seen_allows_its_count_and_then_says_how_long_to_wait(name: str, who: str) -> None:
    use, reason = SEEN[name]
    world = kit_for_tests(policy=journeys.lowered(**{name: 2}))
    journeys.ada(world)
    use(world, who)
    world.clock.advance(seconds=1)
    use(world, who)
    refused = refusal(use, world, who)
    assert (refused.reason, refused.next, refused.status) == (reason, Next.WAIT, 429)
    limit = getattr(Limits(), name)
    assert refused.retry_after is not None
    span = limit.first if isinstance(limit, Delays) else limit.per
    assert span - timedelta(seconds=1) <= refused.retry_after <= span * 25 / 24
    world.clock.advance(refused.retry_after - MICROSECOND)
    assert refusal(use, world, who).reason is reason
    world.clock.advance(MICROSECOND)
    use(world, who)


@pytest.mark.parametrize("name", SEEN)
def test_a_limit_that_is_seen_says_the_same_of_known_and_unknown(name: str) -> None:
    use, _ = SEEN[name]  # RS-01, HO-03, REQ-D7c: it counts what was typed or held, whoever that is
    problems = []
    for who in (ADA, NOBODY):
        world = kit_for_tests(policy=journeys.lowered(**{name: 2}))
        journeys.ada(world)
        use(world, who)
        use(world, who)
        problems.append(refusal(use, world, who).problem())
    assert problems[0] == problems[1]


@pytest.mark.parametrize("name", SEEN)
def test_what_is_refused_for_a_limit_writes_nothing(name: str) -> None:
    use, _ = SEEN[name]  # F8: or the writers of a full count would have no bound
    world = kit_for_tests(policy=journeys.lowered(**{name: 1}))
    journeys.ada(world)
    use(world, ADA)
    before = {kind: journeys.stored(world, kind) for kind in ("budget", "challenge", "outbox")}
    refusal(use, world, ADA)
    assert {kind: journeys.stored(world, kind) for kind in before} == before


@pytest.mark.parametrize("name", ["begins", "password_guesses"])
def test_a_limit_of_what_was_typed_is_one_for_all_its_spellings(name: str) -> None:
    use, reason = SEEN[name]  # REQ-D10
    world = kit_for_tests(policy=journeys.lowered(**{name: 1}))
    use(world, "nobody@example.com")
    assert refusal(use, world, " NoBody@EXAMPLE.com").reason is reason


@pytest.mark.parametrize("name", ["begins", "password_guesses"])
def test_a_limit_of_one_identifier_is_not_that_of_another_of_the_same_person(name: str) -> None:
    use, _ = SEEN[name]  # F13: or a stranger could tell that two belong together
    world = kit_for_tests(policy=journeys.lowered(**{name: 1}))
    journeys.ada(world, PHONE)
    use(world, ADA)
    use(world, PHONE)
    use(world, BOB)


@pytest.mark.parametrize("name", ["network_begins", "network_passwords"])
def test_a_limit_of_one_network_is_not_that_of_another_or_of_none(name: str) -> None:
    use, reason = SEEN[name]
    world = kit_for_tests(policy=journeys.lowered(**{name: 1}))
    use(world, "")
    assert refusal(use, world, "").reason is reason
    for context in (Context(network_key="other"), CONTEXT, CONTEXT):
        world.kit.sign_up.begin(BOB, context=context)
        _unless(Reason.SIGN_IN_FAILED, world.kit.sign_in.with_password, BOB, OTHER, context=context)


def test_a_journey_begun_counts_for_its_own_purpose_only() -> None:
    world = kit_for_tests(policy=journeys.lowered(begins=1))
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    world.kit.reset.begin(BOB, context=CONTEXT)
    for flow in (world.kit.sign_up, world.kit.reset):
        assert refusal(flow.begin, BOB, context=CONTEXT).reason is Reason.TOO_MANY_REQUESTS


def test_a_network_is_charged_for_codes_sent_again() -> None:
    world = kit_for_tests(policy=journeys.lowered(network_begins=2))
    ticket = world.kit.sign_up.begin(BOB, context=NET)
    world.clock.advance(PAUSE)
    world.kit.sign_up.resend(ticket, context=NET)
    world.clock.advance(minutes=2)
    assert refusal(world.kit.sign_up.resend, ticket, context=NET).reason is Reason.TOO_MANY_REQUESTS
    assert world.kit.sign_up.resend(ticket, context=CONTEXT)


def test_right_codes_and_passwords_are_not_counted() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_guesses=1, password_failures=1, network_passwords=1))
    journeys.ada(world)
    for _ in range(3):
        assert granted(world, context=NET)
        assert world.kit.sign_in.with_password(ADA, OLD, context=NET)
        world.clock.advance(PAUSE)


def test_guesses_at_codes_and_at_passwords_do_not_close_each_other() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_guesses=1))  # F10
    journeys.ada(world)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT)
    assert signs_in(world, OLD)
    assert not signs_in(world, OTHER)
    world.clock.advance(days=2)
    assert not signs_in(world, OTHER)
    assert granted(world)


# Limits that act in silence (F13) ---------------------------------------------------------------------------------------


def told(world: TestWorld) -> list[MessageKind]:
    return [message.kind for message in world.inbox.messages]


def wrong_codes(world: TestWorld, count: int, *whos: str) -> None:
    """Guess wrong so often, on a ticket each."""
    for number in range(count):
        ticket = world.kit.reset.begin(whos[number % len(whos)], context=CONTEXT)
        refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT)
        world.clock.advance(PAUSE)


def length_of(world: TestWorld, who: str = ADA) -> int:
    ticket, code = journeys.begun(world, who)
    assert world.kit.reset.verify(ticket, code, context=CONTEXT)
    world.clock.advance(hours=1)
    return len(code)


def test_wrong_codes_over_all_identifiers_of_a_sign_in_make_the_next_code_longer() -> None:  # F11, OT-09, OT-13
    world = kit_for_tests(policy=journeys.laddered(6, 12))
    journeys.ada(world, PHONE, preferred=None)
    lengths = []
    for _ in range(4):
        wrong_codes(world, 2, ADA, PHONE)
        world.clock.advance(hours=2)
        lengths.append(length_of(world))
    assert lengths == [9, 9, 9, 12]
    world.clock.advance(days=380)
    assert length_of(world) == 8


def test_codes_of_letters_work_however_much_was_guessed() -> None:  # OT-13: the owner always gets in
    world = kit_for_tests(policy=journeys.laddered(5))
    journeys.ada(world)
    wrong_codes(world, 2, ADA)
    world.clock.advance(hours=2)
    ticket, code = journeys.begun(world, ADA)
    for _ in range(4):
        assert refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT).reason is Reason.CODE_WRONG
    assert world.kit.reset.verify(ticket, code.lower(), context=CONTEXT)


def test_a_ticket_opened_before_the_cap_was_reached_is_closed_by_it_too_in_silence() -> None:
    world = kit_for_tests(policy=journeys.laddered(5, 10))  # F11: looked at when comparing, not when issuing
    journeys.ada(world)
    first, code = journeys.begun(world)
    world.clock.advance(PAUSE)
    second, _ = journeys.begun(world)
    for _ in range(5):
        refusal(world.kit.reset.verify, second, WRONG, context=CONTEXT)
    refused = refusal(world.kit.reset.verify, first, code, context=CONTEXT)
    assert (refused.reason, refused.retry_after, refused.tries_left) == (Reason.CODE_WRONG, None, 4)


def test_a_code_that_cannot_be_right_any_more_is_sent_longer_when_it_is_asked_for_again() -> None:
    world = kit_for_tests(policy=journeys.laddered(5, 20))
    journeys.ada(world)
    first, code = journeys.begun(world)
    world.clock.advance(PAUSE)
    second, _ = journeys.begun(world)
    for _ in range(5):
        refusal(world.kit.reset.verify, second, WRONG, context=CONTEXT)
    world.kit.reset.resend(first, context=CONTEXT)
    longer = world.inbox.last_code(ADA)
    assert (len(code), len(longer)) == (8, 9)
    assert world.kit.reset.verify(first, longer, context=CONTEXT)


def test_guesses_of_a_stranger_leave_the_code_of_the_owner_alone() -> None:  # F10, PW-19
    world = kit_for_tests()
    journeys.ada(world)
    wrong_codes(world, 5, ADA)
    world.clock.advance(hours=1)
    ticket, code = journeys.begun(world)
    for _ in range(20):
        stranger = world.kit.reset.begin(ADA, context=CONTEXT)
        for _ in range(5):
            refusal(world.kit.reset.verify, stranger, WRONG, context=CONTEXT)
    assert world.kit.reset.verify(ticket, code, context=CONTEXT)


def test_codes_are_longer_while_the_site_is_guessed_at() -> None:  # OT-12
    world = kit_for_tests(policy=journeys.lowered(site_failures=2))
    journeys.ada(world)
    assert length_of(world) == 8
    for who in (BOB, NOBODY):
        refusal(world.kit.reset.verify, world.kit.reset.begin(who, context=CONTEXT), WRONG, context=CONTEXT)
    ticket, code = journeys.begun(world)
    assert len(code) == 10
    assert world.kit.reset.verify(ticket, code, context=CONTEXT)
    world.clock.advance(hours=2)
    assert length_of(world) == 8


def test_wrong_codes_of_nobody_leave_no_record_of_a_year() -> None:
    world = kit_for_tests()  # F15
    ticket = world.kit.reset.begin(NOBODY, context=NET)
    refusal(world.kit.reset.verify, ticket, WRONG, context=NET)
    kept = max(record.expires_at for record in journeys.stored(world, "budget"))
    assert kept - world.clock.now() <= timedelta(hours=25)


def test_too_many_wrong_codes_for_an_identifier_nobody_has_make_the_right_one_wrong_in_silence() -> None:
    world = kit_for_tests(policy=journeys.laddered(5 * 366))
    tickets = []
    for _ in range(2):
        tickets.append(world.kit.sign_up.begin(BOB, context=CONTEXT))
        world.clock.advance(PAUSE)
    codes = [message.code.reveal() for message in world.inbox.messages if message.code is not None]
    for _ in range(5):
        refusal(world.kit.sign_up.verify, tickets[1], WRONG, context=CONTEXT)
    refused = refusal(world.kit.sign_up.verify, tickets[0], codes[0], context=CONTEXT)
    assert (refused.reason, refused.retry_after, refused.tries_left) == (Reason.CODE_WRONG, None, 4)
    ticket = world.kit.sign_up.begin(BOB, context=CONTEXT)
    letters = world.inbox.last_code(BOB)
    assert len(letters) == 12
    assert world.kit.sign_up.verify(ticket, letters, context=CONTEXT)


def test_codes_of_one_sign_in_do_not_close_another() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))
    journeys.ada(world)
    world.add(BOB, password=OLD)
    ticket, _ = journeys.begun(world, ADA)
    refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT)
    assert not signs_in(world, OTHER, ADA)
    assert granted(world, BOB)
    assert signs_in(world, OLD, BOB)


@pytest.mark.parametrize(("name", "span"), [("sends_hour", timedelta(hours=1)), ("sends_day", timedelta(days=1))])
def test_a_destination_that_has_had_enough_gets_no_more_in_silence(name: str, span: timedelta) -> None:
    world = kit_for_tests(policy=journeys.lowered(**{name: 2}))  # OT-08
    journeys.ada(world)
    tickets = []
    for _ in range(4):
        tickets.append(world.kit.reset.begin(ADA, context=CONTEXT))
        world.clock.advance(PAUSE)
    assert told(world) == [MessageKind.RESET_CODE] * 2
    assert [len(ticket.text) for ticket in tickets] == [66] * 4
    assert (
        refusal(world.kit.reset.verify, tickets[-1], WRONG, context=CONTEXT).problem()
        == refusal(world.kit.reset.verify, tickets[0], WRONG, context=CONTEXT).problem()
    )
    world.clock.advance(span * 25 / 24)
    assert granted(world)


def test_a_challenge_whose_message_was_held_back_can_never_be_right() -> None:
    world = kit_for_tests(policy=journeys.lowered(sends_hour=1))  # F11: born dead
    journeys.ada(world)
    world.kit.reset.begin(ADA, context=CONTEXT)
    world.clock.advance(PAUSE)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    assert journeys.challenge_of(world, ticket).binding is None


def test_sends_are_counted_by_destination_over_all_journeys_and_resends() -> None:
    world = kit_for_tests(policy=journeys.lowered(sends_hour=3))
    journeys.ada(world)
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    for pause in world.kit.policy.otp.resend_pauses[:2]:
        world.clock.advance(pause)
        world.kit.reset.resend(ticket, context=CONTEXT)
    assert told(world) == [MessageKind.ALREADY_REGISTERED, MessageKind.RESET_CODE, MessageKind.RESET_CODE]


def on_known_device(world: TestWorld, **more: Any) -> Context:
    return Context(device_mark=world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).device_mark.text, **more)


@pytest.mark.parametrize("name", ["sends_hour", "sends_day", "account_sends"])
def test_whoever_asks_on_a_known_device_gets_a_few_more_when_strangers_have_used_up_the_sends(name: str) -> None:
    world = kit_for_tests(policy=journeys.lowered(**{name: 2}))  # F12
    journeys.ada(world)
    here = on_known_device(world)
    for _ in range(4):
        world.kit.reset.begin(ADA, context=CONTEXT)
        world.clock.advance(PAUSE)
    assert len(told(world)) == 2
    for sent in (3, 4, 5, 5):
        ticket = world.kit.reset.begin(ADA, context=here)
        assert len(told(world)) == sent
        world.clock.advance(PAUSE)
    assert journeys.challenge_of(world, ticket).binding is None
    world.clock.advance(timedelta(days=1) * 25 / 24)
    assert granted(world, ADA, here)


def test_the_sends_for_known_devices_are_one_count_for_all_devices_of_a_sign_in() -> None:
    world = kit_for_tests(policy=journeys.lowered(sends_hour=1, device_sends=1))
    journeys.ada(world)
    for here in (CONTEXT, on_known_device(world), on_known_device(world)):
        world.kit.reset.begin(ADA, context=here)
        world.clock.advance(PAUSE)
    assert len(told(world)) == 2


@pytest.mark.parametrize("end", ["epoch", "owner"])
def test_a_mark_that_the_look_up_does_not_bear_out_gets_no_more_sends(end: str) -> None:
    world = kit_for_tests(policy=journeys.lowered(sends_hour=1))
    credential = journeys.ada(world)
    here = on_known_device(world)
    if end == "epoch":
        journeys.alter(world, credential, session_epoch=1)
    if end == "owner":  # the address is somebody else's by now
        journeys.alter(world, credential, identifiers=(journeys.verified(PHONE),), preferred=None)
        world.add(ADA, password=OLD)
        world.clock.advance(PAUSE)
    for context in (CONTEXT, here):
        world.kit.reset.begin(ADA, context=context)
        world.clock.advance(PAUSE)
    assert told(world).count(MessageKind.RESET_CODE) == 1


@pytest.mark.parametrize("name", ["begins", "network_begins"])
def test_what_strangers_begin_with_an_identifier_or_in_a_network_does_not_stop_a_known_device(name: str) -> None:
    world = kit_for_tests(policy=journeys.lowered(**{name: 1}))  # PW-19
    journeys.ada(world)
    here = on_known_device(world, network_key="net")
    world.kit.reset.begin(ADA, context=NET)
    for step in (world.kit.reset.begin, world.kit.reminder.send):
        world.clock.advance(PAUSE)
        if name == "network_begins" or step == world.kit.reset.begin:
            assert refusal(step, ADA, context=NET).reason is Reason.TOO_MANY_REQUESTS
    ticket = world.kit.reset.begin(ADA, context=here)
    world.clock.advance(PAUSE)
    world.kit.reset.resend(ticket, context=here)
    world.kit.reminder.send(ADA, context=here)
    if name == "begins":
        assert refusal(world.kit.reset.begin, ADA, context=here).reason is Reason.TOO_MANY_REQUESTS


def test_what_strangers_ask_for_does_not_delay_the_message_to_a_known_device() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    here = on_known_device(world)
    world.kit.reset.begin(ADA, context=CONTEXT)
    world.kit.reset.begin(ADA, context=here)
    assert len(told(world)) == 2


@pytest.mark.parametrize("name", ["sends_hour", "account_sends"])
def test_word_to_an_owner_is_limited_in_silence_and_leaves_half_for_codes(name: str) -> None:  # F12
    world = kit_for_tests(policy=journeys.lowered(**{name: 4}))
    journeys.ada(world)
    for _ in range(4):
        world.kit.sign_up.begin(ADA, context=CONTEXT)
        world.clock.advance(PAUSE)
    assert len(told(world)) == 2


def test_a_limit_of_one_destination_is_not_that_of_another() -> None:
    world = kit_for_tests(policy=journeys.lowered(sends_hour=1))
    journeys.ada(world, PHONE, preferred=None)
    world.kit.reset.begin(ADA, context=CONTEXT)
    world.clock.advance(PAUSE)
    world.kit.reset.begin(ADA, context=CONTEXT)
    world.kit.reset.begin(PHONE, context=CONTEXT)
    assert [message.to.canonical for message in world.inbox.messages] == [ADA, PHONE]


def test_a_sign_in_that_has_had_enough_over_all_destinations_gets_no_more_in_silence() -> None:
    world = kit_for_tests(policy=journeys.lowered(account_sends=2))  # OT-08
    journeys.ada(world, PHONE, "carol@example.com", preferred=None)
    for who in (ADA, PHONE, "carol@example.com"):
        world.kit.reset.begin(who, context=CONTEXT)
    assert [message.to.canonical for message in world.inbox.messages] == [ADA, PHONE]
    world.clock.advance(timedelta(days=1) * 25 / 24)
    assert granted(world, "carol@example.com")


def test_notices_of_changes_are_never_held_back() -> None:
    world = kit_for_tests(policy=journeys.lowered(sends_hour=2, sends_day=2, account_sends=1))
    journeys.ada(world)
    world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    session = world.kit.sign_in.with_password(ADA, NEW, context=CONTEXT).session
    world.kit.password.change(session, NEW, OTHER, context=CONTEXT)
    assert told(world) == [MessageKind.RESET_CODE, MessageKind.PASSWORD_RESET, MessageKind.PASSWORD_CHANGED]


def test_too_many_wrong_passwords_of_a_sign_in_make_the_right_one_wrong_in_silence() -> None:
    hasher = journeys.CountingHasher()  # PW-18
    world = journeys.build(policy=journeys.lowered(password_failures=2), hasher=hasher)
    journeys.ada(world, PHONE)
    for who in (ADA, PHONE):
        assert not signs_in(world, OTHER, who)
    hasher.calls.clear()
    refused = refusal(world.kit.sign_in.with_password, ADA, OLD, context=CONTEXT)
    assert (refused.reason, refused.retry_after, hasher.calls) == (Reason.SIGN_IN_FAILED, None, ["verify"])
    world.clock.advance(YEAR_AND_A_BUCKET)
    assert signs_in(world, OLD)


def test_wrong_passwords_for_what_nobody_has_leave_no_record_of_a_year() -> None:
    world = kit_for_tests()  # F15
    assert not signs_in(world, OTHER, NOBODY)
    assert max(record.expires_at for record in journeys.stored(world, "budget")) - world.clock.now() <= timedelta(hours=25)


def test_a_sign_in_that_nobody_attacks_keeps_no_record_of_a_year() -> None:
    world = kit_for_tests()  # F15
    journeys.ada(world)
    assert signs_in(world, OLD)
    assert max(record.expires_at for record in journeys.stored(world, "budget")) - world.clock.now() <= timedelta(hours=25)


def test_a_success_begins_the_count_of_failures_in_a_row_anew() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=2))  # N4 3.2.2
    journeys.ada(world)
    for _ in range(3):
        assert not signs_in(world, OTHER)
        assert signs_in(world, OLD)


def test_a_success_lifts_nothing_that_a_stranger_can_see() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_guesses=2))  # F13
    journeys.ada(world)
    for _ in range(2):
        assert not signs_in(world, OTHER)
    world.clock.advance(seconds=30)
    assert signs_in(world, OLD)
    guess_password(world, ADA)  # the same as if nobody had signed in: 30 seconds have passed
    assert refusal(guess_password, world, ADA).retry_after == timedelta(seconds=60)


def test_a_full_silent_limit_counts_no_further() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))
    journeys.ada(world)
    for _ in range(5):
        assert not signs_in(world, OTHER)
        world.clock.advance(hours=1)
    world.clock.advance(YEAR_AND_A_BUCKET)
    assert signs_in(world, OLD)


# Meters -----------------------------------------------------------------------------------------------------------------

LIMIT = Limit(name="tests", count=3, per=timedelta(hours=24))
SUBJECT = Subject.credential("somebody")


@dataclass
class Metered:
    """A kit, and the meter of one limit in it."""

    world: TestWorld
    limit: Limit = LIMIT
    subject: Subject = SUBJECT

    def charge(self) -> Charge:
        async def charge(transaction: Transaction) -> Charge:
            (meter,) = await load_meters(self.shell, transaction, [(self.limit, self.subject)])
            return meter.charge(transaction, self.world.clock.now())

        return finish(self.shell.transact(charge))

    def meter(self) -> Meter:
        async def look(transaction: Transaction) -> Meter:
            (meter,) = await load_meters(self.shell, transaction, [(self.limit, self.subject)])
            return meter

        return finish(self.shell.transact(look))

    def used(self) -> int:
        now = self.world.clock.now()
        return sum(self.limit.used(tally, now) for tally in self.meter().tallies)

    def refund(self, *charges: Charge) -> None:
        finish(refund(self.shell, charges))

    @property
    def shell(self) -> Any:
        return self.world.kit._shell


def test_a_charge_is_one_use() -> None:
    metered = Metered(kit_for_tests())
    assert (metered.used(), metered.meter().last_at) == (0, None)
    metered.charge()
    metered.world.clock.advance(minutes=1)
    metered.charge()
    assert (metered.used(), metered.meter().last_at) == (2, metered.world.clock.now())


def test_several_limits_are_loaded_with_one_call() -> None:
    records = journeys.SpiedRecords()
    world = journeys.build(records=records)

    async def look(transaction: Transaction) -> int:
        wanted = [(LIMIT, SUBJECT), (replace(LIMIT, name="others"), SUBJECT), (LIMIT, Subject.network("net"))]
        return len(await load_meters(world.kit._shell, transaction, wanted))

    assert finish(world.kit._shell.transact(look)) == 3
    assert records.calls == [("load", 3, 0)]


MANY = Limit(name="many", count=40, per=timedelta(hours=1))
NETWORK = Subject.network("net")


def test_a_large_limit_of_a_network_allows_exactly_its_count_over_its_stripes() -> None:
    metered = Metered(kit_for_tests(), MANY, NETWORK)  # F8
    assert [metered.charge().counted for _ in range(42)] == [True] * 40 + [False] * 2
    kept = journeys.stored(metered.world, "budget")
    assert len(kept) == STRIPES
    assert sum(MANY.used(Tally.from_payload(record.payload), metered.world.clock.now()) for record in kept) == 40


def test_a_network_that_is_out_of_room_is_told_when_its_first_stripe_has_room() -> None:
    metered = Metered(kit_for_tests(), MANY, NETWORK)
    for _ in range(40):
        metered.charge()
        metered.world.clock.advance(minutes=1)
    refused = refusal(metered.meter().require_room, metered.world.clock.now(), Reason.TOO_MANY_TRIES)
    assert refused.retry_after is not None
    metered.world.clock.advance(refused.retry_after - MICROSECOND)
    assert not metered.charge().counted
    metered.world.clock.advance(MICROSECOND)
    assert metered.charge().counted


def test_a_refund_finds_the_stripe_of_its_charge() -> None:
    metered = Metered(kit_for_tests(), MANY, NETWORK)
    charges = [metered.charge() for _ in range(40)]
    for charge in charges[::4]:
        metered.refund(charge)
    assert [metered.charge().counted for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize("subject", [SUBJECT, Subject.identifier(journeys.parsed(ADA)), Subject.nobody(journeys.parsed(ADA)), Subject.device("d")])
def test_no_other_limit_is_kept_in_stripes(subject: Subject) -> None:
    metered = Metered(kit_for_tests(), MANY, subject)  # F13: a further load would tell how full a silent one is
    metered.charge()
    metered.charge()
    assert len(journeys.stored(metered.world, "budget")) == 1


def test_one_call_loads_one_stripe_while_there_is_room() -> None:
    records = journeys.SpiedRecords()
    metered = Metered(journeys.build(records=records), MANY, NETWORK)
    metered.charge()
    assert records.calls == [("load", 1, 0), ("commit", 0, 1)]


def test_a_refund_leaves_the_newest_use_that_was_there_before() -> None:
    metered = Metered(kit_for_tests())
    metered.charge()
    first = metered.world.clock.now()
    metered.world.clock.advance(minutes=1)
    metered.refund(metered.charge())
    assert metered.meter().last_at == first


def test_a_refund_does_not_forget_a_use_that_came_at_the_same_moment() -> None:
    metered = Metered(kit_for_tests())
    charge = metered.charge()
    metered.charge()
    metered.refund(charge)
    assert (metered.used(), metered.meter().last_at) == (1, metered.world.clock.now())


def test_limits_and_subjects_of_different_names_are_different_counts() -> None:
    metered = Metered(kit_for_tests())
    metered.charge()
    for limit, subject in (
        (replace(LIMIT, name="others"), SUBJECT),
        (LIMIT, Subject.credential("somebody else")),
        (LIMIT, Subject.network("somebody")),
        (LIMIT, Subject.identifier(journeys.parsed(ADA))),
        (LIMIT, Subject.identifier(journeys.parsed(ADA), what="destination")),
    ):
        other = Metered(metered.world, limit, subject)
        assert other.used() == 0
        other.charge()
    assert metered.used() == 1


def test_what_a_full_meter_did_not_count_is_not_taken_back() -> None:
    metered = Metered(kit_for_tests(), replace(LIMIT, count=2))
    metered.charge()
    metered.charge()
    metered.refund(metered.charge())
    assert metered.used() == 2


def test_a_count_that_began_anew_keeps_what_came_after() -> None:
    metered = Metered(kit_for_tests())
    before = metered.charge()
    finish(metered.shell.transact(lambda transaction: forget_uses(metered.shell, transaction, metered.limit, metered.subject)))
    assert metered.used() == 0
    metered.charge()
    metered.refund(before)
    assert metered.used() == 1


def test_a_count_that_was_never_made_is_not_made_by_forgetting_it() -> None:
    metered = Metered(kit_for_tests())
    finish(metered.shell.transact(lambda transaction: forget_uses(metered.shell, transaction, metered.limit, metered.subject)))
    assert metered.meter().kept_until is None


def test_a_full_meter_is_written_again_as_it_is() -> None:
    metered = Metered(kit_for_tests())
    for _ in range(5):
        metered.charge()
    assert (metered.used(), metered.meter().full(metered.world.clock.now())) == (3, True)


def test_a_refund_takes_its_own_charge_back_and_leaves_the_others() -> None:
    metered = Metered(kit_for_tests())
    first = metered.charge()
    metered.world.clock.advance(hours=2)
    metered.charge()
    metered.refund(first)
    assert metered.used() == 1
    metered.world.clock.advance(hours=23)  # by now the first would count no more, and the second does
    assert metered.used() == 1


def test_a_refund_finds_its_charge_among_those_made_meanwhile() -> None:
    metered = Metered(kit_for_tests())
    first = metered.charge()
    metered.charge()
    metered.refund(first)
    assert metered.used() == 1


def test_a_refund_of_what_is_forgotten_does_nothing() -> None:
    metered = Metered(kit_for_tests())
    charge = metered.charge()
    metered.world.clock.advance(hours=26)
    metered.world.kit.purge()
    metered.refund(charge)
    assert metered.used() == 0


def test_a_record_is_kept_as_long_as_its_uses_count() -> None:
    metered = Metered(kit_for_tests())
    metered.charge()
    (record,) = journeys.stored(metered.world, "budget")
    assert record.expires_at == metered.world.clock.now() + LIMIT.memory


def test_a_worker_whose_clock_is_behind_does_not_shorten_how_long_a_record_is_kept() -> None:
    metered = Metered(kit_for_tests())
    charge = metered.charge()
    (before,) = journeys.stored(metered.world, "budget")
    metered.world.clock.advance(-timedelta(hours=5))
    metered.charge()
    metered.refund(charge)
    (after,) = journeys.stored(metered.world, "budget")
    assert after.expires_at == before.expires_at


def test_while_index_keys_rotate_counts_are_summed_and_the_first_is_written() -> None:
    old = journeys.build(index_keys=journeys.ring("old"))  # F21
    new = journeys.beside(old, index_keys=journeys.ring("new", "old"))
    before, after = (Metered(world, LIMIT, Subject.network("net")) for world in (old, new))
    before.charge()
    before.charge()
    assert after.used() == 2
    after.charge()
    assert (after.meter().full(new.clock.now()), before.used()) == (True, 2)
    assert after.meter().last_at == new.clock.now()
    refused = refusal(after.meter().require_room, new.clock.now(), Reason.TOO_MANY_TRIES)
    assert refused.retry_after is not None
    new.clock.advance(refused.retry_after)
    assert not after.meter().full(new.clock.now())


def test_a_count_of_a_sign_in_outlives_any_rotation() -> None:
    old = journeys.build(index_keys=journeys.ring("old"))
    Metered(old).charge()
    assert Metered(journeys.beside(old, index_keys=journeys.ring("new"))).used() == 1


def test_a_count_that_cannot_be_read_is_trouble_and_no_empty_count() -> None:
    from credkit.payloads import UnreadableRecord

    metered = Metered(kit_for_tests())
    metered.charge()
    (record,) = journeys.stored(metered.world, "budget")
    damaged: Record = replace(record, payload=b'{"format":2}')
    metered.world.records.commit({}, [Write(key=record.key, expected_version=record.version, record=damaged)])
    with pytest.raises(UnreadableRecord):
        metered.used()


def test_an_empty_tally_is_what_an_absent_record_holds() -> None:
    assert Metered(kit_for_tests()).meter().tallies == (Tally(),)
