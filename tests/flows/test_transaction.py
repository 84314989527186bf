"""The one way to write: attempts, checks, versions, and what becomes of a commit whose reply was lost. Over small stores that do as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from credkit.errors import Busy, ConfigurationError, IdentifierTaken, InsideTransaction, Reason, Refused, StoreError
from credkit.flows.transaction import ATTEMPTS, Transaction, guarded, transact
from credkit.lifting import finish
from credkit.ports import Committed, Record, SystemEntropy, Write
from credkit.stores.memory import MemoryRecords
from credkit.testing import NoPause, SeededEntropy
from credkit.testing.fakes import START

LATER = START + timedelta(days=1)


class Store:
    """A record store that writes down what it is asked, and does what a test wants around each commit."""

    def __init__(self) -> None:
        self.within = MemoryRecords()
        self.loads: list[list[str]] = []
        self.commits: list[tuple[dict[str, int], list[Write]]] = []
        self.before: list[Callable[[], object]] = []
        """Run one before each commit; what it raises, the commit raises, with nothing done."""
        self.after: list[Callable[[], object]] = []
        """Run one after each commit that was made; what it raises, the commit raises."""
        self.before_load: list[Callable[[], object]] = []

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        self.loads.append(list(keys))
        if self.before_load:
            self.before_load.pop(0)()
        return self.within.load(keys)

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        self.commits.append((dict(checks), list(writes)))
        if self.before:
            self.before.pop(0)()
        committed = self.within.commit(checks, writes)
        if self.after:
            self.after.pop(0)()
        return committed

    async def due(self, kind: str, now: Any, limit: int) -> Sequence[Record]:
        raise NotImplementedError

    async def purge(self, now: Any, limit: int) -> int:
        raise NotImplementedError

    def put(self, key: str, payload: bytes, version: int | None = None) -> Record:
        """Write as another worker does."""
        version = SystemEntropy().below(2**62) + 1 if version is None else version
        record = Record(key=key, kind="k", version=version, payload=payload, expires_at=LATER)
        current = self.within.load([key])
        write = Write(key=key, expected_version=current[key].version if key in current else 0, record=record)
        assert self.within.commit({}, [write]).done
        return record

    def get(self, key: str) -> Record | None:
        return self.within.load([key]).get(key)


class Pauses:
    """A pause that takes no time and remembers how long it was to be."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


def run(store: Store, decide: Any, *, pauses: Pauses | None = None, seed: str = "", presumed: Mapping[str, Record | None] | None = None) -> Any:
    return finish(transact(store, decide, entropy=SeededEntropy(seed), pause=pauses or Pauses(), presumed=presumed))


def append(*keys: str, reading: Sequence[str] = ()) -> Callable[[Transaction], Any]:
    """Return a decision that adds an x to each of *keys*, having looked at *reading* too."""

    async def decide(transaction: Transaction) -> list[bytes]:
        await transaction.load(*reading)
        records = await transaction.load(*keys)
        payloads = [(b"" if record is None else record.payload) + b"x" for record in records]
        for key, payload in zip(keys, payloads, strict=True):
            transaction.put(key=key, kind="k", payload=payload, expires_at=LATER)
        return payloads

    return decide


async def read(transaction: Transaction) -> Record | None:
    (record,) = await transaction.load("a")
    return record


def failing(error: Exception) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail


# Presuming --------------------------------------------------------------------------------------------------------------


def test_what_is_presumed_rightly_is_not_loaded() -> None:
    store = Store()
    there = store.put("b", b"y")
    assert run(store, append("a", "b"), presumed={"a": None, "b": there}) == [b"x", b"yx"]
    assert (store.loads, len(store.commits)) == ([], 1)
    assert [found.payload for key in "ab" if (found := store.get(key))] == [b"x", b"yx"]


def test_what_is_presumed_wrongly_loses_and_is_decided_again_on_what_there_is() -> None:
    store = Store()
    old = store.put("a", b"old")
    store.put("a", b"new")
    store.put("b", b"y")
    assert run(store, append("a", "b"), presumed={"a": old, "b": None}) == [b"newx", b"yx"]
    assert (store.loads, len(store.commits)) == ([], 2)


def test_what_is_presumed_and_only_read_is_proved_by_the_commit() -> None:
    store = Store()
    store.put("read", b"y")
    seen: list[Record | None] = []

    async def decide(transaction: Transaction) -> None:
        seen.extend(await transaction.load("read"))
        transaction.put(key="a", kind="k", payload=b"x", expires_at=LATER)

    run(store, decide, presumed={"read": None})
    assert seen == [None, store.get("read")]


def test_a_decision_that_writes_nothing_is_not_made_on_what_is_presumed() -> None:
    store = Store()
    there = store.put("a", b"y")
    assert run(store, read, presumed={"a": None}) == there
    assert store.loads == [["a"]]


# Reading and writing ----------------------------------------------------------------------------------------------------


def test_what_a_decision_returns_is_told_once_its_writes_have_landed() -> None:
    store = Store()
    assert run(store, append("a")) == [b"x"]
    record = store.get("a")
    assert record is not None
    assert (record.payload, record.kind, record.expires_at, record.due_at) == (b"x", "k", LATER, None)


def test_a_decision_that_writes_nothing_commits_nothing() -> None:
    store = Store()
    record = store.put("a", b"x")
    assert run(store, read) == record
    assert store.commits == []


def test_a_decision_that_raises_writes_nothing() -> None:
    store = Store()

    async def refuse(transaction: Transaction) -> None:
        await transaction.load("a")
        transaction.put(key="a", kind="k", payload=b"x", expires_at=LATER)
        raise Refused(Reason.CODE_WRONG)

    with pytest.raises(Refused):
        run(store, refuse)
    assert (store.commits, store.get("a")) == ([], None)


def test_all_writes_of_a_decision_land_together() -> None:
    store = Store()
    run(store, append("b", "a"))
    ((checks, writes),) = store.commits
    assert (checks, [write.key for write in writes]) == ({}, ["a", "b"])
    assert len({write.record.version for write in writes if write.record}) == 1


def test_everything_read_and_not_written_is_checked() -> None:
    store = Store()  # F3
    present = store.put("read", b"x")
    run(store, append("written", reading=["read", "absent"]))
    ((checks, writes),) = store.commits
    assert checks == {"read": present.version, "absent": 0}
    assert [(write.key, write.expected_version) for write in writes] == [("written", 0)]


def test_what_is_written_after_reading_must_be_as_it_was_read() -> None:
    store = Store()
    present = store.put("a", b"x")
    run(store, append("a"))
    assert store.commits[0] == ({}, [Write(key="a", expected_version=present.version, record=store.get("a"))])


def test_what_is_written_without_reading_must_be_absent() -> None:
    store = Store()
    store.put("a", b"another's")

    async def blind(transaction: Transaction) -> None:
        transaction.put(key="a", kind="k", payload=b"x", expires_at=LATER)

    with pytest.raises(Busy):
        run(store, blind)
    assert store.get("a").payload == b"another's"  # type: ignore[union-attr]


def test_a_record_can_be_deleted() -> None:
    store = Store()
    present = store.put("a", b"x")

    async def remove(transaction: Transaction) -> None:
        await transaction.load("a")
        transaction.delete("a")

    run(store, remove)
    assert store.get("a") is None
    assert store.commits == [({}, [Write(key="a", expected_version=present.version, record=None)])]


def test_a_record_can_be_put_off_as_it_is() -> None:
    store = Store()
    present = store.put("a", b"whatever it holds")

    async def postpone(transaction: Transaction) -> None:
        (record,) = await transaction.load("a")
        assert record is not None
        transaction.postpone(record, due_at=LATER)

    run(store, postpone)
    after = store.get("a")
    assert after is not None
    assert (after.payload, after.expires_at, after.due_at) == (present.payload, present.expires_at, LATER)
    assert after.version != present.version


def test_one_attempt_loads_a_record_once_and_sees_it_the_same() -> None:
    store = Store()
    store.put("a", b"x")

    async def decide(transaction: Transaction) -> list[Any]:
        first = await transaction.load("a", "b", "a")
        store.put("a", b"moved")
        return [first, await transaction.load("a")]

    (first, second) = run(store, decide)
    assert store.loads == [["a", "b"]]
    assert [record and record.payload for record in first] == [b"x", None, b"x"]
    assert second[0] is first[0]


# Losing and trying again ------------------------------------------------------------------------------------------------


def test_a_commit_that_lost_is_decided_again_on_what_won() -> None:
    store = Store()
    store.before = [lambda: store.put("a", b"w")]
    assert run(store, append("a")) == [b"wx"]


def test_a_check_that_moved_makes_the_commit_lose() -> None:
    store = Store()  # F3: write skew
    store.before = [lambda: store.put("read", b"w")]
    seen: list[Any] = []

    async def decide(transaction: Transaction) -> None:
        seen.append((await transaction.load("read"))[0])
        await append("written")(transaction)

    run(store, decide)
    assert [record and record.payload for record in seen] == [None, b"w"]
    assert len(store.commits) == 2


def test_a_refusal_after_a_lost_commit_writes_nothing() -> None:
    store = Store()
    store.before = [lambda: store.put("a", b"full")]

    async def decide(transaction: Transaction) -> None:
        (record,) = await transaction.load("a")
        if record is not None:
            raise Refused(Reason.TOO_MANY_TRIES)
        transaction.put(key="a", kind="k", payload=b"x", expires_at=LATER)

    with pytest.raises(Refused):
        run(store, decide)
    assert store.get("a").payload == b"full"  # type: ignore[union-attr]


def test_of_two_that_met_the_loser_decides_again_at_once_on_what_its_commit_returned() -> None:
    store, pauses = Store(), Pauses()  # F8
    store.before = [lambda: store.put("a", b"w")]
    run(store, append("a", reading=["b"]), pauses=pauses)
    assert len(store.commits) == 2
    assert (store.loads, pauses.waits) == ([["b"], ["a"]], [])


def test_in_a_crowd_an_attempt_waits_and_then_looks_again() -> None:
    store, pauses = Store(), Pauses()  # what was returned before the wait is old after it, and would lose for certain
    store.before = [lambda: store.put("a", b"w")] * 3
    run(store, append("a", reading=["b"]), pauses=pauses)
    assert len(store.commits) == 4
    assert (store.loads, len(pauses.waits)) == ([["b"], ["a"]] * 3, 2)


def test_a_record_that_an_attempt_reads_for_the_first_time_is_loaded_then() -> None:
    store = Store()
    store.put("c", b"new")
    store.before = [lambda: store.put("a", b"w")]

    async def decide(transaction: Transaction) -> bytes:
        (record,) = await transaction.load("a")
        if record is None:
            transaction.put(key="a", kind="k", payload=b"x", expires_at=LATER)
            return b""
        (other,) = await transaction.load("c")
        transaction.put(key="c", kind="k", payload=b"y", expires_at=LATER)
        return b"" if other is None else other.payload

    assert run(store, decide) == b"new"
    assert store.loads == [["a"], ["c"]]


def test_what_one_attempt_wrote_is_not_left_over_for_the_next() -> None:
    store = Store()
    store.before = [lambda: store.put("a", b"w")]

    async def decide(transaction: Transaction) -> None:
        (record,) = await transaction.load("a")
        transaction.put(key="other" if record is None else "a", kind="k", payload=b"x", expires_at=LATER)

    run(store, decide)
    assert store.get("other") is None


def test_contention_ends_as_busy_with_nothing_written() -> None:
    store, pauses = Store(), Pauses()  # F8
    store.before = [lambda: store.put("a", b"w")] * ATTEMPTS
    with pytest.raises(Busy):
        run(store, append("a"), pauses=pauses)
    assert (len(store.commits), len(pauses.waits)) == (ATTEMPTS, ATTEMPTS - 2) == (16, 14)
    assert store.get("a").payload == b"w"  # type: ignore[union-attr]


def test_the_last_attempt_may_win() -> None:
    store = Store()
    store.before = [lambda: store.put("a", b"w")] * (ATTEMPTS - 1)
    assert run(store, append("a")) == [b"wx"]


def test_waits_are_jittered_and_doubling_and_short() -> None:
    longest = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016] + [0.02] * 8
    waits = []
    for seed in map(str, range(30)):
        store, pauses = Store(), Pauses()
        store.before = [lambda store=store: store.put("a", b"w")] * ATTEMPTS
        with pytest.raises(Busy):
            run(store, append("a"), pauses=pauses, seed=seed)
        waits.append(pauses.waits)
    for place, bound in enumerate(longest):
        column = [wait[place] for wait in waits]
        assert 0 <= min(column) < bound / 4
        assert bound * 3 / 4 < max(column) < bound
    assert sum(longest) < 0.25


class Lopsided:
    """Chance that gives always the least or the greatest."""

    def __init__(self, *, greatest: bool) -> None:
        self.greatest = greatest

    def token(self, size: int) -> bytes:
        raise NotImplementedError

    def below(self, bound: int) -> int:
        return bound - 1 if self.greatest else 0


@pytest.mark.parametrize(("greatest", "version"), [(False, 1), (True, 2**63 - 1)])
def test_a_version_has_63_bits_and_is_never_the_one_that_means_absent(greatest: bool, version: int) -> None:
    store = Store()
    finish(transact(store, append("a"), entropy=Lopsided(greatest=greatest), pause=Pauses()))
    record = store.get("a")
    assert record is not None
    assert record.version == version


def test_every_attempt_writes_under_a_version_of_its_own() -> None:
    store = Store()  # F6
    store.before = [lambda: store.put("a", b"w")] * 8
    run(store, append("a"))
    versions = [write.record.version for _, writes in store.commits for write in writes if write.record]
    assert len(set(versions)) == 9
    assert all(0 < version < 2**63 for version in versions)


# Replies that were lost (F6) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [StoreError("x"), OSError("x"), InsideTransaction("x")])
def test_a_commit_that_landed_although_it_raised_is_told_as_done(failure: Exception) -> None:
    store = Store()
    store.after = [failing(failure)]
    assert run(store, append("a", reading=["b"])) == [b"x"]
    assert len(store.commits) == 1
    assert store.get("a").payload == b"x"  # type: ignore[union-attr]


def test_a_commit_that_raised_and_did_not_land_is_tried_again() -> None:
    store = Store()
    store.before = [failing(OSError("x"))]
    assert run(store, append("a", reading=["b"])) == [b"x"]
    assert len(store.commits) == 2


def test_a_commit_that_raised_over_one_that_another_made_is_trouble() -> None:
    store = Store()
    store.put("a", b"x")

    def fail() -> None:
        store.put("a", b"w")
        raise OSError("the database is away")

    store.before = [fail]
    with pytest.raises(StoreError, match="not known whether"):
        run(store, append("a"))
    assert store.get("a").payload == b"w"  # type: ignore[union-attr]


def test_a_commit_that_raised_when_a_check_had_moved_is_trouble() -> None:
    store = Store()

    def fail() -> None:
        store.put("read", b"w")
        raise OSError("the database is away")

    store.before = [fail]
    with pytest.raises(StoreError):
        run(store, append("a", reading=["read"]))
    assert store.get("a") is None


def test_trouble_of_the_stores_own_kind_is_told_as_it_is() -> None:
    store = Store()
    own = InsideTransaction("inside")

    def fail() -> None:
        store.put("a", b"w")
        raise own

    store.before = [fail]
    with pytest.raises(InsideTransaction) as caught:
        run(store, append("a"))
    assert caught.value is own


def test_a_commit_whose_fate_cannot_be_found_out_is_trouble() -> None:
    store = Store()
    store.after = [failing(OSError("the first failure"))]
    store.before_load = [lambda: None, failing(OSError("the second failure"))]
    with pytest.raises(StoreError) as caught:
        run(store, append("a"))
    assert str(caught.value.__cause__) == "the first failure"


def test_a_lost_reply_of_a_deletion_is_found_out() -> None:
    store = Store()
    store.put("a", b"x")

    async def remove(transaction: Transaction) -> str:
        await transaction.load("a")
        transaction.delete("a")
        return "removed"

    store.after = [failing(OSError("x"))]
    assert run(store, remove) == "removed"
    assert len(store.commits) == 1


def test_a_deletion_has_landed_when_all_that_it_deletes_is_gone() -> None:
    store = Store()
    store.put("there", b"x")

    async def remove(transaction: Transaction) -> None:
        for key in ("gone", "there"):
            await transaction.load(key)
            transaction.delete(key)

    store.before = [failing(OSError("x"))]
    run(store, remove)
    assert store.get("there") is None
    assert len(store.commits) == 2


def test_a_commit_has_landed_although_one_of_its_records_has_been_written_again_since() -> None:
    store = Store()

    def written_again_and_no_reply() -> None:
        store.put("a", b"another's")
        raise OSError("x")

    store.after = [written_again_and_no_reply]
    assert run(store, append("a", "b")) == [b"x", b"x"]
    assert len(store.commits) == 1


def test_of_a_commit_that_wrote_and_deleted_the_write_tells_what_became_of_it() -> None:
    store = Store()
    store.put("old", b"x")

    async def move(transaction: Transaction) -> None:
        await transaction.load("old", "new")
        transaction.delete("old")
        transaction.put(key="new", kind="k", payload=b"x", expires_at=LATER)

    store.before = [failing(OSError("x"))]
    run(store, move)
    assert (store.get("old"), store.get("new") is not None) == (None, True)
    assert len(store.commits) == 2


def test_a_commit_that_fails_twice_is_trouble_and_not_tried_on() -> None:
    store = Store()  # a locked database would let the caller wait for its time-out sixteen times
    store.before = [failing(OSError("x")), failing(OSError("y"))]
    with pytest.raises(StoreError, match="nothing was changed") as caught:
        run(store, append("a"))
    assert (len(store.commits), str(caught.value.__cause__)) == (2, "x")


# What a store may raise -------------------------------------------------------------------------------------------------


def test_a_load_that_fails_is_trouble_and_nothing_is_decided() -> None:
    store = Store()
    store.before_load = [failing(OSError("the database is away"))]
    with pytest.raises(StoreError) as caught:
        run(store, append("a"))
    assert isinstance(caught.value.__cause__, OSError)
    assert store.commits == []


@pytest.mark.parametrize("own", [StoreError("x"), InsideTransaction("x"), IdentifierTaken(), Refused(Reason.CODE_WRONG)])
def test_what_credkit_knows_passes_through(own: Exception) -> None:
    async def raising() -> None:
        raise own

    with pytest.raises(type(own)) as caught:
        finish(guarded(raising()))
    assert caught.value is own


@pytest.mark.parametrize("foreign", [OSError("x"), KeyError("x"), TimeoutError(), RuntimeError("x")])
def test_whatever_else_a_store_raises_is_trouble_that_does_not_quote_it(foreign: Exception) -> None:
    async def raising() -> None:
        raise foreign

    with pytest.raises(StoreError, match=r"^a store failed$") as caught:
        finish(guarded(raising()))
    assert caught.value.__cause__ is foreign


def test_a_cancellation_is_nobodys_failure() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        finish(guarded(cancelled()))


def test_a_blocking_store_in_an_async_kit_is_named_as_that() -> None:
    with pytest.raises(ConfigurationError, match="blocking port"):
        finish(guarded({}))  # type: ignore[arg-type]


def test_a_blocking_pause_in_an_async_kit_is_named_as_that() -> None:
    store = Store()
    store.before = [lambda: store.put("a", b"w")] * 2
    with pytest.raises(ConfigurationError, match="blocking port"):
        run(store, append("a"), pauses=NoPause())  # type: ignore[arg-type]


# Many at once -----------------------------------------------------------------------------------------------------------


def test_sixty_four_writers_of_one_record_all_get_through() -> None:
    async def one(store: Store, pauses: Yielding, seed: str) -> None:
        await transact(store, append("a"), entropy=SeededEntropy(seed), pause=pauses)

    async def all_of_them() -> Store:
        store = YieldingStore()
        await asyncio.gather(*(one(store, Yielding(), str(number)) for number in range(64)))
        return store

    record = asyncio.run(all_of_them()).get("a")
    assert record is not None
    assert record.payload == b"x" * 64


class Yielding:
    """A pause measured in turns of the loop: as many as a round trip takes, for each millisecond."""

    async def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 20_000)):
            await asyncio.sleep(0)


class YieldingStore(Store):
    """A store that takes some turns of the loop for each call, so that others get in between."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        await asyncio.sleep(0)
        return await super().load(keys)

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        await asyncio.sleep(0)
        return await super().commit(checks, writes)
