"""The duties of a record store as tests, written once as coroutines. Each says which store of `credkit.testing.broken` it catches."""

from __future__ import annotations

import string
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

from credkit.lifting import LiftedRecords
from credkit.ports import AsyncRecordStore, Committed, Record, RecordStore
from credkit.testing.contracts._driving import Contract, cancelled, derived, left_out, require, require_same
from credkit.testing.contracts._samples import DAY, NOW, TICK, delete, given, put, record

__all__ = ["AsyncRecordStoreContract", "RecordStoreContract"]

MANY: Final = 1200
"""Keys in the big commits: more than any store asks for in one statement, and more than the 999 variables of older SQLite builds."""

_NO_OUTAGE: Final = "override break_off to have it tested: from then on the database takes no writes"

_NO_TRANSACTION: Final = "override callers_transaction to have it tested: it opens a transaction as the application does, and rolls it back"


class AsyncRecordStoreContract(Contract):
    """What every `AsyncRecordStore` does. Subclass it, and give a fixture `store`: an empty store for each test, of at least pytest's function scope.

    The tests are coroutines, so any plugin that runs those will do, on asyncio or on trio. No side door is needed: what a test begins with is
    committed. Three methods may be overridden, and make it stricter.
    """

    def another(self, store: AsyncRecordStore) -> AsyncRecordStore:
        """Return another handle on the same data, such as another worker has; as it stands, *store* itself."""
        return store

    def callers_transaction(self, store: AsyncRecordStore) -> AbstractAsyncContextManager[object]:
        """Return what opens a transaction on the application's own connection, and rolls it back at the end; as it stands, the tests about it are left out."""
        left_out(_NO_TRANSACTION)

    def break_off(self, store: AsyncRecordStore) -> None:
        """Keep the database from taking writes, as in an outage; as it stands, the test about it is left out."""
        left_out(_NO_OUTAGE)

    # What comes back ------------------------------------------------------------------------------------------------

    async def test_absent_keys_are_missing_from_what_load_returns(self, store: AsyncRecordStore) -> None:
        """Catches `RaisesForWhatIsAbsent`: raises, or returns None, for what is not there."""
        await given(store, record("a"))
        require_same(dict(await store.load(["a", "b"])), {"a": record("a")}, "a load returns the records that are there, and nothing for the others")

    async def test_loading_no_keys_returns_nothing(self, store: AsyncRecordStore) -> None:
        """Catches `HasNoStatementForNothing`: an empty list of keys makes no SQL."""
        require_same(dict(await store.load([])), {}, "a load of no keys returns no records")

    async def test_a_record_comes_back_equal_in_every_field(self, store: AsyncRecordStore) -> None:
        """Catches `LosesTheKind`: loses or swaps a field."""
        made = record("site/kind/id", version=7, kind="site/kind", payload=b'{"format":1}', expires_at=NOW + 3 * DAY, due_at=NOW + 2 * DAY)
        await given(store, made)
        require_same(await store.load([made.key]), {made.key: made}, "a record comes back as it was committed")

    async def test_payloads_come_back_byte_for_byte(self, store: AsyncRecordStore) -> None:
        """Catches `KeepsPayloadsAsText`: decodes what it does not understand."""
        made = [record("all", payload=bytes(range(256))), record("bad-utf8", payload=b"\xff\xfe\xc0\x80"), record("nul", payload=b"\x00a\x00")]
        await given(store, *made)
        found = await store.load([one.key for one in made])
        require_same([found[one.key].payload for one in made], [one.payload for one in made], "payloads come back byte for byte; they are no text")

    async def test_payloads_come_back_as_bytes(self, store: AsyncRecordStore) -> None:
        """Catches `ReturnsBuffers`: a driver's own buffer type equals bytes and is not."""
        await given(store, record())
        require_same(type((await store.load(["a"]))["a"].payload), bytes, "a payload comes back as bytes, not as what the driver has for them")

    async def test_an_empty_payload_is_not_an_absent_one(self, store: AsyncRecordStore) -> None:
        """Catches `TakesEmptyForNone`: some databases do."""
        await given(store, record(payload=b""))
        require_same(dict(await store.load(["a"])), {"a": record(payload=b"")}, "an empty payload is a payload")

    async def test_a_payload_of_a_megabyte_comes_back_whole(self, store: AsyncRecordStore) -> None:
        """Catches `HasAShortColumn`: cuts off or refuses."""
        payload = bytes(range(256)) * 4096
        await given(store, record(payload=payload))
        require((await store.load(["a"]))["a"].payload == payload, "a payload of a megabyte came back as something else")

    async def test_moments_come_back_to_the_microsecond(self, store: AsyncRecordStore) -> None:
        """Catches `KeepsMilliseconds`: keeps seconds, milliseconds or floats."""
        made = [record(str(n), expires_at=NOW + DAY + n * TICK, due_at=NOW + n * TICK) for n in (0, 1, 499_999, 876_542, 876_543)]
        await given(store, *made)
        found = await store.load([one.key for one in made])
        for one in made:
            require_same(found[one.key].expires_at, one.expires_at, "expires_at comes back to the microsecond")
            require_same(found[one.key].due_at, one.due_at, "due_at comes back to the microsecond")

    async def test_a_far_future_comes_back_to_the_microsecond(self, store: AsyncRecordStore) -> None:
        """Catches `EndsIn2038`: has 32 bits for seconds. Intents and notices are kept for a hundred years."""
        far = datetime(2126, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        made = record(expires_at=far, due_at=far - TICK)
        await given(store, made)
        found = (await store.load(["a"]))["a"]
        require_same((found.expires_at, found.due_at), (far, far - TICK), "moments in a hundred years come back to the microsecond")

    async def test_a_moment_in_another_zone_is_the_same_moment(self, store: AsyncRecordStore) -> None:
        """Catches `DropsTheZone`: moves the moment."""
        elsewhere = (NOW + DAY).astimezone(timezone(timedelta(hours=5, minutes=30)))
        await given(store, record(expires_at=elsewhere, due_at=elsewhere))
        found = (await store.load(["a"]))["a"]
        require_same((found.expires_at, found.due_at), (NOW + DAY, NOW + DAY), "a moment given in another zone is the same moment, and aware")

    async def test_versions_of_63_bits_come_back_exactly(self, store: AsyncRecordStore) -> None:
        """Catches `KeepsVersionsAsFloats`: 32 bits, or a float's 53."""
        made = [record("max", version=2**63 - 1), record("odd", version=2**53 + 1), record("one", version=1)]
        await given(store, *made)
        found = await store.load(["max", "odd", "one"])
        require_same({key: one.version for key, one in found.items()}, {one.key: one.version for one in made}, "versions of 63 bits come back exactly")
        lost = await store.commit({}, [put(record("max", version=5), expected=2**63 - 2)])
        require(not lost.done, "a version that differs in its last bit was taken for the same")

    async def test_keys_are_compared_exactly(self, store: AsyncRecordStore) -> None:
        """Catches `FoldsKeys`: has a collation that ignores case. Others trim spaces, cut off, or match patterns."""
        stem = "site/kind/" + "x" * 189  # with one more: 200, the longest there is
        keys = ["key", "Key", "KEY", "key ", " key", "key\t", "ke", "k%", "k_y", "k*", "k?y", "[k]ey", 'k"y', "k'y", "k\\y", stem + "1", stem + "2"]
        await given(store, *(record(key, payload=key.encode()) for key in keys))
        found = {key: one.payload for key, one in (await store.load(keys)).items()}
        require_same(found, {key: key.encode() for key in keys}, "keys are compared character by character: no case folding, trimming, patterns or cutting off")
        require_same(dict(await store.load(["kEY", "k%y", "key  "])), {}, "keys that nobody has committed are absent, however much they look like others")

    async def test_what_load_returns_belongs_to_the_caller(self, store: AsyncRecordStore) -> None:
        """Catches `HandsOutItsOwn`: a caller changes what others see."""
        await given(store, record("a"))
        found: Any = await store.load(["a"])
        if hasattr(found, "clear"):
            found.clear()
        require_same(dict(await store.load(["a"])), {"a": record("a")}, "the caller cleared what a load returned, and the store lost it")

    async def test_a_later_load_sees_the_newest_also_through_another_handle(self, store: AsyncRecordStore) -> None:
        """Catches `AnswersFromACache`: a replica, or a cache that does not hear of writes."""
        other = self.another(store)
        await given(store, record(version=1))
        for version in range(2, 30):
            writer = store if version % 2 else other
            require((await writer.commit({}, [put(record(version=version), expected=version - 1)])).done, "a commit on the newest version was not done")
            for reader in (store, other):  # both, so that each has something old to answer with
                require_same((await reader.load(["a"]))["a"].version, version, "a load that begins after a commit has returned sees it: no replicas, no caches")

    # Commit -----------------------------------------------------------------------------------------------------------

    async def test_a_commit_that_holds_is_done(self, store: AsyncRecordStore) -> None:
        """Catches `LosesWhenItChecks`: answers with the wrong `done`."""
        require((await store.commit({}, [put(record("a", version=1))])).done, "a commit of a new record is done")
        require((await store.commit({"a": 1, "b": 0}, [put(record("c", version=2))])).done, "a commit whose checks hold is done")
        require_same(dict(await store.load(["a", "b", "c"])), {"a": record("a"), "c": record("c", version=2)}, "what a commit has written is there")

    async def test_a_commit_of_nothing_is_done(self, store: AsyncRecordStore) -> None:
        """Catches `HasNoStatementForNothing`: no writes make no SQL."""
        require((await store.commit({}, [])).done, "a commit of nothing is done")

    async def test_a_write_that_expects_absence_loses_to_a_record(self, store: AsyncRecordStore) -> None:
        """Catches `TakesZeroForAnything`: inserts with "on conflict, update"."""
        await given(store, record(version=1))
        require(not (await store.commit({}, [put(record(version=2), expected=0)])).done, "an expected version of 0 means that the key must be absent")
        require_same(dict(await store.load(["a"])), {"a": record(version=1)}, "a commit that lost has overwritten a record")

    async def test_a_write_that_expects_a_version_loses_to_absence(self, store: AsyncRecordStore) -> None:
        """Catches `InsertsWhatIsNotThere`: inserts what it should only have replaced."""
        require(not (await store.commit({}, [put(record(version=2), expected=1)])).done, "a write that expects a version loses where there is no record")
        require_same(dict(await store.load(["a"])), {}, "a commit that lost has made a record")

    async def test_a_write_that_expects_an_old_version_loses(self, store: AsyncRecordStore) -> None:
        """Catches `IgnoresExpectedVersions`: overwrites, so that the last one wins."""
        await given(store, record(version=1))
        await store.commit({}, [put(record(version=2), expected=1)])
        require(not (await store.commit({}, [put(record(version=3), expected=1)])).done, "a write that expects an old version loses")
        require_same(dict(await store.load(["a"])), {"a": record(version=2)}, "a commit that lost has overwritten a record")

    async def test_versions_are_compared_for_equality_only(self, store: AsyncRecordStore) -> None:
        """Catches `ExpectsVersionsToGrow`: takes a version for a number that counts up. They are random (F6)."""
        await given(store, record(version=9))
        require(not (await store.commit({}, [put(record(version=10), expected=8)])).done, "an expected version below the stored one is another version")
        require(not (await store.commit({}, [put(record(version=11), expected=10)])).done, "an expected version above the stored one is another version")
        require((await store.commit({}, [put(record(version=3), expected=9)])).done, "a new version may be smaller than the one before: versions are random")

    async def test_a_record_made_again_is_not_the_record_that_was(self, store: AsyncRecordStore) -> None:
        """Catches `CountsVersionsItself`: they begin again after a delete (F6)."""
        await given(store, record(version=5))
        require((await store.commit({}, [delete("a", expected=5)])).done, "a delete that expects the stored version is done: the version is the one given")
        await store.commit({}, [put(record(version=6))])
        require(not (await store.commit({}, [put(record(version=7), expected=5)])).done, "a record that was made again was taken for the one before it")
        require_same(dict(await store.load(["a"])), {"a": record(version=6)}, "a record that was made again is there under its own version")

    async def test_the_same_content_under_a_new_version_is_a_write(self, store: AsyncRecordStore) -> None:
        """Catches `WritesOnlyWhatDiffers`: somebody else's write goes unseen."""
        await given(store, record(version=1))
        require((await store.commit({}, [put(record(version=2), expected=1)])).done, "a write of the same content is done")
        require(not (await store.commit({"a": 1}, [put(record("b"))])).done, "a write of the same content changes the version as any other does")

    async def test_a_replaced_record_is_new_in_every_field(self, store: AsyncRecordStore) -> None:
        """Catches `ReplacesThePayloadOnly`: leaves the other columns as they were."""
        await given(store, record(due_at=NOW))
        after = record(version=2, kind="other", payload=b"", expires_at=NOW + 9 * DAY, due_at=None)
        require((await store.commit({}, [put(after, expected=1)])).done, "a write that expects the stored version is done")
        require_same(dict(await store.load(["a"])), {"a": after}, "a replaced record is new in every field")
        require_same(list(await store.due("kind", NOW, 10)), [], "a record that is not due any more is not listed")

    async def test_a_check_that_fails_keeps_the_writes_from_being_made(self, store: AsyncRecordStore) -> None:
        """Catches `IgnoresChecks`: compares only what it writes."""
        await given(store, record("read", version=2))
        require(not (await store.commit({"read": 1}, [put(record("b"))])).done, "a commit with a check that fails is not done")
        require_same(dict(await store.load(["b"])), {}, "a commit with a check that fails writes nothing")

    async def test_a_check_of_a_version_fails_when_the_record_is_gone(self, store: AsyncRecordStore) -> None:
        """Catches `ChecksOnlyWhatItFinds`: a check of a record that is gone fails."""
        require(not (await store.commit({"gone": 1}, [put(record("b"))])).done, "a check of a version fails where there is no record")
        require_same(dict(await store.load(["b"])), {}, "a commit with a check that fails writes nothing")

    async def test_a_check_of_zero_means_absent(self, store: AsyncRecordStore) -> None:
        """Catches `TakesACheckOfZeroForNone`: takes 0 for "any version"."""
        require((await store.commit({"a": 0}, [put(record("b"))])).done, "a check of 0 holds where there is no record")
        await given(store, record("a"))
        require(not (await store.commit({"a": 0}, [put(record("c"))])).done, "a check of 0 fails where there is a record")

    async def test_of_two_commits_that_check_what_the_other_writes_one_loses(self, store: AsyncRecordStore) -> None:
        """Catches `IgnoresChecks`: each of two decisions writes what the other has only read, and both land (write skew, F3)."""
        await given(store, record("a"), record("b"))
        first = await store.commit({"b": 1}, [put(record("a", version=2), expected=1)])
        second = await self.another(store).commit({"a": 1}, [put(record("b", version=3), expected=1)])
        require_same((first.done, second.done), (True, False), "of two commits that check what the other writes, the second loses")
        require_same(dict(await store.load(["a", "b"])), {"a": record("a", version=2), "b": record("b")}, "only the first of the two is there")

    async def test_of_two_such_commits_at_once_one_loses(self, store: AsyncRecordStore) -> None:
        """Catches `ChecksAndThenWrites`: compares and writes at two instants, or under an isolation that allows write skew (F3)."""
        other = self.another(store)
        for turn in range(25):
            a, b = f"a{turn}", f"b{turn}"
            await given(store, record(a), record(b))
            flows = [
                partial(store.commit, {b: 1}, [put(record(a, version=2), expected=1)]),
                partial(other.commit, {a: 1}, [put(record(b, version=3), expected=1)]),
            ]
            done = sorted(isinstance(result, Committed) and result.done for result in await self._at_once(flows))
            require_same(
                done, [False, True], "of two commits at once that check what the other writes, one loses: is a check made in the commit's own transaction?"
            )

    async def test_a_losing_commit_changes_nothing(self, store: AsyncRecordStore) -> None:
        """Catches `WritesHalfOfALosingCommit`: makes its writes one by one, up to the first that fails."""
        before = [record("a"), record("b"), record("c"), record("e")]
        await given(store, *before)

        def after(key: str) -> Record:
            return record(key, version=2, payload=b"after", due_at=NOW)

        writes = [put(after("a"), expected=1), delete("b", expected=1), put(after("c"), expected=9), put(after("d"))]
        for order in (writes, writes[::-1]):
            require(not (await store.commit({"e": 1}, order)).done, "a commit with one write that expects another version is not done")
            require_same(dict(await store.load(["a", "b", "c", "d", "e"])), {one.key: one for one in before}, "a commit that lost has changed something")
        require_same(list(await store.due("kind", NOW, 10)), [], "a commit that lost has made something due")

    async def test_a_losing_commit_returns_all_records_of_its_keys_as_they_are(self, store: AsyncRecordStore) -> None:
        """Catches `SaysNothingOfALosingCommit`: a retry would cost one more round trip, or decide on what it saw before (F8)."""
        now = {"a": record("a", version=7), "b": record("b", version=8), "c": record("c"), "apart": record("apart")}
        await given(store, *now.values())
        lost = await store.commit({"b": 1, "c": 1, "no": 0}, [put(record("a", version=2), expected=1), put(record("new"))])
        require(not lost.done, "a commit that expects other versions is not done")
        require_same(dict(lost.current), {key: now[key] for key in ("a", "b", "c")}, "a commit that lost returns the records of all its keys as they are now")

    async def test_a_commit_that_loses_by_a_check_returns_the_records_too(self, store: AsyncRecordStore) -> None:
        """Catches `SaysOnlyWhatWasToBeWritten`: returns the records of the writes, not those of the checks (F8)."""
        await given(store, record("a"), record("b", version=8))
        lost = await store.commit({"b": 1}, [put(record("a", version=2), expected=1)])
        require_same(dict(lost.current), {"a": record("a"), "b": record("b", version=8)}, "a commit that lost returns what it checked as well")

    async def test_a_commit_repeated_after_a_lost_reply_is_shown_its_own_record(self, store: AsyncRecordStore) -> None:
        """Catches `MakesVersionsUp`: returns another version than it was given. A flow finds its own write by it when the reply was lost."""
        await given(store, record(version=1))
        commit = [put(record(version=2**62 + 5, payload=b"mine"), expected=1), put(record("new", version=2**61 + 3))]
        require((await store.commit({}, commit)).done, "a commit on the newest versions is done")
        again = await self.another(store).commit({}, commit)
        require(not again.done, "a commit that has landed does not land again: the versions that it expects are gone")
        require_same({key: one.version for key, one in again.current.items()}, {"a": 2**62 + 5, "new": 2**61 + 3}, "its writer knows it by its versions")

    async def test_a_deleted_record_is_gone(self, store: AsyncRecordStore) -> None:
        """Catches `NeverDeletes`."""
        await given(store, record("a", due_at=NOW), record("b"))
        require((await store.commit({}, [delete("a", expected=1)])).done, "a delete that expects the stored version is done")
        require_same(dict(await store.load(["a", "b"])), {"b": record("b")}, "a deleted record is gone")
        require_same(list(await store.due("kind", NOW, 10)), [], "a deleted record is not due")

    async def test_a_delete_that_expects_an_old_version_loses(self, store: AsyncRecordStore) -> None:
        """Catches `DeletesWhateverTheVersion`."""
        await given(store, record(version=2))
        lost = await store.commit({}, [delete("a", expected=1)])
        require_same((lost.done, dict(lost.current)), (False, {"a": record(version=2)}), "a delete that expects an old version loses")
        require_same(dict(await store.load(["a"])), {"a": record(version=2)}, "a delete that lost has deleted")

    async def test_a_delete_of_what_must_be_absent_is_a_check(self, store: AsyncRecordStore) -> None:
        """Catches `CountsWhatItDeleted`: finds that a commit has lost by the number of rows that went."""
        require((await store.commit({}, [delete("a", expected=0)])).done, "a delete that expects absence holds where there is no record")
        await given(store, record("a"))
        require(not (await store.commit({}, [delete("a", expected=0)])).done, "a delete that expects absence loses to a record")

    async def test_a_commit_may_make_replace_and_delete_at_once(self, store: AsyncRecordStore) -> None:
        """Catches `InsertsAndForgetsTheRest`: makes only one kind of write in a commit."""
        await given(store, record("a"), record("b"))
        writes = [put(record("a", version=2), expected=1), delete("b", expected=1), put(record("c", version=2))]
        require((await store.commit({"d": 0}, writes)).done, "a commit that makes, replaces and deletes is done")
        wanted = {"a": record("a", version=2), "c": record("c", version=2)}
        require_same(dict(await store.load(["a", "b", "c"])), wanted, "a commit makes each of its writes, of any kind")

    async def test_a_commit_over_very_many_keys_is_one_commit(self, store: AsyncRecordStore) -> None:
        """Catches `SplitsALongCommit`: makes transactions of 500 keys, because its database allows no more."""
        keys = [f"{n:04}" for n in range(MANY)]
        await given(store, *(record(key) for key in keys))
        require_same(len(await store.load(keys)), MANY, "a load of very many keys returns them all")
        for stale in _places(keys):
            lost = await store.commit({}, [put(record(key, version=2), expected=9 if key == stale else 1) for key in keys])
            require_same((lost.done, len(lost.current)), (False, MANY), f"a commit of {MANY} writes, of which one expects another version, loses and tells all")
        require_same({one.version for one in (await store.load(keys)).values()}, {1}, "a long commit that lost has written some of it")
        require((await store.commit({}, [put(record(key, version=2), expected=1) for key in keys])).done, f"a commit of {MANY} writes that holds is done")
        require_same({one.version for one in (await store.load(keys)).values()}, {2}, "a long commit that was done has not written all of it")

    async def test_every_one_of_very_many_checks_counts(self, store: AsyncRecordStore) -> None:
        """Catches `LooksAtTheFirstChecksOnly`: asks for as many records as fit into one statement, and takes the others for unchanged."""
        keys = [f"{n:04}" for n in range(MANY)]
        await given(store, *(record(key) for key in keys))
        for stale in _places(keys):
            lost = await store.commit({key: 9 if key == stale else 1 for key in keys}, [put(record("new"))])
            require(not lost.done, f"of {MANY} checks, the one of key {stale} failed, and the commit was done")
        require((await store.commit(dict.fromkeys(keys, 1), [put(record("new"))])).done, f"a commit with {MANY} checks that hold is done")

    # The caller's transaction -------------------------------------------------------------------------------------------

    async def test_a_commit_outlives_a_rollback_of_the_callers_own_transaction(self, store: AsyncRecordStore) -> None:
        """Catches `WritesInTheCallersTransaction`: a rollback of the request takes a count back, so that a guess costs nothing (REQ-D3a)."""
        await given(store, record("before"))
        async with self.callers_transaction(store):
            try:
                committed = await store.commit({"before": 1}, [put(record("counted"))])
            except Exception:  # noqa: BLE001  # a store may refuse there, best with InsideTransaction: then nothing is told either
                return
        require(committed.done, "a commit whose checks hold is done, or raises")
        found = await self.another(store).load(["counted"])
        require_same(dict(found), {"counted": record("counted")}, "a commit that was told as done went with the caller's own transaction")

    async def test_inside_the_callers_transaction_a_load_sees_the_newest(self, store: AsyncRecordStore) -> None:
        """Catches `SeesTheCallersTransaction`: looks through the caller's snapshot, which others have moved on from."""
        await given(store, record("a"))
        other = self.another(store)
        async with self.callers_transaction(store):
            try:
                await store.load(["a"])
                require((await other.commit({}, [put(record("a", version=2), expected=1)])).done, "a commit on the newest version is done")
                seen = (await store.load(["a"]))["a"].version
            except AssertionError:
                raise
            except Exception:  # noqa: BLE001  # as above
                return
        require_same(seen, 2, "a load sees the newest state, not the caller's snapshot")

    async def test_a_commit_that_cannot_be_made_raises(self, store: AsyncRecordStore) -> None:
        """Catches `SwallowsFailures`: silence is read as success, so that a guess is told without having been counted."""
        await given(store, record("a"))
        self.break_off(store)
        try:
            committed = await store.commit({}, [put(record("b"))])
        except Exception:  # noqa: BLE001  # whatever it is
            return
        raise AssertionError(f"the database takes no writes, and a commit answered {committed}")

    # At once -----------------------------------------------------------------------------------------------------------

    async def test_of_200_counts_at_once_none_is_lost(self, store: AsyncRecordStore) -> None:
        """Catches `ReadsAndThenWrites`: compares, and writes a moment later (ST-03, ST-09)."""
        other = self.another(store)
        await given(store, record(version=1, payload=b"0"))

        async def count(through: AsyncRecordStore, mark: int) -> None:
            current = (await through.load(["a"]))["a"]
            for attempt in range(10_000):
                after = record(version=2 + mark * 10_000 + attempt, payload=str(int(current.payload) + 1).encode())
                committed = await through.commit({}, [put(after, expected=current.version)])
                if committed.done:
                    return
                current = committed.current["a"]
                await self._breathe()
            raise AssertionError("a commit that is tried again with what the last try returned never got through")

        async def count_in_a_row(worker: int) -> None:
            for turn in range(10):
                await count(other if worker % 2 else store, worker * 10 + turn)

        results = await self._at_once([partial(count_in_a_row, worker) for worker in range(20)])
        require_same([result for result in results if result is not None], [], "counting raised")
        require_same((await store.load(["a"]))["a"].payload, b"200", "200 counts were told as done, and fewer are there")

    async def test_of_many_that_make_the_same_record_at_once_one_does(self, store: AsyncRecordStore) -> None:
        """Catches `LooksAndThenInserts`: has a gap between "is it absent?" and "insert it"."""
        other = self.another(store)
        for turn in range(5):
            key = f"key{turn}"
            flows = [partial((other if n % 2 else store).commit, {}, [put(record(key, version=n))]) for n in range(1, 17)]
            results = await self._at_once(flows)
            winners = [n for n, result in enumerate(results, start=1) if isinstance(result, Committed) and result.done]
            require_same(len(winners), 1, "of many that make the same record at once, exactly one is told that it did")
            require_same((await store.load([key]))[key].version, winners[0], "the record is the one of the commit that was done")

    async def test_a_load_sees_one_instant(self, store: AsyncRecordStore) -> None:
        """Catches `LoadsKeyByKey`: sees each key, or each list of keys, at an instant of its own."""
        reader = self.another(store)
        first, last = "0000", f"{MANY:04}"
        between = [f"{n:04}" for n in range(1, MANY)]
        await given(store, record(first), record(last))
        seen: list[tuple[int, int]] = []
        ended: list[str] = []

        async def write() -> None:
            version = 1
            try:
                while not ended:
                    version += 1
                    committed = await store.commit({}, [put(record(key, version=version), expected=version - 1) for key in (first, last)])
                    require(committed.done, "the only writer's commit was not done")
                    await self._breathe()
            finally:
                ended.append("writer")

        async def read() -> None:
            try:
                while len(set(seen)) < 12 and not ended:  # until the writer has shown itself: otherwise the test would say nothing
                    found = await reader.load([first, *between, last])
                    seen.append((found[first].version, found[last].version))
                    await self._breathe()
            finally:
                ended.append("reader")

        results = await self._at_once([write, read])
        require_same([result for result in results if result is not None], [], "reading and writing at once raised")
        require_same([pair for pair in seen if pair[0] != pair[1]], [], "a load saw one of two records before a commit of both, and the other after it")
        require_same(seen, sorted(seen), "a later load saw an earlier state")

    async def test_a_cancelled_commit_lands_whole_or_not_at_all(self, store: AsyncRecordStore) -> None:
        """Catches `StopsHalfway`: gives way between two writes of a commit. A client that hangs up cancels its request."""
        for after in range(8):
            keys = [f"{after}-{n}" for n in range(5)]
            await cancelled(partial(store.commit, {}, [put(record(key)) for key in keys]), after=after)
            found = len(await store.load(keys))
            require(found in {0, 5}, f"of a cancelled commit of 5 records, {found} are there")
        require((await store.commit({}, [put(record("after"))])).done, "after a commit was cancelled, the store goes on")

    # Due -----------------------------------------------------------------------------------------------------------------

    async def test_due_lists_the_longest_due_first(self, store: AsyncRecordStore) -> None:
        """Catches `ListsTheNewestFirst`: lets the longest due wait for ever."""
        waits = {"a": 30, "b": 10, "c": 50, "d": 20, "e": 40}
        await given(store, *(record(key, due_at=NOW - seconds * timedelta(seconds=1)) for key, seconds in waits.items()))
        require_same(_keys(await store.due("kind", NOW, 10)), list("ceadb"), "due lists the longest due first")

    async def test_due_begins_at_the_moment_itself_and_not_a_microsecond_before(self, store: AsyncRecordStore) -> None:
        """Catches `ComparesInSeconds`: or has the wrong sign of equality."""
        await given(store, record("now", due_at=NOW), record("soon", due_at=NOW + TICK))
        require_same(_keys(await store.due("kind", NOW - TICK, 10)), [], "a microsecond before its moment, a record is not due")
        require_same(_keys(await store.due("kind", NOW, 10)), ["now"], "at its moment, a record is due")
        require_same(_keys(await store.due("kind", NOW + TICK, 10)), ["now", "soon"], "from its moment on, a record is due")

    async def test_due_lists_no_more_than_the_limit(self, store: AsyncRecordStore) -> None:
        """Catches `ListsEverythingDue`: ignores the limit, or picks any that many."""
        await given(store, *(record(f"{n:02}", due_at=NOW - n * TICK) for n in range(30)))
        require_same(_keys(await store.due("kind", NOW, 3)), ["29", "28", "27"], "due lists as many as the limit allows, the longest due")
        require_same(len(await store.due("kind", NOW, 100)), 30, "due lists all where the limit allows")

    async def test_due_lists_one_kind(self, store: AsyncRecordStore) -> None:
        """Catches `MixesKinds`: one site's courier would take another's messages."""
        kinds = ["main/outbox", "Main/outbox", "main/outbox ", "main/out", "main/%"]
        await given(store, *(record(kind, kind=kind, due_at=NOW) for kind in kinds))
        for kind in kinds:
            require_same(_keys(await store.due(kind, NOW, 10)), [kind], "due lists one kind, compared exactly")

    async def test_due_does_not_list_what_is_never_due(self, store: AsyncRecordStore) -> None:
        """Catches `ListsWhatIsNeverDue`: takes "never" for "since for ever"."""
        await given(store, record("never", due_at=None), record("yes", due_at=NOW))
        require_same(_keys(await store.due("kind", NOW + 1000 * DAY, 10)), ["yes"], "a record without a due_at is never due")

    async def test_due_follows_when_a_record_is_put_off(self, store: AsyncRecordStore) -> None:
        """Catches `KeepsAnOldIndex`: has an index that is not kept in step."""
        other = self.another(store)
        await given(store, record(version=1, due_at=NOW))
        await store.commit({}, [put(record(version=2, due_at=NOW + DAY), expected=1)])
        require_same(list(await other.due("kind", NOW, 10)), [], "a record that was put off is not due at its old moment")
        require_same(list(await other.due("kind", NOW + DAY, 10)), [record(version=2, due_at=NOW + DAY)], "a record that was put off is due at its new moment")
        await store.commit({}, [put(record(version=3, due_at=None), expected=2)])
        require_same(list(await other.due("kind", NOW + DAY, 10)), [], "a record that lost its due_at is not due")

    # Purge ---------------------------------------------------------------------------------------------------------------

    async def test_purge_forgets_from_the_moment_of_expiry_and_not_a_microsecond_before(self, store: AsyncRecordStore) -> None:
        """Catches `ForgetsEarly`: purges by the second (F6: what is forgotten early can be guessed at again)."""
        await given(store, record("a", expires_at=NOW), record("b", expires_at=NOW + TICK))
        require_same(await store.purge(NOW - TICK, 10), 0, "a microsecond before its expiry, a record is kept")
        require_same(set(await store.load(["a", "b"])), {"a", "b"}, "a microsecond before its expiry, a record is kept")
        require_same(await store.purge(NOW, 10), 1, "at its expiry, a record may be forgotten, and only then")
        require_same(set(await store.load(["a", "b"])), {"b"}, "at its expiry, a record may be forgotten, and only then")

    async def test_nothing_is_forgotten_before_its_time(self, store: AsyncRecordStore) -> None:
        """Catches `ForgetsWhatIsDue`: forgets by a clock of its own, by space, or when something is due."""
        made = [record(f"{n:03}", expires_at=NOW + DAY, due_at=NOW - DAY if n % 2 else None) for n in range(300)]
        await given(store, *made)
        require_same(await store.purge(NOW + DAY - TICK, 1000), 0, "nothing has expired, and something was forgotten")
        found = await store.load([one.key for one in made])
        require_same(found, {one.key: one for one in made}, "nothing is forgotten before its time: not by age, space, or because it is due")
        require_same(len(await store.due("kind", NOW, 1000)), 150, "what has not expired is still due")

    async def test_purge_forgets_no_more_than_the_limit_and_says_how_many(self, store: AsyncRecordStore) -> None:
        """Catches `PurgesEverythingAtOnce`: ignores the limit and so holds its lock for minutes."""
        keys = list(string.ascii_lowercase)
        await given(store, *(record(key, expires_at=NOW) for key in keys))
        require_same(await store.purge(NOW, 10), 10, "purge forgets as many as the limit allows, and says how many")
        require_same(len(await store.load(keys)), 16, "purge has forgotten more or fewer than it says")
        require_same(await store.purge(NOW, 100), 16, "purge forgets the rest where the limit allows")
        require_same(await store.purge(NOW, 100), 0, "purge says 0 where nothing is left to forget")
        require_same(dict(await store.load(keys)), {}, "what purge says that it has forgotten is gone")

    async def test_what_is_purged_is_not_due_any_more_and_may_be_made_again(self, store: AsyncRecordStore) -> None:
        """Catches `KeepsAnOldIndex`: its index keeps what is gone."""
        await given(store, record(expires_at=NOW, due_at=NOW - DAY))
        require_same(await store.purge(NOW, 10), 1, "a record that has expired may be forgotten although it is due")
        require_same(list(await store.due("kind", NOW, 10)), [], "what was forgotten is not due")
        require((await store.commit({"a": 0}, [put(record("b"))])).done, "what was forgotten is absent")
        require((await store.commit({}, [put(record("a", version=2))])).done, "what was forgotten may be made again")

    async def test_purge_goes_by_the_newest_expiry(self, store: AsyncRecordStore) -> None:
        """Catches `PurgesByTheFirstExpiry`: goes by an expiry that was moved meanwhile."""
        await given(store, record(version=1, expires_at=NOW))
        await store.commit({}, [put(record(version=2, expires_at=NOW + DAY), expected=1)])
        require_same(await store.purge(NOW, 10), 0, "a record whose expiry was moved is kept until then")
        require_same(await store.purge(NOW + DAY, 10), 1, "a record whose expiry was moved is forgotten then")


@derived(AsyncRecordStoreContract, LiftedRecords, without=["test_a_cancelled_commit_lands_whole_or_not_at_all"])  # nothing cancels a blocking call
class RecordStoreContract(Contract):
    """What every `RecordStore` does. Subclass it, and give a fixture `store`: an empty store for each test.

    Its tests are those of `AsyncRecordStoreContract`, as plain functions; those that need several at once use threads.
    """

    def another(self, store: RecordStore) -> RecordStore:
        """Return another handle on the same data, such as another worker has; as it stands, *store* itself."""
        return store

    def callers_transaction(self, store: RecordStore) -> AbstractContextManager[object]:
        """Return what opens a transaction on the application's own connection, and rolls it back at the end; as it stands, the tests about it are left out."""
        left_out(_NO_TRANSACTION)

    def break_off(self, store: RecordStore) -> None:
        """Keep the database from taking writes, as in an outage; as it stands, the test about it is left out."""
        left_out(_NO_OUTAGE)


def _keys(found: Sequence[Record]) -> list[str]:
    return [one.key for one in found]


def _places(keys: Sequence[str]) -> list[str]:
    """Return the first, the last, and those at the edges of statements that were split."""
    return [keys[place] for place in (0, 499, 500, 998, 999, -1)]
