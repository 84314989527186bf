"""A gallery of stores that are broken on purpose, each in one way that real stores have been: the contract must catch every one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from credkit.credential import Credential, NewCredential
from credkit.errors import IdentifierTaken
from credkit.identifiers import Identifier
from credkit.ports import Committed, Record, Write
from credkit.stores.memory import MemoryCredentials, MemoryRecords

# Record stores ----------------------------------------------------------------------------------------------------------


class IgnoresChecks(MemoryRecords):
    """Compares only what it writes: write skew (F3)."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return super().commit({}, writes)


class IgnoresExpectedVersions(MemoryRecords):
    """Overwrites: the last one wins."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        now = self.load([write.key for write in writes])
        return super().commit(checks, [replace(write, expected_version=now[write.key].version if write.key in now else 0) for write in writes])


class TakesZeroForAnything(MemoryRecords):
    """Inserts with "on conflict, update"."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        now = self.load([write.key for write in writes])
        meant = [replace(w, expected_version=now[w.key].version) if w.expected_version == 0 and w.key in now and w.record is not None else w for w in writes]
        return super().commit(checks, meant)


class ExpectsVersionsToGrow(MemoryRecords):
    """Takes a version for a number that counts up."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        now = self.load([write.key for write in writes])
        older = {write.key: now[write.key].version for write in writes if write.key in now and 0 < now[write.key].version < write.expected_version}
        return super().commit(checks, [replace(write, expected_version=older.get(write.key, write.expected_version)) for write in writes])


class WritesHalfOfALosingCommit(MemoryRecords):
    """Makes its writes one by one, up to the first that loses."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        for write in writes:
            committed = super().commit(checks, [write])
            if not committed.done:
                keys = [*checks, *(one.key for one in writes)]
                return Committed(done=False, current=self.load(keys))
        return super().commit(checks, [])


class SplitsALongCommit(MemoryRecords):
    """Makes transactions of 500 keys, because its database allows no more."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        parts = [writes[start : start + 500] for start in range(0, len(writes), 500)] or [[]]
        results = [super(SplitsALongCommit, self).commit(checks, part) for part in parts]
        lost = next((result for result in results if not result.done), None)
        return lost or results[0]


class LooksAtTheFirstChecksOnly(MemoryRecords):
    """Asks for as many records as fit into one statement, and takes the others for unchanged."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return super().commit(dict(list(checks.items())[:500]), writes)


class ReadsAndThenWrites(MemoryRecords):
    """Compares, and writes a moment later (ST-09)."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        judged = super().commit({**checks, **{write.key: write.expected_version for write in writes}}, [])
        if not judged.done:
            return judged
        time.sleep(0.001)
        now = self.load([write.key for write in writes])
        return super().commit({}, [replace(write, expected_version=now[write.key].version if write.key in now else 0) for write in writes])


class LoadsKeyByKey(MemoryRecords):
    """Sees each key at an instant of its own."""

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        found: dict[str, Record] = {}
        for key in keys:
            found.update(super().load([key]))
            if len(keys) > 2 and key == keys[len(keys) // 2]:
                time.sleep(0.001)
        return found


class SaysNothingOfALosingCommit(MemoryRecords):
    """Returns no records (F8)."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return replace(super().commit(checks, writes), current={})


class SaysOnlyWhatWasToBeWritten(MemoryRecords):
    """Returns the records of the writes, not those of the checks (F8)."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        committed = super().commit(checks, writes)
        return replace(committed, current={write.key: committed.current[write.key] for write in writes if write.key in committed.current})


class ForgetsEarly(MemoryRecords):
    """Purges by the second."""

    def purge(self, now: datetime, limit: int) -> int:
        return super().purge(now + timedelta(milliseconds=999), limit)


class ForgetsWhatIsDue(MemoryRecords):
    """Takes a message that is due for one that is over."""

    def purge(self, now: datetime, limit: int) -> int:
        over = [record for record in self.dump() if record.due_at is not None and record.due_at <= now]
        super().commit({}, [Write(key=record.key, expected_version=record.version, record=None) for record in over[:limit]])
        return super().purge(now, limit)


class PurgesEverythingAtOnce(MemoryRecords):
    """Ignores the limit."""

    def purge(self, now: datetime, limit: int) -> int:
        return super().purge(now, 1_000_000)


class KeepsMilliseconds(MemoryRecords):
    """Truncates moments, as many databases do."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return super().commit(checks, [write if write.record is None else replace(write, record=_in_milliseconds(write.record)) for write in writes])


class FoldsKeys(MemoryRecords):
    """Has a collation that ignores case."""

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        wanted = {key.casefold() for key in keys}
        return {record.key: record for record in self.dump() if record.key.casefold() in wanted}


class KeepsPayloadsAsText(MemoryRecords):
    """Decodes what it does not understand."""

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return super().commit(checks, [write if write.record is None else replace(write, record=_as_text(write.record)) for write in writes])


class ListsTheNewestFirst(MemoryRecords):
    """Lets the longest due wait for ever."""

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        return list(reversed(super().due(kind, now, 1_000_000)))[:limit]


class MixesKinds(MemoryRecords):
    """Lists what begins with the kind."""

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        kinds = {record.kind for record in self.dump() if record.kind.casefold().startswith(kind.casefold())}
        found = [record for one in kinds for record in super(MixesKinds, self).due(one, now, limit)]
        return sorted(found, key=lambda record: record.due_at or now)[:limit]


def _in_milliseconds(record: Record) -> Record:
    def cut(moment: datetime) -> datetime:
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    return replace(record, expires_at=cut(record.expires_at), due_at=None if record.due_at is None else cut(record.due_at))


def _as_text(record: Record) -> Record:
    return replace(record, payload=record.payload.decode("utf-8", "replace").encode())


BROKEN_RECORDS: dict[type[MemoryRecords], str] = {
    IgnoresChecks: "test_of_two_commits_that_check_what_the_other_writes_one_loses",
    IgnoresExpectedVersions: "test_a_write_that_expects_an_old_version_loses",
    TakesZeroForAnything: "test_a_write_that_expects_absence_loses_to_a_record",
    ExpectsVersionsToGrow: "test_versions_are_compared_for_equality_only",
    WritesHalfOfALosingCommit: "test_a_losing_commit_changes_nothing",
    SplitsALongCommit: "test_a_commit_over_very_many_keys_is_one_commit",
    LooksAtTheFirstChecksOnly: "test_every_one_of_very_many_checks_counts",
    ReadsAndThenWrites: "test_of_200_counts_at_once_none_is_lost",
    LoadsKeyByKey: "test_a_load_sees_one_instant",
    SaysNothingOfALosingCommit: "test_a_losing_commit_returns_all_records_of_its_keys_as_they_are",
    SaysOnlyWhatWasToBeWritten: "test_a_commit_that_loses_by_a_check_returns_the_records_too",
    ForgetsEarly: "test_purge_forgets_from_the_moment_of_expiry_and_not_a_microsecond_before",
    ForgetsWhatIsDue: "test_nothing_is_forgotten_before_its_time",
    PurgesEverythingAtOnce: "test_purge_forgets_no_more_than_the_limit_and_says_how_many",
    KeepsMilliseconds: "test_moments_come_back_to_the_microsecond",
    FoldsKeys: "test_keys_are_compared_exactly",
    KeepsPayloadsAsText: "test_payloads_come_back_byte_for_byte",
    ListsTheNewestFirst: "test_due_lists_the_longest_due_first",
    MixesKinds: "test_due_lists_one_kind",
}
"""Each broken store, and a test that must fail for it."""

# Credential stores --------------------------------------------------------------------------------------------------------


class FoldsIdentifiers(MemoryCredentials):
    """Finds by folded text, as a database's default collation does (ST-04)."""

    def find(self, identifier: Identifier) -> Credential | None:
        wanted = identifier.canonical.casefold()
        return next((one for one in self.dump() if any(entry.identifier.canonical.casefold() == wanted for entry in one.identifiers)), None)


class FindsWhatWasTyped(MemoryCredentials):
    """Looks for the text as it was typed."""

    def find(self, identifier: Identifier) -> Credential | None:
        return next((one for one in self.dump() if any(entry.identifier.entered == identifier.entered for entry in one.identifiers)), None)


class ForgetsHowItWasTyped(MemoryCredentials):
    """Keeps the canonical text only."""

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        same = new.identifiers == old.identifiers
        return super().replace(old, replace(new, identifiers=old.identifiers) if same else new)


class AddsASecondTime(MemoryCredentials):
    """Does not look at the change id (F4)."""

    def add(self, new: NewCredential, extra: object) -> Credential:
        self._added.clear()
        return super().add(new, extra)


class AnswersWithWhatWasAdded(MemoryCredentials):
    """Returns a repeated `add`'s credential as it was, not as it is (F4)."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: dict[str, Credential] = {}

    def add(self, new: NewCredential, extra: object) -> Credential:
        return self._answers.setdefault(new.change_id, super().add(new, extra))


class ReplacesWhateverTheVersion(MemoryCredentials):
    """Loses updates."""

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        return super().replace(self.get(old.id) or old, new)


class MakesVersionsOfTheContent(MemoryCredentials):
    """Gives the same version to the same content: A, B, A (F6)."""

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        stored = super().replace(old, new)
        if stored is None:
            return None
        self._credentials[stored.id] = replace(stored, version=repr(replace(stored, version="")))
        return self._credentials[stored.id]


class ReplacesHalfBeforeItFindsOut(MemoryCredentials):
    """Notices that an identifier is taken when it has given up the old ones."""

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        try:
            return super().replace(old, new)
        except IdentifierTaken:
            for entry in old.identifiers:
                self._holders.pop((entry.identifier.kind, entry.identifier.canonical), None)
            raise


class KeepsWhatWasGivenUp(MemoryCredentials):
    """Never gives an identifier free."""

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        kept = {name: holder for name, holder in self._holders.items() if holder == old.id}
        try:
            return super().replace(old, new)
        finally:
            self._holders.update(kept)


BROKEN_CREDENTIALS: dict[type[MemoryCredentials], str] = {
    FoldsIdentifiers: "test_identifiers_that_only_look_alike_are_different",
    FindsWhatWasTyped: "test_an_identifier_is_found_by_its_canonical_text_only",
    ForgetsHowItWasTyped: "test_a_replaced_credential_is_new_in_every_field",
    AddsASecondTime: "test_a_change_adds_one_credential_whatever_its_identifiers",
    AnswersWithWhatWasAdded: "test_adding_with_the_same_change_returns_the_credential_as_it_is_now",
    ReplacesWhateverTheVersion: "test_replacing_what_has_moved_on_returns_none_and_changes_nothing",
    MakesVersionsOfTheContent: "test_a_version_is_never_given_twice",
    ReplacesHalfBeforeItFindsOut: "test_replacing_with_a_taken_identifier_changes_nothing",
    KeepsWhatWasGivenUp: "test_an_identifier_that_was_given_up_is_free",
}
"""Each broken store, and a test that must fail for it."""
