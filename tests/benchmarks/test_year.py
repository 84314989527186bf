"""A year of traffic leaves no more behind than its first season did. Long; `pytest -m long tests/benchmarks/test_year.py -s` prints figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from credkit import Refused
from credkit.stores.sqlalchemy import SqlStores
from credkit.stores.sqlalchemy.schema import TABLES
from credkit.testing import FrozenClock, Inbox
from processes.kits import CONTEXT, OLD, kit_on
from servers import postgres

DAYS, SEASON = 365, 90
OWNERS = [f"owner{number}@example.com" for number in range(2)]


@dataclass
class Measured:
    """Stores, and how large what they hold is."""

    stores: SqlStores
    disk: Callable[[], int]
    at_night: Callable[[], object]
    """What the engine does by the clock on the wall, which a year of a minute leaves no time for."""

    def rows(self) -> int:
        return self.stores._engines.read(lambda connection: connection.execute(select(func.count()).select_from(TABLES.record)).scalar_one())


@pytest.fixture(params=["sqlite", "postgres"])
def measured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Measured]:
    if request.param == "sqlite":
        path = tmp_path / "test.sqlite"
        yield Measured(SqlStores.from_url(f"sqlite:///{path}").create(), lambda: path.stat().st_size, lambda: None)
        return
    with postgres.running() as server:
        stores = SqlStores.from_url(server.url).create()

        def ask(question: str) -> Any:
            return stores._engines.unchecked(lambda connection: connection.execute(text(question)))

        def disk() -> int:
            """Return bytes of the table and its indexes."""
            question = text("SELECT pg_total_relation_size('credkit_record')")
            return int(stores._engines.unchecked(lambda connection: connection.execute(question).scalar_one()))

        yield Measured(stores, disk, lambda: ask("VACUUM credkit_record"))
        stores.close()


@pytest.mark.long
def test_a_year_leaves_no_more_than_a_season(measured: Measured) -> None:
    clock, inbox = FrozenClock(), Inbox()
    kit = kit_on(measured.stores, clock=clock, notifier=inbox)
    for who in OWNERS:
        ticket = kit.sign_up.begin(who, context=CONTEXT)
        kit.courier.run_due()
        kit.sign_up.complete(kit.sign_up.verify(ticket, inbox.last_code(who), context=CONTEXT), OLD, context=CONTEXT)
    sizes: dict[int, tuple[int, int]] = {}
    for day in range(1, DAYS + 1):
        clock.advance(days=1)
        inbox.messages.clear()
        for who in [*OWNERS, *(f"stranger{day}.{number}@example.com" for number in range(2))]:
            ticket = kit.reset.begin(who, context=CONTEXT)
            with suppress(Refused):
                kit.reset.verify(ticket, "zzzz", context=CONTEXT)
            with suppress(Refused):
                kit.sign_in.with_password(who, OLD + "!", context=CONTEXT)
        kit.courier.run_due()
        kit.purge(limit=10_000)
        measured.at_night()
        if day in {SEASON, DAYS}:
            sizes[day] = measured.rows(), measured.disk()
    print(f"\nrows and bytes by day: {sizes}")
    assert sizes[DAYS][0] <= sizes[SEASON][0] * 1.05
    assert sizes[DAYS][1] <= sizes[SEASON][1] * 1.25
