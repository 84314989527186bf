"""Which text messages may be sent for the asking: regions and a cap without silent defaults, and numbers confirmed too long ago (ID-13, ID-18)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from credkit.credential import Registered, Standing
from credkit.errors import ConfigurationError
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.sms import SmsPolicy, allows, reaches
from credkit.testing.fakes import START

DAY = timedelta(days=1)
PHONE = PhoneNumber.parse("+14155552671")
EMAIL = EmailAddress.parse("ada@example.com")
CANADIAN = PhoneNumber.parse("+15062345678")
LANDLINE = PhoneNumber.restore("+442083661177", "+442083661177")
SATELLITE = PhoneNumber.restore("+870301234567", "+870301234567")

US = SmsPolicy(regions=frozenset({"US"}), per_day=100)


def confirmed(days_ago: float | None, standing: Standing = Standing.VERIFIED) -> Registered:
    return Registered(identifier=PHONE, standing=standing, verified_at=None if days_ago is None else START - timedelta(days=days_ago))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"per_day": 1}, "name the sms regions"),
        ({"regions": frozenset[str](), "per_day": 1}, "name the sms regions"),
        ({"regions": frozenset({"US"})}, "how many text messages a day"),
        ({"regions": frozenset({"US"}), "per_day": 0}, "at least 1"),
        ({"regions": frozenset({"us"}), "per_day": 1}, "two capital letters"),
        ({"regions": "US", "per_day": 1}, "two capital letters"),
        ({"regions": frozenset({"US"}), "per_day": 1, "alarm_from": 0}, "alarm_from"),
        ({"regions": frozenset({"US"}), "per_day": 1, "alarm_below": 1.5}, "alarm_below"),
        ({"regions": frozenset({"US"}), "per_day": 1, "stale_after": 29 * DAY}, "at least 30 days"),
    ],
)
def test_what_costs_money_has_no_silent_default(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        SmsPolicy(**settings)


def test_without_a_policy_no_phone_is_sent_to() -> None:
    assert not allows(None, PHONE)
    assert allows(None, EMAIL)


def test_only_regions_that_were_named_are_sent_to() -> None:
    assert US.allows(PHONE)
    assert not US.allows(CANADIAN)


def test_anywhere_is_every_country_and_still_no_landline_or_satellite() -> None:
    anywhere = SmsPolicy(regions="anywhere", per_day="uncapped")
    assert (anywhere.allows(PHONE), anywhere.allows(CANADIAN)) == (True, True)
    assert (anywhere.allows(LANDLINE), anywhere.allows(SATELLITE)) == (False, False)


@pytest.mark.parametrize(("days_ago", "reached"), [(0, True), (364.99, True), (365, False), (4000, False), (None, True)])
def test_a_number_confirmed_a_year_ago_does_not_reach_its_owner_by_itself(days_ago: float | None, *, reached: bool) -> None:
    assert reaches(US, confirmed(days_ago), START) is reached


def test_an_address_never_goes_stale() -> None:
    assert reaches(US, Registered(identifier=EMAIL, standing=Standing.VERIFIED, verified_at=START - 4000 * DAY), START)


def test_staleness_can_be_waived() -> None:
    assert reaches(SmsPolicy(regions=frozenset({"US"}), per_day=1, stale_after=None), confirmed(4000), START)


def test_a_number_that_is_not_sent_to_reaches_nobody_however_new_it_is() -> None:
    assert not reaches(None, confirmed(0), START)


def test_the_cap_is_a_limit_of_a_day() -> None:
    cap = SmsPolicy(regions=frozenset({"US"}), per_day=500).cap
    assert cap is not None
    assert (cap.count, cap.per) == (500, DAY)


def test_without_a_cap_there_is_nothing_to_count() -> None:
    assert SmsPolicy(regions=frozenset({"US"}), per_day="uncapped").cap is None


@pytest.mark.parametrize(("sent", "back", "pumped"), [(49, 0, False), (50, 0, True), (50, 9, True), (50, 10, False), (1000, 199, True), (1000, 200, False)])
def test_few_codes_that_come_back_of_many_are_an_alarm(sent: int, back: int, *, pumped: bool) -> None:
    """AU-08."""
    assert US.is_pumped(sent, back) is pumped
