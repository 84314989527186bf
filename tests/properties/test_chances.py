"""What guessing comes to, beside the same counted out: every way that small codes can fall, and the tables of the requirements."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credkit.budgets import Limit
from credkit.chances import guess_probability, log_of_missing, spray_probability
from credkit.errors import ConfigurationError
from credkit.otp import HIGHEST_CHANCE, OtpPolicy, Rung
from credkit.policy import Limits, Policy


def policy_of(*rungs: tuple[int, int], waived: bool = True, **otp: Any) -> Policy:
    ladder = tuple(Rung(digits=digits, failures=failures) for digits, failures in rungs)
    return Policy(otp=OtpPolicy(digits=rungs[0][0], ladder=ladder, weaker_than_the_floor=waived, **otp))


def counted_out(codes: int, guesses: int, each: int) -> float:
    """Return the share of all ways in which codes can fall where one of the guesses is right, guessing 0, 1, 2 and so on at each."""
    spent = [each] * (guesses // each) + ([guesses % each] if guesses % each else [])
    ways = list(itertools.product(range(codes), repeat=len(spent)))
    return sum(any(code < tries for code, tries in zip(way, spent, strict=True)) for way in ways) / len(ways)


@given(codes=st.integers(2, 8), guesses=st.integers(0, 9), each=st.integers(2, 5))
def test_the_chance_is_what_counting_out_every_way_gives(codes: int, guesses: int, each: int) -> None:
    assert -math.expm1(log_of_missing(codes, guesses, each=each)) == pytest.approx(counted_out(codes, guesses, each), abs=1e-12)


ladders = st.lists(st.tuples(st.integers(4, 12), st.integers(1, 10**6)), min_size=1, max_size=4, unique_by=(lambda r: r[0], lambda r: r[1])).map(
    lambda rungs: list(zip(sorted(digits for digits, _ in rungs), sorted(failures for _, failures in rungs), strict=True))
)


@given(rungs=ladders, comparisons=st.integers(1, 10))
def test_what_the_ladder_is_accepted_by_is_never_below_the_chance_and_hardly_above_a_small_one(rungs: list[tuple[int, int]], comparisons: int) -> None:
    """The sum of guesses / K is what the constructor compares with the ceiling."""
    policy = policy_of(*rungs, comparisons=comparisons)
    bound, letters = policy.otp.yearly_chance, 365 * policy.limits.account_sends.count * comparisons / 32**12
    chance = guess_probability(policy)
    assert 0 < chance <= bound * (1 + 1e-9) + letters
    if bound <= HIGHEST_CHANCE:
        assert chance >= bound * (1 - HIGHEST_CHANCE)


@given(rungs=ladders, days=st.integers(1, 3000), more=st.integers(0, 3000))
def test_a_longer_span_is_never_safer(rungs: list[tuple[int, int]], days: int, more: int) -> None:
    policy = policy_of(*rungs)
    assert guess_probability(policy, days=days) <= guess_probability(policy, days=days + more)


@given(rungs=ladders, at=st.integers(0, 3), more=st.integers(0, 1000))
def test_more_failures_on_a_rung_and_shorter_codes_are_never_safer(rungs: list[tuple[int, int]], at: int, more: int) -> None:
    digits, failures = rungs[at % len(rungs)]
    raised = [*rungs[: at % len(rungs)], (digits, failures + more), *((d, f + more) for d, f in rungs[at % len(rungs) + 1 :])]
    assert guess_probability(policy_of(*rungs)) <= guess_probability(policy_of(*raised)) * (1 + 1e-12)
    if rungs[0][0] > 4:
        shorter = [(rungs[0][0] - 1, rungs[0][1]), *rungs[1:]]
        assert guess_probability(policy_of(*rungs)) <= guess_probability(policy_of(*shorter))


@given(accounts=st.integers(1, 10**7), each=st.integers(1, 10**4), days=st.integers(1, 400), more=st.integers(0, 10**6))
def test_spraying_more_is_never_safer_and_longer_codes_never_worse(accounts: int, each: int, days: int, more: int) -> None:
    noticed = spray_probability(Policy(), accounts=accounts, guesses_each=each, days=days)
    assert noticed.guesses == accounts * each
    assert noticed.chance <= noticed.hits * (1 + 1e-9)
    assert noticed.hits <= spray_probability(Policy(), accounts=accounts, guesses_each=each, days=days, longer=False).hits * (1 + 1e-9)
    assert noticed.hits <= spray_probability(Policy(), accounts=accounts + more, guesses_each=each, days=days).hits * (1 + 1e-9)


# Requirements 1.1: failures a year, and what they come to at 6 and at 8 digits. The last digit is the table's.
TABLE = [
    pytest.param(1_095, 1.1e-3, 1.1e-5, id="3 tries, 1 code a day"),
    pytest.param(9_125, 9.1e-3, 9.1e-5, id="5 tries, 5 codes a day"),
    pytest.param(18_250, 1.8e-2, 1.8e-4, id="5 tries, 10 codes a day"),
    pytest.param(262_800, 2.3e-1, 2.6e-3, id="5 tries, 1 code every 10 minutes"),
    pytest.param(175_200, 1.6e-1, 1.8e-3, id="10 tries, 1 code every 30 minutes"),
    pytest.param(100, 1.0e-4, 1.0e-6, id="100 failures, never reset"),
    pytest.param(36_135, 3.6e-2, 3.6e-4, id="100 consecutive, reset by the owner's daily sign-in"),
    pytest.param(3_650, 3.6e-3, 3.7e-5, id="rolling 10 failures a day"),
    pytest.param(608, 6.1e-4, 6.1e-6, id="rolling 10 a day and 50 in 30 days"),
    pytest.param(97, 9.7e-5, 9.7e-7, id="rolling 10 a day and 8 in 30 days"),
]


@pytest.mark.parametrize(("failures", "six", "eight"), TABLE)
def test_the_chances_are_those_of_the_requirements(failures: int, six: float, eight: float) -> None:
    for digits, chance in ((6, six), (8, eight)):
        assert guess_probability(policy_of((digits, failures))) == pytest.approx(chance, rel=0.03)


@pytest.mark.parametrize(("failures", "six", "eight"), TABLE)
def test_each_configuration_that_would_pay_is_refused_with_its_number(failures: int, six: float, eight: float) -> None:  # OT-01
    for digits, chance in ((6, six), (8, eight)):
        if chance <= HIGHEST_CHANCE:
            assert guess_probability(policy_of((digits, failures), waived=False)) <= HIGHEST_CHANCE
            continue
        with pytest.raises(ConfigurationError) as caught:
            policy_of((digits, failures), waived=False)
        assert f"{failures:,} at {digits} digits) is a yearly chance of {failures / 10**digits:.1e}, above 0.0001" in str(caught.value)


def test_the_ladder_as_shipped_and_the_whole_one_stay_below_the_ceiling() -> None:  # OT-13, requirements 1.4
    assert guess_probability(Policy()) == pytest.approx(4e-5 + 9.6e-6, rel=1e-3)
    whole = Policy(otp=OtpPolicy(digits=6))
    assert guess_probability(whole) == pytest.approx(5e-5 + 3.95e-5 + 9.6e-6, rel=1e-3)
    assert guess_probability(whole) < HIGHEST_CHANCE


def test_the_budget_is_there_again_after_a_year() -> None:
    once = guess_probability(Policy())
    assert guess_probability(Policy(), days=1) == pytest.approx(once)
    assert guess_probability(Policy(), days=366) == pytest.approx(2 * once, rel=1e-3)
    assert guess_probability(Policy(), days=3650) == pytest.approx(10 * once, rel=1e-3)


# Requirements 1.2: accounts, guesses at each; expected hits and the chance of one, at 6 and at 8 digits.
@pytest.mark.parametrize(
    ("accounts", "each", "six", "eight"),
    [
        (10_000, 1, (0.01, 0.010), (1e-4, 1e-4)),
        (100_000, 3, (0.3, 0.26), (3e-3, 3e-3)),
        (1_000_000, 1, (1, 0.63), (0.01, 0.010)),
        (1_000_000, 5, (5, 0.99), (0.05, 0.049)),
        (10_000_000, 5, (50, 1.00), (0.5, 0.39)),
    ],
)
def test_spraying_comes_to_what_the_requirements_say(accounts: int, each: int, six: tuple[float, float], eight: tuple[float, float]) -> None:
    for digits, (hits, chance) in ((6, six), (8, eight)):
        spray = spray_probability(Policy(otp=OtpPolicy(digits=digits)), accounts=accounts, guesses_each=each, longer=False)
        assert spray.hits == pytest.approx(hits)
        assert spray.chance == pytest.approx(chance, rel=0.015)


@pytest.mark.parametrize(("digits", "an_hour"), [(6, 12), (8, 1200)])
def test_the_site_count_of_the_requirements_keeps_a_year_of_spraying_at_one_in_ten(digits: int, an_hour: int) -> None:  # OT-12
    limits = Limits(site_failures=Limit(name="site-failures", count=an_hour, per=timedelta(hours=1)))
    policy, unnoticed = Policy(otp=OtpPolicy(digits=digits), limits=limits), an_hour * 8760
    assert spray_probability(policy, accounts=unnoticed).chance == pytest.approx(0.1, abs=0.001)
    assert spray_probability(policy, accounts=10 * unnoticed).chance == pytest.approx(0.1, abs=0.01)


def test_a_day_of_spraying_meets_longer_codes_beyond_the_alarm() -> None:
    spray = spray_probability(Policy(), accounts=1_000_000, days=1)
    assert spray.hits == pytest.approx(28_800 / 10**8 + 971_200 / 10**10)


def test_guesses_beyond_the_ladder_meet_letters() -> None:
    ladder, beyond = (spray_probability(policy_of((8, 1000)), accounts=1, guesses_each=each, longer=False) for each in (1000, 10**6))
    assert beyond.hits == pytest.approx(ladder.hits + (10**6 - 1000) / 32**12)


@pytest.mark.parametrize("spray", [{"accounts": 0}, {"accounts": 1, "guesses_each": 0}, {"accounts": 1, "days": 0}])
def test_a_question_about_nothing_is_refused(spray: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        spray_probability(Policy(), **spray)
    with pytest.raises(ValueError, match="days must be at least 1"):
        guess_probability(Policy(), days=0)
