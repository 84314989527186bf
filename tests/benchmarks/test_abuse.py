"""The simulators of attacks, on a small scale; the figures of a year and of a hundred thousand sign-ins are printed with
``pytest -m long tests/benchmarks/test_abuse.py -s``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.attacker import Attack, attack, wide_open
from benchmarks.sprayer import HOUR, Sprayed, short_codes, spray
from credkit.chances import guess_probability
from credkit.otp import HIGHEST_CHANCE, OtpPolicy, Rung
from credkit.policy import Policy

BOTH = pytest.mark.parametrize("daily", [True, False], ids=["the owner comes every day", "the owner comes on the last day"])


def steep(failures: int = 60) -> Policy:
    """Return a policy whose ladder is climbed in days, so that a short attack meets each rung, letters included."""
    return replace(wide_open(), otp=OtpPolicy(digits=8, ladder=(Rung(digits=8, failures=failures), Rung(digits=10, failures=2 * failures))))


def holds(found: Attack, policy: Policy) -> None:
    assert found.shut_out == []
    assert found.comparisons.chance <= guess_probability(policy) < HIGHEST_CHANCE


@BOTH
def test_days_of_attack_stay_within_the_ladder_and_shut_nobody_out(daily: bool) -> None:  # TE-01, OT-09, OT-11, OT-13
    found = attack(4, daily=daily, policy=steep())
    holds(found, steep())
    counted = found.comparisons.by_space
    assert counted[10**8] == 60
    assert 0 < counted[10**10] <= 60  # the rest of the rung is failures on tickets that were opened before
    assert counted[32**12] > 0


@pytest.mark.long
@BOTH
def test_a_year_of_attack_stays_within_the_ladder_and_shuts_nobody_out(daily: bool) -> None:  # TE-01
    found = attack(365, daily=daily)
    print(f"\n{found}")
    holds(found, Policy())
    assert found.comparisons.by_space[10**8] == Policy().otp.rungs[0].failures


@pytest.mark.parametrize("days", [3, pytest.param(365, marks=pytest.mark.long)])
def test_messages_that_nobody_asked_for_do_not_use_up_the_owners_way_back(days: int) -> None:  # F12
    found = attack(days, daily=True, noise=True)
    print(f"\n{found}")
    assert found.shut_out == []
    assert set(found.ways) == {"8 digits"}  # an ordinary code each time, on a device that nobody knows


def within_bounds(found: Sprayed) -> None:
    assert sum(found.compared.values()) == found.messages == found.accounts
    assert found.hits_on_average <= found.expected.hits
    assert found.left == {"budget": found.accounts}  # TE-02: one year record for each attacked credential, and nothing of the unknown ones


def test_spraying_meets_longer_codes_once_the_site_has_seen_enough() -> None:  # TE-02, OT-12
    found = spray(700, within=HOUR)
    within_bounds(found)
    assert found.longer_after == pytest.approx(1200, abs=2)
    assert found.compared[10**8] == pytest.approx(600, abs=1)
    assert found.hits_on_average < found.expected.hits


@pytest.mark.long
def test_spraying_a_hundred_thousand_sign_ins_hits_no_more_than_the_arithmetic_says() -> None:  # TE-02
    found = spray(100_000)
    print(f"\n{found}")
    within_bounds(found)


@pytest.mark.long
def test_hits_are_as_many_as_the_calculator_says() -> None:
    found = spray(100_000, policy=short_codes())
    print(f"\n{found}")
    within_bounds(found)
    assert found.expected.hits == pytest.approx(10)
    assert 1 <= found.hits <= 26  # what lies outside has a chance of 1 in 30,000 either way
