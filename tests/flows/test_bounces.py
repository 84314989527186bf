"""Identifiers that can never be reached again: unverified, where their owner can be reached elsewhere, and told there (ID-19)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from credkit.credential import MARKS, Credential, Mark, Standing
from credkit.errors import DeliveryFailed
from credkit.flows.histories import HISTORY
from credkit.messages import Message, MessageKind
from credkit.policy import Policy
from credkit.ports import Write
from credkit.sms import SmsPolicy
from credkit.testing import Inbox, TestWorld
from credkit.testing.fakes import START
from flows import journeys
from flows.journeys import ADA, CONTEXT, PHONE

V, U = Standing.VERIFIED, Standing.UNVERIFIED


class Bouncing(Inbox):
    """An inbox that has no mailbox of these names."""

    def __init__(self, *addresses: str, permanent: bool = True) -> None:
        super().__init__()
        self.gone = tuple(map(journeys.parsed, addresses))
        self.permanent = permanent

    def deliver(self, message: Message) -> None:
        if message.to in self.gone:
            raise DeliveryFailed(permanent=self.permanent)
        super().deliver(message)


def setup(*others: str, sms: SmsPolicy | None = None, **changes: object) -> tuple[TestWorld, Credential]:
    world = journeys.build(**({} if sms is None else {"policy": Policy(sms=sms)}))
    return world, journeys.ada(world, *others, **changes)


def ask(world: TestWorld, inbox: Inbox) -> TestWorld:
    """Ask for a reset, to be delivered by *inbox*."""
    other = journeys.beside(world, inbox=inbox, policy=world.kit.policy)
    other.kit.reset.begin(ADA, context=CONTEXT)
    other.kit.courier.run_due()
    return other


def standings(world: TestWorld, credential: Credential) -> list[Standing]:
    return [entry.standing for entry in journeys.fresh(world, credential).identifiers]


def test_a_mailbox_that_is_gone_is_unverified_and_its_owner_told_elsewhere() -> None:
    world, credential = setup(PHONE)
    inbox = Bouncing(ADA)
    ask(world, inbox)
    after = journeys.fresh(world, credential)
    assert (standings(world, credential), after.preferred) == ([U, V], journeys.parsed(PHONE))
    assert (after.generation != credential.generation, after.session_epoch) == (True, credential.session_epoch)
    notices = [message for message in inbox.messages if message.kind is MessageKind.SETTINGS_CHANGED]
    assert [(notice.to, notice.shown[0].old, notice.link) for notice in notices] == [(journeys.parsed(PHONE), "a***@example.com", None)]


def test_the_only_identifier_stays_as_it_is() -> None:
    world, credential = setup()
    ask(world, Bouncing(ADA))
    assert journeys.fresh(world, credential) == credential


def test_a_failure_that_may_pass_changes_nothing() -> None:
    world, credential = setup(PHONE)
    ask(world, Bouncing(ADA, permanent=False))
    assert journeys.fresh(world, credential) == credential


def test_a_stale_number_is_no_other_way_to_its_owner() -> None:
    world, credential = setup()
    old = journeys.verified(PHONE)
    journeys.alter(world, credential, identifiers=(*credential.identifiers, replace(old, verified_at=START - timedelta(days=400))))
    ask(world, Bouncing(ADA))
    assert standings(world, credential) == [V, V]


def test_a_number_that_is_sent_no_text_messages_is_no_other_way_to_its_owner() -> None:
    world, credential = setup(PHONE, sms=SmsPolicy(regions=frozenset({"DE"}), per_day=1))
    ask(world, Bouncing(ADA))
    assert standings(world, credential) == [V, V]


def test_what_was_only_imported_stays_as_it_is() -> None:
    world, credential = setup(identifiers=(journeys.registered(ADA, Standing.CARRIED_OVER),))
    ask(world, Bouncing(ADA))
    assert standings(world, credential) == [Standing.CARRIED_OVER]


def test_a_sign_up_that_bounces_concerns_nobody() -> None:
    world, _ = setup()
    inbox = Bouncing("new@example.com")
    other = journeys.beside(world, inbox=inbox)
    other.kit.sign_up.begin("new@example.com", context=CONTEXT)
    assert inbox.messages == []
    assert journeys.stored(other, "outbox") == []


def test_where_both_are_gone_the_second_stays() -> None:
    world, credential = setup(PHONE)
    other = ask(world, Bouncing(ADA, PHONE))
    assert standings(world, credential) == [U, V]
    assert journeys.stored(other, "outbox") == []


def test_a_bounce_that_comes_again_after_a_crash_changes_nothing_more() -> None:
    world, credential = setup(PHONE)
    journeys.beside(world, deliver="manual").kit.reset.begin(ADA, context=CONTEXT)
    (due,) = journeys.stored(world, "outbox")
    other = journeys.beside(world, inbox=Bouncing(ADA))
    other.kit.courier.run_due()
    once = journeys.fresh(world, credential)
    assert world.records.commit({}, [Write(key=due.key, expected_version=0, record=due)]).done
    other.kit.courier.run_due()
    assert journeys.fresh(world, credential) == once


def test_a_sign_in_changed_too_often_lately_stays_as_it_is_and_the_message_is_given_up() -> None:
    marks = tuple(Mark(change_id=str(number), at=START) for number in range(MARKS))
    world, credential = setup(PHONE, marks=marks)
    other = ask(world, Bouncing(ADA))
    assert standings(world, credential) == [V, V]
    assert journeys.stored(other, "outbox") == []


@pytest.mark.parametrize("hours", [1, 13])
def test_an_identifier_added_lately_is_no_other_way_to_its_owner_yet(hours: int) -> None:
    """ID-21: or a thief who has added one would be left alone with the sign-in by a mail server's mood."""
    from flows.test_account_settings import add, opened, session

    world, credential = setup()
    who = session(world, credential)
    add(world, who, opened(world, who), PHONE)
    world.clock.advance(timedelta(hours=hours))
    assert journeys.stored(world, HISTORY) != []
    ask(world, Bouncing(ADA))
    assert standings(world, credential) == ([V, V] if hours < 12 else [U, V])
