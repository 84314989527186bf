"""Run real flows under every order their steps can take, with every failure at every point. No event loop, no threads, no luck.

A flow that touches shared state announces each touch by a checkpoint and is then advanced, or made to fail, by the
explorer: it *fails* (nothing happened, the store raised), *loses the reply* (it happened, the store raised), or *crashes*
(nothing happened, and the flow never goes on). Each schedule is run from a fresh world. Where two schedules have led to
the same stored state, with every flow having seen the same, their futures are the same too, and only one is followed;
how many orders were covered by that is counted all the same.
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

__all__ = ["CRASHED", "BadSchedule", "Crashed", "Fault", "Report", "Shared", "World", "explore"]

T = TypeVar("T")

Task: TypeAlias = Coroutine[Any, Any, object]


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


@dataclass(frozen=True, slots=True)
class _Step:
    text: str

    def __await__(self) -> Generator[_Step, Fault, Fault]:
        return (yield self)


class Shared:
    """State that explored flows share: in-memory stores, an outgoing mail box and a clock, each touch a step.

    It satisfies the async ports, so that flows are built on it as on any store: `records`, `credentials`, `notifier`, `pause`
    and `clock` are this object itself.
    """

    def __init__(self, stores: MemoryStores, now: datetime) -> None:
        """Share *stores*, with the clock at *now*."""
        self.stores = stores
        self.sent: list[Message] = []
        self._now = now
        self._observed: list[Hashable] = []

    def now(self) -> datetime:
        """See `Clock.now`; no step, but part of what a flow has seen."""
        self._observed.append(self._now)
        return self._now

    async def advance(self, span: timedelta) -> None:
        """Let time pass: a flow of its own, so that expiry can fall between any two steps of the others."""
        if await _Step(f"clock +{span}") is Fault.NONE:
            self._now += span

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return await self._do("load " + " ".join(keys), lambda: self.stores.records.load(keys))

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        text = "commit " + " ".join(write.key if write.record else f"-{write.key}" for write in writes)
        return await self._do(text, lambda: self.stores.records.commit(checks, writes))

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return await self._do(f"due {kind}", lambda: tuple(self.stores.records.due(kind, now, limit)))

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return await self._do("purge", lambda: self.stores.records.purge(now, limit))

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return await self._do("find", lambda: self.stores.credentials.find(identifier))

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return await self._do("get", lambda: self.stores.credentials.get(credential_id))

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return await self._do("add", lambda: self.stores.credentials.add(new, extra))

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return await self._do("replace", lambda: self.stores.credentials.replace(old, new))

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        await self._do(f"deliver {message.kind}", lambda: self.sent.append(message))

    async def wait(self, seconds: float) -> None:
        """See `Pause.wait`: no time passes, as what the wait is for is explored anyway."""

    async def _do(self, text: str, act: Callable[[], T]) -> T:
        fault = await _Step(text)
        if fault is Fault.FAIL:
            raise StoreError("explored failure")
        try:
            result = act()
        except Exception as raised:
            self._observed.append(repr(raised))
            raise
        if fault is Fault.LOSE:
            raise StoreError("explored lost reply")
        self._observed.append(_hashable(result))
        return result

    def observed(self) -> Hashable:
        """Return, and forget, what flows have seen since the last call."""
        seen, self._observed = tuple(self._observed), []
        return seen

    def state(self) -> Hashable:
        """Return everything that outlives a flow."""
        records = tuple(sorted((r.key, r.version, r.payload, r.expires_at, r.due_at or r.expires_at) for r in self.stores.records.dump()))
        credentials = tuple((c, c.password_hash) for c in self.stores.credentials.dump())
        sent = tuple(sorted((m.id, m.to.canonical) for m in self.sent))
        return hash((records, credentials, sent, self._now))


def _hashable(value: object) -> Hashable:
    if isinstance(value, Mapping):
        records = cast("Mapping[str, Record]", value)  # the only mappings that stores return
        return tuple(sorted((key, hash(record)) for key, record in records.items()))
    if isinstance(value, Committed):
        return (value.done, _hashable(value.current))
    return hash(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A fresh set of concurrent flows over shared state, and what must hold once all have ended."""

    shared: Shared
    tasks: Sequence[Task]
    check: Callable[[Sequence[object]], None]
    """Given each flow's result, the exception it raised, or `CRASHED`; raises `AssertionError` if something is wrong."""


@dataclass(slots=True)
class Report:
    """What was explored."""

    orders: int = 0
    """Schedules covered: orders of steps, times the faults in each."""
    runs: int = 0
    """Schedules actually run: one of each kind."""
    states: int = 0
    """Different states met."""

    def __str__(self) -> str:
        return f"{self.orders:,} schedules covered by {self.runs:,} runs over {self.states:,} states"


class BadSchedule(AssertionError):
    """An order of steps under which the check failed; its text shows the order."""


@dataclass(slots=True)
class _Node:
    options: list[tuple[int, Fault]]
    children: list[_Node | None] = field(default_factory=list["_Node | None"])
    orders: int = 0


def explore(build: Callable[[], World], *, faults: int = 0, limit: int = 1_000_000) -> Report:
    """Drive fresh worlds from *build* through every schedule with at most *faults* faults, and report.

    Flows must be deterministic: the same answers from shared state make the same steps (seed their entropy).

    Raises:
        BadSchedule: A check failed.
        RuntimeError: More than *limit* runs would be needed.
    """
    explorer = _Explorer(build, faults)
    while explorer.run_next():
        if explorer.report.runs > limit:
            raise RuntimeError(f"more than {limit} runs")
    explorer.count_orders()
    return explorer.report


class _Explorer:
    def __init__(self, build: Callable[[], World], faults: int) -> None:
        self.report = Report()
        self._build, self._faults = build, faults
        self._nodes: dict[Hashable, _Node] = {}
        self._path: list[tuple[_Node, int]] = []
        self._root: _Node | None = None
        self._more = True

    def run_next(self) -> bool:
        if not self._more:
            return False
        run = _Run(self._build(), self._faults)
        for node, choice in self._path:
            run.take(node.options[choice])
        self._extend(run)
        self.report.runs += 1
        self._backtrack()
        return True

    def _extend(self, run: _Run) -> None:
        while True:
            signature = run.signature()
            node = self._nodes.get(signature)
            known = node is not None
            if node is None:
                node = self._nodes[signature] = _Node(run.options())
                node.children = [None] * len(node.options)
            self._link(node)
            if known:
                run.close()
                return
            if not node.options:
                self._check(run)
                return
            self._path.append((node, 0))
            run.take(node.options[0])

    def _link(self, node: _Node) -> None:
        if self._path:
            parent, choice = self._path[-1]
            parent.children[choice] = node
        else:
            self._root = node

    def _check(self, run: _Run) -> None:
        try:
            run.world.check(run.results)
        except AssertionError as wrong:
            lines = [str(wrong) or "the check failed", *run.log]
            raise BadSchedule("\n".join(lines)) from wrong

    def _backtrack(self) -> None:
        while self._path:
            node, choice = self._path.pop()
            if choice + 1 < len(node.options):
                self._path.append((node, choice + 1))
                return
        self._more = False

    def count_orders(self) -> None:
        self.report.states = len(self._nodes)
        done: set[int] = set()
        stack = [self._root] if self._root else []
        while stack:
            node = stack[-1]
            waiting = [child for child in node.children if child is not None and id(child) not in done]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            done.add(id(node))
            node.orders = sum(child.orders for child in node.children if child is not None) if node.options else 1
        self.report.orders = self._root.orders if self._root else 0


class _Run:
    """One execution of a fresh world along one schedule."""

    def __init__(self, world: World, faults: int) -> None:
        self.world = world
        self.results: list[object] = [None] * len(world.tasks)
        self.log: list[str] = []
        self._faults_left = faults
        self._waiting: dict[int, _Step] = {}
        self._histories: list[Hashable] = [()] * len(world.tasks)
        for number in range(len(world.tasks)):
            self._advance(number, None)

    def options(self) -> list[tuple[int, Fault]]:
        kinds = list(Fault) if self._faults_left else [Fault.NONE]
        return [(number, fault) for number in sorted(self._waiting) for fault in kinds]

    def take(self, option: tuple[int, Fault]) -> None:
        number, fault = option
        step = self._waiting.pop(number)
        self.log.append(f"  flow {number}: {step.text}" + ("" if fault is Fault.NONE else f"   [{fault.value}]"))
        self._faults_left -= fault is not Fault.NONE
        if fault is Fault.CRASH:
            self.world.tasks[number].close()
            self.results[number] = CRASHED
            self._histories[number] = hash((self._histories[number], CRASHED))
        else:
            self._advance(number, fault)

    def signature(self) -> Hashable:
        return (self.world.shared.state(), tuple(self._histories), tuple(sorted(self._waiting)), self._faults_left)

    def close(self) -> None:
        for task in self.world.tasks:
            task.close()

    def _advance(self, number: int, fault: Fault | None) -> None:
        self.world.shared.observed()
        try:
            self._waiting[number] = self.world.tasks[number].send(fault)
        except StopIteration as done:
            self.results[number] = done.value
        except Exception as raised:  # noqa: BLE001  # a flow's refusal or trouble is its result
            self.results[number] = raised
        self._histories[number] = hash((self._histories[number], fault, self.world.shared.observed()))
