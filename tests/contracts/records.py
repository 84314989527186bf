"""The duties of a record store, written once as coroutines. Above each test: the broken store that it catches."""

from __future__ import annotations

import itertools
import string
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from contracts.drive import Together
from credkit.ports import AsyncRecordStore, Committed, Record, Write
from credkit.testing.fakes import START

NOW = START
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)

MANY = 1200
"""Keys in the big commits: more than any store asks for in one statement, and more than the 999 variables of older SQLite builds."""


def record(
    key: str = "a", *, version: int = 1, kind: str = "kind", payload: bytes = b"payload", expires_at: datetime = NOW + DAY, due_at: datetime | None = None
) -> Record:
    return Record(key=key, kind=kind, version=version, payload=payload, expires_at=expires_at, due_at=due_at)


def put(made: Record, expected: int = 0) -> Write:
    return Write(key=made.key, expected_version=expected, record=made)


def delete(key: str, expected: int) -> Write:
    return Write(key=key, expected_version=expected, record=None)


async def given(records: AsyncRecordStore, *made: Record) -> None:
    """Store what a test begins with."""
    assert (await records.commit({}, [put(one) for one in made])).done


async def all_of(records: AsyncRecordStore, *keys: str) -> Mapping[str, Record]:
    return await records.load(keys)


class AsyncRecordStoreContract:
    """Fixtures: `records`, an empty store; `twin`, another handle on the same data; `together`, to run flows at once."""

    # What comes back ------------------------------------------------------------------------------------------------

    # A store that returns None, or raises, for what is not there.
    async def test_absent_keys_are_missing_from_what_load_returns(self, records: AsyncRecordStore) -> None:
        await given(records, record("a"))
        assert dict(await records.load(["a", "b"])) == {"a": record("a")}

    # A store whose SQL for an empty list of keys is no SQL.
    async def test_loading_no_keys_returns_nothing(self, records: AsyncRecordStore) -> None:
        assert dict(await records.load([])) == {}

    # A store that loses or swaps a field.
    async def test_a_record_comes_back_equal_in_every_field(self, records: AsyncRecordStore) -> None:
        made = record("site/kind/id", version=7, kind="site/kind", payload=b'{"format":1}', expires_at=NOW + 3 * DAY, due_at=NOW + 2 * DAY)
        await given(records, made)
        assert await all_of(records, made.key) == {made.key: made}

    # A store that keeps payloads as text.
    async def test_payloads_come_back_byte_for_byte(self, records: AsyncRecordStore) -> None:
        made = [record("all", payload=bytes(range(256))), record("bad-utf8", payload=b"\xff\xfe\xc0\x80"), record("nul", payload=b"\x00a\x00")]
        await given(records, *made)
        found = await all_of(records, "all", "bad-utf8", "nul")
        assert [found[one.key].payload for one in made] == [one.payload for one in made]

    # A store that returns a driver's own buffer type, which equals bytes and is not.
    async def test_payloads_come_back_as_bytes(self, records: AsyncRecordStore) -> None:
        await given(records, record())
        assert type((await all_of(records, "a"))["a"].payload) is bytes

    # A store that takes an empty payload for none (some databases do).
    async def test_an_empty_payload_is_not_an_absent_one(self, records: AsyncRecordStore) -> None:
        await given(records, record(payload=b""))
        assert (await all_of(records, "a"))["a"].payload == b""

    # A store with a short column, which cuts off or refuses.
    async def test_a_payload_of_a_megabyte_comes_back_whole(self, records: AsyncRecordStore) -> None:
        payload = bytes(range(256)) * 4096
        await given(records, record(payload=payload))
        assert (await all_of(records, "a"))["a"].payload == payload

    # A store that keeps seconds, milliseconds or floats.
    async def test_moments_come_back_to_the_microsecond(self, records: AsyncRecordStore) -> None:
        made = [record(str(n), expires_at=NOW + DAY + n * TICK, due_at=NOW + n * TICK) for n in (0, 1, 499_999, 876_542, 876_543)]
        await given(records, *made)
        assert await all_of(records, *(one.key for one in made)) == {one.key: one for one in made}

    # A store that keeps 32-bit seconds, or floats: intents and notices are kept for a hundred years.
    async def test_a_far_future_comes_back_to_the_microsecond(self, records: AsyncRecordStore) -> None:
        far = datetime(2126, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        made = record(expires_at=far, due_at=far - TICK)
        await given(records, made)
        assert await all_of(records, "a") == {"a": made}

    # A store that drops the zone and so moves the moment.
    async def test_a_moment_in_another_zone_is_the_same_moment(self, records: AsyncRecordStore) -> None:
        elsewhere = (NOW + DAY).astimezone(timezone(timedelta(hours=5, minutes=30)))
        await given(records, record(expires_at=elsewhere, due_at=elsewhere))
        found = (await all_of(records, "a"))["a"]
        assert (found.expires_at, found.due_at) == (NOW + DAY, NOW + DAY)

    # A store that keeps 32 bits, or a float's 53.
    async def test_versions_of_63_bits_come_back_exactly(self, records: AsyncRecordStore) -> None:
        made = [record("max", version=2**63 - 1), record("odd", version=2**53 + 1), record("one", version=1)]
        await given(records, *made)
        assert await all_of(records, "max", "odd", "one") == {one.key: one for one in made}
        assert not (await records.commit({}, [put(record("max", version=5), expected=2**63 - 2)])).done

    # A store whose keys fold case, trim spaces, cut off, or work as patterns.
    async def test_keys_are_compared_exactly(self, records: AsyncRecordStore) -> None:
        stem = "site/kind/" + "x" * 189
        keys = ["key", "Key", "KEY", "key ", " key", "key\t", "ke", "k%", "k_y", "k*", "k?y", "[k]ey", 'k"y', "k'y", "k\\y", stem + "1", stem + "2"]
        await given(records, *(record(key, payload=key.encode()) for key in keys))
        assert {key: one.payload for key, one in (await records.load(keys)).items()} == {key: key.encode() for key in keys}
        assert dict(await records.load(["kEY", "k%y", "key  "])) == {}

    # A store with a collation that takes look-alikes for one another. credkit's own keys are ASCII; a store that folds these folds more.
    async def test_keys_that_only_look_alike_are_different_keys(self, records: AsyncRecordStore) -> None:
        keys = ["ki", "k\u0131", "stra\u00dfe", "strasse", "k", "\u212a", "\u00e9", "e\u0301", "a", "\uff41", "a\u200b"]
        await given(records, *(record(key, payload=key.encode()) for key in keys))
        assert {key: one.payload for key, one in (await records.load(keys)).items()} == {key: key.encode() for key in keys}

    # A store that hands out its own mapping, so that a caller changes what others see.
    async def test_what_load_returns_belongs_to_the_caller(self, records: AsyncRecordStore) -> None:
        await given(records, record("a"))
        found: Any = await all_of(records, "a")
        if hasattr(found, "clear"):
            found.clear()
        assert await all_of(records, "a") == {"a": record("a")}

    # A replica, or a cache that does not hear of writes.
    async def test_a_later_load_sees_the_newest_also_through_another_handle(self, records: AsyncRecordStore, twin: AsyncRecordStore) -> None:
        await given(records, record(version=1))
        for version in range(2, 30):
            writer, reader = (records, twin) if version % 2 else (twin, records)
            assert (await writer.commit({}, [put(record(version=version), expected=version - 1)])).done
            assert (await all_of(reader, "a"))["a"].version == version

    # Commit -----------------------------------------------------------------------------------------------------------

    # A store that answers with the wrong `done`.
    async def test_a_commit_that_holds_is_done(self, records: AsyncRecordStore) -> None:
        assert (await records.commit({}, [put(record("a", version=1))])).done
        assert (await records.commit({"a": 1, "b": 0}, [put(record("c", version=2))])).done
        assert await all_of(records, "a", "b", "c") == {"a": record("a"), "c": record("c", version=2)}

    # A store whose SQL for no writes is no SQL.
    async def test_a_commit_of_nothing_is_done(self, records: AsyncRecordStore) -> None:
        assert (await records.commit({}, [])).done

    # A store that overwrites: it ignores expected versions.
    async def test_a_write_that_expects_absence_loses_to_a_record(self, records: AsyncRecordStore) -> None:
        await given(records, record(version=1))
        assert not (await records.commit({}, [put(record(version=2), expected=0)])).done
        assert await all_of(records, "a") == {"a": record(version=1)}

    # A store that inserts what it should only have replaced.
    async def test_a_write_that_expects_a_version_loses_to_absence(self, records: AsyncRecordStore) -> None:
        assert not (await records.commit({}, [put(record(version=2), expected=1)])).done
        assert await all_of(records, "a") == {}

    # A store that ignores expected versions.
    async def test_a_write_that_expects_an_old_version_loses(self, records: AsyncRecordStore) -> None:
        await given(records, record(version=1))
        await records.commit({}, [put(record(version=2), expected=1)])
        assert not (await records.commit({}, [put(record(version=3), expected=1)])).done
        assert await all_of(records, "a") == {"a": record(version=2)}

    # A store that takes versions for numbers that grow: they are random (F6).
    async def test_versions_are_compared_for_equality_only(self, records: AsyncRecordStore) -> None:
        await given(records, record(version=9))
        assert not (await records.commit({}, [put(record(version=10), expected=8)])).done
        assert not (await records.commit({}, [put(record(version=11), expected=10)])).done
        assert (await records.commit({}, [put(record(version=3), expected=9)])).done

    # A store that counts versions itself, so that they begin again after a delete (F6).
    async def test_a_record_made_again_is_not_the_record_that_was(self, records: AsyncRecordStore) -> None:
        await given(records, record(version=5))
        await records.commit({}, [delete("a", expected=5)])
        await records.commit({}, [put(record(version=6))])
        assert not (await records.commit({}, [put(record(version=7), expected=5)])).done
        assert await all_of(records, "a") == {"a": record(version=6)}

    # A store that writes no new version when nothing else changes: somebody else's write goes unseen.
    async def test_the_same_content_under_a_new_version_is_a_write(self, records: AsyncRecordStore) -> None:
        await given(records, record(version=1))
        assert (await records.commit({}, [put(record(version=2), expected=1)])).done
        assert not (await records.commit({"a": 1}, [put(record("b"))])).done

    # A store that replaces only some columns.
    async def test_a_replaced_record_is_new_in_every_field(self, records: AsyncRecordStore) -> None:
        await given(records, record(due_at=NOW))
        after = record(version=2, kind="other", payload=b"", expires_at=NOW + 9 * DAY, due_at=None)
        assert (await records.commit({}, [put(after, expected=1)])).done
        assert await all_of(records, "a") == {"a": after}
        assert list(await records.due("kind", NOW, 10)) == []

    # A store that ignores checks.
    async def test_a_check_that_fails_keeps_the_writes_from_being_made(self, records: AsyncRecordStore) -> None:
        await given(records, record("read", version=2))
        assert not (await records.commit({"read": 1}, [put(record("b"))])).done
        assert await all_of(records, "b") == {}

    # A store that ignores a check of a key it does not find.
    async def test_a_check_of_a_version_fails_when_the_record_is_gone(self, records: AsyncRecordStore) -> None:
        assert not (await records.commit({"gone": 1}, [put(record("b"))])).done
        assert await all_of(records, "b") == {}

    # A store that takes 0 for "any version".
    async def test_a_check_of_zero_means_absent(self, records: AsyncRecordStore) -> None:
        assert (await records.commit({"a": 0}, [put(record("b"))])).done
        await given(records, record("a"))
        assert not (await records.commit({"a": 0}, [put(record("c"))])).done

    # A store that ignores checks: each of two decisions writes what the other has only read, and both land (write skew, F3).
    async def test_of_two_commits_that_check_what_the_other_writes_one_loses(self, records: AsyncRecordStore, twin: AsyncRecordStore) -> None:
        await given(records, record("a"), record("b"))
        first = await records.commit({"b": 1}, [put(record("a", version=2), expected=1)])
        second = await twin.commit({"a": 1}, [put(record("b", version=3), expected=1)])
        assert (first.done, second.done) == (True, False)
        assert await all_of(records, "a", "b") == {"a": record("a", version=2), "b": record("b")}

    # A store that checks and writes at two instants, or under an isolation that allows write skew (F3).
    async def test_of_two_such_commits_at_once_one_loses(self, records: AsyncRecordStore, twin: AsyncRecordStore, together: Together) -> None:
        for turn in range(25):
            a, b = f"a{turn}", f"b{turn}"
            await given(records, record(a), record(b))
            flows = [
                lambda a=a, b=b: records.commit({b: 1}, [put(record(a, version=2), expected=1)]),
                lambda a=a, b=b: twin.commit({a: 1}, [put(record(b, version=3), expected=1)]),
            ]
            done = [isinstance(result, Committed) and result.done for result in together(flows)]
            assert sorted(done) == [False, True]

    # A store that makes the writes one by one, up to the first that fails.
    async def test_a_losing_commit_changes_nothing(self, records: AsyncRecordStore) -> None:
        before = [record("a"), record("b"), record("c"), record("e")]
        await given(records, *before)
        after = {"version": 2, "payload": b"after", "due_at": NOW}
        writes = [put(record("a", **after), expected=1), delete("b", expected=1), put(record("c", **after), expected=9), put(record("d", **after))]
        for order in (writes, writes[::-1]):
            assert not (await records.commit({"e": 1}, order)).done
            assert await all_of(records, "a", "b", "c", "d", "e") == {one.key: one for one in before}
        assert list(await records.due("kind", NOW, 10)) == []

    # A store that returns nothing, or only what failed: a retry would cost one more round trip, or decide on what it saw before (F8).
    async def test_a_losing_commit_returns_all_records_of_its_keys_as_they_are(self, records: AsyncRecordStore) -> None:
        now = {"a": record("a", version=7), "b": record("b", version=8), "c": record("c"), "apart": record("apart")}
        await given(records, *now.values())
        lost = await records.commit({"b": 1, "c": 1, "no": 0}, [put(record("a", version=2), expected=1), put(record("new"))])
        assert not lost.done
        assert dict(lost.current) == {key: now[key] for key in ("a", "b", "c")}

    # The same, where only a check fails.
    async def test_a_commit_that_loses_by_a_check_returns_the_records_too(self, records: AsyncRecordStore) -> None:
        await given(records, record("a"), record("b", version=8))
        lost = await records.commit({"b": 1}, [put(record("a", version=2), expected=1)])
        assert dict(lost.current) == {"a": record("a"), "b": record("b", version=8)}

    # A store that does not delete.
    async def test_a_deleted_record_is_gone(self, records: AsyncRecordStore) -> None:
        await given(records, record("a", due_at=NOW), record("b"))
        assert (await records.commit({}, [delete("a", expected=1)])).done
        assert await all_of(records, "a", "b") == {"b": record("b")}
        assert list(await records.due("kind", NOW, 10)) == []

    # A store that deletes whatever the version.
    async def test_a_delete_that_expects_an_old_version_loses(self, records: AsyncRecordStore) -> None:
        await given(records, record(version=2))
        lost = await records.commit({}, [delete("a", expected=1)])
        assert (lost.done, dict(lost.current)) == (False, {"a": record(version=2)})
        assert await all_of(records, "a") == {"a": record(version=2)}

    # A store that counts the rows it deleted.
    async def test_a_delete_of_what_must_be_absent_is_a_check(self, records: AsyncRecordStore) -> None:
        assert (await records.commit({}, [delete("a", expected=0)])).done
        await given(records, record("a"))
        assert not (await records.commit({}, [delete("a", expected=0)])).done

    # A store that makes the parts of a commit in transactions of their own.
    async def test_a_commit_may_make_replace_and_delete_at_once(self, records: AsyncRecordStore) -> None:
        await given(records, record("a"), record("b"))
        writes = [put(record("a", version=2), expected=1), delete("b", expected=1), put(record("c", version=2))]
        assert (await records.commit({"d": 0}, writes)).done
        assert await all_of(records, "a", "b", "c") == {"a": record("a", version=2), "c": record("c", version=2)}

    # A store that splits a long list and so loses atomicity, or that the database refuses (999 variables, 500 at once, 1,000 items of an OR).
    async def test_a_commit_over_very_many_keys_is_one_commit(self, records: AsyncRecordStore) -> None:
        keys = [f"{n:04}" for n in range(MANY)]
        await given(records, *(record(key) for key in keys))
        assert len(await records.load(keys)) == MANY
        for stale in (keys[0], keys[499], keys[500], keys[998], keys[999], keys[-1]):
            lost = await records.commit({}, [put(record(key, version=2), expected=9 if key == stale else 1) for key in keys])
            assert (lost.done, len(lost.current)) == (False, MANY)
        assert {one.version for one in (await records.load(keys)).values()} == {1}
        assert (await records.commit({}, [put(record(key, version=2), expected=1) for key in keys])).done
        assert {one.version for one in (await records.load(keys)).values()} == {2}

    # The same, for checks: one that is not looked at is one that is ignored.
    async def test_every_one_of_very_many_checks_counts(self, records: AsyncRecordStore) -> None:
        keys = [f"{n:04}" for n in range(MANY)]
        await given(records, *(record(key) for key in keys))
        for stale in (keys[0], keys[499], keys[500], keys[998], keys[999], keys[-1]):
            assert not (await records.commit({key: 9 if key == stale else 1 for key in keys}, [put(record("new"))])).done
        assert (await records.commit(dict.fromkeys(keys, 1), [put(record("new"))])).done

    # At once -----------------------------------------------------------------------------------------------------------

    # A store that reads, compares and writes without holding anything meanwhile (ST-03, ST-09).
    async def test_of_200_counts_at_once_none_is_lost(self, records: AsyncRecordStore, twin: AsyncRecordStore, together: Together) -> None:
        await given(records, record(version=1, payload=b"0"))

        async def count(store: AsyncRecordStore, mark: int) -> None:
            current = (await store.load(["a"]))["a"]
            for attempt in range(10_000):
                after = record(version=2 + mark * 10_000 + attempt, payload=str(int(current.payload) + 1).encode())
                committed = await store.commit({}, [put(after, expected=current.version)])
                if committed.done:
                    return
                current = committed.current["a"]
            raise AssertionError("never got through")

        async def count_in_a_row(store: AsyncRecordStore, thread: int) -> None:
            for turn in range(10):
                await count(store, thread * 10 + turn)

        results = together([lambda thread=thread: count_in_a_row(twin if thread % 2 else records, thread) for thread in range(20)])
        assert [result for result in results if result is not None] == []
        assert (await all_of(records, "a"))["a"].payload == b"200"

    # A store with a gap between "is it absent?" and "insert it".
    async def test_of_many_that_make_the_same_record_at_once_one_does(self, records: AsyncRecordStore, twin: AsyncRecordStore, together: Together) -> None:
        for turn in range(5):
            key = f"key{turn}"
            flows = [lambda n=n, key=key: (twin if n % 2 else records).commit({}, [put(record(key, version=n))]) for n in range(1, 17)]
            results = together(flows)
            winners = [n for n, result in enumerate(results, start=1) if isinstance(result, Committed) and result.done]
            assert len(winners) == 1
            assert (await all_of(records, key))[key].version == winners[0]

    # A store that loads key by key or list by list, each at an instant of its own.
    async def test_a_load_sees_one_instant(self, records: AsyncRecordStore, twin: AsyncRecordStore, together: Together) -> None:
        first, last = "0000", f"{MANY:04}"
        between = [f"{n:04}" for n in range(1, MANY)]
        await given(records, record(first), record(last))

        done = threading.Event()

        async def write() -> int:
            for version in itertools.count(2):
                committed = await records.commit({}, [put(record(key, version=version), expected=version - 1) for key in (first, last)])
                assert committed.done
                if done.is_set():
                    break
            return version

        async def read() -> list[tuple[int, int]]:
            seen: list[tuple[int, int]] = []
            try:
                while len(set(seen)) < 12:  # until the writer has shown itself: otherwise the test would say nothing
                    found = await twin.load([first, *between, last])
                    seen.append((found[first].version, found[last].version))
            finally:
                done.set()
            return seen

        written, seen = together([write, read])
        assert isinstance(written, int)
        assert [pair for pair in seen if pair[0] != pair[1]] == []
        assert seen == sorted(seen), "a later load saw an earlier state"

    # Due -----------------------------------------------------------------------------------------------------------------

    # A store that lists by key, by insertion or newest first, so that the longest due may wait for ever.
    async def test_due_lists_the_longest_due_first(self, records: AsyncRecordStore) -> None:
        waits = {"a": 30, "b": 10, "c": 50, "d": 20, "e": 40}
        made = {key: record(key, due_at=NOW - seconds * timedelta(seconds=1)) for key, seconds in waits.items()}
        await given(records, *made.values())
        assert list(await records.due("kind", NOW, 10)) == [made[key] for key in "ceadb"]

    # A store that compares in seconds, or with the wrong sign of equality.
    async def test_due_begins_at_the_moment_itself_and_not_a_microsecond_before(self, records: AsyncRecordStore) -> None:
        await given(records, record("now", due_at=NOW), record("soon", due_at=NOW + TICK))
        assert [one.key for one in await records.due("kind", NOW - TICK, 10)] == []
        assert [one.key for one in await records.due("kind", NOW, 10)] == ["now"]
        assert [one.key for one in await records.due("kind", NOW + TICK, 10)] == ["now", "soon"]

    # A store that ignores the limit, or picks any that many.
    async def test_due_lists_no_more_than_the_limit(self, records: AsyncRecordStore) -> None:
        await given(records, *(record(f"{n:02}", due_at=NOW - n * TICK) for n in range(30)))
        assert [one.key for one in await records.due("kind", NOW, 3)] == ["29", "28", "27"]
        assert len(await records.due("kind", NOW, 100)) == 30

    # A store that mixes kinds: one site's courier would take another's messages.
    async def test_due_lists_one_kind(self, records: AsyncRecordStore) -> None:
        kinds = ["main/outbox", "Main/outbox", "main/outbox ", "main/out", "main/%"]
        await given(records, *(record(kind, kind=kind, due_at=NOW) for kind in kinds))
        for kind in kinds:
            assert [one.key for one in await records.due(kind, NOW, 10)] == [kind]

    # A store that takes "never due" for "due since for ever".
    async def test_due_does_not_list_what_is_never_due(self, records: AsyncRecordStore) -> None:
        await given(records, record("never", due_at=None), record("yes", due_at=NOW))
        assert [one.key for one in await records.due("kind", NOW + 1000 * DAY, 10)] == ["yes"]

    # A store with an index that is not kept in step.
    async def test_due_follows_when_a_record_is_put_off(self, records: AsyncRecordStore, twin: AsyncRecordStore) -> None:
        await given(records, record(version=1, due_at=NOW))
        await records.commit({}, [put(record(version=2, due_at=NOW + DAY), expected=1)])
        assert list(await twin.due("kind", NOW, 10)) == []
        assert list(await twin.due("kind", NOW + DAY, 10)) == [record(version=2, due_at=NOW + DAY)]
        await records.commit({}, [put(record(version=3, due_at=None), expected=2)])
        assert list(await twin.due("kind", NOW + DAY, 10)) == []

    # Purge ---------------------------------------------------------------------------------------------------------------

    # A store that compares in seconds, or with the wrong sign of equality (F6: what is forgotten early can be guessed at again).
    async def test_purge_forgets_from_the_moment_of_expiry_and_not_a_microsecond_before(self, records: AsyncRecordStore) -> None:
        await given(records, record("a", expires_at=NOW), record("b", expires_at=NOW + TICK))
        assert await records.purge(NOW - TICK, 10) == 0
        assert set(await all_of(records, "a", "b")) == {"a", "b"}
        assert await records.purge(NOW, 10) == 1
        assert set(await all_of(records, "a", "b")) == {"b"}

    # A store that forgets by a clock of its own, by space, or when something is due.
    async def test_nothing_is_forgotten_before_its_time(self, records: AsyncRecordStore) -> None:
        made = [record(f"{n:03}", expires_at=NOW + DAY, due_at=NOW - DAY if n % 2 else None) for n in range(300)]
        await given(records, *made)
        assert await records.purge(NOW + DAY - TICK, 1000) == 0
        assert await records.load([one.key for one in made]) == {one.key: one for one in made}
        assert len(await records.due("kind", NOW, 1000)) == 150

    # A store that ignores the limit and so holds its lock for minutes.
    async def test_purge_forgets_no_more_than_the_limit_and_says_how_many(self, records: AsyncRecordStore) -> None:
        keys = list(string.ascii_lowercase)
        await given(records, *(record(key, expires_at=NOW) for key in keys))
        assert await records.purge(NOW, 10) == 10
        assert len(await records.load(keys)) == 16
        assert await records.purge(NOW, 100) == 16
        assert await records.purge(NOW, 100) == 0
        assert dict(await records.load(keys)) == {}

    # A store whose index keeps what is gone.
    async def test_what_is_purged_is_not_due_any_more_and_may_be_made_again(self, records: AsyncRecordStore) -> None:
        await given(records, record(expires_at=NOW, due_at=NOW - DAY))
        assert await records.purge(NOW, 10) == 1
        assert list(await records.due("kind", NOW, 10)) == []
        assert (await records.commit({"a": 0}, [put(record("b"))])).done
        assert (await records.commit({}, [put(record("a", version=2))])).done

    # A store that purges by an expiry that was moved meanwhile.
    async def test_purge_goes_by_the_newest_expiry(self, records: AsyncRecordStore) -> None:
        await given(records, record(version=1, expires_at=NOW))
        await records.commit({}, [put(record(version=2, expires_at=NOW + DAY), expected=1)])
        assert await records.purge(NOW, 10) == 0
        assert await records.purge(NOW + DAY, 10) == 1
