"""A gallery of stores that are broken on purpose, each in one way that real stores have been. Each test of a contract catches at least one of them.

They show what a duty means, and they test the contracts: one that lets a broken store pass is no contract. All are in memory and written once,
as coroutines; `Blocking...` makes blocking stores of them.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from credkit.credential import Credential, NewCredential, Standing
from credkit.errors import IdentifierTaken, StoreError
from credkit.identifiers import Identifier
from credkit.lifting import finish
from credkit.ports import Committed, Record, Write
from credkit.stores.memory import MemoryCredentials, MemoryRecords
from credkit.testing.contracts._driving import breathe

__all__ = [
    "BROKEN_CREDENTIAL_STORES",
    "BROKEN_RECORD_STORES",
    "AddsASecondTime",
    "AnswersFromACache",
    "AnswersFromAnOldCopy",
    "AnswersWithWhatWasAdded",
    "BlockingCredentials",
    "BlockingRecords",
    "ChecksAndThenWrites",
    "ChecksOnlyWhatItFinds",
    "ComparesAndThenReplaces",
    "ComparesInSeconds",
    "CountsVersionsItself",
    "CountsWhatItDeleted",
    "DeletesWhateverTheVersion",
    "DropsTheZone",
    "EndsIn2038",
    "ExpectsVersionsToGrow",
    "FindsByTheFirstOnly",
    "FindsTheVerifiedOnly",
    "FindsWhatWasTyped",
    "FoldsIdentifiers",
    "FoldsKeys",
    "ForgetsEarly",
    "ForgetsHowItWasTyped",
    "ForgetsWhatIsDue",
    "ForgetsWhenItWasVerified",
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
    "KeepsWhatWasGivenUp",
    "ListsEverythingDue",
    "ListsTheNewestFirst",
    "ListsWhatIsNeverDue",
    "LoadsKeyByKey",
    "LooksAndThenAdds",
    "LooksAndThenInserts",
    "LooksAtTheFirstChecksOnly",
    "LosesTheKind",
    "LosesWhenItChecks",
    "MakesIdsOfIdentifiers",
    "MakesVersionsOfTheContent",
    "MakesVersionsUp",
    "MixesKinds",
    "NeverDeletes",
    "PurgesByTheFirstExpiry",
    "PurgesEverythingAtOnce",
    "RaisesForNobody",
    "RaisesForWhatIsAbsent",
    "ReadsAndThenWrites",
    "RemembersWhatItRefused",
    "ReplacesHalfBeforeItFindsOut",
    "ReplacesThePayloadOnly",
    "ReplacesWhateverTheVersion",
    "ReplacesWhoIsNotThere",
    "ReturnsBuffers",
    "SaysNothingOfALosingCommit",
    "SaysOnlyWhatWasToBeWritten",
    "SaysTakenToItsOwnChange",
    "SeesTheCallersTransaction",
    "SoundCredentials",
    "SoundRecords",
    "SplitsALongCommit",
    "TakesACheckOfZeroForNone",
    "TakesAnyIdentifier",
    "TakesEmptyForNone",
    "TakesNoneForEmpty",
    "TakesTheVersionGiven",
    "TakesZeroForAnything",
    "TouchesEverybody",
    "UsesIdsAgain",
    "WorksInTheCallersTransaction",
    "WritesHalfOfALosingCommit",
    "WritesInTheCallersTransaction",
    "WritesOnlyWhatDiffers",
    "WritesOnlyWhatDiffersOfIt",
]


class _Gap:
    """The moment between a look and a write, in which somebody else comes by: in threads, until somebody does or it has been long enough."""

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._arrived = 0

    async def pass_through(self, *, in_threads: bool) -> None:
        if not in_threads:
            await breathe()
            return
        with self._arrival:
            self._arrived += 1
            mine = self._arrived
            self._arrival.notify_all()
            self._arrival.wait_for(lambda: self._arrived > mine, _LONG_ENOUGH)


_LONG_ENOUGH: Final = 0.05
"""Seconds; whoever waits so long is alone."""

# Record stores ----------------------------------------------------------------------------------------------------------


class SoundRecords:
    """A record store that keeps every duty, for the others to break."""

    def __init__(self, sound: MemoryRecords | None = None) -> None:
        """Begin empty, or as another handle on the same records."""
        self.sound: MemoryRecords = sound or MemoryRecords()
        self._gap = _Gap()
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


# Credential stores --------------------------------------------------------------------------------------------------------


class _Open(MemoryCredentials):
    """A sound store whose insides can be reached."""

    @property
    def people(self) -> dict[str, Credential]:
        return self._credentials

    @property
    def holders(self) -> dict[tuple[str, str], str]:
        return self._holders

    @property
    def added(self) -> dict[str, str]:
        return self._added

    def take_from(self, other: _Open) -> None:
        """Become as *other* is."""
        self._credentials, self._holders, self._added = dict(other.people), dict(other.holders), dict(other.added)

    def renamed(self, credential: Credential, name: str, version: str) -> Credential:
        """Give somebody another id and version."""
        self._holders = {held: name if holder == credential.id else holder for held, holder in self._holders.items()}
        self._added = {change: name if holder == credential.id else holder for change, holder in self._added.items()}
        del self._credentials[credential.id]
        return self._credentials.setdefault(name, replace(credential, id=name, version=version))


class SoundCredentials:
    """A credential store that keeps every duty, for the others to break."""

    def __init__(self, sound: _Open | None = None) -> None:
        """Begin empty, or as another handle on the same people."""
        self._sound = sound or _Open()
        self._gap = _Gap()
        self.in_threads: bool = False
        """Whether it is called from threads, without a loop."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return self._sound.find(identifier)

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return self._sound.get(credential_id)

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return self._sound.add(new, extra)

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return self._sound.replace(old, new)

    def another(self) -> SoundCredentials:
        """Return another handle on the same people."""
        return self

    async def forget(self, credential_id: str) -> None:
        """Delete somebody, as an application does."""
        gone = self._sound.people.pop(credential_id)
        for entry in gone.identifiers:
            self._sound.holders.pop((entry.identifier.kind, entry.identifier.canonical), None)

    @asynccontextmanager
    async def callers_transaction(self) -> AsyncGenerator[None, None]:
        """Open a transaction of the application's own, and roll it back at the end."""
        yield

    async def _later(self) -> None:
        """Let others do something in between."""
        await self._gap.pass_through(in_threads=self.in_threads)

    def _give_free(self, credential: Credential | NewCredential) -> None:
        """Have nobody hold its identifiers."""
        for entry in credential.identifiers:
            self._sound.holders.pop((entry.identifier.kind, entry.identifier.canonical), None)


class RaisesForNobody(SoundCredentials):
    """Raises for who is not there."""

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return self._sound.people[credential_id]


class FindsByTheFirstOnly(SoundCredentials):
    """Has one column for an identifier."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found = self._sound.find(identifier)
        return found if found is not None and found.identifiers[0].identifier == identifier else None


class FindsTheVerifiedOnly(SoundCredentials):
    """Hides whose identifier is not verified."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found = self._sound.find(identifier)
        held = found and found.registered(identifier)
        return found if held and held.standing is Standing.VERIFIED else None


class FindsWhatWasTyped(SoundCredentials):
    """Looks for the text as it was typed."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return next((one for one in self._sound.dump() if any(entry.identifier.entered == identifier.entered for entry in one.identifiers)), None)


class FoldsIdentifiers(SoundCredentials):
    """Finds by folded text, as a database's default collation does."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        wanted = identifier.canonical.casefold()
        return next((one for one in self._sound.dump() if any(entry.identifier.canonical.casefold() == wanted for entry in one.identifiers)), None)


class ForgetsWhenItWasVerified(SoundCredentials):
    """Has no column for the moment."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return self._sound.add(replace(new, identifiers=tuple(replace(entry, verified_at=None) for entry in new.identifiers)), extra)


class TakesNoneForEmpty(SoundCredentials):
    """Has columns that are never null."""

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        found = self._sound.get(credential_id)
        return found and replace(found, password_hash=found.password_hash or "", locale=found.locale or "")


class MakesIdsOfIdentifiers(SoundCredentials):
    """Has the address for a key."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        is_new = new.change_id not in self._sound.added
        added = self._sound.add(new, extra)
        return self._sound.renamed(added, new.identifiers[0].identifier.canonical, added.version) if is_new else added


class TakesAnyIdentifier(SoundCredentials):
    """Has no unique index."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        if new.change_id not in self._sound.added:
            self._give_free(new)
        return self._sound.add(new, extra)


class RemembersWhatItRefused(SoundCredentials):
    """Notes a change before it finds the identifier taken."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        try:
            return self._sound.add(new, extra)
        except IdentifierTaken:
            self._sound.added[new.change_id] = next(iter(self._sound.people))
            raise


class SaysTakenToItsOwnChange(SoundCredentials):
    """Finds a repeated call's own credential in its way."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        if new.change_id in self._sound.added:
            raise IdentifierTaken
        return self._sound.add(new, extra)


class AnswersWithWhatWasAdded(SoundCredentials):
    """Returns a repeated call's credential as it was, not as it is."""

    def __init__(self, sound: _Open | None = None) -> None:
        """Begin empty."""
        super().__init__(sound)
        self._answers: dict[str, Credential] = {}

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return self._answers.setdefault(new.change_id, self._sound.add(new, extra))


class AddsASecondTime(SoundCredentials):
    """Does not look at the change id."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        self._sound.added.clear()
        return self._sound.add(new, extra)


class LooksAndThenAdds(SoundCredentials):
    """Looks whether it may add, and adds a moment later, whatever has come meanwhile."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        if new.change_id in self._sound.added:
            return self._sound.people[self._sound.added[new.change_id]]
        if any(self._sound.find(entry.identifier) for entry in new.identifiers):
            raise IdentifierTaken
        await self._later()
        self._sound.added.pop(new.change_id, None)
        self._give_free(new)
        return self._sound.add(new, extra)


class ForgetsHowItWasTyped(SoundCredentials):
    """Updates identifiers where their canonical text is new, and not otherwise."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return self._sound.replace(old, replace(new, identifiers=old.identifiers) if new.identifiers == old.identifiers else new)


class ReplacesWhateverTheVersion(SoundCredentials):
    """Loses updates."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return self._sound.replace(self._sound.get(old.id) or old, new)


class ReplacesWhoIsNotThere(SoundCredentials):
    """Writes with "insert or replace"."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        self._sound.people.setdefault(old.id, old)
        return self._sound.replace(old, new)


class WritesOnlyWhatDiffersOfIt(SoundCredentials):
    """Leaves a row alone where nothing would be new."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        current = self._sound.get(old.id)
        return current if current is not None and current == old == new else self._sound.replace(old, new)


class MakesVersionsOfTheContent(SoundCredentials):
    """Gives the same version to the same content: A, B, A."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        return stored and self._sound.renamed(stored, stored.id, repr(replace(stored, version="")))


class TakesTheVersionGiven(SoundCredentials):
    """Takes the version of the new credential for the new version."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        return stored and self._sound.renamed(stored, stored.id, stored.version if new.version == old.version else new.version)


class UsesIdsAgain(SoundCredentials):
    """Counts ids from who is there, and versions from 1, so that a newcomer looks like who is gone."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        is_new = new.change_id not in self._sound.added
        added = self._sound.add(new, extra)
        return self._sound.renamed(added, str(len(self._sound.people)), "1") if is_new else added

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        return stored and self._sound.renamed(stored, stored.id, str(int(old.version) + 1))


class ReplacesHalfBeforeItFindsOut(SoundCredentials):
    """Notices that an identifier is taken when it has given up the old ones."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        try:
            return self._sound.replace(old, new)
        except IdentifierTaken:
            self._give_free(old)
            raise


class KeepsWhatWasGivenUp(SoundCredentials):
    """Never gives an identifier free."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        kept = {name: holder for name, holder in self._sound.holders.items() if holder == old.id}
        try:
            return self._sound.replace(old, new)
        finally:
            self._sound.holders.update(kept)


class TouchesEverybody(SoundCredentials):
    """Forgets to say whom it updates."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        if stored is not None:
            self._sound.people.update({one.id: replace(one, disabled=stored.disabled) for one in self._sound.dump()})
        return stored


class ComparesAndThenReplaces(SoundCredentials):
    """Compares, and stores a moment later, whatever has come meanwhile."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        current = self._sound.get(old.id)
        if current is None or current.version != old.version:
            return None
        others = [self._sound.find(entry.identifier) for entry in new.identifiers]
        if any(other is not None and other.id != old.id for other in others):
            raise IdentifierTaken
        await self._later()
        self._give_free(new)
        return self._sound.replace(self._sound.people[old.id], new)


class AnswersFromAnOldCopy(SoundCredentials):
    """Reads from a replica that is told of what its own handle writes, and of nothing else."""

    _copy: _Open | None = None

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return self._replica().find(identifier)

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return self._replica().get(credential_id)

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        self._copy = None
        return self._sound.add(new, extra)

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        self._copy = None
        return self._sound.replace(old, new)

    def another(self) -> SoundCredentials:
        """Return another handle on the same people, which reads from a replica of its own."""
        return AnswersFromAnOldCopy(self._sound)

    def _replica(self) -> _Open:
        if self._copy is None:
            self._copy = _Open()
            self._copy.take_from(self._sound)
        return self._copy


class WorksInTheCallersTransaction(SoundCredentials):
    """Uses the connection of the request, and goes with it."""

    @asynccontextmanager
    async def callers_transaction(self) -> AsyncGenerator[None, None]:
        """Open a transaction of the application's own, and roll it back at the end."""
        before = _Open()
        before.take_from(self._sound)
        yield
        self._sound.take_from(before)


# The gallery ----------------------------------------------------------------------------------------------------------------


def _gallery(sound: type) -> tuple[type[Any], ...]:
    return tuple(kind for name, kind in globals().items() if name[0] != "_" and isinstance(kind, type) and issubclass(kind, sound) and kind is not sound)


BROKEN_RECORD_STORES: Final[tuple[type[SoundRecords], ...]] = _gallery(SoundRecords)
"""Every broken record store, in the order of the contract's tests."""

BROKEN_CREDENTIAL_STORES: Final[tuple[type[SoundCredentials], ...]] = _gallery(SoundCredentials)
"""Every broken credential store, in the order of the contract's tests."""


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


@dataclass(frozen=True, slots=True)
class BlockingCredentials:
    """One of the gallery as a blocking store."""

    broken: SoundCredentials

    def __post_init__(self) -> None:
        self.broken.in_threads = True

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return finish(self.broken.find(identifier))

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return finish(self.broken.get(credential_id))

    def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return finish(self.broken.add(new, extra))

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return finish(self.broken.replace(old, new))
