"""The state that explored flows share, and the ports through which they touch it: each touch a step that is announced before it happens.

`Shared` notes which parts of itself a step has read and written. From that the explorer knows which steps have nothing to do
with each other; nobody has to declare it, so nobody can declare it wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Hashable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar, cast

from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import PasswordRefused
from credkit.identifiers import Identifier, parse_identifier
from credkit.kit import AsyncCredkit
from credkit.lifting import finish
from credkit.messages import Message
from credkit.passwords import normalize_password
from credkit.policy import Policy
from credkit.ports import Committed, CredentialStore, Record, RecordStore, Write
from credkit.secret import PasswordInput
from credkit.site import Site
from credkit.stores.memory import MemoryCredentials, MemoryRecords, MemoryStores
from credkit.testing.fakes import START, InstantHashing, SeededEntropy
from credkit.testing.kits import keys_for_tests, site_for_tests

__all__ = ["CLOCK", "EVERYTHING", "Answer", "Flow", "Ports", "Shared", "Step", "Touched", "as_told_apart"]

T = TypeVar("T")

CLOCK: Final = "the clock"
EVERYTHING: Final = "everything"
_SENT: Final = "what was sent"
_NAMES: Final = "the names of extra"


# What a step has touched -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Touched:
    """Which parts of the shared state a step has read and written.

    Two steps depend on each other where one writes what the other reads. What is written counts as read, too, unless two writes come to
    the same in either order.
    """

    reads: set[Hashable] = field(default_factory=set[Hashable])
    writes: set[Hashable] = field(default_factory=set[Hashable])

    def write(self, *parts: Hashable) -> None:
        """Note that *parts* were written, and that it matters what was written before."""
        self.reads.update(parts)
        self.writes.update(parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Records:
    """A record store that notes what is touched."""

    store: MemoryRecords
    touched: Touched

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        self.touched.reads.update(keys)
        return self.store.load(keys)

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        keys = [write.key for write in writes]
        before = self.store.load(keys)
        committed = self.store.commit(checks, writes)
        self.touched.reads.update(checks, keys)
        if committed.done:
            self.touched.writes.update(keys)
            # What `due` lists changes as well; that two commits each do so is no reason to try them in both orders.
            moved = (*before.values(), *(write.record for write in writes if write.record is not None))
            self.touched.writes.update(("due", record.kind) for record in moved if record.due_at is not None)
        return committed

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        self.touched.reads.add(("due", kind))
        return tuple(self.store.due(kind, now, limit))

    def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        self.touched.write(EVERYTHING)
        return self.store.purge(now, limit)


class _Chance:
    """Where ids and versions of credentials come from: begun anew for each step, from what that step changes.

    So what a step gets does not depend on steps elsewhere, and as each version is made from the one before, none comes back.
    """

    def __init__(self) -> None:
        self._entropy = SeededEntropy()

    def begin(self, *seed: str) -> None:
        self._entropy = SeededEntropy("/".join(seed))

    def token(self, size: int) -> bytes:
        return self._entropy.token(size)

    def below(self, bound: int) -> int:
        return self._entropy.below(bound)


@dataclass(frozen=True, slots=True, eq=False)
class _Credentials:
    """A credential store that notes what is touched."""

    store: MemoryCredentials
    touched: Touched
    chance: _Chance

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found = self.store.find(identifier)
        self.touched.reads.add(_name(identifier))
        if found is not None:
            self.touched.reads.add(_whole(found.id))
        return found

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        self.touched.reads.add(_whole(credential_id))
        return self.store.get(credential_id)

    def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        self.chance.begin("add", new.change_id)
        self.touched.write(("change", new.change_id), *_names(new.identifiers))
        added = self.store.add(new, extra)
        self.touched.write(_whole(added.id))
        return added

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        self.chance.begin("replace", old.id, old.version)
        self.touched.reads.update([_whole(old.id), *_names(new.identifiers)])
        stored = self.store.replace(old, new)
        if stored is not None:
            self.touched.write(_whole(old.id), *(_names(old.identifiers) ^ _names(new.identifiers)))
        return stored


def _whole(credential_id: str) -> Hashable:
    return ("credential", credential_id)


def _name(identifier: Identifier) -> Hashable:
    return ("name", identifier.kind, identifier.canonical)


def _names(identifiers: Sequence[Registered]) -> set[Hashable]:
    return {_name(entry.identifier) for entry in identifiers}


@dataclass(frozen=True, slots=True, eq=False)
class _Extra(MutableMapping[str, Any]):
    """The host's own state, which notes what is touched."""

    held: dict[str, Any]
    touched: Touched

    def __getitem__(self, name: str) -> Any:
        self.touched.reads.add(("extra", name))
        return self.held[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.touched.write(("extra", name), _NAMES)
        self.held[name] = _unchanging(value, f"extra[{name!r}]")

    def __delitem__(self, name: str) -> None:
        self.touched.write(("extra", name), _NAMES)
        del self.held[name]

    def __iter__(self) -> Iterator[str]:
        self.touched.reads.add(_NAMES)
        return iter(sorted(self.held))

    def __len__(self) -> int:
        self.touched.reads.add(_NAMES)
        return len(self.held)


def _unchanging(value: T, what: str) -> T:
    """Return *value* if it can never change: states that are to be apart would share it otherwise."""
    try:
        hash(value)
    except TypeError:
        raise TypeError(f"{what} must be a value that cannot be changed: a tuple, frozenset or frozen dataclass, not a {type(value).__name__}") from None
    return value


# The state -------------------------------------------------------------------------------------------------------------


class Shared:
    """Everything that outlives a flow: in-memory stores, what was sent, what time it is, and state of the host's own."""

    def __init__(self, stores: MemoryStores | None = None, now: datetime = START, *, extra: Mapping[str, Any] | None = None) -> None:
        """Begin with *stores*, which `run` changes, at *now*, with *extra* as the host's own state."""
        self._chance = _Chance()
        self._stores = MemoryStores(self._chance) if stores is None else stores
        self._sent: tuple[Message, ...] = ()
        self._now = now
        self._extra = {name: _unchanging(value, f"extra[{name!r}]") for name, value in (extra or {}).items()}
        self._key: Hashable = None
        self.touched: Touched = Touched()
        """What the last step, and whatever was done since, has touched."""

    @property
    def records(self) -> RecordStore:
        """The record store."""
        return _Records(self._stores.records, self._about_to_change())

    @property
    def credentials(self) -> CredentialStore:
        """The credential store."""
        return _Credentials(self._stores.credentials, self._about_to_change(), self._chance)

    @property
    def extra(self) -> MutableMapping[str, Any]:
        """The host's own state, by names. Its values cannot be changed, only replaced: ``shared.extra["seats"] -= 1``."""
        return _Extra(self._extra, self._about_to_change())

    @property
    def stores(self) -> MemoryStores:
        """Both stores themselves, to look through or to begin another world with. A step that asks for them is taken to touch everything."""
        self._about_to_change().write(EVERYTHING)
        return self._stores

    @property
    def sent(self) -> tuple[Message, ...]:
        """What was delivered, in one of the orders in which it can have been: states that differ in no more than that are one."""
        self.touched.reads.add(_SENT)
        return self._sent

    def send(self, message: Message) -> None:
        """Deliver *message*."""
        self._about_to_change().writes.add(_SENT)
        self._sent = (*self._sent, message)

    @property
    def now(self) -> datetime:
        """What time it is."""
        self.touched.reads.add(CLOCK)
        return self._now

    @now.setter
    def now(self, now: datetime) -> None:
        self._about_to_change().write(CLOCK)
        self._now = now

    def add(self, identifier: str | Identifier, *, password: PasswordInput, extra: object = None) -> Credential:
        """Put somebody with a sign-in here, and return the credential. Nothing is counted or sent.

        Raises:
            PasswordRefused: The password breaks a rule of the default policy.
            IdentifierTaken: Somebody has that identifier already.
        """
        site = site_for_tests()
        who = parse_identifier(identifier, region=site.default_region, allow_test_domains=True)
        findings = Policy().password.findings(password, identifiers=[who], words=(site.name, site.host))
        if findings:
            raise PasswordRefused(findings)
        seed = f"{who.kind}:{who.canonical}"
        chance = SeededEntropy(seed)
        new = NewCredential(
            identifiers=(Registered(identifier=who, standing=Standing.VERIFIED, verified_at=self.now),),
            password_hash=finish(_instant(seed).hash(normalize_password(password))),
            preferred=who,
            generation=chance.token(16).hex(),
            marks=(Mark(change_id=chance.token(16).hex(), at=self.now),),
        )
        return self.credentials.add(new, extra)

    def copy(self) -> Shared:
        """Return the same state to go on from apart."""
        other = object.__new__(Shared)
        other._chance = _Chance()
        other._stores = self._stores.copy(other._chance)
        other._sent, other._now, other._extra = self._sent, self._now, dict(self._extra)
        other._key, other.touched = None, Touched()
        return other

    def key(self) -> Hashable:
        """Return what tells this state from others. The stores count by a hash, as versions tell them apart anyhow; what a host keeps, by its values."""
        if self._key is None:
            sent = tuple(sorted((message.id, message.to.canonical) for message in self._sent))
            stored = hash((frozenset(self._stores.records.dump()), frozenset(self._stores.credentials.dump()), sent, self._now))
            self._key = (stored, as_told_apart(self._extra))
        return self._key

    def act(self, step: Step) -> Answer:
        """Do what *step* does, and return what its flow gets to see."""
        self.touched = Touched()
        try:
            return Answer(value=step.act(self))
        except Exception as raised:  # noqa: BLE001  # a store's refusal goes to the flow
            return Answer(error=raised)

    def run(self, flow: Flow[T]) -> T:
        """Run one flow alone, from start to end, and return its result or raise what it raises."""
        ports = Ports(self._now)
        running = flow(ports)
        answer: Answer | None = None
        while True:
            ports.present = self._now
            try:
                step = running.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            answer = self.act(step)

    def _about_to_change(self) -> Touched:
        self._key = None
        return self.touched


# Steps -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One touch of shared state, announced before it happens."""

    text: str
    act: Callable[[Shared], Any]
    """What it does; it may be done to any copy of the state, at any time."""
    asks: object = None
    """Of what is not in the text, that by which two steps can be told apart: a flow that is run again must ask the same."""
    nothing: str = ""
    """What an answer of `None` means, for whoever reads the schedule."""

    def __await__(self) -> Generator[Step, Answer, Any]:
        answer = yield self
        if answer.error is not None:
            raise answer.error
        return answer.value


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a flow gets to see of its step."""

    value: object = None
    error: Exception | None = None

    def key(self) -> Hashable:
        """Return what tells this answer from others."""
        return as_told_apart(self.value if self.error is None else self.error)


@dataclass(frozen=True, slots=True, eq=False)
class _Itself:
    """Something that is the same as nothing else."""

    value: object


def as_told_apart(value: object) -> Hashable:
    """Return what is equal only for values that nobody can tell apart: not by type, not by what they hold."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[Any, object]", value)
        return frozenset((key, as_told_apart(held)) for key, held in mapping.items())
    if isinstance(value, Committed):
        return (value.done, as_told_apart(value.current))
    if isinstance(value, Exception):
        return (type(value), as_told_apart(value.args), as_told_apart(vars(value)))
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return (type(items), *map(as_told_apart, items))
    try:
        hash(value)
    except TypeError:
        return _Itself(value)
    return (type(value), value)


class Ports:
    """Shared state as a flow sees it: records, credentials, notifier, pause and clock in one, each touch a step."""

    def __init__(self, present: datetime) -> None:
        """Begin at *present*."""
        self.present: datetime = present
        self.clock_was_read: bool = False

    def kit(self, seed: str, *, policy: Policy | None = None, site: Site | None = None) -> AsyncCredkit:
        """Return a kit whose every touch of a store or notifier is a step.

        Chance comes from *seed*: each flow of a world needs its own. Hashing costs nothing, and messages wait for a flow that runs the courier.
        """
        kit = AsyncCredkit(
            site=site or site_for_tests(),
            keys=keys_for_tests(),
            credentials=self,
            records=self,
            notifier=self,
            policy=policy,
            clock=self,
            entropy=SeededEntropy(seed),
            pause=self,
            deliver="manual",
            allow_test_domains=True,
        )
        # A kit hashes in threads, which cannot be explored.
        shell = replace(kit._shell, hashing=_instant(seed))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        kit._open(shell, "manual")  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return kit

    async def step(self, text: str, act: Callable[[Shared], T]) -> T:
        """Announce a step of the host's own, and return what *act* returns when its turn has come.

        *act* is given the shared state and touches nothing else. What it does happens at once, as in one transaction of a database. It
        returns a value that cannot be changed: a tuple, not a list.
        """
        answer: T = await Step(text, lambda shared: _unchanging(act(shared), f"what the step {text!r} answers"))
        return answer

    def now(self) -> datetime:
        """See `Clock.now`; no step, as nobody else can tell when it is read, but part of what the flow has seen."""
        self.clock_was_read = True
        return self.present

    async def advance(self, span: timedelta) -> None:
        """Let time pass: a flow of its own, so that expiry can fall between any two steps of the others."""

        def pass_time(shared: Shared) -> None:
            shared.now += span

        await Step(f"clock +{span}", pass_time)

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        loaded: Mapping[str, Record] = await Step("load " + " ".join(keys), lambda s: s.records.load(keys))
        return loaded

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        text = "commit " + " ".join(write.key if write.record else f"-{write.key}" for write in writes)
        committed: Committed = await Step(text, lambda s: s.records.commit(checks, writes), asks=(checks, writes))
        return committed

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        listed: Sequence[Record] = await Step(f"due {kind}", lambda s: s.records.due(kind, now, limit), asks=(now, limit))
        return listed

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        purged: int = await Step("purge", lambda s: s.records.purge(now, limit), asks=(now, limit))
        return purged

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found: Credential | None = await Step(f"find {identifier.masked}", lambda s: s.credentials.find(identifier), asks=identifier, nothing="nobody")
        return found

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        found: Credential | None = await Step("get the credential", lambda s: s.credentials.get(credential_id), asks=credential_id, nothing="nobody")
        return found

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        added: Credential = await Step("add the credential", lambda s: s.credentials.add(new, extra), asks=new)
        return added

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored: Credential | None = await Step("replace the credential", lambda s: s.credentials.replace(old, new), asks=(old, new), nothing="too late")
        return stored

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        await Step(f"deliver {message.kind}", lambda s: s.send(message), asks=message.id)

    async def wait(self, seconds: float) -> None:
        """See `Pause.wait`: no time passes, as what the wait is for is explored anyway."""


Flow: TypeAlias = Callable[[Ports], Coroutine[Any, Any, T]]
"""Makes a flow over ports. It must be deterministic: the same answers lead to the same steps, so its entropy is seeded."""


def _instant(seed: str) -> InstantHashing:
    return InstantHashing(SeededEntropy(f"{seed}/hashing"), [])
