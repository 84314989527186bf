"""What the explorer leaves out it may leave out: it meets the ends that trying every schedule from its start meets, all of them and no other."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credkit.errors import StoreError
from credkit.testing import CRASHED, Fault, Flow, Ports, Report, Shared, World, explore
from credkit.testing.shared import EVERYTHING, Answer, Step, Touched, as_told_apart
from unit.testing_kit.programs import NAMES, Operation, flow_of

PLACES = ["x", "y"]
COMMON: list[Operation] = [(name, place) for name in ("get", "put", "add one", "commit") for place in PLACES]
RARE: list[Operation] = [
    *((name, place) for name in ("load", "commit due", "delete", "get or look at the clock", "get if possible") for place in PLACES),
    ("commit", "x", "y"),
    *((name, number) for name in ("find", "join", "touch") for number in range(len(NAMES))),
    *((name,) for name in ("names", "due", "purge", "look through", "tell", "pass time")),
]
OPERATIONS = [*COMMON, *RARE]
SOME = st.one_of(st.sampled_from(COMMON), st.sampled_from(OPERATIONS))


def beginning() -> Shared:
    shared = Shared(extra={"x": 0})
    shared.add("ada@example.com", password="nine grey herons wade")
    return shared


def explored(flows: Sequence[Flow[Any]], *, faults: int, reduce: bool = True) -> tuple[set[Hashable], Report]:
    ends: set[Hashable] = set()

    def note(shared: Shared, results: Sequence[Any]) -> None:
        ends.add(end(shared, results))

    return ends, explore(World(shared=beginning(), flows=flows, check=note), faults=faults, reduce=reduce)


def end(shared: Shared, results: Sequence[Any]) -> Hashable:
    return shared.key(), as_told_apart(tuple(results))


# Every schedule, each from its start, with nothing remembered ------------------------------------------------------------


class Run:
    """Flows that have come as far as a schedule lets them."""

    def __init__(self, flows: Sequence[Flow[Any]], schedule: Sequence[tuple[int, Fault]]) -> None:
        self.shared = beginning()
        self.ports = [Ports(self.shared.now) for _ in flows]
        self.running = [flow(ports) for flow, ports in zip(flows, self.ports, strict=True)]
        self.steps: dict[int, Step] = {}
        self.results: dict[int, Any] = {}
        for number in range(len(flows)):
            self.send(number, None)
        for number, fault in schedule:
            self.take(number, fault)

    def take(self, number: int, fault: Fault) -> None:
        step = self.steps.pop(number)
        if fault is Fault.CRASH:
            self.running[number].close()
            self.results[number] = CRASHED
            return
        answer = Answer(error=StoreError("explored failure")) if fault is Fault.FAIL else self.shared.act(step)
        self.send(number, Answer(error=StoreError("explored lost reply")) if fault is Fault.LOSE else answer)

    def send(self, number: int, answer: Answer | None) -> None:
        self.ports[number].present = self.shared.now
        try:
            self.steps[number] = self.running[number].send(answer)
        except StopIteration as done:
            self.results[number] = done.value
        except Exception as raised:  # noqa: BLE001  # as the explorer has it
            self.results[number] = raised


def tried_out(flows: Sequence[Flow[Any]], faults: int, schedule: tuple[tuple[int, Fault], ...] = ()) -> Iterator[Hashable]:
    run = Run(flows, schedule)
    if not run.steps:
        yield end(run.shared, [run.results[number] for number in range(len(flows))])
    for number in sorted(run.steps):
        for fault in Fault if faults else [Fault.NONE]:
            yield from tried_out(flows, faults - (fault is not Fault.NONE), (*schedule, (number, fault)))


def test_any_two_operations_end_as_in_every_schedule_tried_out() -> None:
    for first, second in combinations_with_replacement(OPERATIONS, 2):
        flows = [flow_of(0, [first]), flow_of(1, [second])]
        tried = list(tried_out(flows, faults=0))
        assert explored(flows, faults=0)[0] == set(tried), (first, second)
        assert explored(flows, faults=0, reduce=False)[1].orders == len(tried), (first, second)


@settings(max_examples=150)
@given(st.lists(st.lists(SOME, min_size=1, max_size=2), min_size=2, max_size=2))
def test_two_flows_end_as_in_every_schedule_tried_out(programs: list[list[Operation]]) -> None:
    flows = [flow_of(number, program) for number, program in enumerate(programs)]
    tried = list(tried_out(flows, faults=0))
    assert explored(flows, faults=0)[0] == set(tried)
    assert explored(flows, faults=0, reduce=False)[1].orders == len(tried)


@settings(max_examples=60)
@given(SOME, SOME)
def test_two_operations_with_a_fault_end_as_in_every_schedule_tried_out(first: Operation, second: Operation) -> None:
    flows = [flow_of(0, [first]), flow_of(1, [second])]
    tried = list(tried_out(flows, faults=1))
    assert explored(flows, faults=1)[0] == set(tried)
    assert explored(flows, faults=1, reduce=False)[1].orders == len(tried)


HARD: list[list[list[Operation]]] = [
    # What a flow ends with may depend on the clock, and be by chance what it is where nobody looks at the clock.
    [[("add one", "x")], [("get or look at the clock", "x")], [("pass time",)], [("put", "y")]],
    # Only after a fault of its own does the second flow write what the first one reads.
    [[("get", "y")], [("get or put", "x", "y")]],
]


@pytest.mark.parametrize("programs", HARD, ids=["clock", "fault"])
@pytest.mark.parametrize("faults", [0, 1])
def test_worlds_that_are_hard_to_come_by_end_as_in_every_schedule_tried_out(programs: list[list[Operation]], faults: int) -> None:
    flows = [flow_of(number, program) for number, program in enumerate(programs)]
    tried = set(tried_out(flows, faults=faults))
    assert explored(flows, faults=faults, reduce=False)[0] == tried
    assert explored(flows, faults=faults)[0] == tried


THREE = given(st.lists(st.lists(SOME, min_size=1, max_size=3), min_size=3, max_size=3), st.integers(0, 1))


@settings(max_examples=150)
@THREE
def test_three_flows_end_alike_with_and_without_the_reduction(programs: list[list[Operation]], faults: int) -> None:
    end_alike(programs, faults)


@pytest.mark.long
@settings(max_examples=5000)
@THREE
def test_three_flows_end_alike_with_and_without_the_reduction_in_thousands_of_worlds(programs: list[list[Operation]], faults: int) -> None:
    end_alike(programs, faults)


def end_alike(programs: Sequence[Sequence[Operation]], faults: int) -> None:
    flows = [flow_of(number, program) for number, program in enumerate(programs)]
    every, full = explored(flows, faults=faults, reduce=False)
    met, reduced = explored(flows, faults=faults)
    assert met == every
    assert reduced.ends == full.ends
    assert reduced.states <= full.states
    assert reduced.orders <= full.orders


# What the reduction rests on -------------------------------------------------------------------------------------------


def announced_by(flow: Flow[Any], shared: Shared) -> list[Step]:
    """Return the steps that the flow takes alone, beginning in that state, which stays as it is."""
    steps: list[Step] = []
    alone = shared.copy()
    ports, answer = Ports(alone.now), None
    running = flow(ports)
    while True:
        try:
            steps.append(running.send(answer))
        except StopIteration:
            return steps
        answer = alone.act(steps[-1])


def in_order(shared: Shared, *steps: Step) -> tuple[Shared, list[Hashable], list[Touched]]:
    after, answers, touched = shared.copy(), list[Hashable](), list[Touched]()
    for step in steps:
        answers.append(after.act(step).key())
        touched.append(after.touched)
    return after, answers, touched


def meet(one: Touched, other: Touched) -> bool:
    if EVERYTHING in one.reads | other.reads:
        return bool(one.writes or other.writes)
    return bool(one.reads & other.writes or one.writes & other.reads)


BEFORE: list[list[Operation]] = [[], [("commit", "x"), ("commit due", "y")], [("commit due", "x"), ("commit", "y"), ("join", 1)]]


@pytest.mark.parametrize("before", BEFORE, ids=["at first", "later", "later still"])
def test_two_steps_that_do_not_meet_come_to_the_same_in_either_order(before: list[Operation]) -> None:
    shared = beginning()
    shared.run(flow_of(1, before))
    apart = 0
    for one, other in combinations_with_replacement(OPERATIONS, 2):
        for first, second in product(announced_by(flow_of(2, [one]), shared), announced_by(flow_of(4, [other]), shared)):
            forth, answers_forth, touched = in_order(shared, first, second)
            back, answers_back, _ = in_order(shared, second, first)
            if not meet(*touched):
                apart += 1
                assert forth.key() == back.key(), (one, other)
                assert answers_forth == answers_back[::-1], (one, other)
    assert apart > 100, "hardly any steps were found to have nothing to do with each other"
