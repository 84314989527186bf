"""What an exploration tells: the order that broke a check, with names and faults; what it refuses to explore; a host's own steps among a journey's."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from credkit import Context
from credkit.errors import Refused, StoreError
from credkit.stores.memory import MemoryStores
from credkit.testing import CRASHED, BadSchedule, NotDeterministic, Ports, Shared, World, explore

ADA, PASSWORD, CONTEXT = "ada@example.com", "nine grey herons wade", Context.none()


async def take_a_seat(ports: Ports) -> bool:
    left = await ports.step("look", lambda shared: shared.extra["seats"])
    if left:
        await ports.step("write", lambda shared: shared.extra.update(seats=left - 1))
    return bool(left)


def sold_once(shared: Shared, results: Sequence[Any]) -> None:
    if list(results).count(True) > 1:
        raise AssertionError("sold twice")


def seats(**flows: Any) -> World:
    return World(shared=Shared(extra={"seats": 1}), flows=flows, check=sold_once)


def test_a_schedule_that_breaks_the_check_is_told_step_by_step() -> None:
    with pytest.raises(BadSchedule) as found:
        explore(seats(Ada=take_a_seat, Bob=take_a_seat))
    lines = str(found.value).splitlines()
    assert lines[0] == "sold twice"
    assert sorted(line.split(maxsplit=1)[1] for line in lines[1:5]) == ["Ada: look", "Ada: write", "Bob: look", "Bob: write"]
    assert lines[5:] == ["in the end", "      Ada: True", "      Bob: True"]


def test_the_faults_of_a_schedule_are_told() -> None:
    async def twice(ports: Ports) -> None:
        for _ in range(2):
            try:
                await ports.step("count", lambda shared: shared.extra.update(seats=shared.extra["seats"] - 1))
            except StoreError:
                continue
            return

    def counted_once(shared: Shared, results: Sequence[Any]) -> None:
        assert shared.extra["seats"] == (1 if CRASHED in results else 0)

    with pytest.raises(BadSchedule, match=r"count +\[done, reply lost\]"):
        explore(World(shared=Shared(extra={"seats": 1}), flows=[twice], check=counted_once), faults=1)


def test_a_flow_that_raises_what_it_may_not_breaks_the_schedule() -> None:
    async def stumble(ports: Ports) -> None:
        await ports.step("go", lambda _: None)
        raise LookupError("nobody")

    with pytest.raises(BadSchedule, match=r"Ada raised LookupError\(nobody\)"):
        explore(seats(Ada=stumble))
    world = World(shared=Shared(), flows=[stumble], check=lambda *_: None, may_raise=(LookupError,))
    assert explore(world).ends == 1


def test_trouble_of_the_check_itself_comes_through_with_its_schedule() -> None:
    def stumble(shared: Shared, results: Sequence[Any]) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError) as found:
        explore(World(shared=Shared(extra={"seats": 1}), flows=[take_a_seat], check=stumble))
    assert "look" in found.value.__notes__[0]


def test_a_flow_that_depends_on_something_else_is_refused() -> None:
    turns = itertools.count()

    async def moody(ports: Ports) -> None:
        await ports.step(f"turn {next(turns)}", lambda _: None)

    with pytest.raises(NotDeterministic, match=r'Ada is not deterministic: told the same, it went on with the step "turn 0", and then with the step "turn 1"'):
        explore(seats(Ada=moody))


def test_more_states_than_allowed_are_not_met() -> None:
    with pytest.raises(RuntimeError, match="more than 3 states"):
        explore(World(shared=Shared(extra={"seats": 1}), flows=[take_a_seat, take_a_seat], check=lambda *_: None), limit=3)


def test_the_world_begins_every_time_as_it_was_given() -> None:
    world = seats(Ada=take_a_seat)
    assert (explore(world).ends, explore(world).ends, world.shared.extra["seats"]) == (1, 1, 1)


@pytest.mark.parametrize("value", [[1], {"a": 1}, {1}])
def test_state_that_could_be_changed_in_place_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be changed"):
        Shared(extra={"seats": value})


def test_a_hosts_own_steps_are_mixed_with_those_of_a_journey() -> None:
    shared = Shared(extra={"log": ()})
    shared.add(ADA, password=PASSWORD)

    def signing_in(name: str) -> Any:
        async def flow(ports: Ports) -> str:
            await ports.kit(name).sign_in.with_password(ADA, PASSWORD, context=CONTEXT)
            await ports.step("log", lambda shared: shared.extra.update(log=(*shared.extra["log"], name)))
            return name

        return flow

    orders = set()
    explore(World(shared=shared, flows=[signing_in("one"), signing_in("two")], check=lambda shared, _: orders.add(shared.extra["log"])))
    assert orders == {("one", "two"), ("two", "one")}


def test_time_passes_as_a_step_of_its_own() -> None:
    shared = Shared()
    shared.add(ADA, password=PASSWORD)

    async def late(ports: Ports) -> None:
        kit = ports.kit("late")
        await ports.step("ask", lambda _: None)
        ticket = await kit.reset.begin(ADA, context=CONTEXT)
        await kit.reset.resend(ticket, context=CONTEXT)

    ends: set[str] = set()

    def note(shared: Shared, results: Sequence[Any]) -> None:
        ends.add(str(results[0].reason) if isinstance(results[0], Refused) else "sent")

    explore(World(shared=shared, flows=[late, lambda ports: ports.advance(timedelta(minutes=2))], check=note))
    assert len(ends) == 2, "the pause is over in some orders and not in others"


def test_running_one_flow_changes_the_stores_that_were_given_and_an_exploration_does_not() -> None:
    stores = MemoryStores()
    shared = Shared(stores)
    shared.add(ADA, password=PASSWORD)

    async def reset(ports: Ports) -> None:
        await ports.kit("reset").reset.begin(ADA, context=CONTEXT)

    explore(World(shared=shared, flows=[reset], check=lambda *_: None))
    assert (len(stores.credentials.dump()), len(stores.records.dump())) == (1, 0)
    shared.run(reset)
    assert shared.stores is stores
    assert stores.records.dump()
