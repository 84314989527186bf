"""Run real flows under every order their steps can take, with every failure at every point. No event loop, no threads, no luck.

A flow that touches shared state announces each touch as a step and waits for its outcome. The explorer decides whose step
comes next and what becomes of it: it is *done*; it *fails* (nothing happened, the store raised); its reply is *lost* (it happened, the store
raised); or the process *crashes* (nothing happened, and the flow never goes on).

Three ideas keep this fast.

A flow is a function of what it has seen, so for each history it is run once and its next step remembered.

Where two orders have led to the same stored state, every flow having seen the same or ended with the same, their futures are the
same too, so that is followed once.

And where some flow's next step meets nothing that any other flow may still do, it is taken first, and that is enough: in whatever
order the others go on, its step could as well have come before. What the others may still do is known, because it has
just been explored behind that step; flows that do meet it are tried first as well, and so are those that meet theirs. (Such a set of flows is
called persistent: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", chapter 4.) No end is missed: as all
flows end, each schedule holds a step of the set, and moving the first of them to the front changes nothing that anybody sees.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from credkit.errors import CredkitError, Refused, StoreError
from credkit.ports import Committed
from credkit.testing.shared import CLOCK, EVERYTHING, Answer, Flow, Ports, Shared, Step, Touched, as_told_apart

__all__ = ["CRASHED", "BadSchedule", "Crashed", "Fault", "NotDeterministic", "Report", "World", "explore"]


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


# One flow, by what it has seen -----------------------------------------------------------------------------------------


class NotDeterministic(RuntimeError):
    """A flow did not ask for the same when it was told the same, so that nothing can be said of it. Its chance and its clock must come from ports."""


class _Touch(NamedTuple):
    """What steps read and write, a bit for each part of the state."""

    reads: int = 0
    writes: int = 0

    def plus(self, other: _Touch) -> _Touch:
        return _Touch(self.reads | other.reads, self.writes | other.writes)

    def meets(self, other: _Touch) -> bool:
        return bool(self.reads & other.writes or self.writes & other.reads)


_NOTHING: Final = _Touch()


@dataclass(slots=True, eq=False)
class _Moment:
    """A flow between two steps: which step comes next, or what it ended with."""

    came_from: _Moment | None
    by: Answer | None
    at: datetime
    step: Step | None = None
    result: object = None
    clock_was_read: bool = False
    """Whether the flow looked at the clock on its way here from the step before."""
    next: dict[Hashable, _Moment] = field(default_factory=dict[Hashable, "_Moment"])
    running: tuple[Ports, Coroutine[Any, Any, object]] | None = None
    """The flow itself, until it has been sent on from here for the first time; later it is run anew up to here."""
    own: _Touch = _NOTHING
    """What its step has touched so far, wherever it was taken: a guess at what it will touch, for choosing well."""
    ahead: _Touch = _NOTHING
    """The same for all steps from here on."""


class _History:
    """One flow of a world, run once for every history it can have."""

    def __init__(self, name: str, flow: Flow[object], start: datetime) -> None:
        self.name: Final = name
        self._flow = flow
        self._ended: dict[Hashable, _Moment] = {}
        self.crashed: Final = _Moment(came_from=None, by=None, at=start, result=CRASHED)
        self.start: Final = _Moment(came_from=None, by=None, at=start)
        ports = Ports(start)
        self._send(self.start, ports, flow(ports))
        self._newest = self.start

    def after(self, moment: _Moment, answer: Answer, now: datetime) -> _Moment:
        """Return where the flow is after *answer*, at a time of *now*."""
        seen = answer.key()
        # What a flow does without looking at the clock does not depend on the time.
        known = moment.next.get((seen, None)) or moment.next.get((seen, now))
        if known is not None:
            return known
        ports, running = self._running_at(moment)
        reached = self._newest = _Moment(came_from=moment, by=answer, at=now)
        self._send(reached, ports, running)
        if reached.step is None:
            # Nobody asks any more how it came to its end.
            reached = self._ended.setdefault((as_told_apart(reached.result), reached.clock_was_read), reached)
        moment.next[seen, now if reached.clock_was_read else None] = reached
        return reached

    def require_the_same_again(self) -> None:
        """Run the flow once more, as it went last, and go on only if it asks the same.

        Raises:
            NotDeterministic: It does not.
        """
        self._replayed(self._newest)

    def _running_at(self, moment: _Moment) -> tuple[Ports, Coroutine[Any, Any, object]]:
        live, moment.running = moment.running, None
        return self._replayed(moment) if live is None else live

    def _replayed(self, moment: _Moment) -> tuple[Ports, Coroutine[Any, Any, object]]:
        path = [moment]
        while path[-1].came_from is not None:
            path.append(path[-1].came_from)
        ports = Ports(path[-1].at)
        running = self._flow(ports)
        for passed in reversed(path):
            again = _Moment(came_from=None, by=passed.by, at=passed.at)
            self._send(again, ports, running)
            if _asked(again) != _asked(passed):
                raise NotDeterministic(f"{self.name} is not deterministic: told the same, it went on with {_told(passed)}, and then with {_told(again)}")
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
        reached.clock_was_read = ports.clock_was_read


def _asked(moment: _Moment) -> object:
    return type(moment.result) if moment.step is None else (moment.step.text, moment.step.asks)


def _told(moment: _Moment) -> str:
    return f"the end, {_result(moment.result)}" if moment.step is None else f'the step "{moment.step.text}"'


def _result(result: object) -> str:
    if isinstance(result, Exception):
        return f"{type(result).__name__}({result})"
    if result is None or isinstance(result, bool | int):
        return repr(result)
    return "crashed" if result is CRASHED else type(result).__name__  # what it holds may be a secret


# All flows together ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Concurrent flows over shared state, and what must hold once all have ended."""

    shared: Shared
    """Where every schedule starts; it is not changed."""
    flows: Sequence[Flow[Any]] | Mapping[str, Flow[Any]]
    """What happens at once; with names, they stand in the schedule."""
    check: Callable[[Shared, Sequence[Any]], None]
    """Given the state at the end and what each flow ended with, in their order: its result, the exception it raised, or `CRASHED`. It raises
    `AssertionError` if something is wrong."""
    may_raise: tuple[type[Exception], ...] = (Refused, CredkitError)
    """The exceptions that a flow may end with. Any other fails the schedule, or a mistake in a flow would pass for one of its results."""


@dataclass(slots=True)
class Report:
    """What was explored."""

    orders: int = 0
    """Schedules that were covered: orders of steps, times the faults in each. With the reduction, each stands for all that differ from it
    only in the order of steps that have nothing to do with each other."""
    states: int = 0
    """Different states met on the way: what is stored, and what every flow has seen or ended with."""
    ends: int = 0
    """Different ends met: what is stored, what every flow ended with, and how many faults were left. Each was checked."""

    def __str__(self) -> str:
        return f"{self.orders:,} schedules over {self.states:,} states to {self.ends:,} ends"


class BadSchedule(AssertionError):
    """An order of steps under which the check failed; its text shows the order."""


def explore(world: World, *, faults: int = 0, limit: int = 2_000_000, reduce: bool = True) -> Report:
    """Drive *world* through every schedule with at most *faults* faults, and report.

    Args:
        world: What to run, and what must hold.
        faults: How many faults a schedule may have; begin with none, as a schedule without is the easiest to read.
        limit: How many states may be met.
        reduce: Whether to leave out schedules that only order unrelated steps otherwise. The ends are the same, sooner; orders and states
            are counted as they were followed.

    Raises:
        BadSchedule: A check failed, or a flow raised what it may not.
        NotDeterministic: A flow did something else when it was run again.
        RuntimeError: More than *limit* states were met.
    """
    return _Explorer(world, limit, reduce=reduce).explore(faults)


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """One step of the schedule that is being followed."""

    number: int
    step: Step
    fault: Fault
    answer: Answer
    touch: _Touch

    def __str__(self) -> str:
        outcome = f"[{self.fault.value}]" if self.fault is not Fault.NONE else _outcome(self.step, self.answer)
        return f"{self.step.text}   {outcome}".rstrip()


def _outcome(step: Step, answer: Answer) -> str:
    if answer.error is not None:
        return f"raises {_result(answer.error)}"
    if isinstance(answer.value, Committed):
        return "" if answer.value.done else "too late"
    return step.nothing if answer.value is None else ""


class _Below(NamedTuple):
    """What follows from a state: the number of schedules, and what each flow touches in any of them."""

    orders: int
    touches: tuple[_Touch, ...]


class _Explorer:
    def __init__(self, world: World, limit: int, *, reduce: bool) -> None:
        self._world, self._limit, self._reduce = world, limit, reduce
        self._ends = 0
        flows = world.flows if isinstance(world.flows, Mapping) else {f"flow {number}": flow for number, flow in enumerate(world.flows)}
        self._histories = [_History(name, flow, world.shared.now) for name, flow in flows.items()]
        self._below: dict[Hashable, _Below] = {}
        self._path: list[_Taken] = []
        self._bits: dict[Hashable, int] = {}

    def explore(self, faults: int) -> Report:
        orders = self._visit(self._world.shared.copy(), tuple(history.start for history in self._histories), faults).orders
        for history in self._histories:
            history.require_the_same_again()
        return Report(orders=orders, states=len(self._below), ends=self._ends)

    def _visit(self, shared: Shared, moments: tuple[_Moment, ...], faults: int) -> _Below:
        """Return what follows from here, having followed one schedule of each kind."""
        key = (shared.key(), moments, faults)
        below = self._below.get(key)
        if below is None:
            if len(self._below) >= self._limit:
                raise RuntimeError(f"more than {self._limit:,} states")
            waiting = [number for number, moment in enumerate(moments) if moment.step is not None]
            if not waiting:
                self._end(shared, moments)
            below = self._go_on(shared, moments, waiting, faults) if waiting else _Below(1, (_NOTHING,) * len(moments))
            self._below[key] = below
        return below

    def _go_on(self, shared: Shared, moments: tuple[_Moment, ...], waiting: Sequence[int], faults: int) -> _Below:
        """Let each of a persistent set of flows take its step, in every way."""
        first = [min(waiting, key=lambda number: _likely_to_meet(moments, waiting, number))] if self._reduce else list(waiting)
        orders, touches = 0, (_NOTHING,) * len(moments)
        for number in first:  # which grows meanwhile
            here, below = self._go_on_with(shared, moments, number, faults)
            first += [other for other in waiting if other not in first and here.meets(below.touches[other])]
            orders, touches = orders + below.orders, _each_plus(touches, below.touches)
            touches = (*touches[:number], touches[number].plus(here), *touches[number + 1 :])
            moments[number].own = moments[number].own.plus(here)
        for moment, touch in zip(moments, touches, strict=True):
            moment.ahead = moment.ahead.plus(touch)
        return _Below(orders, touches)

    def _go_on_with(self, shared: Shared, moments: tuple[_Moment, ...], number: int, faults: int) -> tuple[_Touch, _Below]:
        """Let one flow take its step, in every way; return what the step touched, and what follows from it."""
        here, orders, touches = _NOTHING, 0, (_NOTHING,) * len(moments)
        for fault in Fault if faults else (Fault.NONE,):
            after, moment = self._take(shared, number, moments[number], fault)
            below = self._visit(after, (*moments[:number], moment, *moments[number + 1 :]), faults - (fault is not Fault.NONE))
            here = here.plus(self._path.pop().touch)
            orders, touches = orders + below.orders, _each_plus(touches, below.touches)
        return here, _Below(orders, touches)

    def _take(self, shared: Shared, number: int, moment: _Moment, fault: Fault) -> tuple[Shared, _Moment]:
        """Return the state, and where the flow is, after its step with that fault; write it down."""
        history, step = self._histories[number], moment.step
        assert step is not None
        if fault is Fault.CRASH:
            self._path.append(_Taken(number, step, fault, Answer(), _NOTHING))
            return shared, history.crashed
        after = shared.copy()
        answer = Answer(error=StoreError("explored failure")) if fault is Fault.FAIL else after.act(step)
        # Whatever is looked at from here on is no part of the step.
        touched, after.touched = after.touched, Touched()
        if fault is Fault.LOSE:
            answer = Answer(error=StoreError("explored lost reply"))
        reached = history.after(moment, answer, after.now)
        if reached.clock_was_read:
            touched.reads.add(CLOCK)
        self._path.append(_Taken(number, step, fault, answer, _Touch(self._mask(touched.reads), self._mask(touched.writes))))
        return (after if touched.writes else shared), reached

    def _mask(self, parts: Iterable[Hashable]) -> int:
        mask = 0
        for part in parts:
            mask |= -1 if part == EVERYTHING else self._bits.setdefault(part, 1 << len(self._bits))
        return mask

    def _end(self, shared: Shared, moments: tuple[_Moment, ...]) -> None:
        self._ends += 1
        results = [moment.result for moment in moments]
        try:
            self._require_documented(results)
            self._world.check(shared.copy(), results)
        except AssertionError as wrong:
            raise BadSchedule("\n".join([str(wrong) or "the check failed", *self._schedule(), *self._told_ends(results)])) from wrong
        except Exception as trouble:
            trouble.add_note("\n".join(["raised by the check, after", *self._schedule(), *self._told_ends(results)]))
            raise

    def _require_documented(self, results: Sequence[object]) -> None:
        for history, result in zip(self._histories, results, strict=True):
            if isinstance(result, Exception) and not isinstance(result, self._world.may_raise):
                raise AssertionError(f"{history.name} raised {_result(result)}") from result  # noqa: TRY004  # it is the schedule that is wrong

    def _schedule(self) -> list[str]:
        wide = max(len(history.name) for history in self._histories)
        return [f"{place:4}  {self._histories[taken.number].name + ':':{wide + 1}} {taken}" for place, taken in enumerate(_tidied(self._path), 1)]

    def _told_ends(self, results: Sequence[object]) -> list[str]:
        return ["in the end", *(f"      {history.name}: {_result(result)}" for history, result in zip(self._histories, results, strict=True))]


def _each_plus(touches: Sequence[_Touch], others: Sequence[_Touch]) -> tuple[_Touch, ...]:
    return tuple(touch.plus(other) for touch, other in zip(touches, others, strict=True))


def _likely_to_meet(moments: Sequence[_Moment], waiting: Sequence[int], number: int) -> int:
    """Return how many others may meet this flow's next step, going by what has been seen elsewhere; a wrong guess costs time, nothing else."""
    own = moments[number].own
    return sum(own.meets(moments[other].ahead) for other in waiting if other != number)


def _tidied(path: Sequence[_Taken]) -> list[_Taken]:
    """Return the schedule with fewer changes from one flow to another, steps that have to do with each other in the order they had."""
    left, tidied = list(path), list[_Taken]()
    while left:
        stays = (taken for place, taken in enumerate(left) if tidied and taken.number == tidied[-1].number and not _is_behind(left[:place], taken))
        tidied.append(next(stays, left[0]))
        left.remove(tidied[-1])
    return tidied


def _is_behind(earlier: Sequence[_Taken], taken: _Taken) -> bool:
    return any(other.number == taken.number or other.touch.meets(taken.touch) for other in earlier)
