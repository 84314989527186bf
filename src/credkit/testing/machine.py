"""State machines for Hypothesis: whatever is done to a store in whatever order, it answers as a few lines of dictionary do.

::

    TestMyRecords = record_store_machine(MyRecords).TestCase

A contract tries what has gone wrong before; a machine tries what nobody has thought of, one call after another. It finds no races.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from credkit.credential import Credential, NewCredential
from credkit.errors import IdentifierTaken
from credkit.identifiers import Identifier
from credkit.lifting import LiftedCredentials, LiftedRecords, finish
from credkit.ports import AsyncCredentialStore, AsyncRecordStore, CredentialStore, Record, RecordStore, Write
from credkit.testing.contracts._driving import require, require_same
from credkit.testing.contracts._samples import ADA, BOB, CHANGES, MOBILE, NOW, SHOUTED, email, new, require_equal, verified

__all__ = ["async_credential_store_machine", "async_record_store_machine", "credential_store_machine", "record_store_machine"]

_SECOND: Final = timedelta(seconds=1)

Run: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]


# Making them ------------------------------------------------------------------------------------------------------------


def record_store_machine(make: Callable[[], RecordStore]) -> type[RuleBasedStateMachine]:
    """Return a machine for record stores; *make* returns an empty one for each example."""
    return _machine(_Records, _Blocking(make, LiftedRecords))


def credential_store_machine(make: Callable[[], CredentialStore], *, extra: Callable[[], object] = lambda: None) -> type[RuleBasedStateMachine]:
    """Return a machine for credential stores; *make* returns an empty one for each example, *extra* what `add` needs to insert the host's own rows."""
    return _machine(_Credentials, _Blocking(make, LiftedCredentials), extra)


def async_record_store_machine(make: Callable[[], AsyncRecordStore | Awaitable[AsyncRecordStore]]) -> type[RuleBasedStateMachine]:
    """Return a machine for record stores on asyncio, a loop for each example; *make* returns an empty store, or does so when awaited."""
    return _machine(_Records, _OnAsyncio(make))


def async_credential_store_machine(
    make: Callable[[], AsyncCredentialStore | Awaitable[AsyncCredentialStore]], *, extra: Callable[[], object] = lambda: None
) -> type[RuleBasedStateMachine]:
    """Return a machine for credential stores on asyncio, a loop for each example; *make* returns an empty store, or does so when awaited."""
    return _machine(_Credentials, _OnAsyncio(make), extra)


@dataclass(frozen=True, slots=True)
class _Blocking:
    """Calls that never suspend, so that each can be run by itself."""

    make: Callable[[], Any]
    lift: Callable[[Any], Any]

    def open(self) -> tuple[Any, Run, Callable[[], None]]:
        return self.lift(self.make()), finish, lambda: None


@dataclass(frozen=True, slots=True)
class _OnAsyncio:
    """Calls on one loop for each example, which a store may be bound to."""

    make: Callable[[], Any]

    def open(self) -> tuple[Any, Run, Callable[[], None]]:
        import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

        runner = asyncio.Runner()
        return runner.run(self._made()), runner.run, runner.close

    async def _made(self) -> Any:
        made = self.make()
        return await made if inspect.isawaitable(made) else made


def _machine(kind: type[_Machine], way: _Blocking | _OnAsyncio, extra: Callable[[], object] = lambda: None) -> type[RuleBasedStateMachine]:
    return type(kind.__name__.lstrip("_") + "Machine", (kind,), {"way": way, "extras": (extra,), "__doc__": kind.__doc__})


class _Machine(RuleBasedStateMachine):
    way: ClassVar[_Blocking | _OnAsyncio]
    extras: ClassVar[Sequence[Callable[[], object]]]
    """One; in a sequence, as a function that is a class's own would become a method."""

    def __init__(self) -> None:
        super().__init__()
        self.store, self.run, self.close = self.way.open()

    def teardown(self) -> None:
        self.close()


# Records ----------------------------------------------------------------------------------------------------------------

_KEYS: Final = ("a", "A", "b", "c")
_KINDS: Final = ("one", "two")


@dataclass(frozen=True, slots=True)
class _Touch:
    """What one commit does to one key."""

    key: str
    expects: str
    """``now``, ``absent`` or ``old``."""
    writes: str
    """``put``, ``delete`` or ``check``."""
    kind: str
    payload: bytes
    expires_in: int
    due_in: int | None


_TOUCHES: Final = st.builds(
    _Touch,
    key=st.sampled_from(_KEYS),
    expects=st.sampled_from(["now", "now", "now", "absent", "old"]),
    writes=st.sampled_from(["put", "put", "delete", "check"]),
    kind=st.sampled_from(_KINDS),
    payload=st.binary(max_size=4),
    expires_in=st.integers(-3, 3),
    due_in=st.none() | st.integers(-3, 3),
)


class _Records(_Machine):
    """A record store beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.now: dict[str, Record] = {}
        self.old: dict[str, int] = {}
        self.versions = 0

    @rule(touches=st.lists(_TOUCHES, min_size=1, max_size=4, unique_by=lambda touch: touch.key))
    def commit(self, touches: Sequence[_Touch]) -> None:
        """Commit."""
        checks = {touch.key: self._expected(touch) for touch in touches if touch.writes == "check"}
        writes = [Write(key=touch.key, expected_version=self._expected(touch), record=self._made(touch)) for touch in touches if touch.writes != "check"]
        expected = {**checks, **{write.key: write.expected_version for write in writes}}
        before = {key: self.now[key] for key in expected if key in self.now}
        holds = all(version == (before[key].version if key in before else 0) for key, version in expected.items())
        committed = self.run(self.store.commit(checks, writes))
        require_same(committed.done, holds, "a commit is done if every check and every expected version holds, and not otherwise")
        if not holds:
            require_same(dict(committed.current), before, "a commit that lost returns the records of all its keys as they are now")
            return
        for write in writes:
            self._forget(write.key)
            if write.record is not None:
                self.now[write.key] = write.record

    @rule(after=st.integers(-3, 3), limit=st.integers(0, 3))
    def purge(self, after: int, limit: int) -> None:
        """Purge; which of those that are over go first is the store's affair."""
        moment = NOW + after * _SECOND
        over = {key for key, record in self.now.items() if record.expires_at <= moment}
        wanted = min(len(over), limit)
        require_same(self.run(self.store.purge(moment, limit)), wanted, "purge forgets what is over, as much as the limit allows, and says how many")
        gone = set(self.now) - set(self.run(self.store.load(_KEYS)))
        require(gone <= over and len(gone) == wanted, "purge has forgotten something else than it says")
        for key in gone:
            self._forget(key)

    @invariant()
    def holds_what_was_written(self) -> None:
        """Compare."""
        require_same(dict(self.run(self.store.load(_KEYS))), self.now, "a load returns what was committed last")
        for key in _KEYS:
            wanted = {key: self.now[key]} if key in self.now else {}
            require_same(dict(self.run(self.store.load([key]))), wanted, "a load returns the records of its keys, and no others")

    @invariant()
    def lists_what_is_due(self) -> None:
        """Compare."""
        for kind in _KINDS:
            listed = self.run(self.store.due(kind, NOW, 10))
            ready = [record for record in self.now.values() if record.kind == kind and record.due_at is not None and record.due_at <= NOW]
            require_same({record.key: record for record in listed}, {record.key: record for record in ready}, "due lists what is due")
            moments = [record.due_at for record in listed]
            require_same(moments, sorted(moments), "due lists the longest due first")

    def _expected(self, touch: _Touch) -> int:
        current = self.now[touch.key].version if touch.key in self.now else 0
        return {"absent": 0, "now": current, "old": self.old.get(touch.key, 999)}[touch.expects]

    def _made(self, touch: _Touch) -> Record | None:
        if touch.writes == "delete":
            return None
        self.versions += 1
        due_at = None if touch.due_in is None else NOW + touch.due_in * _SECOND
        expires_at = NOW + touch.expires_in * _SECOND
        return Record(key=touch.key, kind=touch.kind, version=self.versions, payload=touch.payload, expires_at=expires_at, due_at=due_at)

    def _forget(self, key: str) -> None:
        if key in self.now:
            self.old[key] = self.now.pop(key).version


# Credentials ------------------------------------------------------------------------------------------------------------

_NAMES: Final[tuple[Identifier, ...]] = (ADA, BOB, MOBILE, SHOUTED, email("Ada@example.com"), email("stra\u00dfe@example.com"), email("strasse@example.com"))

_SOME: Final = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique_by=lambda identifier: identifier.canonical)


class _Credentials(_Machine):
    """A credential store beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, Credential] = {}
        self.added: dict[str, str] = {}
        self.versions: set[str] = set()
        self.old: list[Credential] = []

    @rule(names=_SOME, change=st.integers(0, 5))
    def add(self, names: Sequence[Identifier], change: int) -> None:
        """Add somebody, or the same again."""
        made = new(*names, change_id=f"change-{change}")
        before = self.added.get(made.change_id)
        taken = self._holder(names, None) is not None
        added = self._attempt(self.store.add(made, self.extras[0]()))
        if before is not None:
            require_equal(added, self.people[before], "a repeated `add` returns what the first has made, as it is now")
        elif taken:
            require(added is IdentifierTaken, "an added credential has an identifier of another: it is to raise IdentifierTaken")
        else:
            require(isinstance(added, Credential) and added.id not in self.people, "a new credential has an id of its own")
            self.added[made.change_id] = added.id
            self._note(added, made)

    @precondition(lambda self: self.people)
    @rule(data=st.data(), names=st.none() | _SOME, changes=st.sampled_from([{}, *CHANGES]), stale=st.booleans())
    def replace(self, data: st.DataObject, names: Sequence[Identifier] | None, changes: Mapping[str, Any], stale: bool) -> None:  # noqa: FBT001
        """Replace somebody, by the newest version or an old one."""
        old = data.draw(st.sampled_from(self.old if stale and self.old else list(self.people.values())))
        changed = {name: value for name, value in changes.items() if name not in {"identifiers", "preferred"}}
        if names is not None:
            changed.update(identifiers=tuple(map(verified, names)), preferred=names[0])
        after = replace(old, **changed)
        holder = self._holder([entry.identifier for entry in after.identifiers], old.id)
        stored = self._attempt(self.store.replace(old, after))
        if self.people[old.id].version != old.version:
            require(stored is None or (stored is IdentifierTaken and holder is not None), "a replace of what has moved on returns None")
        elif holder is not None:
            require(stored is IdentifierTaken, "a replaced credential has an identifier of another: it is to raise IdentifierTaken")
        else:
            require(isinstance(stored, Credential), "a replace of the newest version is done")
            require_equal(replace(stored, version=""), replace(after, version=""), "a replaced credential is as it was given")
            self.old.append(old)
            self._note(stored, None)

    @invariant()
    def finds_who_is_there(self) -> None:
        """Compare."""
        for credential in self.people.values():
            require_equal(self.run(self.store.get(credential.id)), credential, "a credential is as it was stored last")
        for name in _NAMES:
            holder = self._holder([name], None)
            require_equal(self.run(self.store.find(name)), holder, "an identifier finds who holds it, and nobody else")

    def _attempt(self, call: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.run(call)
        except IdentifierTaken:
            return IdentifierTaken

    def _holder(self, names: Sequence[Identifier], but: str | None) -> Credential | None:
        wanted = set(names)
        return next((one for one in self.people.values() if one.id != but and any(entry.identifier in wanted for entry in one.identifiers)), None)

    def _note(self, stored: Credential, made: NewCredential | None) -> None:
        require(stored.version not in self.versions, "a version was given a second time")
        if made is not None:
            require_same((stored.identifiers, stored.marks), (made.identifiers, made.marks), "an added credential is what it was made of")
        self.versions.add(stored.version)
        self.people[stored.id] = stored
