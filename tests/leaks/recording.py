"""Ports that write down what is asked of them, so that two runs can be laid side by side: what a machine could see, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import pytest

from credkit.credential import Credential, NewCredential
from credkit.identifiers import Identifier
from credkit.keys import KeyRing
from credkit.passwords import HashingProfile, PasswordHasher, Verification
from credkit.ports import Committed, CredentialStore, Record, RecordStore, Write
from credkit.secret import Secret
from credkit.testing import SeededEntropy

Event = tuple[object, ...]


@dataclass
class Recorder:
    """What was asked of the ports, in order."""

    events: list[Event] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    """MACs and plain digests, by purpose: the cost of names and codes."""
    paused: bool = False

    def note(self, *event: object) -> None:
        if not self.paused:
            self.events.append(event)

    def take(self) -> tuple[Event, ...]:
        """Return what was noted since the last call."""
        events, self.events = tuple(self.events), []
        return events

    def take_writes(self) -> tuple[Write, ...]:
        writes, self.writes = tuple(self.writes), []
        return writes

    def take_digests(self) -> tuple[str, ...]:
        digests, self.digests = tuple(self.digests), []
        return digests


def kind_of(write: Write) -> str:
    """Return the kind of the record that is written, also where it is deleted."""
    return write.key.split("/")[1]


def change_of(write: Write) -> Event:
    """Return what is asked for one write. Whether the row was there before is history: the tallies of a year, or of a day, on one subject."""
    if write.record is None:
        return kind_of(write), "delete"
    return kind_of(write), "due" if write.record.due_at is not None else "put"


@dataclass
class RecordedRecords:
    store: RecordStore
    recorder: Recorder

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        self.recorder.note("load", len(keys))
        return self.store.load(keys)

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        self.recorder.note("commit", len(checks), tuple(sorted(map(change_of, writes))))
        if not self.recorder.paused:
            self.recorder.writes.extend(writes)
        return self.store.commit(checks, writes)

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        self.recorder.note("due")
        return self.store.due(kind, now, limit)

    def purge(self, now: datetime, limit: int) -> int:
        self.recorder.note("purge")
        return self.store.purge(now, limit)


@dataclass
class RecordedCredentials:
    store: CredentialStore
    recorder: Recorder

    def find(self, identifier: Identifier) -> Credential | None:
        self.recorder.note("find")
        return self.store.find(identifier)

    def get(self, credential_id: str) -> Credential | None:
        self.recorder.note("get")
        return self.store.get(credential_id)

    def add(self, new: NewCredential, extra: object) -> Credential:
        self.recorder.note("add")
        return self.store.add(new, extra)

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        self.recorder.note("replace")
        return self.store.replace(old, new)


class RecordedEntropy(SeededEntropy):
    """Chance that repeats, so that two runs that ask for the same get the same."""

    def __init__(self, seed: str, recorder: Recorder) -> None:
        super().__init__(seed)
        self._recorder = recorder
        self._inside = False

    def token(self, size: int) -> bytes:
        if not self._inside:
            self._recorder.note("token", size)
        return super().token(size)

    def below(self, bound: int) -> int:
        self._recorder.note("below", bound)
        self._inside = True
        try:
            return super().below(bound)
        finally:
            self._inside = False


class RecordedHasher(PasswordHasher):
    """Real, cheap Argon2id, noting each call of a flow and, apart from it, each run of Argon2 with its cost."""

    def __init__(self, recorder: Recorder, profile: HashingProfile, pepper: KeyRing | None = None) -> None:
        super().__init__(profile, pepper=pepper)
        self._recorder = recorder

    def hash(self, password: Secret) -> str:
        self._recorder.note("hash")
        return super().hash(password)

    def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        self._recorder.note("verify")
        return super().verify(stored, password, typed=typed)

    @cached_property
    def _argon2(self) -> Any:
        return _CountedArgon2(super()._argon2, self._recorder)


@dataclass
class _CountedArgon2:
    inner: Any
    recorder: Recorder

    def hash(self, material: bytes) -> str:
        self.recorder.note("argon2")
        return str(self.inner.hash(material))

    def verify(self, phc: str, material: bytes) -> bool:
        self.recorder.note("argon2", phc.split("$")[3])
        return bool(self.inner.verify(phc, material))

    def check_needs_rehash(self, phc: str) -> bool:
        return bool(self.inner.check_needs_rehash(phc))


@contextmanager
def paused(recorder: Recorder) -> Generator[None, None, None]:
    """Write nothing down: what happens in here is off the request path."""
    recorder.paused = True
    try:
        yield
    finally:
        recorder.paused = False


def count_digests(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    """Note every MAC under a key, by its purpose, and every plain digest that names a record or guards a ticket."""
    mac: Callable[..., bytes] = KeyRing.mac
    sha256 = hashlib.sha256

    def counted_mac(ring: KeyRing, key_id: str, purpose: str, *parts: Any) -> bytes:
        if not recorder.paused:
            recorder.digests.append(f"mac:{purpose}")
        return mac(ring, key_id, purpose, *parts)

    def counted_sha256(data: bytes = b"", **options: Any) -> Any:
        if not recorder.paused and data.startswith(b"\x01"):  # frames begin so: credkit's own digests, and not those of a fake
            recorder.digests.append("sha256")
        return sha256(data, **options)

    monkeypatch.setattr(KeyRing, "mac", counted_mac)
    monkeypatch.setattr(hashlib, "sha256", counted_sha256)
