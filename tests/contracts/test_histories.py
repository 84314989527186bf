"""Whatever is done in whatever order, our stores answer as a few lines of dictionary do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credkit.ports import Record, RecordStore, Write
from credkit.stores.memory import MemoryStores
from credkit.stores.sqlite import SqliteStores
from credkit.testing.contracts._samples import NOW

KEYS, KINDS = ("a", "A", "b", "c"), ("one", "two")
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Touch:
    """What one commit does to one key."""

    key: str
    expects: str
    """"now", "absent" or "old"."""
    writes: str
    """"put", "delete" or "check"."""
    kind: str
    payload: bytes
    expires_in: int
    due_in: int | None


@dataclass(frozen=True)
class Purge:
    """A purge at some moment."""

    at: int
    limit: int


TOUCHES = st.builds(
    Touch,
    key=st.sampled_from(KEYS),
    expects=st.sampled_from(["now", "now", "now", "absent", "old"]),
    writes=st.sampled_from(["put", "put", "delete", "check"]),
    kind=st.sampled_from(KINDS),
    payload=st.binary(max_size=4),
    expires_in=st.integers(-3, 3),
    due_in=st.none() | st.integers(-3, 3),
)
COMMITS = st.lists(TOUCHES, min_size=1, max_size=4, unique_by=lambda touch: touch.key)
STEPS = st.lists(COMMITS | st.builds(Purge, at=st.integers(-3, 3), limit=st.integers(0, 3)), max_size=12)


@contextmanager
def in_memory() -> Iterator[RecordStore]:
    yield MemoryStores().records


@contextmanager
def in_sqlite() -> Iterator[RecordStore]:
    with tempfile.TemporaryDirectory() as folder:
        stores = SqliteStores(Path(folder) / "test.sqlite").create()
        yield stores.records
        del stores


class Model:
    """What a record store is, without threads, failures or a disk."""

    def __init__(self) -> None:
        self.now: dict[str, Record] = {}
        self.old: dict[str, int] = {}
        self.versions = 0

    def expected(self, touch: Touch) -> int:
        if touch.expects == "absent":
            return 0
        current = self.now[touch.key].version if touch.key in self.now else 0
        return current if touch.expects == "now" else self.old.get(touch.key, 999)

    def made(self, touch: Touch) -> Record | None:
        if touch.writes == "delete":
            return None
        self.versions += 1
        due_at = None if touch.due_in is None else NOW + touch.due_in * SECOND
        return Record(key=touch.key, kind=touch.kind, version=self.versions, payload=touch.payload, expires_at=NOW + touch.expires_in * SECOND, due_at=due_at)

    def commit(self, checks: dict[str, int], writes: list[Write]) -> bool:
        expected = checks | {write.key: write.expected_version for write in writes}
        if any(version != (self.now[key].version if key in self.now else 0) for key, version in expected.items()):
            return False
        for write in writes:
            if write.key in self.now:
                self.old[write.key] = self.now.pop(write.key).version
            if write.record is not None:
                self.now[write.key] = write.record
        return True


def due_moments(model: Model, kind: str) -> list[object]:
    return sorted(record.due_at for record in model.now.values() if record.kind == kind and record.due_at is not None and record.due_at <= NOW)


@pytest.mark.parametrize("opened", [in_memory, in_sqlite])
@given(steps=STEPS)
@settings(max_examples=80)
def test_a_store_answers_as_the_model_does(opened: Callable[[], contextmanager[RecordStore]], steps: list[list[Touch] | Purge]) -> None:
    model = Model()
    with opened() as store:
        for step in steps:
            if isinstance(step, Purge):
                purge(model, store, step)
            else:
                commit(model, store, step)
            assert store.load(KEYS) == model.now
            for kind in KINDS:
                listed = store.due(kind, NOW, 10)
                assert [record.due_at for record in listed] == due_moments(model, kind)
                assert all(model.now[record.key] == record and record.kind == kind for record in listed)


def commit(model: Model, store: RecordStore, touches: list[Touch]) -> None:
    checks = {touch.key: model.expected(touch) for touch in touches if touch.writes == "check"}
    writes = [Write(key=touch.key, expected_version=model.expected(touch), record=model.made(touch)) for touch in touches if touch.writes != "check"]
    before = {key: record for key, record in model.now.items() if key in {touch.key for touch in touches}}
    committed = store.commit(checks, writes)
    assert committed.done == model.commit(checks, writes)
    assert committed.done or committed.current == before


def purge(model: Model, store: RecordStore, step: Purge) -> None:
    """Purge; which of those that are over go first is the store's affair."""
    at = NOW + step.at * SECOND
    over = {key for key, record in model.now.items() if record.expires_at <= at}
    assert store.purge(at, step.limit) == min(len(over), step.limit)
    gone = set(model.now) - set(store.load(KEYS))
    assert gone <= over
    assert len(gone) == min(len(over), step.limit)
    for key in gone:
        model.old[key] = model.now.pop(key).version
