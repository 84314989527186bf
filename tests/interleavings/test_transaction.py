"""Every order of transactions that read what the others write, with a fault at every point: they come out as if one after another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from credkit.flows.transaction import Transaction, transact
from credkit.stores.memory import MemoryStores
from credkit.testing import CRASHED, Flow, Ports, SeededEntropy, Shared, World, explore
from credkit.testing.fakes import START
from interleavings.worlds import only_documented

FOREVER = START + timedelta(days=1)


def put(transaction: Transaction, key: str, text: str) -> None:
    transaction.put(key=key, kind="test", payload=text.encode(), expires_at=FOREVER)


def text_of(shared: Shared, key: str) -> str:
    record = shared.stores.records.load([key]).get(key)
    return "" if record is None else record.payload.decode()


def approve(ports: Ports) -> Any:
    """Approve unless paused: reads what `pause` writes, writes what it reads (F3)."""

    async def decide(transaction: Transaction) -> str:
        (paused,) = await transaction.load("pause")
        if paused is not None:
            return "refused"
        put(transaction, "approval", "approved")
        return "approved"

    return transact(ports, decide, entropy=SeededEntropy("approve"), pause=ports)


def pause(ports: Ports) -> Any:
    """Pause unless approved."""

    async def decide(transaction: Transaction) -> str:
        (approved,) = await transaction.load("approval")
        if approved is not None:
            return "refused"
        put(transaction, "pause", "paused")
        return "paused"

    return transact(ports, decide, entropy=SeededEntropy("pause"), pause=ports)


def add_one(name: str) -> Flow[Any]:
    def flow(ports: Ports) -> Any:
        async def decide(transaction: Transaction) -> int:
            (record,) = await transaction.load("count")
            count = 1 + (0 if record is None else int(record.payload))
            put(transaction, "count", str(count))
            return count

        return transact(ports, decide, entropy=SeededEntropy(name), pause=ports)

    return flow


def not_both(shared: Shared, results: Sequence[Any]) -> None:
    only_documented(results)
    assert not (text_of(shared, "approval") and text_of(shared, "pause")), "each of two decisions read what the other one wrote, and both landed"


def every_told_count_is_its_own(shared: Shared, results: Sequence[Any]) -> None:
    only_documented(results)
    told = [result for result in results if isinstance(result, int)]
    assert len(set(told)) == len(told), "two calls were told the same count"
    assert all(count <= int(text_of(shared, "count") or 0) for count in told), "a count was told that is not stored"
    untold = sum(1 for result in results if result is CRASHED or isinstance(result, Exception))
    assert int(text_of(shared, "count") or 0) <= len(told) + untold, "one call was counted twice"


@pytest.mark.parametrize("faults", [0, 1, 2])
def test_two_decisions_that_read_what_the_other_writes_never_both_land(faults: int) -> None:
    world = World(shared=Shared(MemoryStores(), START), flows=[approve, pause], check=not_both)
    print(f"\nwrite skew, {faults} faults: {explore(world, faults=faults)}")


@pytest.mark.parametrize(("calls", "faults"), [(2, 1), (2, 2), (3, 1)])
def test_calls_that_count_are_told_what_they_counted(calls: int, faults: int) -> None:
    flows = [add_one(f"call-{number}") for number in range(calls)]
    world = World(shared=Shared(MemoryStores(), START), flows=flows, check=every_told_count_is_its_own)
    print(f"\n{calls} counts, {faults} faults: {explore(world, faults=faults)}")
