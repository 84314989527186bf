"""The numbers as shipped hold to their sources, and a policy that would let guessing pay is not built."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.approvals import ApprovalPolicy
from credkit.budgets import Limit
from credkit.errors import ConfigurationError
from credkit.history import UndoPolicy
from credkit.otp import OtpPolicy
from credkit.policy import CourierPolicy, Limits, Policy

MINUTE, HOUR, DAY, YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=365)
INSTANT = timedelta(microseconds=1)


def problems(**settings: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        Policy(**settings)
    return caught.value.problems


def test_the_policy_as_shipped_is_built() -> None:
    policy = Policy()
    assert (policy.otp.digits, policy.otp.comparisons, policy.otp.lifetime) == (8, 5, timedelta(seconds=600))
    assert (policy.grant_lifetime, policy.grant_tries) == (timedelta(seconds=600), 10)  # RS-08, RS-09
    assert (policy.gate, policy.gate_queue) == (None, 64)  # PW-23
    courier = policy.courier
    assert [span.total_seconds() for span in (courier.notifier_timeout, courier.spread, courier.settles, courier.longest_wait)] == [10, 2, 60, 3600]


def test_approvals_as_shipped_are_short_and_need_the_match_code() -> None:  # AP-06, AP-07, AP-10, AP-12, AP-13, AP-16, ID-21
    approvals = Policy().approvals
    assert (approvals.lifetime, approvals.approved, approvals.window) == (10 * MINUTE, 10 * MINUTE, 15 * MINUTE)
    assert (approvals.match_digits, approvals.match_tries, approvals.without_match_code) == (4, 3, False)
    assert (approvals.other_channels, approvals.poll) == (False, timedelta(seconds=5))
    assert (approvals.cooling_off, approvals.freeze_after_not_me) == (12 * HOUR, timedelta(0))


def test_undo_as_shipped_outlives_a_weekend_and_an_outage() -> None:  # F24, F25
    undo = Policy().undo
    assert (undo.lifetime, undo.undelivered, undo.dispute, undo.after_undo) == (72 * HOUR, 14 * DAY, DAY, DAY)


def test_a_reset_is_by_code_unless_told_otherwise() -> None:  # RS-15
    assert Policy().reset_by == "code"


# Requirements 1.4, N4 3.2.2 and F11, written once more by hand.
def test_the_limits_as_shipped_are_those_of_the_sources() -> None:
    limits = {field.name: getattr(Limits(), field.name) for field in fields(Limits)}
    assert {limit.name for limit in limits.values()} == {name.replace("_", "-") for name in limits}  # part of every record key (TE-13)
    assert {name: (limit.count, limit.per) for name, limit in limits.items()} == {
        "begins": (30, DAY),
        "network_begins": (20, HOUR),
        "sends_hour": (5, HOUR),
        "sends_day": (10, DAY),
        "site_failures": (1200, HOUR),  # OT-12
        "account_sends": (20, DAY),
        "device_sends": (3, DAY),  # F12
        "password_guesses": (4, DAY),  # PW-18
        "password_failures": (100, timedelta(days=365)),  # PW-18
        "network_passwords": (100, HOUR),
        "approvals": (10, DAY),  # AP-11
        "strangers": (2, DAY),  # AP-11, F27
    }


@pytest.mark.parametrize(
    ("settings", "about"),
    [
        ({"grant_lifetime": timedelta(seconds=59)}, "grant_lifetime"),
        ({"grant_lifetime": timedelta(seconds=3601)}, "grant_lifetime"),
        ({"grant_lifetime": timedelta(seconds=-600)}, "grant_lifetime"),
        ({"grant_tries": 0}, "grant_tries"),
        ({"grant_tries": 101}, "grant_tries"),
        ({"gate": 0}, "gate"),
        ({"gate": -1}, "gate"),
        ({"gate_queue": -1}, "gate"),
        ({"reset_by": "magic"}, "reset_by"),
        ({"audit": "never"}, "audit"),
        ({"reset_by": ""}, "reset_by"),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused(settings: dict[str, Any], about: str) -> None:
    (problem,) = problems(**settings)
    assert problem.startswith(about)


@pytest.mark.parametrize(
    "settings",
    [
        {"grant_lifetime": timedelta(seconds=60)},
        {"grant_lifetime": HOUR},
        {"grant_tries": 1},
        {"grant_tries": 100},
        {"gate": 1},
        {"gate": 64},
        {"gate_queue": 0},
        {"reset_by": "code"},
        {"reset_by": "link"},
        {"audit": "required"},
    ],
)
def test_a_setting_on_its_bound_is_taken(settings: dict[str, Any]) -> None:
    ((name, value),) = settings.items()
    assert getattr(Policy(**settings), name) == value


def test_all_that_is_wrong_with_a_policy_is_said_at_once() -> None:  # HO-05
    found = problems(grant_lifetime=timedelta(0), grant_tries=0, gate=0)
    assert [problem.split()[0] for problem in found] == ["grant_lifetime", "grant_tries", "gate"]


def test_all_that_is_wrong_with_a_limit_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Limit(name="n", count=0, per=timedelta(0))
    assert len(caught.value.problems) == 2


def test_all_that_is_wrong_with_a_policy_of_codes_is_said_at_once() -> None:
    pause = timedelta(seconds=1)
    with pytest.raises(ConfigurationError) as caught:
        OtpPolicy(digits=5, comparisons=11, lifetime=timedelta(seconds=601), resend_pauses=(pause,) * 11, repeat=timedelta(seconds=61))
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "otp.digits",
        "otp.ladder",
        "otp.comparisons",
        "otp.lifetime",
        "otp.resend_pauses",
        "otp.resend_pauses",
        "otp.repeat",
        "say",
    ]


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
def test_two_limits_of_one_name_are_refused_because_they_would_share_a_count(field: str) -> None:
    other = "begins" if field != "begins" else "sends_day"
    with pytest.raises(ConfigurationError, match="share one name"):
        replace(Limits(), **{field: replace(getattr(Limits(), field), name=getattr(Limits(), other).name)})


@pytest.mark.parametrize(
    "settings",
    [
        {"notifier_timeout": timedelta(0)},
        {"settles": timedelta(0)},
        {"longest_wait": timedelta(0)},
        {"spread": timedelta(microseconds=-1)},
        {"notifier_timeout": timedelta(seconds=-1)},
    ],
)
def test_a_courier_with_no_time_is_refused(settings: dict[str, timedelta]) -> None:
    with pytest.raises(ConfigurationError):
        CourierPolicy(**settings)


def test_a_courier_may_deliver_at_once() -> None:
    assert CourierPolicy(spread=timedelta(0)).spread == timedelta(0)


def test_a_message_is_leased_for_three_times_what_a_notifier_may_take() -> None:  # F28
    assert CourierPolicy().lease == timedelta(seconds=30)
    assert CourierPolicy(notifier_timeout=timedelta(seconds=5)).lease == timedelta(seconds=15)


def test_the_wait_after_a_failure_doubles_from_30_seconds_up_to_the_longest() -> None:
    policy = CourierPolicy(longest_wait=timedelta(minutes=5))
    assert [policy.backoff(attempts).total_seconds() for attempts in (1, 2, 3, 4, 5, 6)] == [30, 60, 120, 240, 300, 300]


@pytest.mark.parametrize("attempts", [100, 10**9, 10**400])
def test_the_wait_has_a_bound_however_many_failures_there_were(attempts: int) -> None:
    assert CourierPolicy().backoff(attempts) == HOUR


@pytest.mark.parametrize("attempts", [0, -1, -(10**400)])
def test_a_count_of_failures_that_makes_no_sense_still_gives_a_wait(attempts: int) -> None:
    assert CourierPolicy().backoff(attempts) == timedelta(seconds=30)


APPROVAL_BOUNDS: list[tuple[str, Any, Any, Any]] = [
    ("lifetime", MINUTE, DAY, INSTANT),
    ("approved", MINUTE, 30 * MINUTE, INSTANT),
    ("window", MINUTE, HOUR, INSTANT),
    ("match_digits", 4, 8, 1),
    ("match_tries", 1, 5, 1),
    ("poll", timedelta(seconds=1), MINUTE, INSTANT),
    ("cooling_off", timedelta(0), 7 * DAY, INSTANT),
    ("freeze_after_not_me", timedelta(0), 7 * DAY, INSTANT),
]
"""Each setting of approvals, with the least and the most that is taken, and the smallest step beyond."""


@pytest.mark.parametrize(("name", "least", "most", "step"), APPROVAL_BOUNDS, ids=str)
def test_approvals_take_a_setting_on_its_bounds_and_refuse_it_beyond(name: str, least: Any, most: Any, step: Any) -> None:
    for value in (least, most):
        assert getattr(ApprovalPolicy(**{name: value}), name) == value
    for value in (least - step, most + step):
        with pytest.raises(ConfigurationError, match=name) as caught:
            ApprovalPolicy(**{name: value})
        assert len(caught.value.problems) == 1


def test_all_that_is_wrong_with_approvals_is_said_at_once() -> None:  # HO-05
    none = timedelta(0)
    with pytest.raises(ConfigurationError) as caught:
        ApprovalPolicy(lifetime=none, approved=none, window=none, match_digits=0, match_tries=0, poll=none, cooling_off=-INSTANT, freeze_after_not_me=-INSTANT)
    assert [problem.split()[0].removeprefix("approvals.") for problem in caught.value.problems] == [
        "lifetime",
        "approved",
        "window",
        "match_digits",
        "match_tries",
        "poll",
        "cooling_off",
    ]


@pytest.mark.parametrize(("name", "least"), [("lifetime", HOUR), ("undelivered", HOUR), ("dispute", HOUR), ("after_undo", timedelta(0))])
def test_undo_takes_a_span_on_its_bounds_and_refuses_it_beyond(name: str, least: timedelta) -> None:
    for value in (least, 30 * DAY):
        assert getattr(UndoPolicy(**{name: value}), name) == value
    for value in (least - INSTANT, 30 * DAY + INSTANT):
        with pytest.raises(ConfigurationError, match="spans of the undo policy"):
            UndoPolicy(**{name: value})
