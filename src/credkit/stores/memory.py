"""Stores in this process's memory, for tests and trials: exact, safe for threads, gone with the process (ST-09)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from credkit.credential import Credential, NewCredential, Registered
from credkit.errors import IdentifierTaken
from credkit.identifiers import Identifier
from credkit.lifting import LiftedCredentials, LiftedRecords
from credkit.ports import Committed, Entropy, Record, SystemEntropy, Write

__all__ = ["AsyncMemoryStores", "MemoryCredentials", "MemoryRecords", "MemoryStores"]


class MemoryRecords:
    """A record store in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        with self._lock:
            return {key: self._records[key] for key in keys if key in self._records}

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        expected = {**checks, **{write.key: write.expected_version for write in writes}}
        with self._lock:
            current = {key: self._records[key] for key in expected if key in self._records}
            if any((current[key].version if key in current else 0) != version for key, version in expected.items()):
                return Committed(done=False, current=current)
            for write in writes:
                if write.record is None:
                    self._records.pop(write.key, None)
                else:
                    self._records[write.key] = write.record
        return Committed(done=True, current={})

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        with self._lock:
            ready = [(r.due_at, r.key, r) for r in self._records.values() if r.kind == kind and r.due_at is not None and r.due_at <= now]
        return [record for *_, record in sorted(ready, key=lambda item: item[:2])[:limit]]

    def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        with self._lock:
            over = [key for key, record in self._records.items() if record.expires_at <= now][:limit]
            for key in over:
                del self._records[key]
        return len(over)

    def copy(self) -> MemoryRecords:
        """Return another store with the same records, for tests that start from one state many times."""
        other = MemoryRecords()
        with self._lock:
            other._records = dict(self._records)
        return other

    def dump(self) -> tuple[Record, ...]:
        """Return all records, for tests to look through."""
        with self._lock:
            return tuple(self._records.values())


class MemoryCredentials:
    """A credential store in memory. A new credential serves one account, of its own id."""

    def __init__(self, entropy: Entropy | None = None) -> None:
        """Take ids and versions from *entropy*, or from the system."""
        self._entropy = entropy or SystemEntropy()
        self._lock = threading.Lock()
        self._credentials: dict[str, Credential] = {}
        self._holders: dict[tuple[str, str], str] = {}
        self._added: dict[str, str] = {}

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        with self._lock:
            holder = self._holders.get((identifier.kind, identifier.canonical))
            return None if holder is None else self._credentials[holder]

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        with self._lock:
            return self._credentials.get(credential_id)

    def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`; *extra* is not used."""
        with self._lock:
            earlier = self._added.get(new.change_id)
            if earlier is not None:
                return self._credentials[earlier]
            credential_id = self._entropy.token(16).hex()
            self._hold(credential_id, new.identifiers)
            credential = Credential(
                id=credential_id,
                identifiers=new.identifiers,
                password_hash=new.password_hash,
                preferred=new.preferred,
                accounts=(credential_id,),
                session_epoch=0,
                generation=new.generation,
                marks=new.marks,
                locale=new.locale,
                version=self._entropy.token(8).hex(),
            )
            self._credentials[credential_id] = credential
            self._added[new.change_id] = credential_id
            return credential

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        with self._lock:
            current = self._credentials.get(old.id)
            if current is None or current.version != old.version:
                return None
            self._hold(old.id, new.identifiers)
            stored = replace(new, id=old.id, version=self._entropy.token(8).hex())
            self._credentials[old.id] = stored
            return stored

    def password_hashes(self) -> Iterator[str | None]:
        """Yield what is stored of each credential's password, `None` where it has none: to count what `PasswordHasher.describe` says of them."""
        return (credential.password_hash for credential in self.dump())

    def copy(self, entropy: Entropy | None = None) -> MemoryCredentials:
        """Return another store with the same credentials, for tests that start from one state many times."""
        other = MemoryCredentials(entropy)
        with self._lock:
            other._credentials, other._holders, other._added = dict(self._credentials), dict(self._holders), dict(self._added)
        return other

    def dump(self) -> tuple[Credential, ...]:
        """Return all credentials, for tests to look through."""
        with self._lock:
            return tuple(self._credentials.values())

    def _hold(self, credential_id: str, identifiers: Sequence[Registered]) -> None:
        """Make *identifiers* this credential's, and no others."""
        wanted = {(entry.identifier.kind, entry.identifier.canonical) for entry in identifiers}
        if any(self._holders.get(name, credential_id) != credential_id for name in wanted):
            raise IdentifierTaken
        for name in [name for name, holder in self._holders.items() if holder == credential_id and name not in wanted]:
            del self._holders[name]
        self._holders.update(dict.fromkeys(wanted, credential_id))


class MemoryStores:
    """Both stores in memory."""

    def __init__(self, entropy: Entropy | None = None) -> None:
        """Take ids and versions from *entropy*, or from the system."""
        self.records: MemoryRecords = MemoryRecords()
        self.credentials: MemoryCredentials = MemoryCredentials(entropy)

    def copy(self, entropy: Entropy | None = None) -> MemoryStores:
        """Return other stores that hold the same, for tests that start from one state many times."""
        other = MemoryStores(entropy)
        other.records, other.credentials = self.records.copy(), self.credentials.copy(entropy)
        return other

    def create(self) -> MemoryStores:
        """Do nothing, as there is nothing to create; return the stores."""
        return self


class AsyncMemoryStores:
    """Both stores in memory, for async code; no call suspends."""

    def __init__(self, entropy: Entropy | None = None) -> None:
        """Take ids and versions from *entropy*, or from the system."""
        self.blocking: MemoryStores = MemoryStores(entropy)
        self.records: LiftedRecords = LiftedRecords(self.blocking.records)
        self.credentials: LiftedCredentials = LiftedCredentials(self.blocking.credentials)

    async def create(self) -> AsyncMemoryStores:
        """Do nothing, as there is nothing to create; return the stores."""
        return self
