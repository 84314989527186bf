"""A reminder of what one signs in with: sent to the contact that was typed, if it is somebody's, and the same answer for everybody (SI-06)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.context import Context
from credkit.credential import Standing
from credkit.errors import ConfigurationError, DeliveryFailed, InvalidIdentifier, Reason
from credkit.flows.courier import Delivered
from credkit.messages import MessageKind
from credkit.testing import Inbox, TestWorld, async_kit_for_tests
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, NOBODY, OLD, PHONE, refusal

HOUR = timedelta(hours=1)


def waiting_world(**parts: Any) -> TestWorld:
    """Return a world with Ada in it whose messages wait for `run_due`."""
    world = journeys.build(**parts)
    journeys.ada(world)
    return journeys.beside(world, deliver="manual", **parts)


def sent(world: TestWorld) -> list[tuple[str, tuple[str, ...]]]:
    return [(message.to.canonical, message.names) for message in world.inbox.messages]


def test_whoever_has_the_contact_is_told_there_what_they_sign_in_with() -> None:
    world = journeys.build()
    credential = journeys.ada(world, BOB, PHONE, locale="nb", accounts=("account",))
    context = Context(device="Firefox on Linux", place="Oslo", locale="de")
    world.kit.reminder.send("BOB@example.com", context=context)
    (message,) = world.inbox.messages
    assert (message.kind, message.to.canonical) == (MessageKind.SIGN_IN_NAMES, BOB)
    assert message.names == ("a***@example.com", "b***@example.com", "***71")
    assert (message.credential_id, message.accounts, message.locale, message.code) == (credential.id, ("account",), "nb", None)
    assert (message.device, message.place, message.at) == ("Firefox on Linux", "Oslo", world.clock.now())
    assert journeys.fresh(world, credential) == credential


def test_a_phone_number_is_reminded_like_an_address() -> None:
    world = journeys.build()
    journeys.ada(world, PHONE)
    world.kit.reminder.send("(415) 555-2671", context=Context(region="US"))
    assert sent(world) == [(PHONE, ("a***@example.com", "***71"))]


def test_known_and_unknown_get_one_answer_by_the_same_traffic_and_nobody_is_looked_up() -> None:
    # AU-01, SI-06: what a stranger sees, and what could be timed.
    seen = []
    for typed in (ADA, NOBODY):
        records, credentials = journeys.SpiedRecords(), journeys.SpiedCredentials()
        world = journeys.build(records=records, credentials=credentials, deliver="manual")
        journeys.ada(journeys.build(credentials=credentials))
        records.calls.clear()
        credentials.calls.clear()
        assert world.kit.reminder.send(typed, context=Context(network_key="net")) is None
        seen.append(([type(call).__name__ if not isinstance(call, tuple) else call[0] for call in records.calls], list(credentials.calls)))
    assert seen[0] == seen[1]
    assert seen[0][1] == []


def test_a_contact_that_is_nobodys_gets_nothing() -> None:
    world = waiting_world()
    world.kit.reminder.send(NOBODY, context=CONTEXT)
    assert world.kit.courier.run_due() == Delivered(dropped=1)
    assert journeys.waiting(world) == []


@pytest.mark.parametrize("change", [{"disabled": True}, {"identifiers": (journeys.registered(ADA, Standing.UNVERIFIED),)}], ids=["disabled", "unverified"])
def test_who_may_not_use_a_contact_is_not_reminded_at_it(change: dict[str, Any]) -> None:
    world = journeys.build()
    journeys.ada(world, **change)
    world.kit.reminder.send(ADA, context=CONTEXT)
    assert sent(world) == []
    assert journeys.waiting(world) == []


def test_a_contact_that_was_only_carried_over_is_told_of_itself_alone() -> None:
    # ID-15: it may have come to others before anybody proved it.
    world = journeys.build()
    credential = journeys.ada(world, BOB)
    carried = replace(credential, identifiers=(journeys.registered(ADA, Standing.CARRIED_OVER), journeys.verified(BOB)))
    journeys.alter(world, credential, identifiers=carried.identifiers)
    for typed in (ADA, BOB):
        world.kit.reminder.send(typed, context=CONTEXT)
    assert sent(world) == [(ADA, ("a***@example.com",)), (BOB, ("a***@example.com", "b***@example.com"))]


def test_an_unverified_identifier_is_in_nobodys_list() -> None:
    world = journeys.build()
    credential = journeys.ada(world)
    journeys.alter(world, credential, identifiers=(journeys.verified(ADA), journeys.registered(BOB, Standing.UNVERIFIED)))
    world.kit.reminder.send(ADA, context=CONTEXT)
    assert sent(world) == [(ADA, ("a***@example.com",))]


def test_what_is_typed_and_a_network_may_ask_only_so_often() -> None:
    world = journeys.build(policy=journeys.lowered(begins=2, network_begins=3), deliver="manual")
    here = Context(network_key="net")
    for _ in range(2):
        world.kit.reminder.send(ADA, context=here)
    refused = refusal(world.kit.reminder.send, ADA, context=CONTEXT)
    assert (refused.reason, refused.retry_after is not None) == (Reason.TOO_MANY_REQUESTS, True)
    world.kit.reminder.send(BOB, context=here)
    assert refusal(world.kit.reminder.send, NOBODY, context=here).reason is Reason.TOO_MANY_REQUESTS
    assert len(journeys.waiting(world)) == 3
    world.kit.sign_up.begin(ADA, context=CONTEXT)  # another purpose counts apart


def test_a_destination_gets_only_so_many_and_nobody_sees_the_limit() -> None:
    world = journeys.build(policy=journeys.lowered(sends_hour=4))
    journeys.ada(world)
    for _ in range(3):
        assert world.kit.reminder.send(ADA, context=CONTEXT) is None
    assert len(sent(world)) == 2
    assert journeys.waiting(world) == []


class FailingOnce(Inbox):
    """An inbox whose first delivery fails."""

    failed = False

    def deliver(self, message: Any) -> None:
        if not self.failed:
            self.failed = True
            raise DeliveryFailed
        super().deliver(message)


def test_a_failed_delivery_is_tried_again_and_counted_once() -> None:
    world = waiting_world(policy=journeys.lowered(sends_hour=2))
    world = journeys.beside(world, inbox=FailingOnce(), policy=journeys.lowered(sends_hour=2), deliver="manual")
    world.kit.reminder.send(ADA, context=CONTEXT)
    assert world.kit.courier.run_due() == Delivered(failed=1)
    world.clock.advance(timedelta(minutes=10))
    assert world.kit.courier.run_due() == Delivered(sent=1)
    assert sent(world) == [(ADA, ("a***@example.com",))]


def test_one_that_waited_for_an_hour_is_dropped() -> None:
    for waited, sent_then in ((HOUR - timedelta(seconds=1), 1), (HOUR, 0)):
        world = waiting_world()
        world.kit.reminder.send(ADA, context=CONTEXT)
        world.clock.advance(waited)
        world.kit.courier.run_due()
        assert len(sent(world)) == sent_then
        assert journeys.waiting(world) == []


def test_what_is_no_contact_is_refused_and_nothing_counted() -> None:
    world = journeys.build(deliver="manual")
    with pytest.raises(InvalidIdentifier):
        world.kit.reminder.send("nonsense", context=CONTEXT)
    with pytest.raises(ConfigurationError, match="context"):
        world.kit.reminder.send(ADA, context=None)  # type: ignore[arg-type]
    assert journeys.waiting(world) == []


def test_the_async_kit_reminds_likewise() -> None:
    async def run() -> None:
        world = async_kit_for_tests()
        await world.add(ADA, password=OLD)
        assert await world.kit.reminder.send(ADA, context=CONTEXT) is None
        assert [(message.kind, message.names) for message in world.inbox.messages] == [(MessageKind.SIGN_IN_NAMES, ("a***@example.com",))]

    asyncio.run(run())
