"""How a contract is run that is written once, as coroutines: on whatever loop it is awaited, or for blocking code in threads, with no loop at all.

Nothing here needs pytest, and nothing is an `assert` statement: a contract holds under ``python -O`` too.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from functools import wraps
from typing import Any, ClassVar, Final, NoReturn, TypeAlias, TypeVar

from credkit.lifting import finish

__all__ = ["Contract", "at_once", "breathe", "cancelled", "derived", "duties", "left_out", "require", "require_same"]

C = TypeVar("C", bound=type)

Flows: TypeAlias = Sequence[Callable[[], Coroutine[Any, Any, Any]]]

_PATIENCE: Final = 60
"""Seconds that threads may take: only a store that hangs needs them."""

_SHOWN: Final = 1500
"""Characters of a value in a message."""


# What tests say -------------------------------------------------------------------------------------------------------


def require(holds: object, why: str) -> None:
    """Go on only if that holds.

    Raises:
        AssertionError: It does not; *why* is the text.
    """
    __tracebackhide__ = True
    if not holds:
        raise AssertionError(why)


def require_same(found: object, wanted: object, why: str) -> None:
    """Go on only if both are equal.

    Raises:
        AssertionError: They are not; the text is *why*, and both.
    """
    __tracebackhide__ = True
    if found != wanted:
        raise AssertionError(f"{why}\n    wanted: {_told(wanted)}\n    found:  {_told(found)}")


def left_out(why: str) -> NoReturn:
    """End a test without a verdict; pytest shows it as skipped.

    Raises:
        unittest.SkipTest: Always.
    """
    from unittest import SkipTest  # noqa: PLC0415  # which pytest knows as well, so that nobody needs pytest for a report

    raise SkipTest(why)


def _told(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


# Contracts ------------------------------------------------------------------------------------------------------------


class Contract:
    """Duties as tests, to subclass. A test that is overridden must be marked ``pytest.mark.xfail(reason=...)``: a duty that is not kept needs a reason."""

    _in_threads: ClassVar[bool] = False

    def __init_subclass__(cls, **given: Any) -> None:
        """Look at what the subclass overrides.

        Raises:
            TypeError: A duty, and no reason is given.
        """
        super().__init_subclass__(**given)
        for name, test in vars(cls).items():
            if name.startswith("test_") and any(name in vars(base) for base in cls.__mro__[1:]) and not _excused(test):
                raise TypeError(f"{cls.__name__}.{name} overrides a duty: mark it with pytest.mark.xfail(reason=...)")

    async def _at_once(self, flows: Flows) -> list[Any]:
        """Run *flows* at once; return what each returned or raised."""
        return await (_threads(flows) if self._in_threads else at_once(flows))

    async def _breathe(self) -> None:
        """Let others go on, where they share a loop."""
        if not self._in_threads:
            await breathe()


def _excused(test: object) -> bool:
    marks = getattr(test, "pytestmark", [])
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)


def duties(contract: type) -> Iterator[str]:
    """Yield the names of the tests of *contract*, in the order in which they are written."""
    found = [name for base in reversed(contract.__mro__) for name in vars(base) if name.startswith("test_")]
    yield from dict.fromkeys(found)


def derived(contract: type[Contract], lift: Callable[[Any], Any], *, without: Sequence[str] = ()) -> Callable[[C], C]:
    """Give a class each test of *contract*, but for some, as one for blocking code, run over what *lift* makes of the fixture and of other handles."""

    def derive(cls: C) -> C:
        for name in (name for name in duties(contract) if name not in without):
            test = _plain(getattr(contract, name), contract, lift)
            test.__qualname__ = f"{cls.__qualname__}.{name}"
            setattr(cls, name, test)
        return cls

    return derive


def _plain(test: Callable[..., Coroutine[Any, Any, None]], contract: type[Contract], lift: Callable[[Any], Any]) -> Callable[..., None]:
    (fixture,) = list(inspect.signature(test).parameters)[1:]

    @wraps(test)  # also so that pytest asks for the fixture by the name that the coroutine has for it
    def plain_test(self: Any, *positional: Any, **named: Any) -> None:
        __tracebackhide__ = True
        (given,) = positional or (named[fixture],)
        lifted = _Lifted(self, contract, lift)
        finish(test(lifted.contract, lifted.lift(given)))

    return plain_test


class _Lifted:
    """A contract for one test of blocking code: in threads, and with the methods that a host overrides lifted as its store is."""

    def __init__(self, blocking: Any, contract: type[Contract], lift: Callable[[Any], Any]) -> None:
        self._blocking, self._lift = blocking, lift
        self._plain: list[tuple[Any, Any]] = []
        self.contract: Contract = contract()
        own = {name: self._member(name, member) for name, member in inspect.getmembers(contract) if not name.startswith(("test_", "_"))}
        vars(self.contract).update(own, _in_threads=True)

    def lift(self, plain: Any) -> Any:
        lifted = self._lift(plain)
        self._plain.append((lifted, plain))
        return lifted

    def _member(self, name: str, member: Any) -> Any:
        own = getattr(self._blocking, name)
        if not inspect.isfunction(member):
            return own

        def call(*given: Any) -> Any:
            return own(*(next((plain for lifted, plain in self._plain if lifted is one), one) for one in given))

        async def soon(*given: Any) -> Any:
            return call(*given)

        shapes: dict[str, Callable[..., Any]] = {
            "another": lambda *given: self.lift(call(*given)),
            "callers_transaction": lambda *given: _entered(call(*given)),
            "forget": soon,
        }
        return shapes.get(name, call)


@asynccontextmanager
async def _entered(manager: AbstractContextManager[object]) -> AsyncGenerator[None, None]:
    with manager:
        yield


# At once --------------------------------------------------------------------------------------------------------------


async def at_once(flows: Flows) -> list[Any]:
    """Run *flows* as tasks of the loop that this is awaited on, asyncio's or trio's; return what each returned or raised."""
    if _on_trio():
        return await _trio_tasks(flows)
    import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

    return await asyncio.gather(*(flow() for flow in flows), return_exceptions=True)


async def breathe() -> None:
    """Let the other tasks of the loop go on, asyncio's or trio's."""
    if _on_trio():
        import trio  # noqa: PLC0415  # there only where it is used

        await trio.lowlevel.checkpoint()
        return
    import asyncio  # noqa: PLC0415  # as above

    await asyncio.sleep(0)


async def cancelled(call: Callable[[], Coroutine[Any, Any, Any]], *, after: int) -> None:
    """Begin *call* as a task, and cancel it when it has given way so many times, if it has not ended by then."""
    if _on_trio():
        import trio  # noqa: PLC0415  # as above

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_ignoring, call)
            for _ in range(after):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        return
    import asyncio  # noqa: PLC0415  # as above

    task = asyncio.create_task(_ignoring(call))
    for _ in range(after):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _ignoring(call: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    with suppress(Exception):  # what has become of it is looked at afterwards
        await call()


def _on_trio() -> bool:
    if "trio" not in sys.modules:
        return False
    import trio  # noqa: PLC0415  # as above

    return trio.lowlevel.in_trio_run()


async def _trio_tasks(flows: Flows) -> list[Any]:
    import trio  # noqa: PLC0415  # as above

    results: list[Any] = [None] * len(flows)

    async def run(number: int, flow: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        try:
            results[number] = await flow()
        except Exception as failure:  # noqa: BLE001  # what it is, the test says
            results[number] = failure

    async with trio.open_nursery() as nursery:
        for number, flow in enumerate(flows):
            nursery.start_soon(run, number, flow)
    return results


async def _threads(flows: Flows) -> list[Any]:
    """Run *flows*, none of which suspends, each in a thread of its own, all let go at one moment."""
    results: list[Any] = [None] * len(flows)
    ready = threading.Barrier(len(flows))

    def run(number: int, flow: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        try:
            ready.wait(_PATIENCE)
            results[number] = finish(flow())
        except Exception as failure:  # noqa: BLE001  # what it is, the test says
            results[number] = failure

    threads = [threading.Thread(target=run, args=(number, flow), daemon=True) for number, flow in enumerate(flows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    require(not any(thread.is_alive() for thread in threads), f"calls made at once have not ended after {_PATIENCE} seconds")
    return results
