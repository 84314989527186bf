"""Rolling limits: when a use stops counting, what room there is, and what is refused as a limit or a record."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from credkit.budgets import BUCKETS, KEPT, STRIPED_ABOVE, STRIPES, Delays, Limit, Tally
from credkit.errors import ConfigurationError
from credkit.payloads import UnreadableRecord
from credkit.testing.fakes import START

DAY = Limit(name="day", count=3, per=timedelta(days=1))
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
"""The beginning of a bucket of a day's limit, which are of one hour each."""


def charged(limit: Limit, *moments: datetime) -> Tally:
    tally = Tally()
    for moment in moments:
        tally = limit.charge(tally, moment)
    return tally


@pytest.mark.parametrize(
    ("count", "per"),
    [
        (0, timedelta(days=1)),
        (-1, timedelta(days=1)),
        (1, timedelta(seconds=24) - TICK),
        (1, timedelta(days=366) + TICK),
        (1, timedelta(0)),
        (1, timedelta(days=-1)),
    ],
)
def test_a_limit_out_of_bounds_is_not_built(count: int, per: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="limit guesses"):
        Limit(name="guesses", count=count, per=per)


def test_all_that_is_wrong_with_a_limit_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Limit(name="guesses", count=0, per=timedelta(0))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("per", [timedelta(seconds=24), timedelta(days=366)])
def test_a_limit_at_its_bounds_is_built(per: timedelta) -> None:
    assert Limit(name="guesses", count=1, per=per).memory == per + per / BUCKETS


def test_nothing_is_used_of_a_new_tally() -> None:
    assert DAY.used(Tally(), START) == 0
    assert DAY.retry_after((), START) == DAY.retry_after((Tally(),), START) == timedelta(0)


def test_a_use_counts_until_its_bucket_is_older_than_the_span() -> None:
    # Used at 00:30: the bucket ends at 01:00, so it counts until 01:00 of the next day, 24.5 hours in all.
    tally = charged(DAY, MIDNIGHT + HOUR / 2)
    assert DAY.used(tally, MIDNIGHT + 25 * HOUR - TICK) == 1
    assert DAY.used(tally, MIDNIGHT + 25 * HOUR) == 0


def test_a_use_at_the_end_of_its_bucket_counts_for_the_whole_span() -> None:
    tally = charged(DAY, MIDNIGHT + HOUR - TICK)
    assert DAY.used(tally, MIDNIGHT + 25 * HOUR - 2 * TICK) == 1


def test_uses_leave_one_bucket_after_the_other() -> None:
    tally = charged(DAY, MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR)
    assert [DAY.used(tally, MIDNIGHT + hours * HOUR) for hours in (24, 25, 26, 27, 28)] == [4, 3, 1, 1, 0]


def test_the_wait_is_until_there_is_room_for_one() -> None:
    tally = charged(DAY, MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR)
    assert DAY.retry_after((tally,), MIDNIGHT + 3 * HOUR) == 22 * HOUR


def test_a_full_bucket_is_waited_for_whole() -> None:
    tally = charged(DAY, MIDNIGHT, *[MIDNIGHT + HOUR] * 5)
    assert DAY.retry_after((tally,), MIDNIGHT + 3 * HOUR) == 23 * HOUR


def test_there_is_no_wait_while_there_is_room() -> None:
    assert DAY.retry_after((charged(DAY, MIDNIGHT, MIDNIGHT),), MIDNIGHT + HOUR) == timedelta(0)


def test_the_tallies_of_one_subject_are_counted_together() -> None:
    # F21: during a rotation of index keys there are two records for one subject.
    old, new = charged(DAY, MIDNIGHT, MIDNIGHT + 5 * HOUR), charged(DAY, MIDNIGHT + 2 * HOUR)
    assert DAY.retry_after((old, new), MIDNIGHT + 6 * HOUR) == 19 * HOUR
    assert DAY.retry_after((old,), MIDNIGHT + 6 * HOUR) == timedelta(0)


def test_a_clock_gone_back_opens_no_older_bucket() -> None:
    tally = charged(DAY, MIDNIGHT + 5 * HOUR, MIDNIGHT)
    assert tally == Tally(buckets=((int(MIDNIGHT.timestamp()) // 3600 + 5, 2),), last_at=MIDNIGHT + 5 * HOUR)


def test_a_clock_before_1970_is_no_trouble() -> None:
    moment = datetime(1900, 1, 1, tzinfo=UTC)
    tally = charged(DAY, moment, START)
    assert DAY.used(tally, START) == 1
    assert DAY.used(tally, moment) == 2


def test_a_worker_a_day_ahead_empties_nothing() -> None:
    # F16: its uses are the newest, but what the others counted is kept, and what they count goes on counting.
    tally = charged(DAY, MIDNIGHT, MIDNIGHT, MIDNIGHT + 30 * HOUR, MIDNIGHT + HOUR)
    assert DAY.used(tally, MIDNIGHT + HOUR) == 4
    assert DAY.used(tally, MIDNIGHT + 30 * HOUR) == 2


def test_a_record_has_constant_size() -> None:
    tally = charged(DAY, *(MIDNIGHT + number * HOUR for number in range(1000)))
    assert len(tally.buckets) == KEPT
    assert DAY.used(tally, MIDNIGHT + 999 * HOUR) == 25


def test_a_use_that_is_taken_back_is_as_if_it_had_not_been() -> None:
    before = charged(DAY, MIDNIGHT)
    during = DAY.charge(before, MIDNIGHT + HOUR)
    later = DAY.charge(during, MIDNIGHT + 2 * HOUR)
    assert DAY.refund(during, during).buckets == before.buckets
    assert DAY.refund(later, during).buckets == charged(DAY, MIDNIGHT, MIDNIGHT + 2 * HOUR).buckets


def test_of_several_uses_in_one_bucket_one_is_taken_back() -> None:
    during = charged(DAY, MIDNIGHT, MIDNIGHT, MIDNIGHT)
    assert DAY.used(DAY.refund(during, during), MIDNIGHT) == 2


def test_a_use_that_is_forgotten_already_cannot_be_taken_back() -> None:
    during = charged(DAY, MIDNIGHT)
    later = charged(DAY, *(MIDNIGHT + number * HOUR for number in range(100, 200)))
    assert DAY.refund(later, during) == later


def test_a_tally_comes_back_as_it_was() -> None:
    for tally in (Tally(), charged(DAY, MIDNIGHT, START)):
        assert Tally.from_payload(tally.to_payload()) == tally


def test_a_use_of_before_is_not_taken_back_from_a_count_that_began_anew() -> None:
    before = DAY.charge(Tally(), MIDNIGHT)
    after = DAY.charge(DAY.clear(before), MIDNIGHT)
    assert DAY.used(DAY.clear(before), MIDNIGHT) == 0
    assert DAY.used(DAY.refund(after, before), MIDNIGHT) == 1
    assert DAY.used(DAY.refund(after, after), MIDNIGHT) == 0


def test_fields_of_a_newer_release_are_carried_through() -> None:
    # F31: old and new workers share the records while a deployment is under way.
    newer = json.dumps({"format": 1, "buckets": [[1, 2]], "last_at": None, "cleared": 0, "skew": [1, {"x": None}]}).encode()
    after = DAY.charge(Tally.from_payload(newer), MIDNIGHT)
    assert json.loads(after.to_payload())["skew"] == [1, {"x": None}]


@pytest.mark.parametrize(
    "fields",
    [
        {"buckets": [], "last_at": None, "cleared": 0},
        {"format": 2, "buckets": [], "last_at": None, "cleared": 0},
        {"format": 1, "last_at": None, "cleared": 0},
        {"format": 1, "buckets": None, "last_at": None, "cleared": 0},
        {"format": 1, "buckets": {}, "last_at": None, "cleared": 0},
        {"format": 1, "buckets": [1, 2], "last_at": None, "cleared": 0},
        {"format": 1, "buckets": [[1]], "last_at": None, "cleared": 0},
        {"format": 1, "buckets": [[1, 2, 3]], "last_at": None, "cleared": 0},
        {"format": 1, "buckets": [["1", 2]], "last_at": None, "cleared": 0},
        {"format": 1, "buckets": [[1, 2.5]], "last_at": None, "cleared": 0},
        {"format": 1, "buckets": [[None, 2]], "last_at": None, "cleared": 0},
        {"format": 1, "buckets": [], "last_at": "2026-01-01", "cleared": 0},
        {"format": 1, "buckets": [], "last_at": 1.5, "cleared": 0},
        {"format": 1, "buckets": [], "last_at": 10**30, "cleared": 0},
        {"format": 1, "buckets": [], "last_at": None},
        {"format": 1, "buckets": [], "last_at": None, "cleared": "0"},
        [],
        None,
    ],
    ids=repr,
)
def test_what_is_no_tally_is_trouble(fields: Any) -> None:
    with pytest.raises(UnreadableRecord):
        Tally.from_payload(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format":1,"buckets":[[1,' + b"9" * 5000 + b"]]}"], ids=lambda data: repr(data[:20])
)
def test_what_is_no_json_is_trouble(payload: bytes) -> None:
    with pytest.raises(UnreadableRecord):
        Tally.from_payload(payload)


# Waits that grow --------------------------------------------------------------------------------------------------------

DELAYS = Delays(name="waits", count=4, per=timedelta(days=1), first=timedelta(seconds=30), longest=timedelta(hours=1))


def test_the_first_uses_are_free_and_then_each_waits_twice_as_long_up_to_the_longest() -> None:  # PW-18
    waits = [DELAYS.wait(used).total_seconds() for used in range(14)]
    assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_no_number_of_uses_is_too_many_to_reckon_with() -> None:
    assert DELAYS.wait(10**9) == timedelta(hours=1)


def test_one_waits_after_the_newest_use() -> None:
    tally = Tally()
    for second in range(4):
        tally = DELAYS.charge(tally, START + timedelta(seconds=second))
    at = START + timedelta(seconds=33)
    assert [DELAYS.full((tally,), moment) for moment in (at - timedelta(microseconds=1), at)] == [True, False]
    assert DELAYS.retry_after((tally,), START + timedelta(seconds=10)) == timedelta(seconds=23)


def test_uses_under_several_keys_count_together() -> None:
    tallies = [Tally(), Tally()]
    for number in range(4):
        tallies[number % 2] = DELAYS.charge(tallies[number % 2], START + timedelta(seconds=number))
    assert DELAYS.retry_after(tallies, START + timedelta(seconds=3)) == timedelta(seconds=30)


def test_a_clock_that_ran_ahead_makes_nobody_be_told_to_wait_longer_than_a_wait() -> None:  # F16
    tally = Tally()
    for _ in range(4):
        tally = DELAYS.charge(tally, START + timedelta(hours=5))
    assert DELAYS.full((tally,), START)
    assert DELAYS.retry_after((tally,), START) == timedelta(seconds=30)


@pytest.mark.parametrize(
    "changes", [{"first": timedelta(0)}, {"first": timedelta(hours=2)}, {"longest": timedelta(days=2)}, {"count": 0}, {"per": timedelta(seconds=1)}]
)
def test_waits_that_do_not_grow_within_the_span_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(DELAYS, **changes)


# Stripes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, STRIPED_ABOVE, STRIPED_ABOVE + 1, 100, 1200])
def test_the_stripes_of_a_limit_come_to_its_own_count(count: int) -> None:  # F8
    limit = Limit(name="many", count=count, per=timedelta(hours=1))
    stripes = limit.stripes
    assert len(stripes) == (STRIPES if count > STRIPED_ABOVE else 1)
    assert sum(stripe.count for stripe in stripes) == count
    assert len({stripe.name for stripe in stripes}) == len(stripes)
    assert {stripe.per for stripe in stripes} == {limit.per}
