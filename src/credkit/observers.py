"""Observers to begin with: events as lines of a log, events counted for metrics, and several observers as one."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from credkit.errors import Reason
from credkit.events import Event, EventKind, Outcome, owasp_name
from credkit.ports import Observer

__all__ = ["Counters", "LoggingObserver", "ObserverGroup"]

_LEVELS: Final[Mapping[Outcome, int]] = {Outcome.SUCCESS: logging.INFO, Outcome.REFUSED: logging.WARNING, Outcome.FAILED: logging.ERROR}


class LoggingObserver:
    """Write each event as one line of a log: ``sign_in refused reason=sign_in_failed cause=wrong_password ...``.

    The level follows the outcome. The record's attribute `credkit` is a mapping of the same facts, for handlers that write JSON.
    """

    def __init__(self, logger: logging.Logger | str = "credkit.events", *, network: bool = False) -> None:
        """Write to *logger*; the host's network key only if *network* says so."""
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._network = network

    def saw(self, event: Event) -> None:
        """See `Observer.saw`."""
        level = _LEVELS[event.outcome]
        if self._logger.isEnabledFor(level):
            facts = {**event.facts(network=self._network), "owasp": owasp_name(event)}
            rest = " ".join(f"{name}={_quoted(value)}" for name, value in facts.items() if name not in {"kind", "outcome"})
            self._logger.log(level, "%s %s %s", event.kind, event.outcome, rest, extra={"credkit": facts})


class Counters:
    """Count events, for metrics: by kind, outcome and reason, and by nothing that grows with the number of people (AU-02)."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._lock = threading.Lock()
        self._counts = Counter[tuple[EventKind, Outcome, Reason | None]]()

    def saw(self, event: Event) -> None:
        """See `Observer.saw`."""
        with self._lock:
            self._counts[event.kind, event.outcome, event.reason] += 1

    def counts(self) -> dict[tuple[EventKind, Outcome, Reason | None], int]:
        """Return how many there were until now of each kind, outcome and reason."""
        with self._lock:
            return dict(self._counts)

    def count(self, kind: EventKind, outcome: Outcome | None = None) -> int:
        """Return how many there were of a kind, with that outcome or with any."""
        return sum(number for (seen, ended, _), number in self.counts().items() if seen is kind and outcome in {None, ended})


class ObserverGroup:
    """Several observers as one: each is told, also where one before it raises."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        """Tell *observers*, in that order."""
        self._observers = tuple(observers)

    def saw(self, event: Event) -> None:
        """Tell all of them.

        Raises:
            ExceptionGroup: Some did not take it.
        """
        failures: list[Exception] = []
        for observer in self._observers:
            try:
                observer.saw(event)
            except Exception as failure:  # noqa: BLE001  # the others are to hear of it all the same
                failures.append(failure)
        if failures:
            raise ExceptionGroup("observers failed", failures)


def _quoted(value: str) -> str:
    """Return a value so that it ends where it seems to: with quotes if there is a space, a quote or an equals sign in it."""
    return value if value and not set(value) & set(' "=') else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
