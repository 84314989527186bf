"""Accounts prepared for their victims: what somebody put on a sign-in before its owner came is worth nothing afterwards (ID-15, ID-16, REQ-D11)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from credkit.credential import Credential, Standing
from credkit.errors import Reason
from credkit.messages import Message
from credkit.testing import TestWorld, kit_for_tests
from flows import journeys
from flows.journeys import ADA, CONTEXT, NEW, OLD, refusal, registered

MALLORY = "mallory@example.com"


def prepared(mallory: Standing, *, preferred: str = ADA) -> tuple[TestWorld, Credential]:
    """Return a world in which Mallory's address stands on Ada's sign-in, which was imported; whoever made it knows its password."""
    world = kit_for_tests()
    identifiers = (registered(MALLORY, mallory), registered(ADA, Standing.CARRIED_OVER))
    return world, journeys.ada(world, identifiers=identifiers, preferred=journeys.parsed(preferred))


def reset(world: TestWorld, typed: str = ADA) -> None:
    ticket = world.kit.reset.begin(typed, context=CONTEXT)
    grant = world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT)
    world.kit.reset.complete(grant, NEW, context=CONTEXT)
    world.clock.advance(timedelta(minutes=2))
    world.inbox.messages.clear()


def to_mallory(world: TestWorld) -> list[Message]:
    return [message for message in world.inbox.messages if message.to == journeys.parsed(MALLORY)]


@pytest.mark.parametrize("preferred", [ADA, MALLORY])
@pytest.mark.parametrize("mallory", [Standing.UNVERIFIED, Standing.CARRIED_OVER])
def test_after_the_owner_s_reset_nothing_of_before_opens_the_sign_in_or_hears_of_it(mallory: Standing, preferred: str) -> None:
    world, credential = prepared(mallory, preferred=preferred)
    session = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session
    reset(world)
    assert not world.kit.sign_in.holds(session)
    assert refusal(world.kit.sign_in.with_password, ADA, OLD, context=CONTEXT).reason is Reason.SIGN_IN_FAILED
    world.kit.reset.begin(MALLORY, context=CONTEXT)
    world.kit.admin.mark_compromised(credential.id, actor="support")
    assert [message.to for message in world.inbox.messages if message.to != journeys.parsed(ADA)] == []
    assert to_mallory(world) == []


def test_what_nobody_ever_confirmed_is_gone_after_the_owner_s_reset() -> None:
    world, credential = prepared(Standing.UNVERIFIED)
    reset(world)
    assert [entry.identifier.address for entry in journeys.fresh(world, credential).identifiers] == [ADA]
    assert refusal(world.kit.sign_in.with_password, MALLORY, NEW, context=CONTEXT).reason is Reason.SIGN_IN_FAILED


def test_a_code_that_was_under_way_to_what_was_carried_over_is_worth_nothing_after_the_owner_s_reset() -> None:
    world, _ = prepared(Standing.CARRIED_OVER, preferred=MALLORY)
    ticket = world.kit.reset.begin(MALLORY, context=CONTEXT)
    code = world.inbox.last_code(MALLORY)
    reset(world)
    grant = world.kit.reset.verify(ticket, code, context=CONTEXT)
    assert refusal(world.kit.reset.complete, grant, OLD + " too", context=CONTEXT).reason is Reason.GRANT_USED


@pytest.mark.parametrize("journey", ["reset", "sign_up"])
def test_an_unverified_identifier_gets_nothing_from_any_journey(journey: str) -> None:
    """ID-15."""
    world, _ = prepared(Standing.UNVERIFIED)
    getattr(world.kit, journey).begin(MALLORY, context=CONTEXT)
    world.kit.reminder.send(MALLORY, context=CONTEXT)
    assert world.inbox.messages == []
