"""The duties of an observer as tests; it has one colour, so they are plain functions. Each says which observer of `credkit.testing.broken` it catches."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Final

from credkit.errors import Reason
from credkit.events import Cause, Event, EventKind, Outcome
from credkit.messages import MessageKind
from credkit.ports import Observer
from credkit.testing.contracts._driving import Contract, left_out, require, require_same
from credkit.testing.fakes import START

__all__ = ["ObserverContract"]

_NO_SEEN: Final = "override seen to have it tested: it returns what has reached the sink, each as text"

_QUICK: Final = 0.05
"""Seconds that an event may take: a line of a log takes a thousandth of that, and each one is waited for by somebody."""

_HOSTILE: Final = ("%s %(name)s {0} {}", '" = \\ ; --', "\u4e2d\u6587 \U0001f600", "x" * 200, "", "\n\x1b[2J\u2028\x00")
"""Texts that break a log which formats or splits them."""


def _event(number: int, **changes: Any) -> Event:
    plain: dict[str, Any] = {"kind": EventKind.SIGN_IN, "outcome": Outcome.SUCCESS}
    return Event(id=f"event-{number}", at=START, site="main", **plain | changes)


def _kinds() -> Iterator[Event]:
    for number, (kind, outcome) in enumerate(product(EventKind, Outcome)):
        yield _event(number, kind=kind, outcome=outcome)
    for number, reason in enumerate(Reason):
        yield _event(1000 + number, outcome=Outcome.REFUSED, reason=reason)
    for number, cause in enumerate(Cause):
        yield _event(2000 + number, outcome=Outcome.FAILED, cause=cause, trouble="StoreError")
    for number, message in enumerate(MessageKind):
        yield _event(3000 + number, kind=EventKind.MESSAGE, message=message)


class ObserverContract(Contract):
    """What every `Observer` does, of blocking and of async kits. Subclass it, and give a fixture `observer`. One method makes it stricter."""

    def seen(self, observer: Observer) -> Sequence[str]:
        """Return what has reached the sink, each event as text; as it stands, the test about it is left out."""
        left_out(_NO_SEEN)

    def test_every_event_is_taken_in(self, observer: Observer) -> None:
        """Catches `KnowsSomeKinds`: has words of its own, and none for a kind that came later."""
        for event in _kinds():
            _take(observer, event)

    def test_any_text_is_taken_in(self, observer: Observer) -> None:
        """Catches `FormatsTwice`: takes a text for a format."""
        texts = ("about", "actor", "credential_id", "device", "masked", "network_key", "place", "pseudonym")
        for number, text in enumerate(_HOSTILE):
            _take(observer, _event(number, **dict.fromkeys(texts, text)))

    def test_an_event_is_taken_in_when_the_call_returns(self, observer: Observer) -> None:
        """Catches `IsACoroutine`: nobody awaits it, in async kits either."""
        _take(observer, _event(1))

    def test_an_event_takes_no_time(self, observer: Observer) -> None:
        """Catches `WaitsForANetwork`: and with it whoever signs in."""
        begun = time.perf_counter()
        for number in range(10):
            _take(observer, _event(number))
        require(time.perf_counter() - begun < 10 * _QUICK, f"an event takes more than {_QUICK} seconds; put it on a queue")

    def test_events_come_from_every_thread(self, observer: Observer) -> None:
        """Catches `TakesOneAtATime`: shares a buffer without a lock."""
        _from_threads(lambda number: _take(observer, _event(number)))

    def test_no_event_is_lost(self, observer: Observer) -> None:
        """Catches `KeepsTheLast`: overwrites what has not been read."""
        _from_threads(lambda number: _take(observer, _event(number, about=f"about-{number:03}-")))
        reached = "\n".join(self.seen(observer))
        require_same([number for number in range(64) if reached.count(f"about-{number:03}-") != 1], [], "each event reaches the sink once")


def _take(observer: Observer, event: Event) -> None:
    saw: Callable[[Event], object] = observer.saw
    try:
        answer = saw(event)
    except Exception as raised:
        raise AssertionError(f"an event of kind {event.kind}, {event.outcome}, was not taken in: it raised {raised!r}") from raised
    if inspect.iscoroutine(answer):
        answer.close()
    require(answer is None, "saw returns nothing, and is no coroutine function: nobody awaits it")


def _from_threads(call: Callable[[int], None]) -> None:
    """Make 64 calls from 8 threads at once."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # milliseconds that only a contract pays

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(64)))
