"""Observers to begin with: a line for each event, counts, and several observers as one."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from credkit.errors import Reason
from credkit.events import Cause, Event, EventKind, Outcome
from credkit.observers import Counters, LoggingObserver, ObserverGroup
from credkit.testing import Recorder

SUCCESS = Event(id="1", kind=EventKind.SIGN_IN, outcome=Outcome.SUCCESS, at=datetime(2026, 1, 1, tzinfo=UTC), site="main", network_key="203.0.113.7")
REFUSED = replace(SUCCESS, outcome=Outcome.REFUSED, reason=Reason.SIGN_IN_FAILED, cause=Cause.WRONG_PASSWORD, device='a "b" c=d\\')
FAILED = replace(SUCCESS, outcome=Outcome.FAILED, cause=Cause.STORE_FAILED)


@pytest.mark.parametrize(("event", "level"), [(SUCCESS, logging.INFO), (REFUSED, logging.WARNING), (FAILED, logging.ERROR)])
def test_the_level_of_a_line_follows_the_outcome(event: Event, level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    LoggingObserver().saw(event)
    (line,) = caplog.records
    assert (line.name, line.levelno) == ("credkit.events", level)
    assert line.getMessage().startswith(f"sign_in {event.outcome} id=1 at=2026-01-01T00:00:00+00:00 site=main")
    assert "203.0.113.7" not in line.getMessage() + repr(vars(line))


def test_a_value_with_spaces_ends_where_it_seems_to(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    LoggingObserver().saw(REFUSED)
    assert 'device="a \\"b\\" c=d\\\\" owasp=authn_login_fail' in caplog.records[0].getMessage()


def test_the_facts_are_there_for_handlers_that_write_json(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    LoggingObserver(logging.getLogger("audit"), network=True).saw(REFUSED)
    assert vars(caplog.records[0])["credkit"] == REFUSED.facts(network=True) | {"owasp": "authn_login_fail"}


def test_a_line_that_nobody_reads_is_not_made(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="credkit.events")
    LoggingObserver().saw(SUCCESS)
    assert caplog.records == []


def test_counts_are_by_kind_outcome_and_reason() -> None:
    counters = Counters()
    for event in (SUCCESS, REFUSED, REFUSED, replace(REFUSED, reason=Reason.TOO_MANY_TRIES)):
        counters.saw(event)
    assert counters.counts()[EventKind.SIGN_IN, Outcome.REFUSED, Reason.SIGN_IN_FAILED] == 2
    assert (counters.count(EventKind.SIGN_IN), counters.count(EventKind.SIGN_IN, Outcome.REFUSED), counters.count(EventKind.RESET)) == (4, 3, 0)


def test_no_count_is_lost_between_threads() -> None:
    counters = Counters()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: counters.saw(SUCCESS), range(4000)))
    assert counters.count(EventKind.SIGN_IN) == 4000


def test_each_of_a_group_is_told_also_after_one_that_fails() -> None:
    first, last = Recorder(), Recorder()
    first.failing = OSError("full")
    with pytest.raises(ExceptionGroup) as caught:
        ObserverGroup([first, last]).saw(SUCCESS)
    assert caught.value.exceptions == (first.failing,)
    assert last.seen == [SUCCESS]
