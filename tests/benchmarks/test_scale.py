"""How latency, size and purging grow with the number of live records: they must not. Long; `pytest -m long tests/benchmarks/test_scale.py -s` prints figures.

`CREDKIT_SCALE=4,5,6,7` sets the powers of ten; as many databases are filled and then asked in turn, so that a busy machine slows all of them.
"""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import valkey as client_of
from sqlalchemy import create_engine, text

from credkit import Credkit
from credkit.errors import Refused
from credkit.framing import microseconds
from credkit.ports import Record, Write
from credkit.stores.memory import MemoryStores
from credkit.stores.sqlalchemy import SqlStores
from credkit.stores.sqlite import SqliteStores
from credkit.stores.valkey import ValkeyRecords
from credkit.testing.fakes import START
from processes.kits import CONTEXT, kit_on
from servers import postgres, valkey

SIZES = [10 ** int(power) for power in os.environ.get("CREDKIT_SCALE", "4,5,6").split(",")]

AT_ONCE = 2000
"""Records in one commit while filling."""

TURNS, PER_TURN = 30, 20
"""Each database is asked so often in a row, and then the next one."""

PURGED = 20_000

BY_HAND = 10**6
"""So many are filled through the store."""


@dataclass
class Filled:
    """A store that holds so many live records."""

    size: int
    records: Any
    credentials: Any
    disk: Callable[[], int]
    """Bytes that it takes."""
    settle: Callable[[], None]
    """What an engine does by itself in time."""
    bulk: Callable[[int], None] | None = None
    """Makes so many records past the store, for numbers that would take hours."""


KINDS = ("main/budget", "main/budget", "main/budget", "main/challenge", "main/grant", "main/outbox")


def made(number: int, *, lives: timedelta = timedelta(days=30)) -> Record:
    """Return the record of that number: of the size and kinds that journeys leave."""
    kind, digest = KINDS[number % 6], hashlib.sha256(b"%d" % number)
    expires_at = START + lives + timedelta(seconds=number % 86_400)
    due_at = START + lives if kind == "main/outbox" else None
    return Record(key=f"{kind}/{digest.hexdigest()}", kind=kind, version=1 + number, payload=digest.digest() * 10, expires_at=expires_at, due_at=due_at)


def fill(store: Filled) -> float:
    """Fill with live records, and some that are over; return how many a second."""
    records, size = store.records, store.size
    since, by_hand = time.perf_counter(), size
    if store.bulk is not None and size > BY_HAND:
        by_hand = 0
        store.bulk(size)
    for start in range(0, by_hand, AT_ONCE):
        some = [made(number) for number in range(start, min(size, start + AT_ONCE))]
        assert records.commit({}, [Write(key=one.key, expected_version=0, record=one) for one in some]).done
    rate = size / (time.perf_counter() - since)
    for start in range(0, PURGED, AT_ONCE):
        over = [made(10**9 + number, lives=timedelta(days=-3)) for number in range(start, start + AT_ONCE)]
        assert records.commit({}, [Write(key=one.key, expected_version=0, record=one) for one in over]).done
    return rate


def row_of(record: Record) -> tuple[Any, ...]:
    due_at = None if record.due_at is None else microseconds(record.due_at)
    return (record.key, record.kind, record.version, record.payload, microseconds(record.expires_at), due_at)


def into_sqlite(path: Path) -> Callable[[int], None]:
    def bulk(size: int) -> None:
        rows = (row_of(made(number)) for number in range(size))
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-4000000")
        connection.executemany("INSERT INTO credkit_record (key, kind, version, payload, expires_at, due_at) VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    return bulk


MADE_BY_POSTGRES = """
INSERT INTO credkit_record (key, kind, version, payload, expires_at, due_at)
SELECT kind || '/' || encode(digest, 'hex'), kind, 1 + n, decode(repeat(encode(digest, 'hex'), 10), 'hex'), :lives + CAST(n % 86400 AS bigint) * 1000000,
    CASE WHEN kind = 'main/outbox' THEN :lives END
FROM (SELECT n, (CAST(:kinds AS text[]))[1 + n % 6] AS kind, sha256(CAST(CAST(n AS text) AS bytea)) AS digest FROM generate_series(0, :size - 1) AS n)
"""
"""The same records as `made` makes."""


def into_postgres(stores: SqlStores) -> Callable[[int], None]:
    def bulk(size: int) -> None:
        values = {"size": size, "lives": microseconds(START + timedelta(days=30)), "kinds": list(KINDS)}
        stores._engines.unchecked(lambda connection: connection.execute(text(MADE_BY_POSTGRES), values))
        assert stores.records.load([made(number).key for number in (0, 5, size - 1)]) == {made(number).key: made(number) for number in (0, 5, size - 1)}

    return bulk


@pytest.fixture(params=["sqlite", "sqlalchemy on sqlite", "postgres", "valkey"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Filled]]:
    yield from {"sqlite": on_sqlite, "sqlalchemy on sqlite": by_sqlalchemy, "postgres": on_postgres, "valkey": on_valkey}[request.param](tmp_path)


def on_sqlite(folder: Path) -> Iterator[list[Filled]]:
    def one(size: int) -> Filled:
        path = folder / f"{size}.sqlite"
        stores = SqliteStores(path).create()
        return Filled(size, stores.records, stores.credentials, lambda: path.stat().st_size, lambda: None, into_sqlite(path))

    yield [one(size) for size in SIZES]


def by_sqlalchemy(folder: Path) -> Iterator[list[Filled]]:
    def one(size: int) -> Filled:
        path = folder / f"{size}.sqlite"
        stores = SqlStores.from_url(f"sqlite:///{path}").create()
        return Filled(size, stores.records, stores.credentials, lambda: path.stat().st_size, lambda: None, into_sqlite(path))

    yield [one(size) for size in SIZES]


def on_postgres(folder: Path) -> Iterator[list[Filled]]:
    with postgres.running() as server:
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        opened: list[SqlStores] = []

        def one(size: int) -> Filled:
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE n{size}"))
            stores = SqlStores.from_url(server.url.replace("/postgres?", f"/n{size}?")).create()
            opened.append(stores)

            def ask(statement: str) -> Any:
                return stores._engines.unchecked(lambda connection: connection.execute(text(statement)))

            def disk() -> int:
                question = text("SELECT pg_total_relation_size('credkit_record')")
                return stores._engines.unchecked(lambda connection: connection.execute(question).scalar_one())

            return Filled(size, stores.records, stores.credentials, disk, lambda: ask("VACUUM ANALYZE credkit_record"), into_postgres(stores))

        yield [one(size) for size in SIZES]
        for stores in opened:
            stores.close()
        engine.dispose()


def on_valkey(folder: Path) -> Iterator[list[Filled]]:
    with valkey.running() as server:
        opened: list[ValkeyRecords] = []

        def one(size: int) -> Filled:
            records = ValkeyRecords.from_url(f"{server.url}?db={SIZES.index(size)}").create()
            opened.append(records)
            client = client_of.Valkey.from_url(server.url)

            def disk() -> int:
                memory: Any = client.info("memory")
                return int(memory["used_memory"])

            return Filled(size, records, MemoryStores().credentials, disk, lambda: None)

        yield [one(size) for size in SIZES if size <= 10**6]
        for records in opened:
            records.close()


def load_and_commit(store: Filled, chance: random.Random) -> None:
    """Load four records, two of them absent; replace one, make one, check the others."""
    there = [made(chance.randrange(store.size)).key for _ in range(2)]
    absent = [f"main/budget/{chance.getrandbits(256):064x}" for _ in range(2)]
    found = store.records.load([*there, *absent])
    version = {key: found[key].version if key in found else 0 for key in (*there, *absent)}
    written = [
        Write(
            key=key,
            expected_version=version[key],
            record=Record(key=key, kind="main/budget", version=chance.getrandbits(62) + 1, payload=b"x" * 300, expires_at=START + timedelta(days=30)),
        )
        for key in dict.fromkeys((there[0], absent[0]))
    ]
    checks = {key: version[key] for key in (there[1], absent[1]) if key != there[0]}
    assert store.records.commit(checks, written).done


def timed(call: Callable[[], Any]) -> float:
    since = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - since)


@pytest.mark.long
def test_latency_does_not_grow_with_the_number_of_records(filled: list[Filled], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["filled"]
    before = 0
    for store in filled:
        rate = fill(store)
        store.settle()
        disk = store.disk()
        print(f"\n{name}: {store.size:>10,} records: filled at {rate:,.0f}/s, {(disk - before) / (store.size + PURGED):.0f} bytes a record")
        before = disk if name == "valkey" else 0
    chance = random.Random("scale")  # noqa: S311  # as above
    took: dict[str, dict[int, list[float]]] = {step: {store.size: [] for store in filled} for step in ("load+commit", "begin", "verify", "due")}
    kits = {store.size: kit_on(store) for store in filled}  # which delivers nothing by itself
    for turn in range(TURNS):
        for store in filled:
            kit = kits[store.size]
            for number in range(PER_TURN):
                took["load+commit"][store.size].append(timed(lambda store=store: load_and_commit(store, chance)))
                took["due"][store.size].append(timed(lambda store=store: store.records.due("main/outbox", START, 10)))
                if number % 4 == 0:
                    who, tickets = f"person{turn}.{number}@example.com", list[Any]()
                    took["begin"][store.size].append(timed(lambda kit=kit, who=who, tickets=tickets: tickets.append(kit.reset.begin(who, context=CONTEXT))))
                    took["verify"][store.size].append(timed(lambda kit=kit, tickets=tickets: guess(kit, tickets[0])))
    smallest, largest = filled[0].size, filled[-1].size
    grown: dict[str, float] = {}
    for step, by_size in took.items():
        medians = {size: statistics.median(times) for size, times in by_size.items()}
        grown[step] = medians[largest] / medians[smallest]
        print(f"{name}: p50 of {step}: {', '.join(f'{size:,}: {median:.2f} ms' for size, median in medians.items())}; x {grown[step]:.2f}")
    for store in filled:
        since, gone = time.perf_counter(), 0
        while (some := store.records.purge(START - timedelta(days=1), 1000)) != 0:
            gone += some
        print(f"{name}: {store.size:>10,} records: purged {gone:,} at {gone / (time.perf_counter() - since):,.0f}/s")
        assert gone == PURGED
    assert {step: factor for step, factor in grown.items() if factor > 1.2} == {}


def guess(kit: Credkit, ticket: Any) -> None:
    with pytest.raises(Refused):
        kit.reset.verify(ticket, "zzzz", context=CONTEXT)
