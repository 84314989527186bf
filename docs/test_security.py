"""The known limits that `security.md` owns up to are as it says: no better, so that the page is current, and no worse."""
# ruff: noqa: D103  # a test's name states the behaviour

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from credkit import Context, Reason, Refused
from credkit.budgets import Limit
from credkit.policy import Limits, Policy
from credkit.testing import TestWorld, kit_for_tests

ADA, RIGHT, NEW = "ada@example.com", "nine grey herons wade", "four loud kettles sing"
NOBODY = Context.none()


def world_with_ada(policy: Policy | None = None) -> TestWorld:
    """Return a world in which somebody has a sign-in, made long enough ago that nothing of it counts."""
    world = kit_for_tests(policy=policy)
    world.add(ADA, password=RIGHT)
    world.clock.advance(days=2)
    return world


def refusal(call: Callable[..., object], *given: object, context: Context = NOBODY) -> Refused | None:
    """Return what a call is refused with, if it is."""
    try:
        call(*given, context=context)
    except Refused as refused:
        return refused
    return None


def guess_codes(world: TestWorld, count: int) -> None:
    """Guess wrongly, as a stranger does, five times for each reset that is begun."""
    for _ in range(count // 5):
        ticket = world.kit.reset.begin(ADA, context=NOBODY)
        for _ in range(5):
            assert refusal(world.kit.reset.verify, ticket, "0000")


def guess_passwords(world: TestWorld, count: int) -> None:
    """Guess wrongly."""
    for _ in range(count):
        assert refusal(world.kit.sign_in.with_password, ADA, NEW)


def test_thirty_begins_shut_that_journey_for_up_to_25_hours_and_leave_the_other_open() -> None:
    world = world_with_ada()
    for _ in range(30):
        world.kit.reset.begin(ADA, context=NOBODY)
    refused = refusal(world.kit.reset.begin, ADA)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_REQUESTS
    assert timedelta(hours=24) < (refused.retry_after or timedelta()) <= timedelta(hours=25)
    assert refusal(world.kit.sign_up.begin, ADA) is None


def test_fifty_guesses_shut_verify_of_both_journeys_for_the_right_code_too() -> None:
    world = world_with_ada()
    guess_codes(world, 50)
    world.clock.advance(hours=2)  # so that the owner's own code is sent
    for begin, verify in ((world.kit.reset.begin, world.kit.reset.verify), (world.kit.sign_up.begin, world.kit.sign_up.verify)):
        ticket = begin(ADA, context=NOBODY)
        code = world.inbox.last_code(ADA)
        refused = refusal(verify, ticket, code)
        assert refused is not None
        assert refused.reason is Reason.TOO_MANY_TRIES


def test_five_begins_in_an_hour_keep_the_owner_s_message_back_for_up_to_63_minutes() -> None:
    world = world_with_ada()
    for _ in range(5):
        world.kit.sign_up.begin(ADA, context=NOBODY)
        world.clock.advance(minutes=1)
        world.kit.courier.run_due()
    before = len(world.inbox.messages)
    world.kit.reset.begin(ADA, context=NOBODY)
    assert len(world.inbox.messages) == before
    world.clock.advance(minutes=63)
    world.kit.reset.begin(ADA, context=NOBODY)
    assert len(world.inbox.messages) == before + 1


def test_ten_wrong_passwords_shut_sign_in_for_up_to_16_minutes_and_leave_the_reset_open() -> None:
    world = world_with_ada()
    guess_passwords(world, 10)
    refused = refusal(world.kit.sign_in.with_password, ADA, RIGHT)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_TRIES
    assert (refused.retry_after or timedelta()) <= timedelta(minutes=16)
    ticket = world.kit.reset.begin(ADA, context=NOBODY)
    assert refusal(world.kit.reset.verify, ticket, world.inbox.last_code(ADA)) is None


def test_a_hundred_wrong_passwords_refuse_the_right_one_for_up_to_25_hours_or_until_a_reset() -> None:
    world = world_with_ada()
    for _ in range(10):
        guess_passwords(world, 10)
        world.clock.advance(minutes=16)
    refused = refusal(world.kit.sign_in.with_password, ADA, RIGHT)
    assert refused is not None
    assert refused.reason is Reason.SIGN_IN_FAILED
    ticket = world.kit.reset.begin(ADA, context=NOBODY)
    grant = world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=NOBODY)
    world.kit.reset.complete(grant, NEW, context=NOBODY)
    assert refusal(world.kit.sign_in.with_password, ADA, NEW) is None


def test_the_year_s_guesses_make_every_code_wrong_until_they_are_380_days_old() -> None:
    world = world_with_ada(Policy(limits=Limits(code_failures=Limit(name="code-failures", count=20, per=timedelta(days=365)))))
    for _ in range(4):
        guess_codes(world, 5)
        world.clock.advance(minutes=2)  # a ticket whose message is held back cannot be guessed, and counts for nobody
    for wait, expected in ((timedelta(days=2), Reason.CODE_WRONG), (timedelta(days=379), None)):
        world.clock.advance(wait)
        ticket = world.kit.reset.begin(ADA, context=NOBODY)
        refused = refusal(world.kit.reset.verify, ticket, world.inbox.last_code(ADA))
        assert (refused and refused.reason) is expected


def test_a_network_key_slows_begins_and_wrong_passwords_of_one_network() -> None:
    world, context = world_with_ada(), Context(network_key="203.0.113.7")
    for number in range(20):
        world.kit.reset.begin(f"{number}@example.com", context=context)
    refused = refusal(world.kit.reset.begin, ADA, context=context)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_REQUESTS
    for number in range(100):
        refusal(world.kit.sign_in.with_password, f"{number}@example.com", NEW, context=context)
    refused = refusal(world.kit.sign_in.with_password, ADA, RIGHT, context=context)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_TRIES
