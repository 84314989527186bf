"""The courier: every message at least once and as a rule once, to whom it concerns, whatever the notifier, the stores and other couriers do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from credkit.context import Context, Session
from credkit.credential import Standing
from credkit.errors import DeliveryFailed, StoreError
from credkit.flows.challenges import CHALLENGE
from credkit.flows.courier import Delivered
from credkit.messages import Message, MessageKind
from credkit.payloads import to_payload
from credkit.policy import Policy
from credkit.ports import Committed, Record, Write
from credkit.testing import AsyncInbox, Inbox, SeededEntropy, TestWorld, async_kit_for_tests
from flows import devices, journeys
from flows.journeys import ADA, BOB, CONTEXT, MICROSECOND, NEW, NOBODY, OLD, PAUSE, PHONE, WRONG, refusal, signs_in

LEASE = Policy().courier.lease
SETTLES = Policy().courier.settles
LOOK_AGAIN = timedelta(minutes=5)

NOTHING = Delivered()


def nothing(message: Message) -> None:
    """Do nothing before a message is kept."""


class PickyInbox(Inbox):
    """An inbox that does something before it keeps a message, which may be to refuse it."""

    def __init__(self, before: Callable[[Message], object] = nothing) -> None:
        super().__init__()
        self.before = before
        self.tried: list[Message] = []

    def deliver(self, message: Message) -> None:
        self.tried.append(message)
        self.before(message)
        super().deliver(message)


def world_of(inbox: Inbox | None = None, **parts: Any) -> TestWorld:
    """Return a world with Ada in it whose messages wait for `run_due`."""
    world = journeys.build(**parts)
    journeys.ada(world)
    return journeys.beside(world, inbox=inbox or world.inbox, deliver="manual", **{name: part for name, part in parts.items() if name == "policy"})


def run_due(world: TestWorld, limit: int = 100) -> Delivered:
    return world.kit.courier.run_due(limit=limit)


def begin(world: TestWorld, identifier: str = ADA) -> Any:
    return world.kit.reset.begin(identifier, context=CONTEXT)


def change(world: TestWorld, new: str = NEW, epoch: int = 0) -> Any:
    """Change Ada's password; the notice waits."""
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    return world.kit.password.change(Session(credential_id=credential.id, session_epoch=epoch), OLD, new, context=CONTEXT)


def told(world: TestWorld) -> list[str]:
    """Return who was told of a changed password."""
    return sorted(message.to.canonical for message in world.inbox.messages if message.kind is MessageKind.PASSWORD_CHANGED)


# What a run does --------------------------------------------------------------------------------------------------------


def test_a_run_with_nothing_due_does_nothing() -> None:
    assert run_due(world_of()) == NOTHING


def test_a_message_is_delivered_once_and_then_forgotten() -> None:
    world = world_of()
    begin(world)
    assert run_due(world) == Delivered(sent=1)
    assert journeys.waiting(world) == []
    world.clock.advance(days=1)
    assert run_due(world) == NOTHING


def test_a_code_binds_its_challenge_to_the_one_it_is_sent_to() -> None:
    world = world_of()
    ticket = begin(world)
    assert journeys.challenge_of(world, ticket).binding is None
    run_due(world)
    binding = journeys.challenge_of(world, ticket).binding
    assert binding is not None
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    assert (binding.destination, binding.credential_id, binding.generation) == (journeys.parsed(ADA), credential.id, credential.generation)


def test_a_code_is_worded_in_its_owners_language_if_it_is_known() -> None:
    for locale, expected in (("nb", "nb"), (None, "de")):
        world = world_of()
        credential = world.credentials.find(journeys.parsed(ADA))
        assert credential is not None
        journeys.alter(world, credential, locale=locale)
        world.kit.reset.begin(ADA, context=Context(locale="de"))
        run_due(world)
        assert [message.locale for message in world.inbox.messages] == [expected]


def test_a_code_for_nobody_is_dropped_and_its_challenge_stays_unbound() -> None:
    world = world_of()
    ticket = begin(world, NOBODY)
    assert run_due(world) == Delivered(dropped=1)
    assert journeys.waiting(world) == []
    assert journeys.challenge_of(world, ticket).binding is None


def test_a_sign_up_whose_identifier_was_taken_before_the_courier_came_gets_no_code() -> None:
    world = world_of()
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    journeys.alter(world, credential, identifiers=(journeys.verified(BOB),))
    run_due(world)
    assert [(message.kind, message.code) for message in world.inbox.messages] == [(MessageKind.ALREADY_REGISTERED, None)]


def test_who_is_disabled_when_the_courier_comes_gets_no_code() -> None:
    world = world_of()
    begin(world)
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    journeys.alter(world, credential, disabled=True)
    assert run_due(world) == Delivered(dropped=1)


def test_a_run_takes_no_more_than_its_limit() -> None:
    world = world_of()
    for number in range(5):
        world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
    assert [run_due(world, limit=2).sent for _ in range(4)] == [2, 2, 1, 0]


def test_the_longest_due_come_first_where_the_limit_leaves_some() -> None:
    world = world_of()
    for number in range(3):
        world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
        world.clock.advance(seconds=1)
    for _ in range(3):
        run_due(world, limit=1)
    assert [message.to.canonical for message in world.inbox.messages] == [f"new{number}@example.com" for number in range(3)]


def test_a_run_takes_its_messages_in_random_order() -> None:
    orders = []  # F28: or couriers that start together would race for the same message, each time
    for seed in ("a", "b", "c", "d", "e"):
        world = journeys.build(deliver="manual", entropy=SeededEntropy(seed))
        for number in range(5):
            world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
        listed = [record.key.rpartition("/")[2] for record in journeys.waiting(world)]
        run_due(world)
        orders.append([listed.index(message.id) for message in world.inbox.messages])
    assert all(sorted(order) == list(range(5)) for order in orders)
    assert len(set(map(tuple, orders))) == 5


def test_a_message_that_is_not_due_yet_waits() -> None:
    world = world_of()
    begin(world)
    begin(world)
    assert run_due(world) == Delivered(sent=1)
    world.clock.advance(PAUSE)
    assert run_due(world) == Delivered(sent=1)


def test_all_that_became_of_a_run_is_counted() -> None:
    world = world_of(PickyInbox(lambda message: _fail_for(message, BOB)))
    world.kit.sign_up.begin("carol@example.com", context=CONTEXT)
    _damage(world, journeys.waiting(world)[0].key, b"not JSON")
    change(world)
    begin(world, NOBODY)
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    assert run_due(world) == Delivered(sent=1, failed=1, kept=1, dropped=1)


def test_every_message_of_a_change_is_counted() -> None:
    world = world_of(PickyInbox(lambda message: _fail_for(message, PHONE)))
    _give(world, PHONE, BOB)
    change(world)
    assert run_due(world) == Delivered(sent=2, failed=1)


def test_a_change_that_nobody_is_told_of_counts_as_no_message() -> None:
    world = world_of()
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    journeys.alter(world, credential, identifiers=(journeys.registered(ADA, Standing.UNVERIFIED),))
    change(world)
    assert run_due(world).sent == 0
    assert journeys.waiting(world) == []


def _give(world: TestWorld, *identifiers: str) -> None:
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    journeys.alter(world, credential, identifiers=(*credential.identifiers, *map(journeys.verified, identifiers)))


def _fail_for(message: Message, identifier: str) -> None:
    if message.to.canonical == identifier:
        raise DeliveryFailed


def _damage(world: TestWorld, key: str, payload: bytes) -> Record:
    """Put *payload* in the place of a record's."""
    record = world.records.load([key])[key]
    damaged = replace(record, payload=payload)
    assert world.records.commit({}, [Write(key=key, expected_version=record.version, record=damaged)]).done
    return damaged


# Notifiers that fail (NO-10) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [DeliveryFailed(), OSError("no mail today"), ValueError("a bug in a template"), Exception()])
def test_a_message_that_could_not_be_handed_over_is_tried_again(failure: Exception) -> None:
    world = world_of()
    ticket = begin(world)
    world.inbox.failing = failure
    assert run_due(world) == Delivered(failed=1)
    world.inbox.failing = None
    world.clock.advance(minutes=1)
    assert run_due(world) == Delivered(sent=1)
    assert world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT)


def test_a_message_that_failed_for_good_is_given_up() -> None:
    world = world_of()
    change(world)
    world.inbox.failing = DeliveryFailed(permanent=True)
    assert run_due(world) == Delivered(failed=1)
    assert journeys.waiting(world) == []


def test_the_wait_doubles_from_half_a_minute_to_an_hour() -> None:
    world = world_of(inbox := PickyInbox())
    change(world)
    inbox.failing = DeliveryFailed()
    moments = []
    for _ in range(10):
        assert run_due(world).failed == 1
        moments.append(world.clock.now())
        (record,) = journeys.waiting(world)
        assert record.due_at is not None
        world.clock.advance(record.due_at - world.clock.now() - MICROSECOND)
        assert run_due(world) == NOTHING
        world.clock.advance(MICROSECOND)
    seconds = [(late - early) / timedelta(seconds=1) for early, late in pairwise(moments)]
    assert seconds == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_every_delivery_of_a_message_has_one_id_and_every_message_its_own() -> None:
    world = world_of(inbox := PickyInbox())
    _give(world, PHONE)
    change(world)
    ticket = begin(world)
    inbox.failing = DeliveryFailed()
    run_due(world)
    inbox.failing = None
    world.clock.advance(PAUSE)
    run_due(world)
    world.kit.reset.resend(ticket, context=CONTEXT)
    run_due(world)
    messages = [(message.id, message.kind, message.to.canonical) for message in inbox.tried]
    assert len(messages) == 7
    assert len(set(messages)) == len({message_id for message_id, *_ in messages}) == 4  # two notices, a code, and the same code sent again


def test_one_message_that_fails_does_not_stop_the_others() -> None:
    world = world_of(PickyInbox(lambda message: _fail_for(message, "new1@example.com")))
    for number in range(4):
        world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
    assert run_due(world) == Delivered(sent=3, failed=1)


def test_one_destination_of_a_notice_that_fails_does_not_stop_the_others() -> None:
    world = world_of(inbox := PickyInbox(lambda message: _fail_for(message, PHONE)))
    _give(world, PHONE, BOB)
    change(world)
    run_due(world)
    assert told(world) == [ADA, BOB]
    inbox.before = nothing
    world.clock.advance(minutes=2)
    run_due(world)
    assert told(world) == [PHONE, ADA, BOB]


def test_a_code_that_is_tried_again_is_charged_once() -> None:
    world = world_of(policy=journeys.lowered(sends_hour=2))  # the code of the sign-up was the first
    begin(world)
    for failure in (DeliveryFailed(), OSError("no mail today"), None):
        world.inbox.failing = failure
        run_due(world)
        world.clock.advance(minutes=2)
    assert [message.kind for message in world.inbox.messages] == [MessageKind.RESET_CODE]


# Age --------------------------------------------------------------------------------------------------------------------


def test_a_code_is_sent_until_the_last_microsecond_of_its_life() -> None:
    world = world_of()
    begin(world)
    world.clock.advance(Policy().otp.lifetime - MICROSECOND)
    assert run_due(world) == Delivered(sent=1)


def test_a_code_past_its_life_is_dropped() -> None:
    world = world_of()
    begin(world)
    world.clock.advance(Policy().otp.lifetime)
    assert run_due(world) == Delivered(dropped=1)
    assert world.inbox.messages == []


def test_a_code_whose_challenge_was_purged_is_dropped() -> None:
    world = world_of()
    record = journeys.record_of(world, CHALLENGE, begin(world).text)
    world.records.commit({}, [Write(key=record.key, expected_version=record.version, record=None)])
    assert run_due(world) == Delivered(dropped=1)


def test_a_code_that_is_no_longer_wanted_is_dropped() -> None:
    world = world_of()
    used, exhausted = begin(world), world.kit.sign_up.begin(BOB, context=CONTEXT)
    run_due(world)
    world.clock.advance(PAUSE)
    for flow, ticket in ((world.kit.reset, used), (world.kit.sign_up, exhausted)):
        flow.resend(ticket, context=CONTEXT)
    world.kit.reset.verify(used, world.inbox.last_code(ADA), context=CONTEXT)
    for _ in range(Policy().otp.comparisons):
        refusal(world.kit.sign_up.verify, exhausted, WRONG, context=CONTEXT)
    assert run_due(world) == Delivered(dropped=2)


def test_a_code_that_was_bound_and_not_delivered_dies_with_the_state_it_was_bound_to() -> None:
    world = world_of()
    begin(world)
    world.inbox.failing = DeliveryFailed()
    run_due(world)
    world.inbox.failing = None
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    journeys.alter(world, credential, generation="moved")
    world.clock.advance(minutes=2)
    assert run_due(world) == Delivered(dropped=1)


def test_a_notice_is_never_dropped_for_its_age() -> None:
    world = world_of()
    change(world)
    world.inbox.failing = DeliveryFailed()
    run_due(world)
    world.inbox.failing = None
    world.clock.advance(days=3650)
    assert world.kit.purge() > 0
    assert run_due(world) == Delivered(sent=1)
    assert told(world) == [ADA]


def test_an_intent_is_never_dropped_for_its_age() -> None:
    world = world_of()
    change(world)
    world.clock.advance(days=3650)
    world.kit.purge()
    run_due(world)
    assert told(world) == [ADA]


# Several couriers -------------------------------------------------------------------------------------------------------


def test_while_one_courier_delivers_another_leaves_the_message_alone() -> None:
    world = world_of(inbox := PickyInbox())
    other = journeys.beside(world, deliver="manual")
    seen: list[Delivered] = []
    inbox.before = lambda _: seen.append(run_due(other))
    begin(world)
    run_due(world)
    assert seen == [NOTHING]
    assert len(inbox.messages) == 1


def test_of_two_couriers_that_saw_the_same_message_one_delivers_it() -> None:
    world = world_of()
    other = journeys.beside(world, deliver="manual", records=_Meanwhile(world.records))
    begin(world)
    other.records.meanwhile = lambda: run_due(world)  # type: ignore[attr-defined]
    assert run_due(other) == NOTHING
    assert len(world.inbox.messages) == 1


class _Meanwhile(journeys.SpiedRecords):
    """Records between whose `due` and next step something happens."""

    def __init__(self, within: Any) -> None:
        super().__init__(within)
        self.meanwhile: Callable[[], object] = lambda: None

    def due(self, kind: str, now: Any, limit: int) -> Sequence[Record]:
        listed = super().due(kind, now, limit)
        self.meanwhile()
        return listed


def test_a_lease_lasts_three_times_as_long_as_a_notifier_may_take() -> None:
    world = world_of(_dying())
    begin(world)
    with pytest.raises(SystemExit):
        run_due(world)
    world.clock.advance(LEASE - MICROSECOND)
    assert run_due(world) == NOTHING
    assert timedelta(seconds=30) == LEASE == 3 * Policy().courier.notifier_timeout


def test_a_message_whose_courier_died_is_taken_over_when_its_lease_has_run_out() -> None:
    world = world_of(inbox := _dying())
    ticket = begin(world)
    with pytest.raises(SystemExit):
        run_due(world)
    inbox.before = nothing
    world.clock.advance(LEASE)
    assert run_due(journeys.beside(world, deliver="manual")) == Delivered(sent=1)
    assert world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT)


def test_a_notice_whose_courier_died_is_taken_over_when_its_lease_has_run_out() -> None:
    world = world_of(inbox := _dying())
    _give(world, PHONE)
    change(world)
    with pytest.raises(SystemExit):
        run_due(world)
    inbox.before = nothing
    world.clock.advance(LEASE)
    run_due(journeys.beside(world, deliver="manual"))
    assert told(world) == [PHONE, ADA]


def _dying() -> PickyInbox:
    def die(message: Message) -> None:
        raise SystemExit

    return PickyInbox(die)


def test_a_courier_slower_than_its_lease_delivers_again_under_the_same_id() -> None:
    world = world_of(inbox := PickyInbox())
    other = journeys.beside(world, deliver="manual")
    begin(world)

    def stall(message: Message) -> None:
        inbox.before = nothing
        world.clock.advance(LEASE)
        run_due(other)

    inbox.before = stall
    run_due(world)
    assert len({message.id for message in inbox.messages}) == 1
    assert len(inbox.messages) == 2


# What cannot be read ----------------------------------------------------------------------------------------------------

UNREADABLE = [
    b"",
    b"not JSON",
    b"[]",
    b'{"format":1}',
    b'{"format":2,"type":"notice"}',
    to_payload({"type": "parcel"}, {}),
    to_payload({"type": "notice", "id": "x", "at": 0, "attempts": 0, "kind": "birthday", "to": {}, "credential_id": "x", "accounts": []}, {}),
]


@pytest.mark.parametrize("payload", UNREADABLE)
def test_what_cannot_be_read_is_kept_and_looked_at_later(payload: bytes) -> None:
    world = world_of()
    change(world)
    (record,) = journeys.waiting(world)
    readable = record.payload
    _damage(world, record.key, payload)
    assert run_due(world) == Delivered(kept=1)
    (kept,) = journeys.waiting(world)
    assert (kept.payload, kept.expires_at, kept.due_at) == (payload, record.expires_at, world.clock.now() + LOOK_AGAIN)
    world.clock.advance(LOOK_AGAIN - MICROSECOND)
    assert run_due(world) == NOTHING
    world.clock.advance(MICROSECOND)
    _damage(world, record.key, readable)  # the deployment that was under way has come to an end
    assert run_due(world) == Delivered(sent=1)


def test_a_code_whose_challenge_cannot_be_read_is_kept() -> None:
    world = world_of()
    _damage(world, journeys.record_of(world, CHALLENGE, begin(world).text).key, b'{"format":2}')
    assert run_due(world) == Delivered(kept=1)


def test_a_code_whose_key_is_not_on_the_ring_is_kept_and_looked_at_later() -> None:
    world = world_of()
    ticket = begin(world)
    stranger = journeys.beside(world, deliver="manual", keys=journeys.ring("other"))
    assert run_due(stranger) == Delivered(kept=1)
    assert journeys.challenge_of(world, ticket).binding is None
    assert [record.due_at for record in journeys.waiting(world)] == [world.clock.now() + LOOK_AGAIN]


def test_what_cannot_be_read_does_not_stop_the_others() -> None:
    world = world_of()
    change(world)
    _damage(world, journeys.waiting(world)[0].key, b"not JSON")
    begin(world)
    assert run_due(world) == Delivered(sent=1, kept=1)


def test_fields_of_a_newer_release_are_carried_through_a_failed_delivery() -> None:
    world = world_of()  # F31
    change(world)
    (record,) = journeys.waiting(world)
    _damage(world, record.key, record.payload[:-1] + b',"tone":"calm"}')
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    journeys.alter(world, credential, marks=())  # not settled, so the intent is written again as it is
    run_due(world)
    assert b'"tone":"calm"' in journeys.waiting(world)[0].payload


# Intents (F1) -----------------------------------------------------------------------------------------------------------


def unmade(world: TestWorld, spied: journeys.SpiedCredentials) -> None:
    """Leave an intent whose change was not made: the store failed before the swap."""
    spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        change(world)


def test_an_intent_whose_change_was_made_is_told() -> None:
    world = world_of()
    change(world)
    assert run_due(world).sent == 1
    assert told(world) == [ADA]


def test_an_intent_whose_change_is_not_made_yet_is_left_alone() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)
    unmade(world, spied)
    begun_at = world.clock.now()
    assert run_due(world) == Delivered(kept=1)
    (record,) = journeys.waiting(world)
    assert record.due_at == begun_at + SETTLES
    world.clock.advance(SETTLES - MICROSECOND)
    assert run_due(world) == NOTHING


def test_a_change_that_is_made_late_is_told_all_the_same() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)
    unmade(world, spied)
    run_due(world)
    (record,) = journeys.waiting(world)
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    journeys.alter(world, credential, marks=credential.with_mark(record.key.rpartition("/")[2], world.clock.now()))
    world.clock.advance(SETTLES)
    run_due(world)
    assert told(world) == [ADA]


def test_an_intent_whose_change_was_not_made_in_time_is_fenced_off_and_dropped() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)
    before = world.credentials.find(journeys.parsed(ADA))
    assert before is not None
    unmade(world, spied)
    world.clock.advance(SETTLES)
    assert run_due(world) == Delivered(dropped=1)
    after = journeys.fresh(world, before)
    assert after.version != before.version
    assert replace(after, version=before.version) == before
    assert journeys.waiting(world) == []
    assert world.inbox.messages == []


def test_behind_the_fence_the_change_that_was_on_its_way_cannot_land_untold() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)

    def stall() -> None:
        world.clock.advance(SETTLES)
        assert run_due(world) == Delivered(dropped=1)

    spied.before_replace = [stall]
    change(world)  # loses its swap to the fence, writes its intent anew, and then lands
    run_due(world)
    assert told(world) == [ADA]
    assert signs_in(world, NEW)


def test_an_intent_written_anew_since_the_lease_is_not_dropped() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)
    unmade(world, spied)
    world.clock.advance(SETTLES)
    (record,) = journeys.waiting(world)

    def write_anew() -> None:
        current = world.records.load([record.key])[record.key]
        again = replace(record, version=record.version ^ 1, due_at=world.clock.now())
        assert world.records.commit({}, [Write(key=record.key, expected_version=current.version, record=again)]).done

    spied.before_replace = [write_anew]
    assert run_due(world) == NOTHING
    assert [kept.key for kept in journeys.waiting(world)] == [record.key]


def test_an_intent_that_another_courier_has_dropped_meanwhile_is_no_trouble() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)
    unmade(world, spied)
    world.clock.advance(SETTLES)
    (record,) = journeys.waiting(world)

    def drop() -> None:
        current = world.records.load([record.key])[record.key]
        assert world.records.commit({}, [Write(key=record.key, expected_version=current.version, record=None)]).done

    spied.before_replace = [drop]
    assert run_due(world) == NOTHING


def test_a_fence_that_lost_to_another_write_is_put_up_again() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    unmade(world, spied)
    world.clock.advance(SETTLES)
    spied.before_replace = [lambda: spied.touch(credential.id)]
    assert run_due(world) == Delivered(kept=1)
    assert run_due(world) == Delivered(dropped=1)


def test_an_intent_for_a_sign_in_that_is_gone_is_dropped() -> None:
    world = world_of()
    change(world)
    emptied = journeys.beside(world, credentials=journeys.SpiedCredentials(), deliver="manual")
    assert run_due(emptied) == Delivered(dropped=1)
    assert journeys.waiting(world) == []


def test_an_intent_that_another_courier_has_told_meanwhile_is_left_to_it() -> None:
    world = world_of()
    change(world)
    slow = _SlowCredentials(world.credentials)
    other = journeys.beside(world, deliver="manual")

    def take_over() -> None:
        world.clock.advance(LEASE)
        run_due(other)

    slow.meanwhile = take_over
    assert run_due(journeys.beside(world, credentials=slow, deliver="manual")) == NOTHING
    assert told(world) == [ADA]


class _SlowCredentials(journeys.SpiedCredentials):
    """A store of users that lets something happen before it answers."""

    def __init__(self, within: Any) -> None:
        super().__init__(within)
        self.meanwhile: Callable[[], object] = lambda: None

    def get(self, credential_id: str) -> Any:
        self.meanwhile()
        return super().get(credential_id)


def test_an_intent_whose_notices_are_out_already_is_not_expanded_twice() -> None:
    world = world_of()
    _give(world, PHONE)
    change(world)
    (record,) = journeys.waiting(world)
    raced = _Meanwhile(world.records)
    raced.meanwhile = lambda: run_due(world)
    assert run_due(journeys.beside(world, records=raced, deliver="manual")) == NOTHING
    assert told(world) == [PHONE, ADA]
    assert record.key not in [waiting.key for waiting in journeys.waiting(world)]


def test_an_intent_written_anew_while_its_notices_wait_adds_none_and_ends() -> None:
    world = world_of()
    change(world)
    (record,) = journeys.waiting(world)
    world.inbox.failing = DeliveryFailed()
    run_due(world)
    # A second call with the same grant writes the intent, and only then sees that the change has been made.
    assert world.records.commit({}, [Write(key=record.key, expected_version=0, record=record)]).done
    assert run_due(world) == NOTHING
    assert record.key not in [waiting.key for waiting in journeys.waiting(world)]
    world.inbox.failing = None
    world.clock.advance(PAUSE)
    assert run_due(world) == Delivered(sent=1)
    assert told(world) == [ADA]


# Stores that fail -------------------------------------------------------------------------------------------------------


def test_a_store_of_users_that_fails_is_trouble_and_the_message_stays_due() -> None:
    spied = journeys.SpiedCredentials()
    world = world_of(credentials=spied)
    begin(world)
    broken = _FailingCredentials()
    with pytest.raises(StoreError):
        run_due(journeys.beside(world, credentials=broken, deliver="manual"))
    assert run_due(world) == Delivered(sent=1)


class _FailingCredentials(journeys.SpiedCredentials):
    """A store of users that is away."""

    def find(self, identifier: Any) -> Any:
        raise OSError("the database is away")


class _FailingFor(journeys.SpiedRecords):
    """A record store that fails to load what a test says, and fails at whatever else the test says."""

    bad: str = ""

    def load(self, keys: Sequence[str]) -> Any:
        if any(self.bad in key for key in keys):
            raise OSError("the database is away")
        return super().load(keys)

    def due(self, kind: str, now: Any, limit: int) -> Sequence[Record]:
        if self.bad == "due":
            raise OSError("the database is away")
        return super().due(kind, now, limit)


def test_a_failure_at_one_message_is_told_after_the_others_were_delivered() -> None:
    world = world_of()
    for number in range(4):
        world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
    records = _FailingFor(world.records)
    records.bad = journeys.waiting(world)[1].key
    with pytest.raises(StoreError):
        run_due(journeys.beside(world, records=records, deliver="manual"))
    assert len(world.inbox.messages) == 3
    assert run_due(world) == Delivered(sent=1)


def test_a_store_that_cannot_list_what_is_due_is_trouble() -> None:
    world = world_of()
    records = _FailingFor(world.records)
    records.bad = "due"
    with pytest.raises(StoreError):
        run_due(journeys.beside(world, records=records, deliver="manual"))


def test_a_message_others_keep_writing_is_kept() -> None:
    world = world_of()
    begin(world)
    assert run_due(journeys.beside(world, records=_Losing(world.records), deliver="manual")) == Delivered(kept=1)
    assert run_due(world) == Delivered(sent=1)


class _Losing(journeys.SpiedRecords):
    """A record store in which every commit loses."""

    def commit(self, checks: Any, writes: Any) -> Any:
        return Committed(done=False, current=self.within.load([*checks, *(write.key for write in writes)]))


def test_a_message_accepted_while_the_store_failed_is_delivered_again_and_not_lost() -> None:
    world = world_of(inbox := PickyInbox())
    records = _FailingFor(world.records)
    records.bad = "nothing yet"

    def fail_from_now_on(message: Message) -> None:
        records.bad = "outbox"

    inbox.before = fail_from_now_on
    begin(world)
    with pytest.raises(StoreError):
        run_due(journeys.beside(world, records=records, deliver="manual"))
    inbox.before = nothing
    world.clock.advance(LEASE)
    assert run_due(world) == Delivered(sent=1)
    assert len({message.id for message in inbox.messages}) == 1


# From async code --------------------------------------------------------------------------------------------------------


def test_the_async_courier_tries_again_and_counts() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        await world.add(ADA, password=OLD)
        world.inbox.failing = DeliveryFailed()
        ticket = await world.kit.reset.begin(ADA, context=CONTEXT)
        assert world.inbox.messages == []
        world.inbox.failing = None
        world.clock.advance(minutes=1)
        assert await world.kit.courier.run_due(limit=1) == Delivered(sent=1)
        assert await world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT)

    asyncio.run(journey())


def test_three_async_couriers_deliver_a_message_once() -> None:
    async def journey() -> list[Delivered]:
        world = journeys.async_build(inbox=_SlowInbox(), deliver="manual")
        await world.kit.sign_up.begin(BOB, context=CONTEXT)
        return await asyncio.gather(*(world.kit.courier.run_due() for _ in range(3)))

    assert sorted(result.sent for result in asyncio.run(journey())) == [0, 0, 1]


class _SlowInbox(AsyncInbox):
    """An inbox that lets the others run first."""

    async def deliver(self, message: Message) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await super().deliver(message)


# Settings and undo --------------------------------------------------------------------------------------------------------


def asking(inbox: Inbox | None = None, **parts: Any) -> tuple[TestWorld, Session, Any]:
    """Return a world whose messages wait, and in which Ada has asked to change her settings."""
    world = world_of(inbox, **parts)
    credential = world.credentials.find(journeys.parsed(ADA))
    assert credential is not None
    who = devices.session(world, credential)
    return world, who, devices.ask(world, who)


def editing(world: TestWorld, who: Session, asked: Any) -> Any:
    """Deliver the question, answer it, and return the window."""
    run_due(world)
    devices.approve(world, who, asked)
    run_due(world)
    return world.kit.settings.open(who, asked, context=CONTEXT)


def test_a_question_is_delivered_once_to_where_it_was_asked() -> None:
    world, _, asked = asking()
    assert run_due(world) == Delivered(sent=1)
    message = world.inbox.messages[-1]
    assert (message.kind, message.to, message.label) == (MessageKind.SETTINGS_REQUEST, journeys.parsed(ADA), asked.label)
    assert message.expires_at == asked.expires_at
    world.clock.advance(days=1)
    assert run_due(world) == NOTHING


@pytest.mark.parametrize("how", ["cancelled", "replaced", "expired"])
def test_a_question_that_is_over_before_it_is_sent_is_dropped(how: str) -> None:
    world, who, asked = asking()
    if how == "cancelled":
        world.kit.settings.cancel(who, asked)
    elif how == "replaced":
        devices.ask(world, who)
    else:
        world.clock.advance(asked.expires_at - world.clock.now())
    assert run_due(world) == Delivered(sent=1 if how == "replaced" else 0, dropped=1)


def test_a_question_that_failed_is_asked_again_while_it_can_be_answered() -> None:
    inbox = Inbox()
    world, who, asked = asking(inbox)
    inbox.failing = OSError("away")
    assert run_due(world) == Delivered(failed=1)
    inbox.failing = None
    world.clock.advance(seconds=30)
    assert run_due(world) == Delivered(sent=1)
    devices.approve(world, who, asked)


def test_a_question_that_can_not_be_delivered_for_good_is_given_up() -> None:
    inbox = Inbox()
    world, _, _ = asking(inbox)
    inbox.failing = DeliveryFailed(permanent=True)
    assert run_due(world) == Delivered(failed=1)
    inbox.failing = None
    world.clock.advance(minutes=5)
    assert run_due(world) == NOTHING


def test_a_question_sealed_with_an_unknown_key_is_kept() -> None:
    world, _, _ = asking()
    without = journeys.beside(world, keys=journeys.ring("new"), deliver="manual")
    assert run_due(without) == Delivered(kept=1)
    world.clock.advance(LOOK_AGAIN)
    assert run_due(world) == Delivered(sent=1)


def test_a_notice_of_a_change_carries_a_link_for_each_recipient_and_starts_its_time() -> None:
    world, who, asked = asking()
    window = editing(world, who, asked)
    devices.add(journeys.beside(world), who, window, BOB)
    links = {message.link.reveal() for message in world.inbox.messages if message.kind is MessageKind.SETTINGS_CHANGED and message.link is not None}
    assert len(links) == 2
    delivered = world.clock.now()
    world.clock.advance(hours=1)
    assert world.kit.undo.review(links.pop()).expires_at == delivered + timedelta(hours=72)


def test_the_first_delivery_starts_the_time_of_a_link_whoever_got_it() -> None:
    inbox = PickyInbox()
    world, who, asked = asking(inbox)
    window = editing(world, who, asked)
    devices.add(journeys.beside(world, inbox=inbox), who, window, BOB)  # so that there are two to tell
    inbox.before = lambda message: journeys.failing() if message.to == journeys.parsed(ADA) else None
    world.kit.settings.prefer(who, window, BOB, context=CONTEXT)
    assert run_due(world) == Delivered(sent=1, failed=1)
    first = world.clock.now()
    inbox.before = nothing
    world.clock.advance(hours=2)
    assert run_due(world) == Delivered(sent=1)
    link = world.inbox.messages[-1].link
    assert link is not None
    assert world.kit.undo.review(link.reveal()).expires_at == first + timedelta(hours=72)


def test_a_notice_that_comes_after_its_undo_goes_without_the_link() -> None:
    world, who, asked = asking()
    window = editing(world, who, asked)
    world.kit.settings.prefer(who, window, ADA, context=CONTEXT)
    review = world.kit.settings.deny(devices.link(world), context=CONTEXT)
    assert review.undo is not None
    world.kit.undo.complete(review.undo.reveal(), password=OLD, context=CONTEXT)
    world.clock.advance(SETTLES)
    run_due(world)
    run_due(world)
    changed = [message.link for message in world.inbox.messages if message.kind is MessageKind.SETTINGS_CHANGED]
    assert changed == [None]
    assert MessageKind.CHANGES_UNDONE in {message.kind for message in world.inbox.messages}


def in_dispute() -> tuple[TestWorld, Session]:
    world, who, asked = asking()
    window = editing(world, who, asked)
    world.kit.settings.prefer(who, window, ADA, context=CONTEXT)
    run_due(world)
    world.kit.undo.dispute(devices.undo_link(world), ADA, context=CONTEXT)
    run_due(world)
    return world, who


def test_a_dispute_is_left_alone_until_it_is_due() -> None:
    world, _ = in_dispute()
    world.clock.advance(timedelta(days=1) - MICROSECOND)
    assert run_due(world) == NOTHING
    world.clock.advance(MICROSECOND)
    run_due(world)
    world.clock.advance(SETTLES)
    run_due(world)
    assert [m.kind for m in world.inbox.messages][-1] is MessageKind.CHANGES_UNDONE
    assert journeys.waiting(world) == []


def test_a_dispute_that_somebody_objected_to_is_dropped_when_it_is_due() -> None:
    world, who, asked = asking()
    devices.add(journeys.beside(world), who, editing(world, who, asked), BOB)
    world.kit.undo.dispute(devices.undo_link(world, ADA), ADA, context=CONTEXT)
    run_due(world)
    world.kit.undo.contest(devices.link(world, MessageKind.UNDO_DISPUTED, BOB), BOB, context=CONTEXT)
    assert run_due(world) == Delivered(sent=2)
    world.clock.advance(days=1)
    assert run_due(world) == Delivered(dropped=1)
    assert journeys.waiting(world) == []


def test_a_dispute_whose_undo_fails_is_tried_again() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world, PHONE)
    who = devices.session(world, credential)
    world.kit.settings.prefer(who, devices.opened(world, who), PHONE, context=CONTEXT)
    world.kit.undo.dispute(devices.undo_link(world, ADA), ADA, context=CONTEXT)
    world.clock.advance(days=1)
    spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        run_due(world)
    world.clock.advance(LEASE)
    run_due(world)
    assert journeys.fresh(world, credential).preferred == journeys.parsed(ADA)
