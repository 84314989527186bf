"""How a contract written as coroutines is run: for any colour of store, in one thread or in many at once."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""`credkit.lifting.finish` for stores that never suspend, `asyncio.run` for those that do."""

Flows = Sequence[Callable[[], Coroutine[Any, Any, Any]]]

PATIENCE = 60
"""Seconds that a thread may wait for the others to be ready: only a fault makes it so long."""


class Together:
    """Runs flows at once, each in a thread of its own with a loop of its own if it needs one."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, flows: Flows) -> list[Any]:
        """Let all *flows* go at one moment; return what each returned or raised."""
        ready = threading.Barrier(len(flows))

        def one(flow: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
            ready.wait(PATIENCE)
            try:
                return self._run(flow())
            except Exception as failure:  # noqa: BLE001  # what it is, the test says
                return failure

        with ThreadPoolExecutor(len(flows)) as pool:
            return list(pool.map(one, flows))


def duties_of(contract: type) -> Iterator[tuple[str, Callable[..., Coroutine[Any, Any, None]]]]:
    """Return the tests of a contract, in the order in which they are written."""
    for name, test in vars(contract).items():
        if name.startswith("test_"):
            assert inspect.iscoroutinefunction(test), f"{name} is no coroutine, so it would pass without running"
            yield name, test


def plain(contract: type, run: Run) -> type:
    """Return *contract* as a class of plain tests for pytest; a subclass provides the fixtures they name."""
    return type(contract.__name__, (), {"__doc__": contract.__doc__, **{name: _plain(test, run) for name, test in duties_of(contract)}})


def _plain(test: Callable[..., Coroutine[Any, Any, None]], run: Run) -> Callable[..., None]:
    @wraps(test)
    def plain_test(*args: Any, **fixtures: Any) -> None:
        run(test(*args, **fixtures))

    return plain_test
