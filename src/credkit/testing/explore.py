"""Run real flows under every order their steps can take, with every failure at every point. No event loop, no threads, no luck.

A flow that touches shared state announces each touch as a step and waits for its outcome. The explorer decides whose step
comes next and what becomes of it: it is *done*; it *fails* (nothing happened, the store raised); its reply is *lost* (it happened, the store
raised); or the process *crashes* (nothing happened, and the flow never goes on).

Two ideas keep this fast. A flow is a function of what it has seen, so for each history it is run once and its next step
remembered. And where two orders have led to the same stored state, every flow having seen the same, their futures are the same
too, so that is followed once; how many orders it stands for is counted all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeAlias, TypeVar, cast

from credkit.credential import Credential, NewCredential
from credkit.errors import StoreError
from credkit.identifiers import Identifier
from credkit.messages import Message
from credkit.ports import Committed, Record, Write
from credkit.stores.memory import MemoryStores
from credkit.testing.fakes import SeededEntropy

__all__ = ["CRASHED", "BadSchedule", "Crashed", "Fault", "Flow", "Ports", "Report", "Shared", "Step", "World", "explore"]

T = TypeVar("T")


class Fault(Enum):
    """What may happen to one step."""

    NONE = "ok"
    FAIL = "fails, nothing done"
    LOSE = "done, reply lost"
    CRASH = "process dies before it"


class Crashed(Enum):
    """The result of a flow that was crashed."""

    CRASHED = "crashed"


CRASHED: Final = Crashed.CRASHED


# What is shared --------------------------------------------------------------------------------------------------------


class Shared:
    """Everything that outlives a flow: in-memory stores, what was sent, and what time it is."""

    def __init__(self, stores: MemoryStores, now: datetime) -> None:
        """Share *stores*, with the clock at *now*."""
        self.stores: MemoryStores = stores
        self.sent: list[Message] = []
        self.now: datetime = now
        self._key: Hashable = None

    def copy(self) -> Shared:
        """Return the same state to go on from apart."""
        # The versions that a store gives must be a function of the state: of those it gave before, so that none comes back.
        versions = sorted(credential.version for credential in self.stores.credentials.dump())
        other = Shared(self.stores.copy(SeededEntropy("/".join(versions))), self.now)
        other.sent = list(self.sent)
        return other

    def key(self) -> Hashable:
        """Return what tells this state from others."""
        if self._key is None:
            records = frozenset(self.stores.records.dump())
            credentials = frozenset(self.stores.credentials.dump())
            sent = tuple(sorted((message.id, message.to.canonical) for message in self.sent))
            self._key = hash((records, credentials, sent, self.now))
        return self._key

    def run(self, flow: Flow[T]) -> T:
        """Run one flow alone, from start to end, and return its result or raise what it raises."""
        ports = Ports(self.now)
        running = flow(ports)
        answer: _Answer | None = None
        while True:
            ports.present = self.now
            try:
                step = running.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            self._key = None
            answer = _Answer.of(step, self, Fault.NONE)


@dataclass(frozen=True, slots=True)
class Step:
    """One touch of shared state, announced before it happens."""

    text: str
    act: Callable[[Shared], Any]
    """What it does; it may be done to any copy of the state, at any time."""
    writes: bool

    def __await__(self) -> Generator[Step, _Answer, Any]:
        answer = yield self
        if answer.error is not None:
            raise answer.error
        return answer.value


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a flow gets to see of its step."""

    value: object = None
    error: Exception | None = None

    @classmethod
    def of(cls, step: Step, shared: Shared, fault: Fault) -> _Answer:
        if fault is Fault.FAIL:
            return cls(error=StoreError("explored failure"))
        try:
            value = step.act(shared)
        except Exception as raised:  # noqa: BLE001  # a store's refusal goes to the flow
            return cls(error=raised)
        return cls(value=value) if fault is Fault.NONE else cls(error=StoreError("explored lost reply"))

    def key(self) -> Hashable:
        return repr(self.error) if self.error is not None else _hashable(self.value)


def _hashable(value: object) -> Hashable:
    if isinstance(value, Mapping):
        records = cast("Mapping[str, Record]", value)  # the only mappings that stores return
        return frozenset((key, hash(record)) for key, record in records.items())
    if isinstance(value, Committed):
        return (value.done, _hashable(value.current))
    return hash(value)


class Ports:
    """Shared state as a flow sees it: records, credentials, notifier, pause and clock in one, each touch a step."""

    def __init__(self, present: datetime) -> None:
        """Begin at *present*."""
        self.present: datetime = present
        self.clock_was_read: bool = False

    def now(self) -> datetime:
        """See `Clock.now`; no step, as nobody else can tell when it is read, but part of what the flow has seen."""
        self.clock_was_read = True
        return self.present

    async def advance(self, span: timedelta) -> None:
        """Let time pass: a flow of its own, so that expiry can fall between any two steps of the others."""

        def pass_time(shared: Shared) -> None:
            shared.now += span

        await Step(f"clock +{span}", pass_time, writes=True)

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        loaded: Mapping[str, Record] = await Step("load " + " ".join(keys), lambda s: s.stores.records.load(keys), writes=False)
        return loaded

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        text = "commit " + " ".join(write.key if write.record else f"-{write.key}" for write in writes)
        committed: Committed = await Step(text, lambda s: s.stores.records.commit(checks, writes), writes=True)
        return committed

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        listed: Sequence[Record] = await Step(f"due {kind}", lambda s: tuple(s.stores.records.due(kind, now, limit)), writes=False)
        return listed

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        purged: int = await Step("purge", lambda s: s.stores.records.purge(now, limit), writes=True)
        return purged

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found: Credential | None = await Step("find", lambda s: s.stores.credentials.find(identifier), writes=False)
        return found

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        found: Credential | None = await Step("get", lambda s: s.stores.credentials.get(credential_id), writes=False)
        return found

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        added: Credential = await Step("add", lambda s: s.stores.credentials.add(new, extra), writes=True)
        return added

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored: Credential | None = await Step("replace", lambda s: s.stores.credentials.replace(old, new), writes=True)
        return stored

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        await Step(f"deliver {message.kind}", lambda s: s.sent.append(message), writes=True)

    async def wait(self, seconds: float) -> None:
        """See `Pause.wait`: no time passes, as what the wait is for is explored anyway."""


Flow: TypeAlias = Callable[[Ports], Coroutine[Any, Any, T]]
"""Makes a flow over ports. It must be deterministic: the same answers lead to the same steps, so its entropy is seeded."""


# One flow, by what it has seen -----------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Moment:
    """A flow between two steps: which step comes next, or what it ended with."""

    came_from: _Moment | None
    by: _Answer | None
    at: datetime
    step: Step | None = None
    result: object = None
    next: dict[Hashable, _Moment] = field(default_factory=dict[Hashable, "_Moment"])
    running: tuple[Ports, Coroutine[Any, Any, object]] | None = None
    """The flow itself, until it has been sent on from here for the first time; later it is run anew up to here."""


class _History:
    """One flow of a world, run once for every history it can have."""

    def __init__(self, flow: Flow[object], start: datetime) -> None:
        self._flow = flow
        self.start = self._begun(start)
        self.crashed = _Moment(came_from=None, by=None, at=start, result=CRASHED)

    def after(self, moment: _Moment, answer: _Answer, now: datetime) -> _Moment:
        """Return where the flow is after *answer*, at a time of *now*."""
        seen = answer.key()
        # What a flow does without looking at the clock does not depend on the time.
        known = moment.next.get((seen, None)) or moment.next.get((seen, now))
        if known is not None:
            return known
        ports, running = self._running_at(moment)
        reached = _Moment(came_from=moment, by=answer, at=now)
        self._send(reached, ports, running)
        moment.next[seen, now if ports.clock_was_read else None] = reached
        return reached

    def _begun(self, start: datetime) -> _Moment:
        ports = Ports(start)
        begun = _Moment(came_from=None, by=None, at=start)
        self._send(begun, ports, self._flow(ports))
        return begun

    def _running_at(self, moment: _Moment) -> tuple[Ports, Coroutine[Any, Any, object]]:
        live, moment.running = moment.running, None
        if live is not None:
            return live
        path = [moment]
        while path[-1].came_from is not None:
            path.append(path[-1].came_from)
        ports = Ports(path[-1].at)
        running = self._flow(ports)
        for passed in reversed(path):
            self._send(_Moment(came_from=None, by=passed.by, at=passed.at), ports, running)
        return ports, running

    def _send(self, reached: _Moment, ports: Ports, running: Coroutine[Any, Any, object]) -> None:
        ports.present, ports.clock_was_read = reached.at, False
        try:
            reached.step = running.send(reached.by)
            reached.running = ports, running
        except StopIteration as done:
            reached.result = done.value
        except Exception as raised:  # noqa: BLE001  # a flow's refusal or trouble is its result
            reached.result = raised


# All flows together ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Concurrent flows over shared state, and what must hold once all have ended."""

    shared: Shared
    """Where every schedule starts; it is not changed."""
    flows: Sequence[Flow[object]]
    check: Callable[[Shared, Sequence[object]], None]
    """Given the state at the end and each flow's result, the exception it raised, or `CRASHED`; raises `AssertionError` if something is wrong."""


@dataclass(slots=True)
class Report:
    """What was explored."""

    orders: int = 0
    """Schedules covered: orders of steps, times the faults in each."""
    states: int = 0
    """Different states met on the way: what is stored, and what every flow has seen."""
    ends: int = 0
    """Different ends met; each was checked."""

    def __str__(self) -> str:
        return f"{self.orders:,} schedules over {self.states:,} states to {self.ends:,} ends"


class BadSchedule(AssertionError):
    """An order of steps under which the check failed; its text shows the order."""


def explore(world: World, *, faults: int = 0, limit: int = 2_000_000) -> Report:
    """Drive *world* through every schedule with at most *faults* faults, and report.

    Raises:
        BadSchedule: A check failed.
        RuntimeError: More than *limit* states were met.
    """
    explorer = _Explorer(world, limit)
    explorer.report.orders = explorer.visit(world.shared, tuple(history.start for history in explorer.histories), faults)
    return explorer.report


class _Explorer:
    def __init__(self, world: World, limit: int) -> None:
        self.report = Report()
        self.histories = [_History(flow, world.shared.now) for flow in world.flows]
        self._check = world.check
        self._limit = limit
        self._orders: dict[Hashable, int] = {}
        self._path: list[str] = []

    def visit(self, shared: Shared, moments: tuple[_Moment, ...], faults: int) -> int:
        """Return the number of schedules from here on, having followed one of each kind."""
        key = (shared.key(), moments, faults)
        orders = self._orders.get(key)
        if orders is not None:
            return orders
        if len(self._orders) >= self._limit:
            raise RuntimeError(f"more than {self._limit} states")
        waiting = [(number, moment.step) for number, moment in enumerate(moments) if moment.step is not None]
        kinds = list(Fault) if faults else [Fault.NONE]
        orders = 0
        for number, step in waiting:
            for fault in kinds:
                self._path.append(f"  flow {number}: {step.text}" + ("" if fault is Fault.NONE else f"   [{fault.value}]"))
                after, moment = self._taken(shared, self.histories[number], moments[number], fault)
                moved = (*moments[:number], moment, *moments[number + 1 :])
                orders += self.visit(after, moved, faults - (fault is not Fault.NONE))
                self._path.pop()
        if not waiting:
            orders = 1
            self._end(shared, [moment.result for moment in moments])
        self._orders[key] = orders
        self.report.states = len(self._orders)
        return orders

    def _taken(self, shared: Shared, history: _History, moment: _Moment, fault: Fault) -> tuple[Shared, _Moment]:
        """Return the state, and where the flow is, after its step with that fault."""
        if fault is Fault.CRASH or moment.step is None:
            return shared, history.crashed
        after = shared.copy() if moment.step.writes and fault is not Fault.FAIL else shared
        return after, history.after(moment, _Answer.of(moment.step, after, fault), after.now)

    def _end(self, shared: Shared, results: Sequence[object]) -> None:
        self.report.ends += 1
        try:
            self._check(shared.copy(), results)
        except AssertionError as wrong:
            raise BadSchedule("\n".join([str(wrong) or "the check failed", *self._path])) from wrong
