"""Record stores that are broken on purpose, each in one way that real stores have been."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from credkit.errors import StoreError
from credkit.lifting import finish
from credkit.ports import Committed, Record, Write
from credkit.stores.memory import MemoryRecords
from credkit.testing.broken._gap import Gap

__all__ = [
    "AnswersFromACache",
    "BlockingRecords",
    "ChecksAndThenWrites",
    "ChecksOnlyWhatItFinds",
    "ComparesInSeconds",
    "CountsVersionsItself",
    "CountsWhatItDeleted",
    "DeletesWhateverTheVersion",
    "DropsTheZone",
    "EndsIn2038",
    "ExpectsVersionsToGrow",
    "FoldsKeys",
    "ForgetsEarly",
    "ForgetsWhatIsDue",
    "HandsOutItsOwn",
    "HasAShortColumn",
    "HasNoStatementForNothing",
    "IgnoresChecks",
    "IgnoresExpectedVersions",
    "InsertsAndForgetsTheRest",
    "InsertsWhatIsNotThere",
    "KeepsAnOldIndex",
    "KeepsMilliseconds",
    "KeepsPayloadsAsText",
    "KeepsVersionsAsFloats",
    "ListsEverythingDue",
    "ListsTheNewestFirst",
    "ListsWhatIsNeverDue",
    "LoadsKeyByKey",
    "LooksAndThenInserts",
    "LooksAtTheFirstChecksOnly",
    "LosesTheKind",
    "LosesWhenItChecks",
    "MakesVersionsUp",
    "MixesKinds",
    "NeverDeletes",
    "PurgesByTheFirstExpiry",
    "PurgesEverythingAtOnce",
    "RaisesForWhatIsAbsent",
    "ReadsAndThenWrites",
    "ReplacesThePayloadOnly",
    "ReturnsBuffers",
    "SaysNothingOfALosingCommit",
    "SaysOnlyWhatWasToBeWritten",
    "SeesTheCallersTransaction",
    "SoundRecords",
    "SplitsALongCommit",
    "StopsHalfway",
    "SwallowsFailures",
    "TakesACheckOfZeroForNone",
    "TakesEmptyForNone",
    "TakesZeroForAnything",
    "WritesHalfOfALosingCommit",
    "WritesInTheCallersTransaction",
    "WritesOnlyWhatDiffers",
]


class SoundRecords:
    """A record store that keeps every duty, for the others to break."""

    def __init__(self, sound: MemoryRecords | None = None) -> None:
        """Begin empty, or as another handle on the same records."""
        self.sound: MemoryRecords = sound or MemoryRecords()
        self._gap = Gap()
        self._is_down = False
        self.in_threads: bool = False
        """Whether it is called from threads, without a loop."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return self.sound.load(keys)

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.sound.commit(checks, writes)

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return self.sound.due(kind, now, limit)

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return self.sound.purge(now, limit)

    def another(self) -> SoundRecords:
        """Return another handle on the same records."""
        return self

    def break_off(self) -> None:
        """Take no writes from now on."""
        self.sound = _Down(self.sound)

    @asynccontextmanager
    async def callers_transaction(self) -> AsyncGenerator[None, None]:
        """Open a transaction of the application's own, and roll it back at the end."""
        yield

    async def _later(self) -> None:
        """Let others do something in between."""
        await self._gap.pass_through(in_threads=self.in_threads)

    def _at_their_versions(self, writes: Sequence[Write]) -> list[Write]:
        """Return *writes*, each expecting what is there."""
        now = self.sound.load([write.key for write in writes])
        return [replace(write, expected_version=now[write.key].version if write.key in now else 0) for write in writes]


class _Down(MemoryRecords):
    """A store whose database takes no writes."""

    def __init__(self, before: MemoryRecords) -> None:
        super().__init__()
        super().commit({}, [Write(key=record.key, expected_version=0, record=record) for record in before.dump()])

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        raise StoreError("the database is down")


class _Rewrites(SoundRecords):
    """Keeps something else than it is given."""

    def kept(self, record: Record) -> Record:
        """Return what is kept of a record."""
        return record

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.sound.commit(checks, [write if write.record is None else replace(write, record=self.kept(write.record)) for write in writes])


class RaisesForWhatIsAbsent(SoundRecords):
    """Raises where a key is not there."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        found = self.sound.load(keys)
        return {key: found[key] for key in keys}


class HasNoStatementForNothing(SoundRecords):
    """Makes SQL of a list, and of an empty list a syntax error."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        if not keys:
            raise StoreError("syntax error near )")
        return self.sound.load(keys)

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        if not checks and not writes:
            raise StoreError("syntax error near )")
        return self.sound.commit(checks, writes)


class LosesTheKind(_Rewrites):
    """Keeps the last part of a kind only."""

    def kept(self, record: Record) -> Record:
        """Return it with less of its kind."""
        return replace(record, kind=record.kind.rpartition("/")[2])


class KeepsPayloadsAsText(_Rewrites):
    """Decodes what it does not understand."""

    def kept(self, record: Record) -> Record:
        """Return it with other bytes."""
        return replace(record, payload=record.payload.decode("utf-8", "replace").encode())


class ReturnsBuffers(_Rewrites):
    """Returns what its driver has for bytes."""

    def kept(self, record: Record) -> Record:
        """Return it with a buffer."""
        return replace(record, payload=cast("bytes", memoryview(record.payload)))


class TakesEmptyForNone(SoundRecords):
    """Takes an empty payload for none, as some databases do."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return {key: record for key, record in self.sound.load(keys).items() if record.payload}


class HasAShortColumn(_Rewrites):
    """Cuts payloads off at 64 KiB."""

    def kept(self, record: Record) -> Record:
        """Return the beginning of it."""
        return replace(record, payload=record.payload[:65535])


class KeepsMilliseconds(_Rewrites):
    """Truncates moments, as many databases do."""

    def kept(self, record: Record) -> Record:
        """Return it with moments cut off."""
        return _with_moments(record, lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))


class EndsIn2038(_Rewrites):
    """Has 32 bits for seconds."""

    def kept(self, record: Record) -> Record:
        """Return it with moments that fit."""
        return _with_moments(record, lambda moment: min(moment, datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)))


class DropsTheZone(_Rewrites):
    """Keeps what the clock on the wall said, and takes it for UTC."""

    def kept(self, record: Record) -> Record:
        """Return it with other moments."""
        return _with_moments(record, lambda moment: moment.replace(tzinfo=UTC))


def _with_moments(record: Record, kept: Callable[[datetime], datetime]) -> Record:
    return replace(record, expires_at=kept(record.expires_at), due_at=None if record.due_at is None else kept(record.due_at))


class KeepsVersionsAsFloats(SoundRecords):
    """Keeps 53 bits of a version, and compares as many."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.sound.commit({key: _float(version) for key, version in checks.items()}, [self._kept(write) for write in writes])

    def _kept(self, write: Write) -> Write:
        record = None if write.record is None else replace(write.record, version=_float(write.record.version))
        return replace(write, expected_version=_float(write.expected_version), record=record)


def _float(version: int) -> int:
    return int(float(version))


class FoldsKeys(SoundRecords):
    """Has a collation that ignores case."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        wanted = {key.casefold() for key in keys}
        return {record.key: record for record in self.sound.dump() if record.key.casefold() in wanted}


class HandsOutItsOwn(SoundRecords):
    """Returns the mapping that it looks things up in."""

    def __init__(self, sound: MemoryRecords | None = None) -> None:
        """Begin empty."""
        super().__init__(sound)
        self._answers: dict[tuple[str, ...], Mapping[str, Record]] = {}

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return self._answers.setdefault(tuple(keys), dict(self.sound.load(keys)))

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        self._answers.clear()
        return self.sound.commit(checks, writes)


class AnswersFromACache(HandsOutItsOwn):
    """Reads from a cache that does not hear of what other handles write."""

    def another(self) -> SoundRecords:
        """Return another handle on the same records, with a cache of its own."""
        return AnswersFromACache(self.sound)


class LosesWhenItChecks(SoundRecords):
    """Says of every commit with checks that it was not done."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        committed = self.sound.commit(checks, writes)
        return replace(committed, done=committed.done and not checks)


class TakesZeroForAnything(SoundRecords):
    """Inserts with "on conflict, update"."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        there = self._at_their_versions(writes)
        return self.sound.commit(checks, [now if write.expected_version == 0 and write.record else write for write, now in zip(writes, there, strict=True)])


class InsertsWhatIsNotThere(SoundRecords):
    """Writes with "insert or replace"."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        there = self._at_their_versions(writes)
        return self.sound.commit(checks, [now if now.expected_version == 0 else write for write, now in zip(writes, there, strict=True)])


class IgnoresExpectedVersions(SoundRecords):
    """Overwrites: the last one wins."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.sound.commit(checks, self._at_their_versions(writes))


class ExpectsVersionsToGrow(SoundRecords):
    """Takes a version for a number that counts up, and writes whatever is newer."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        there = self._at_their_versions(writes)
        newer = [now if 0 < now.expected_version < write.expected_version else write for write, now in zip(writes, there, strict=True)]
        return self.sound.commit(checks, newer)


class CountsVersionsItself(_Rewrites):
    """Has a version column that begins at 1 and counts up, whatever it is given."""

    def kept(self, record: Record) -> Record:
        """Return it with the next version."""
        before = self.sound.load([record.key]).get(record.key)
        return replace(record, version=1 if before is None else before.version + 1)


class WritesOnlyWhatDiffers(_Rewrites):
    """Leaves a row alone where nothing but the version would be new."""

    def kept(self, record: Record) -> Record:
        """Return what was there before, if that is the same but for its version."""
        before = self.sound.load([record.key]).get(record.key)
        return before if before is not None and replace(before, version=record.version) == record else record


class ReplacesThePayloadOnly(_Rewrites):
    """Leaves the other columns of a row as they were."""

    def kept(self, record: Record) -> Record:
        """Return it with what was there before."""
        before = self.sound.load([record.key]).get(record.key)
        return record if before is None else replace(before, payload=record.payload, version=record.version)


class IgnoresChecks(SoundRecords):
    """Compares only what it writes: write skew."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.sound.commit({}, writes)


class ChecksOnlyWhatItFinds(SoundRecords):
    """Loads what it is to check, and compares what has come."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        found = self.sound.load(list(checks))
        return self.sound.commit({key: version for key, version in checks.items() if key in found}, writes)


class TakesACheckOfZeroForNone(SoundRecords):
    """Takes 0 for "any version"."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.sound.commit({key: version for key, version in checks.items() if version}, writes)


class ChecksAndThenWrites(SoundRecords):
    """Checks, and writes a moment later: write skew, under an isolation level that allows it."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        checked = self.sound.commit(checks, [])
        if not checked.done:
            return checked
        await self._later()
        return self.sound.commit({}, writes)


class WritesHalfOfALosingCommit(SoundRecords):
    """Makes its writes one by one, up to the first that loses."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        for write in writes:
            if not self.sound.commit(checks, [write]).done:
                return Committed(done=False, current=self.sound.load([*checks, *(one.key for one in writes)]))
        return self.sound.commit(checks if not writes else {}, [])


class SaysNothingOfALosingCommit(SoundRecords):
    """Returns no records."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return replace(self.sound.commit(checks, writes), current={})


class SaysOnlyWhatWasToBeWritten(SoundRecords):
    """Returns the records of the writes, not those of the checks."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        committed = self.sound.commit(checks, writes)
        return replace(committed, current={write.key: committed.current[write.key] for write in writes if write.key in committed.current})


class MakesVersionsUp(SoundRecords):
    """Returns with a lost commit versions that nobody has given."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        committed = self.sound.commit(checks, writes)
        return replace(committed, current={key: replace(record, version=record.version ^ 1) for key, record in committed.current.items()})


class NeverDeletes(SoundRecords):
    """Leaves to `purge` what is deleted."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        deletes = {write.key: write.expected_version for write in writes if write.record is None}
        return self.sound.commit({**checks, **deletes}, [write for write in writes if write.record is not None])


class DeletesWhateverTheVersion(SoundRecords):
    """Deletes by key."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        there = self._at_their_versions(writes)
        deletes = [now if write.record is None else write for write, now in zip(writes, there, strict=True)]
        return self.sound.commit(checks, deletes)


class CountsWhatItDeleted(SoundRecords):
    """Deletes by key what must be absent, and takes "no rows" for a lost commit."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        there = self._at_their_versions(writes)
        counted = [
            replace(now, expected_version=now.expected_version or 1) if write.record is None and write.expected_version == 0 else write
            for write, now in zip(writes, there, strict=True)
        ]
        return self.sound.commit(checks, counted)


class InsertsAndForgetsTheRest(SoundRecords):
    """Returns after its inserts."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        inserts = [write for write in writes if write.expected_version == 0]
        others = {write.key: write.expected_version for write in writes if write.expected_version != 0}
        return self.sound.commit({**checks, **others}, inserts) if inserts else self.sound.commit(checks, writes)


class SplitsALongCommit(SoundRecords):
    """Makes transactions of 500 keys, because its database allows no more."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        parts = [writes[start : start + 500] for start in range(0, len(writes), 500)] or [[]]
        results = [self.sound.commit(checks, part) for part in parts]
        return next((result for result in results if not result.done), results[0])


class LooksAtTheFirstChecksOnly(SoundRecords):
    """Asks for as many records as fit into one statement, and takes the others for unchanged."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.sound.commit(dict(list(checks.items())[:500]), writes)


class WritesInTheCallersTransaction(SoundRecords):
    """Uses the connection of the request, and goes with it."""

    @asynccontextmanager
    async def callers_transaction(self) -> AsyncGenerator[None, None]:
        """Open a transaction of the application's own, and roll it back at the end."""
        before = self.sound.copy()
        yield
        self.sound = before


class SeesTheCallersTransaction(SoundRecords):
    """Reads on the connection of the request, which sees what was there when it began."""

    _snapshot: MemoryRecords | None = None

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return (self._snapshot or self.sound).load(keys)

    @asynccontextmanager
    async def callers_transaction(self) -> AsyncGenerator[None, None]:
        """Open a transaction of the application's own, and roll it back at the end."""
        self._snapshot = self.sound.copy()
        yield
        self._snapshot = None


class ReadsAndThenWrites(SoundRecords):
    """Compares, and writes a moment later."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        judged = self.sound.commit({**checks, **{write.key: write.expected_version for write in writes}}, [])
        if not judged.done:
            return judged
        await self._later()
        return self.sound.commit({}, self._at_their_versions(writes))


class LooksAndThenInserts(SoundRecords):
    """Looks whether a key is absent, and inserts a moment later, whatever has come meanwhile."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        inserted = {write.key: 0 for write in writes if write.expected_version == 0}
        judged = self.sound.commit({**checks, **inserted}, [])
        if not judged.done:
            return judged
        await self._later()
        there = self._at_their_versions(writes)
        return self.sound.commit(checks, [now if write.key in inserted else write for write, now in zip(writes, there, strict=True)])


class LoadsKeyByKey(SoundRecords):
    """Sees each key at an instant of its own."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        found: dict[str, Record] = {}
        for key in keys:
            found.update(self.sound.load([key]))
            if len(keys) > 2 and key == keys[len(keys) // 2]:
                await self._later()
        return found


class StopsHalfway(SoundRecords):
    """Gives way between two writes, so that a commit that is cancelled stays as it is by then."""

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        judged = self.sound.commit({**checks, **{write.key: write.expected_version for write in writes}}, [])
        for write in writes if judged.done else ():
            self.sound.commit({}, [write])
            await self._later()
        return judged


class SwallowsFailures(SoundRecords):
    """Logs what went wrong, and answers."""

    def break_off(self) -> None:
        """Take no writes from now on."""
        self._is_down = True

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return Committed(done=True, current={}) if self._is_down else self.sound.commit(checks, writes)


class ListsTheNewestFirst(SoundRecords):
    """Lets the longest due wait for ever."""

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return list(reversed(self.sound.due(kind, now, _ALL)))[:limit]


_ALL: Final = 1_000_000
"""More records than any test makes."""


class ComparesInSeconds(SoundRecords):
    """Rounds the moment it compares with."""

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return self.sound.due(kind, now.replace(microsecond=0) + timedelta(seconds=1), limit)


class ListsEverythingDue(SoundRecords):
    """Ignores the limit."""

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return self.sound.due(kind, now, _ALL)


class MixesKinds(SoundRecords):
    """Lists what begins with the kind."""

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        kinds = {record.kind for record in self.sound.dump() if record.kind.casefold().startswith(kind.casefold())}
        found = [record for one in kinds for record in self.sound.due(one, now, limit)]
        return sorted(found, key=lambda record: record.due_at or now)[:limit]


class ListsWhatIsNeverDue(SoundRecords):
    """Takes "never" for "since for ever"."""

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        never = [record for record in self.sound.dump() if record.kind == kind and record.due_at is None]
        return [*never, *self.sound.due(kind, now, limit)][:limit]


class KeepsAnOldIndex(SoundRecords):
    """Lists by an index that hears of what is new, and of nothing else."""

    def __init__(self, sound: MemoryRecords | None = None) -> None:
        """Begin empty."""
        super().__init__(sound)
        self._index: dict[str, Record] = {}

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        committed = self.sound.commit(checks, writes)
        for write in writes if committed.done else ():
            if write.record is not None and write.record.due_at is not None:
                self._index.setdefault(write.key, write.record)
        return committed

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        ready = [(record.due_at, record.key, record) for record in self._index.values() if record.kind == kind and record.due_at and record.due_at <= now]
        return [record for *_, record in sorted(ready, key=lambda entry: entry[:2])][:limit]


class ForgetsEarly(SoundRecords):
    """Purges by the second."""

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return self.sound.purge(now + timedelta(milliseconds=999), limit)


class ForgetsWhatIsDue(SoundRecords):
    """Takes a message that is due for one that is over."""

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        over = [record for record in self.sound.dump() if record.due_at is not None and record.due_at <= now]
        self.sound.commit({}, [Write(key=record.key, expected_version=record.version, record=None) for record in over[:limit]])
        return self.sound.purge(now, limit)


class PurgesEverythingAtOnce(SoundRecords):
    """Ignores the limit."""

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return self.sound.purge(now, _ALL)


class PurgesByTheFirstExpiry(SoundRecords):
    """Has its database forget a row at the moment that was said when it was made."""

    def __init__(self, sound: MemoryRecords | None = None) -> None:
        """Begin empty."""
        super().__init__(sound)
        self._expiry: dict[str, datetime] = {}

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        for write in writes:
            if write.record is not None:
                self._expiry.setdefault(write.key, write.record.expires_at)
        return self.sound.commit(checks, writes)

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        over = [record for record in self.sound.dump() if self._expiry[record.key] <= now][:limit]
        self.sound.commit({}, [Write(key=record.key, expected_version=record.version, record=None) for record in over])
        return len(over)


@dataclass(frozen=True, slots=True)
class BlockingRecords:
    """One of the gallery as a blocking store."""

    broken: SoundRecords

    def __post_init__(self) -> None:
        self.broken.in_threads = True

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return finish(self.broken.load(keys))

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return finish(self.broken.commit(checks, writes))

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return finish(self.broken.due(kind, now, limit))

    def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return finish(self.broken.purge(now, limit))
