"""A rolling limit beside a list of exact moments: it never counts less, hardly more, and one worker's clock cannot change that for the others (F16)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from credkit.budgets import BUCKETS, KEPT, STRIPES, Delays, Limit, Tally
from credkit.payloads import UnreadableRecord
from credkit.testing.fakes import START

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

TICK = timedelta(microseconds=1)

spans = st.one_of(
    st.sampled_from([timedelta(seconds=24), timedelta(seconds=25), timedelta(hours=1), timedelta(days=1), timedelta(days=365), timedelta(days=366)]),
    st.integers(24_000_000, 366 * 86_400_000_000).map(lambda count: timedelta(microseconds=count)),
)
limits = st.builds(lambda per, count: Limit(name="x", count=count, per=per), spans, st.integers(1, 12))
shares = st.one_of(st.just(0.0), st.floats(0, 0.1), st.floats(0, 1), st.floats(0, 3))
"""A stretch of time in spans of the limit: often none, often within a bucket."""

gaps = st.lists(shares, min_size=1, max_size=60)
offsets = st.floats(-6, 6)


def moments(limit: Limit, stretches: list[float]) -> list[datetime]:
    """Return moments that far apart, oldest first."""
    found, now = [], START
    for share in stretches:
        now += limit.per * share
        found.append(now)
    return found


def width(limit: Limit) -> timedelta:
    return limit.memory - limit.per


def exactly(used_at: list[datetime], now: datetime, span: timedelta) -> int:
    return sum(1 for moment in used_at if now - span < moment <= now)


@thorough
@given(limit=limits, stretches=gaps)
def test_while_clocks_agree_no_use_is_missed_and_none_counts_a_bucket_too_long(limit: Limit, stretches: list[float]) -> None:
    tally, past = Tally(), []
    for now in moments(limit, stretches):
        tally = limit.charge(tally, now)
        past.append(now)
        assert exactly(past, now, limit.per) <= limit.used(tally, now) <= exactly(past, now, limit.memory)
        assert tally.last_at == now


@thorough
@given(limit=limits, stretches=gaps, later=shares)
def test_asking_later_is_as_exact_as_asking_at_a_use(limit: Limit, stretches: list[float], later: float) -> None:
    past = moments(limit, stretches)
    tally = Tally()
    for now in past:
        tally = limit.charge(tally, now)
    now = past[-1] + limit.per * later
    assert exactly(past, now, limit.per) <= limit.used(tally, now) <= exactly(past, now, limit.memory)
    assert limit.used(tally, past[-1] + limit.memory) == 0


@thorough
@given(limit=limits, clocks=st.lists(st.datetimes(timezones=st.just(UTC)), max_size=120))
def test_a_record_has_constant_size_whatever_the_clocks_say(limit: Limit, clocks: list[datetime]) -> None:
    tally = Tally()
    for now in clocks:
        tally = limit.charge(tally, now)
        assert len(tally.buckets) <= KEPT
        assert list(tally.buckets) == sorted(set(tally.buckets))
        assert all(count > 0 and number >= 0 for number, count in tally.buckets)


@thorough
@given(limit=limits, steps=st.lists(st.tuples(shares, st.booleans()), min_size=1, max_size=80), ahead=offsets)
@example(limit=Limit(name="x", count=5, per=timedelta(days=1)), steps=[(0.0, True)] * 5 + [(0.04, False)] * 20 + [(0.04, True)] * 40, ahead=1.0)
@example(limit=Limit(name="x", count=5, per=timedelta(days=1)), steps=[(0.042, bool(number % 2)) for number in range(80)], ahead=1.2)
def test_one_worker_with_a_wrong_clock_loses_no_use_of_the_others(limit: Limit, steps: list[tuple[float, bool]], ahead: float) -> None:
    tally, good, now = Tally(), [], START
    for share, right in steps:
        now += limit.per * share
        if right:
            tally = limit.charge(tally, now)
            good.append(now)
        else:
            tally = limit.charge(tally, now + limit.per * ahead)
        assert limit.used(tally, now) >= exactly(good, now, limit.per)
        assert len(tally.buckets) <= KEPT


@thorough
@given(
    limit=limits,
    steps=st.lists(st.tuples(st.floats(0, 0.2), st.integers(0, 4)), min_size=1, max_size=120),
    ahead=st.tuples(st.just(0.0), offsets, offsets, offsets, offsets),
)
def test_nor_do_four_workers_that_are_all_wrong_in_their_own_way(limit: Limit, steps: list[tuple[float, int]], ahead: tuple[float, ...]) -> None:
    tally, good, now = Tally(), [], START
    for share, worker in steps:
        now += limit.per * share
        tally = limit.charge(tally, now + limit.per * ahead[worker])
        if ahead[worker] == 0:
            good.append(now)
        assert limit.used(tally, now) >= exactly(good, now, limit.per)


@thorough
@given(limit=limits, steps=st.lists(st.tuples(shares, st.booleans()), min_size=1, max_size=40), back=st.floats(0, 6))
def test_a_clock_that_goes_back_frees_nothing(limit: Limit, steps: list[tuple[float, bool]], back: float) -> None:
    tally, now = Tally(), START
    for share, goes_back in steps:
        before = limit.used(tally, now)
        now = now - limit.per * back if goes_back else now + limit.per * share
        if goes_back:
            assert limit.used(tally, now) >= before
        tally = limit.charge(tally, now)
        assert limit.used(tally, now) >= 1


@thorough
@given(limit=limits, stretches=gaps, which=st.integers(0, 59), later=shares)
def test_a_use_taken_back_is_exactly_one(limit: Limit, stretches: list[float], which: int, later: float) -> None:
    past = moments(limit, stretches)
    which %= len(past)
    tally, made = Tally(), None
    for number, now in enumerate(past):
        tally = limit.charge(tally, now)
        made = tally if number == which else made
    assert made is not None
    after = limit.refund(tally, made)
    kept = made.buckets[-1][0] in dict(tally.buckets)
    assert sum(count for _, count in tally.buckets) - sum(count for _, count in after.buckets) == int(kept)
    for now in (past[-1], past[-1] + limit.per * later):
        # Of the others none is missed; of this one nothing is left.
        others = [moment for number, moment in enumerate(past) if number != which]
        assert exactly(others, now, limit.per) <= limit.used(after, now) <= exactly(others, now, limit.memory)


@thorough
@given(limit=limits, histories=st.lists(gaps, min_size=1, max_size=3), later=shares)
def test_the_wait_suffices_and_a_moment_less_does_not(limit: Limit, histories: list[list[float]], later: float) -> None:
    pasts = [moments(limit, stretches) for stretches in histories]
    now = max(past[-1] for past in pasts) + limit.per * later
    tallies = []
    for past in pasts:
        tally = Tally()
        for moment in past:
            tally = limit.charge(tally, moment)
        tallies.append(tally)

    def used(moment: datetime) -> int:
        return sum(limit.used(tally, moment) for tally in tallies)

    wait = limit.retry_after(tuple(tallies), now)
    assert timedelta(0) <= wait <= limit.memory
    assert (wait == timedelta(0)) is (used(now) < limit.count)
    assert used(now + wait) < limit.count
    assert wait == timedelta(0) or used(now + wait - TICK) >= limit.count


@thorough
@given(limit=limits, stretches=gaps)
def test_a_limit_that_is_obeyed_is_never_passed_in_any_span(limit: Limit, stretches: list[float]) -> None:
    tally, allowed = Tally(), []
    for now in moments(limit, stretches):
        if limit.used(tally, now) < limit.count:
            tally = limit.charge(tally, now)
            allowed.append(now)
        assert exactly(allowed, now, limit.per) <= limit.count


@thorough
@given(limit=limits, stretches=gaps, carried=st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(), st.text()), max_size=3))
def test_a_tally_comes_back_as_it_was(limit: Limit, stretches: list[float], carried: dict[str, Any]) -> None:
    carried = {name: value for name, value in carried.items() if name not in {"format", "buckets", "last_at"}}
    tally = Tally(carried=carried)
    for now in moments(limit, stretches):
        tally = limit.charge(tally, now)
    assert Tally.from_payload(tally.to_payload()) == tally


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["format", "buckets", "last_at", "x"]), inner, max_size=4)),
    max_leaves=12,
)


@thorough
@given(payload=st.one_of(st.binary(max_size=40), json_values.map(lambda value: json.dumps(value).encode())))
@example(payload=b'{"format":1,"buckets":[[1,1]],"last_at":1e400}')
def test_any_bytes_are_a_tally_or_unreadable(payload: bytes) -> None:
    try:
        tally = Tally.from_payload(payload)
    except UnreadableRecord:
        return
    assert Tally.from_payload(tally.to_payload()).to_payload() == tally.to_payload()


def test_a_bucket_is_a_twenty_fourth_of_the_span() -> None:
    # What the properties above call "a bucket too long" is what the module says it is.
    assert (BUCKETS, KEPT) == (24, 50)
    assert width(Limit(name="x", count=1, per=timedelta(days=1))) == timedelta(hours=1)


# Waits ------------------------------------------------------------------------------------------------------------------

WAITS = Delays(name="x", count=4, per=timedelta(days=1), first=timedelta(seconds=30), longest=timedelta(hours=1))


@thorough
@given(st.lists(st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 4000), st.integers(0, 90_000)), min_size=1, max_size=80))
def test_however_somebody_tries_no_two_tries_are_closer_than_the_wait_and_a_day_has_few(gaps_in_seconds: list[int]) -> None:
    tally, made, now = Tally(), list[datetime](), START  # PW-18
    for gap in gaps_in_seconds:
        now += timedelta(seconds=gap)
        if WAITS.full((tally,), now):
            assert timedelta(0) < WAITS.retry_after((tally,), now) <= WAITS.longest
            assert not WAITS.full((tally,), now + WAITS.retry_after((tally,), now))
            continue
        lately = sum(now - moment < WAITS.per for moment in made)
        assert not made or now - made[-1] >= WAITS.wait(lately)
        tally = WAITS.charge(tally, now)
        made.append(now)
    # Four at once, seven waits of together about an hour, and one an hour: in any day.
    assert all(sum(timedelta(0) <= moment - first < WAITS.per for moment in made) <= 4 + 8 + 24 for first in made)


@given(st.integers(1, 10**9))
def test_the_stripes_of_a_limit_come_to_its_own_count_and_differ_by_one_at_the_most(count: int) -> None:
    counts = [stripe.count for stripe in Limit(name="x", count=count, per=timedelta(hours=1)).stripes]
    assert sum(counts) == count
    assert len(counts) in {1, STRIPES}
    assert max(counts) - min(counts) <= 1
