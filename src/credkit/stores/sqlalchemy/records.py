"""Records in a SQL database: how each engine makes a commit atomic and isolated, in as few statements as it can."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Boolean, Connection, Delete, LargeBinary, Row, SmallInteger, Text, any_, bindparam, column, delete, func, select
from sqlalchemy.dialects import mysql, sqlite

from credkit.framing import from_microseconds, microseconds
from credkit.ports import Committed, Record, Write
from credkit.stores.sqlalchemy.engines import Engines
from credkit.stores.sqlalchemy.schema import COMMIT_FUNCTION, TABLES

__all__ = ["SqlRecords"]

_RECORD: Final = TABLES.record
_FIELDS: Final = ("key", "kind", "version", "payload", "expires_at", "due_at")

_CHECK, _PUT, _DELETE = range(3)


class SqlRecords:
    """A record store in a SQL database."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._of_keys = _OF_KEYS.get(engines.dialect, _of_listed_keys)

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return self._engines.read(lambda connection: self._select(connection, keys)) if keys else {}

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        if not checks and not writes:
            return Committed(done=True, current={})
        if self._engines.dialect == "postgresql":
            return self._engines.write(lambda connection: _commit_at_once(connection, checks, writes))
        return self._engines.transaction(lambda connection: self._commit(connection, checks, writes))

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        query = select(_RECORD).where(_RECORD.c.kind == kind, _RECORD.c.due_at <= microseconds(now)).order_by(_RECORD.c.due_at).limit(limit)
        return self._engines.read(lambda connection: [_record(row) for row in connection.execute(query)])

    def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        over = select(_RECORD.c.key).where(_RECORD.c.expires_at <= microseconds(now)).order_by(_RECORD.c.expires_at).limit(limit)
        if self._engines.dialect == "postgresql":
            # In one statement; what a commit has locked at this moment is left to the next purge.
            taken = over.with_for_update(skip_locked=True).cte("over")
            return self._engines.write(lambda connection: connection.execute(delete(_RECORD).where(_RECORD.c.key == taken.c.key)).rowcount)
        if self._engines.dialect == "sqlite":
            return self._engines.write(lambda connection: connection.execute(delete(_RECORD).where(_RECORD.c.key.in_(over))).rowcount)

        def work(connection: Connection) -> int:
            keys = list(connection.execute(over.with_for_update()).scalars())
            return connection.execute(delete(_RECORD).where(_RECORD.c.key.in_(keys))).rowcount if keys else 0

        return self._engines.transaction(work)

    def _select(self, connection: Connection, keys: Sequence[str], *, lock: bool = False) -> dict[str, Record]:
        """Return the records of *keys* in one statement, and so as they were at one instant."""
        query, values = self._of_keys(keys)
        query = query.order_by(_RECORD.c.key).with_for_update() if lock else query
        return {row.key: _record(row) for row in connection.execute(query, values)}

    def _commit(self, connection: Connection, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """Commit inside a transaction that nobody writes beside (SQLite), or after locking keys and gaps in their order (MySQL)."""
        expected = {**checks, **{write.key: write.expected_version for write in writes}}
        current = self._select(connection, sorted(expected), lock=self._engines.dialect != "sqlite")
        if any((current[key].version if key in current else 0) != version for key, version in expected.items()):
            return Committed(done=False, current=current)
        gone = [{"gone": write.key} for write in writes if write.record is None and write.key in current]
        put = [_values(write.record) for write in writes if write.record is not None]
        if gone:
            connection.execute(_DELETE_ONE, gone)
        if put:
            connection.execute(_PUT_ONE[connection.dialect.name], put)
        return Committed(done=True, current={})


def _values(record: Record) -> dict[str, Any]:
    due_at = None if record.due_at is None else microseconds(record.due_at)
    return {
        "key": record.key,
        "kind": record.kind,
        "version": record.version,
        "payload": record.payload,
        "expires_at": microseconds(record.expires_at),
        "due_at": due_at,
    }


def _record(row: Row[Any]) -> Record:
    due = None if row.due_at is None else from_microseconds(row.due_at)
    return Record(key=row.key, kind=row.kind, version=row.version, payload=bytes(row.payload), expires_at=from_microseconds(row.expires_at), due_at=due)


# Keys, in a form whose text is the same for any number of them --------------------------------------------------------------


def _of_listed_keys(keys: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    return select(_RECORD).where(_RECORD.c.key.in_(list(keys))), {}


_ONE_OF_ARRAY: Final = select(_RECORD).where(_RECORD.c.key == any_(bindparam("keys", type_=ARRAY(Text))))
_ONE_OF_JSON: Final = select(_RECORD).where(_RECORD.c.key.in_(select(func.json_each(bindparam("keys", type_=Text)).table_valued("value").c.value)))

_OF_KEYS: Final[dict[str, Callable[[Sequence[str]], tuple[Any, dict[str, Any]]]]] = {
    "postgresql": lambda keys: (_ONE_OF_ARRAY, {"keys": list(keys)}),
    "sqlite": lambda keys: (_ONE_OF_JSON, {"keys": json.dumps(list(keys))}),
}

# Writes one by one, for engines that commit in a transaction ----------------------------------------------------------------

_DELETE_ONE: Final[Delete] = delete(_RECORD).where(_RECORD.c.key == bindparam("gone"))


def _put_one() -> dict[str, Any]:
    """Return how each engine replaces a row, or makes it."""
    made = sqlite.insert(_RECORD)
    on_sqlite = made.on_conflict_do_update(index_elements=[_RECORD.c.key], set_={name: made.excluded[name] for name in _FIELDS[1:]})
    put = mysql.insert(_RECORD)
    on_mysql = put.on_duplicate_key_update({name: put.inserted[name] for name in _FIELDS[1:]})
    return {"sqlite": on_sqlite, "mysql": on_mysql, "mariadb": on_mysql}


_PUT_ONE: Final = _put_one()

# All at once, on PostgreSQL -------------------------------------------------------------------------------------------------

_ARGUMENTS: Final[tuple[tuple[str, Any], ...]] = (
    ("keys", Text()),
    ("expected", BigInteger()),
    ("actions", SmallInteger()),
    ("kinds", Text()),
    ("versions", BigInteger()),
    ("payloads", LargeBinary()),
    ("expiries", BigInteger()),
    ("dues", BigInteger()),
)

_COMMIT: Final = select(
    getattr(func, COMMIT_FUNCTION)(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _ARGUMENTS)).table_valued(
        column("done", Boolean),
        column("key", Text),
        column("kind", Text),
        column("version", BigInteger),
        column("payload", LargeBinary),
        column("expires_at", BigInteger),
        column("due_at", BigInteger),
        name="committed",
    )
)


def _commit_at_once(connection: Connection, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
    """Commit by the function of the schema, in one statement: the first row says whether it was done, the others what there is instead."""
    writing = {write.key for write in writes}
    lines: list[tuple[str, int, int, Record | None]] = [(key, version, _CHECK, None) for key, version in checks.items() if key not in writing]
    lines += [(write.key, write.expected_version, _DELETE if write.record is None else _PUT, write.record) for write in writes]
    values = [None if record is None else _values(record) for *_, record in lines]
    first, *rows = connection.execute(
        _COMMIT,
        {
            "keys": [key for key, *_ in lines],
            "expected": [version for _, version, *_ in lines],
            "actions": [action for _, _, action, _ in lines],
            **{
                plural: [None if value is None else value[name] for value in values]
                for plural, name in (("kinds", "kind"), ("versions", "version"), ("payloads", "payload"), ("expiries", "expires_at"), ("dues", "due_at"))
            },
        },
    )
    return Committed(done=first.done, current={row.key: _record(row) for row in rows})
