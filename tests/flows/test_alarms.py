"""Alarms of a whole site: too many wrong codes, and too few codes by text message that come back. Each is told once an hour."""

from __future__ import annotations

from typing import Any

import pytest

from credkit.errors import ConfigurationError
from credkit.events import Cause, Event, EventKind
from credkit.otp import OtpPolicy
from credkit.policy import Policy
from credkit.sms import SmsPolicy
from credkit.testing import TestWorld, kit_for_tests
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, WRONG, refusal

ANYWHERE: dict[str, Any] = {"regions": "anywhere", "per_day": "uncapped"}


def alarms(world: TestWorld) -> list[Event]:
    return world.events.of(EventKind.SITE_ALARM)


def guessed_at(count: int, **otp: Any) -> TestWorld:
    """Return a world in which strangers have typed so many wrong codes, for as many people."""
    world = kit_for_tests(policy=Policy(otp=OtpPolicy(**otp)))
    journeys.ada(world)
    for number in range(count):
        ticket = world.kit.reset.begin(f"{number}@example.com", context=CONTEXT)
        refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT)
    return world


@pytest.mark.parametrize(("count", "told"), [(4, 0), (5, 1)])
def test_many_wrong_codes_at_the_whole_site_are_told_with_the_next_code_that_is_sent(count: int, told: int) -> None:  # OT-12
    world = guessed_at(count, site_alarm=5)
    world.kit.reset.begin(ADA, context=CONTEXT)
    assert [event.cause for event in alarms(world)] == [Cause.MANY_WRONG_CODES] * told


def test_an_alarm_is_told_once_an_hour() -> None:
    world = guessed_at(5, site_alarm=5)
    for _ in range(3):
        world.kit.sign_up.begin(BOB, context=CONTEXT)
        world.clock.advance(minutes=2)
    assert len(alarms(world)) == 1
    world.clock.advance(hours=2)
    for number in range(5):
        refusal(world.kit.reset.verify, world.kit.reset.begin(f"{number}@example.com", context=CONTEXT), WRONG, context=CONTEXT)
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    assert len(alarms(world)) == 2


def test_an_alarm_changes_no_answer_and_no_code() -> None:
    world = guessed_at(5, site_alarm=5)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    code = world.inbox.last_code(ADA)
    assert len(code) == 8
    assert world.kit.reset.verify(ticket, code, context=CONTEXT)


def pumped(sent: int, back: int, **sms: Any) -> TestWorld:
    """Return a world in which so many codes went out by text message, and so many of them came back right."""
    world = kit_for_tests(policy=Policy(sms=SmsPolicy(**ANYWHERE, **sms)))
    for number in range(sent):
        phone = f"+1415555{2000 + number}"
        ticket = world.kit.sign_up.begin(phone, context=CONTEXT)
        if number < back:
            world.kit.sign_up.verify(ticket, world.inbox.last_code(phone), context=CONTEXT)
    return world


@pytest.mark.parametrize(("sent", "back", "told"), [(9, 0, 0), (10, 0, 1), (10, 1, 1), (10, 2, 0), (12, 2, 1)])
def test_a_region_whose_codes_do_not_come_back_is_told_with_its_name(sent: int, back: int, told: int) -> None:  # AU-08
    world = pumped(sent, back, alarm_from=10)
    assert [(event.cause, event.about) for event in alarms(world)] == [(Cause.FEW_CODES_BACK, "US")] * told


def test_pumping_is_told_within_minutes_of_its_fiftieth_message() -> None:  # AU-08
    world = kit_for_tests(policy=Policy(sms=SmsPolicy(**ANYWHERE)))
    begun = world.clock.now()
    for number in range(60):
        world.kit.sign_up.begin(f"+1415555{2000 + number}", context=CONTEXT)
        world.clock.advance(seconds=5)
    (alarm,) = alarms(world)
    assert (alarm.at - begun).total_seconds() < 300


def test_one_region_is_not_told_for_another() -> None:
    world = pumped(9, 0, alarm_from=10)
    world.kit.sign_up.begin("+44 7400 123456", context=CONTEXT)
    assert alarms(world) == []


@pytest.mark.parametrize("changes", [{"alarm_from": 0}, {"alarm_below": -0.1}, {"alarm_below": 1.1}])
def test_an_alarm_that_cannot_work_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="alarm"):
        SmsPolicy(**ANYWHERE, **changes)
