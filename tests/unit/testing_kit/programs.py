"""Small flows written down as data, so that worlds of them can be drawn at random and followed by hand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from credkit.credential import Mark, NewCredential, Registered, Standing
from credkit.errors import IdentifierTaken, StoreError
from credkit.identifiers import EmailAddress
from credkit.messages import Message, MessageKind
from credkit.ports import Record, Write
from credkit.testing import Flow, Ports, Shared
from credkit.testing.fakes import START
from credkit.testing.kits import site_for_tests

FOREVER = START + timedelta(days=1)
NAMES = [EmailAddress.parse(f"{name}@example.com") for name in ("ada", "bob")]

Operation: TypeAlias = tuple[Any, ...]
"""What to do, and with what: ``("get", "x")``."""


# Each operation is given what its flow has made of all it has seen, and a number that nobody else has; it returns what it saw.


async def get(ports: Ports, seen: int, own: int, name: str) -> int:
    return await ports.step(f"get {name}", lambda shared: int(shared.extra.get(name, 0)))


async def get_or_look_at_the_clock(ports: Ports, seen: int, own: int, name: str) -> int:
    return await get(ports, seen, own, name) or (ports.now() - START).seconds


async def get_if_possible(ports: Ports, seen: int, own: int, name: str) -> int:
    try:
        return await get(ports, seen, own, name)
    except StoreError:
        return 0


async def put(ports: Ports, seen: int, own: int, name: str) -> None:
    await ports.step(f"put {name}", lambda shared: shared.extra.update({name: seen + own}))


async def get_or_put(ports: Ports, seen: int, own: int, name: str, other: str) -> int:
    try:
        return await get(ports, seen, own, name)
    except StoreError:
        await put(ports, seen, own, other)
        return 0


async def add_one(ports: Ports, seen: int, own: int, name: str) -> int:
    def more(shared: Shared) -> int:
        shared.extra[name] = shared.extra.get(name, 0) + 1
        return int(shared.extra[name])

    return await ports.step(f"add one to {name}", more)


async def names(ports: Ports, seen: int, own: int) -> int:
    return await ports.step("names", lambda shared: len(shared.extra))


async def load(ports: Ports, seen: int, own: int, key: str) -> int:
    return sum(record.version for record in (await ports.load([key])).values())


async def commit(ports: Ports, seen: int, own: int, key: str, checked: str = "", *, due: bool = False, delete: bool = False) -> bool:
    current = await ports.load([key, checked])
    versions = {name: current[name].version if name in current else 0 for name in (key, checked)}
    record = Record(key=key, kind="test", version=own, payload=str(seen).encode(), expires_at=FOREVER, due_at=START if due else None)
    write = Write(key=key, expected_version=versions[key], record=None if delete else record)
    return (await ports.commit({checked: versions[checked]} if checked else {}, [write])).done


async def due(ports: Ports, seen: int, own: int) -> int:
    return sum(record.version for record in await ports.due("test", START, 10))


async def purge(ports: Ports, seen: int, own: int) -> int:
    return await ports.purge(FOREVER, 10)


async def look_through(ports: Ports, seen: int, own: int) -> int:
    return await ports.step("look through", lambda shared: sum(record.version for record in shared.stores.records.dump()))


async def find(ports: Ports, seen: int, own: int, number: int) -> int:
    found = await ports.find(NAMES[number])
    return 0 if found is None else int(found.version[:4], 16)


async def join(ports: Ports, seen: int, own: int, number: int) -> int:
    try:
        return int((await ports.add(newcomer(number, f"change-{own}"), None)).version[:4], 16)
    except IdentifierTaken:
        return 0


async def touch(ports: Ports, seen: int, own: int, number: int) -> bool:
    found = await ports.find(NAMES[number])
    return found is not None and await ports.replace(found, found) is not None


async def tell(ports: Ports, seen: int, own: int) -> None:
    await ports.deliver(Message(id=f"m{own}", kind=MessageKind.PASSWORD_RESET, to=NAMES[0], site=site_for_tests(), at=START))


async def pass_time(ports: Ports, seen: int, own: int) -> None:
    await ports.advance(timedelta(seconds=1))


CALLS: dict[str, Callable[..., Coroutine[Any, Any, int | None]]] = {
    "get": get,
    "get or look at the clock": get_or_look_at_the_clock,
    "get if possible": get_if_possible,
    "put": put,
    "get or put": get_or_put,
    "add one": add_one,
    "names": names,
    "load": load,
    "commit": commit,
    "commit due": partial(commit, due=True),
    "delete": partial(commit, delete=True),
    "due": due,
    "purge": purge,
    "look through": look_through,
    "find": find,
    "join": join,
    "touch": touch,
    "tell": tell,
    "pass time": pass_time,
}


def flow_of(number: int, program: Sequence[Operation]) -> Flow[int]:
    """Return the flow that does these operations. What it writes depends on what it saw, and after an odd number it leaves the next one out."""

    async def run(ports: Ports) -> int:
        seen, skip = 0, False
        for place, (name, *given) in enumerate(program, 1):
            if not skip:
                seen = 3 * seen + int(await CALLS[name](ports, seen, 100 * number + place, *given) or 0)
            skip = not skip and seen % 2 == 1
        return seen

    return run


def newcomer(number: int, change_id: str) -> NewCredential:
    """Return somebody to add."""
    return NewCredential(
        identifiers=(Registered(identifier=NAMES[number], standing=Standing.VERIFIED, verified_at=START),),
        password_hash=None,
        preferred=NAMES[number],
        generation=change_id,
        marks=(Mark(change_id=change_id, at=START),),
    )
