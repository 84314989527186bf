"""Real processes that do the same thing at the same moment, each in many threads. They are started, not forked: nothing is shared but the file."""

from __future__ import annotations

import multiprocessing
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from credkit.errors import Reason, Refused

Work = Callable[..., Callable[[], Any]]
"""A function of a module: it prepares what it can and returns what is to be done at the word "go"."""

PATIENCE = 60
"""Seconds that anybody waits for anybody here: only a fault makes it so long."""


@dataclass(frozen=True)
class Outcome:
    """What one call came to, in a form that goes through a pipe."""

    value: Any = None
    reason: Reason | None = None
    tries_left: int | None = None
    trouble: str | None = None
    """Neither a value nor a refusal: no call may end so."""


def outcome_of(call: Callable[[], Any]) -> Outcome:
    """Return what *call* returns or is refused for."""
    try:
        return Outcome(value=call())
    except Refused as refused:
        return Outcome(reason=refused.reason, tries_left=refused.tries_left)
    except BaseException:  # noqa: BLE001  # the test says that there are none
        return Outcome(trouble=traceback.format_exc())


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Outcome]:
    """Make each call in a thread of its own, all let go at one moment."""
    ready = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Outcome:
        ready.wait(PATIENCE)
        return outcome_of(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


class Crew:
    """Some processes that wait for work."""

    def __init__(self, size: int) -> None:
        self._members = [_start() for _ in range(size)]

    def run(self, work: Work, *shares: Sequence[Any]) -> list[Any]:
        """Let one member for each share call ``work(*share)``; when all are ready let them go; return what each returned."""
        members = self._members[: len(shares)]
        assert len(members) == len(shares), "not so many members"
        for (pipe, _), share in zip(members, shares, strict=True):
            pipe.send((work, tuple(share)))
        try:
            for pipe, _ in members:
                _receive(pipe)
            for pipe, _ in members:
                pipe.send("go")
            return [_receive(pipe) for pipe, _ in members]
        except AssertionError:
            # Who has not answered would answer to the next test.
            self.close()
            self._members = [_start() for _ in self._members]
            raise

    def close(self) -> None:
        """Send everybody home."""
        for pipe, process in self._members:
            pipe.close()
            process.join(1)
            process.kill()
            process.join()


def _start() -> tuple[Connection, Any]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def share_out(items: Sequence[Any], parts: int) -> list[Sequence[Any]]:
    """Return *items* in so many parts of equal length, give or take one."""
    return [items[part::parts] for part in range(parts)]


def _receive(pipe: Connection) -> Any:
    assert pipe.poll(PATIENCE), "a member of the crew does not answer"
    good, answer = pipe.recv()
    assert good, f"a member of the crew failed:\n{answer}"
    return answer


def _serve(pipe: Connection) -> None:
    while True:
        try:
            work, share = pipe.recv()
        except EOFError:
            return
        try:
            do = work(*share)
            pipe.send((True, "ready"))
            assert pipe.recv() == "go"
            pipe.send((True, do()))
        except Exception:  # noqa: BLE001  # told to the test, which fails with it
            pipe.send((False, traceback.format_exc()))
