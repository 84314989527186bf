"""Toll fraud and numbers that change hands: what is refused at once by what was typed, and what the courier does not send (ID-13, ID-14, ID-18)."""

from __future__ import annotations

import phonenumbers
import pytest

from credkit.errors import Reason, Refused
from credkit.identifiers import PhoneNumber
from credkit.identifiers.lines import LineKind, line_of
from credkit.policy import Policy
from credkit.sms import SmsPolicy
from credkit.testing import TestWorld, kit_for_tests
from flows import journeys
from flows.journeys import ADA, CONTEXT, OLD, PHONE, refusal

CANADIAN, BRITON = "+15062345678", "+447400123456"
US = SmsPolicy(regions=frozenset({"US"}), per_day="uncapped")


def world_with(sms: SmsPolicy | None) -> TestWorld:
    return kit_for_tests(policy=Policy(sms=sms))


def examples() -> list[tuple[str, str, LineKind]]:
    """Return the number, region and kind of an example of each kind of line of each region that can be typed at all."""
    found: list[tuple[str, str, LineKind]] = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in LineKind:
            number_type = getattr(phonenumbers.PhoneNumberType, kind.name)
            example = None if kind is LineKind.UNKNOWN else phonenumbers.example_number_for_type(region, number_type)
            if example is not None and phonenumbers.is_valid_number(example):
                e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                found.append((e164, phonenumbers.region_code_for_number(example), line_of(PhoneNumber.restore(e164, e164)).kind))
    return found


# What is told at once, by what was typed ---------------------------------------------------------------------------------


def test_sign_up_takes_a_mobile_number_of_each_region_and_no_other_line() -> None:
    """ID-13: one vector for each region and kind, at the door."""
    sign_up = world_with(SmsPolicy(regions="anywhere", per_day="uncapped")).kit.sign_up
    taken, told = examples(), set[tuple[bool, Reason | None]]()
    assert len(taken) > 1000
    for number, _, kind in taken:
        try:
            sign_up.begin(number, context=CONTEXT)
            reason = None
        except Refused as refused:
            reason = refused.reason
        told.add((kind in {LineKind.MOBILE, LineKind.FIXED_LINE_OR_MOBILE}, reason))
    assert told == {(True, None), (False, Reason.PHONE_NOT_SUPPORTED)}


@pytest.mark.parametrize(("sms", "number"), [(None, PHONE), (US, CANADIAN), (US, BRITON)])
def test_a_number_that_is_not_sent_to_is_refused_at_sign_up_and_nothing_is_stored(sms: SmsPolicy | None, number: str) -> None:
    world = world_with(sms)
    refused = refusal(world.kit.sign_up.begin, number, context=CONTEXT)
    assert (refused.reason, refused.field) == (Reason.PHONE_NOT_SUPPORTED, "identifier")
    assert journeys.stored(world, "budget") == journeys.stored(world, "challenge") == []


def test_the_verdict_is_the_same_whether_the_number_signs_somebody_in_or_not() -> None:
    """ID-14: and it is told before anybody is looked up."""
    known, unknown = world_with(US), world_with(US)
    credential = known.add(ADA, password=OLD)
    journeys.alter(known, credential, identifiers=(*credential.identifiers, journeys.verified(CANADIAN)))
    told = [refusal(world.kit.sign_up.begin, CANADIAN, context=CONTEXT).problem() for world in (known, unknown)]
    assert told[0] == told[1]
