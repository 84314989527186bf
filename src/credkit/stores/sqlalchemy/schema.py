"""The tables that credkit keeps in a SQL database, and the one server-side function that PostgreSQL gets beside them.

Text that is looked up by is compared byte for byte, whatever the collation of the database: two addresses that a collation holds equal are two
people (ST-04). Moments are whole microseconds since 1970, which no engine rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, Dialect, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, event, text
from sqlalchemy.dialects.mysql import LONGBLOB, VARBINARY
from sqlalchemy.dialects.postgresql import TEXT
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["COMMIT_FUNCTION", "MYSQL", "SCHEMA", "TABLES", "Exact", "Tables", "add_function", "commit_function", "tables"]

SCHEMA: Final = 1
"""What this release makes and needs. A release whose tables this one could not use says so in the row (`readable_by`)."""

COMMIT_FUNCTION: Final = "credkit_commit_1"
"""Named with a number, so that during a deployment the old and the new release each call their own."""

MYSQL: Final = frozenset({"mysql", "mariadb"})


class Exact(TypeDecorator[str]):
    """Text that is equal to the same bytes only, at most *longest* characters."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    def __init__(self, longest: int) -> None:
        """Say how long it may be, for engines that must know."""
        super().__init__()
        self.longest = longest
        """In characters."""

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return how *dialect* compares bytes.

        MySQL's binary collations of text ignore spaces at the end, so there it is bytes. PostgreSQL compares any text by its bytes, but sorts an
        index by a collation of the operating system, which a new release of that may change under it; "C" never changes.
        """
        if dialect.name in MYSQL:
            return dialect.type_descriptor(VARBINARY(4 * self.longest))  # UTF-8 takes four bytes at most
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TEXT(collation="C"))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Return what the driver is given."""
        return value.encode() if value is not None and dialect.name in MYSQL else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Return the text of what the driver gives."""
        return bytes(value).decode() if value is not None and dialect.name in MYSQL else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Credkit's tables in one `sqlalchemy.MetaData`."""

    schema: Table
    record: Table
    credential: Table
    identifier: Table


_ENGINE: Final[dict[str, Any]] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB", "mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def tables(metadata: MetaData) -> Tables:
    """Add credkit's tables to *metadata*, for example to that of your migrations, and return them.

    On PostgreSQL a migration also has to execute `commit_function()`. Whatever made the tables, `SqlStores.create` completes them.
    """
    record = Table(
        "credkit_record",
        metadata,
        Column("key", Exact(200), primary_key=True),
        Column("kind", Exact(200), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("payload", LargeBinary().with_variant(LONGBLOB(), *MYSQL), nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("due_at", BigInteger),
        sqlite_with_rowid=False,
        **_ENGINE,
    )
    never_due = text("due_at IS NOT NULL")
    Index("credkit_record_due", record.c.kind, record.c.due_at, postgresql_where=never_due, sqlite_where=never_due)
    Index("credkit_record_expiry", record.c.expires_at)
    event.listen(record, "after_create", add_function)
    credential = Table(
        "credkit_credential",
        metadata,
        Column("id", Exact(64), primary_key=True),
        Column("added_by", Exact(200), nullable=False, unique=True),
        Column("version", Exact(64), nullable=False),
        Column("generation", Exact(200), nullable=False),
        Column("password_hash", Text),
        Column("preferred_kind", Exact(64)),
        Column("preferred_canonical", Exact(320)),
        Column("session_epoch", BigInteger, nullable=False),
        Column("locale", Text),
        Column("disabled", Boolean, nullable=False),
        Column("accounts", Text, nullable=False),
        Column("marks", Text, nullable=False),
        Column("compromised", Boolean, nullable=False),
        Column("earlier_hashes", Text, nullable=False),
        sqlite_with_rowid=False,
        **_ENGINE,
    )
    identifier = Table(
        "credkit_identifier",
        metadata,
        Column("kind", Exact(64), primary_key=True),
        Column("canonical", Exact(320), primary_key=True),
        Column("credential_id", Exact(64), ForeignKey(credential.c.id, ondelete="CASCADE"), nullable=False, index=True),
        Column("place", Integer, nullable=False),
        Column("entered", Text, nullable=False),
        Column("standing", Text, nullable=False),
        Column("verified_at", BigInteger),
        sqlite_with_rowid=False,
        **_ENGINE,
    )
    schema = Table(
        "credkit_schema",
        metadata,
        Column("name", Exact(64), primary_key=True),
        Column("version", Integer, nullable=False),
        Column("readable_by", Integer, nullable=False),
        **_ENGINE,
    )
    return Tables(schema=schema, record=record, credential=credential, identifier=identifier)


def add_function(_: object, connection: Connection, **__: Any) -> None:
    """Make the function, on PostgreSQL."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(commit_function())


def commit_function() -> str:
    """Return the statement that makes the function by which PostgreSQL commits records in one round trip.

    READ COMMITTED is what it needs: each statement in the function then sees what was committed before it began, and the locks on *all* keys,
    absent ones included, are taken before the first look. At any other level it would go by what was there before it had its locks. They are
    taken in one order by everybody, so no two commits wait for each other. A key that is only checked is locked for sharing, and its row is
    not touched. `FOR UPDATE` keeps a purge from taking a row between the look and the write. Sequential scans are off because a plan made
    while the table was small would be kept after it has grown.
    """
    return _FUNCTION


_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION credkit_commit_1(
    keys text[], expected bigint[], actions smallint[], kinds text[], versions bigint[], payloads bytea[], expiries bigint[], dues bigint[]
) RETURNS TABLE (done boolean, key text, kind text, version bigint, payload bytea, expires_at bigint, due_at bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $credkit$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'credkit commits at READ COMMITTED only';
    END IF;
    FOR held IN
        SELECT hashtextextended(given.key COLLATE "C", 0) AS id, bool_or(given.action <> 0) AS written
        FROM unnest(keys, actions) AS given (key, action) GROUP BY 1 ORDER BY 1
    LOOP
        IF held.written THEN
            PERFORM pg_advisory_xact_lock(held.id);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(held.id);
        END IF;
    END LOOP;
    PERFORM 1 FROM credkit_record AS stored
        WHERE stored.key = ANY (ARRAY(SELECT given.key FROM unnest(keys, actions) AS given (key, action) WHERE given.action <> 0))
        ORDER BY stored.key FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM unnest(keys, expected) AS given (key, version) LEFT JOIN credkit_record AS stored ON stored.key = given.key
        WHERE coalesce(stored.version, 0) <> given.version
    ) THEN
        RETURN QUERY SELECT false, NULL::text, NULL::text, NULL::bigint, NULL::bytea, NULL::bigint, NULL::bigint;
        RETURN QUERY SELECT false, stored.key::text, stored.kind::text, stored.version, stored.payload, stored.expires_at, stored.due_at
            FROM credkit_record AS stored WHERE stored.key = ANY (keys);
        RETURN;
    END IF;
    DELETE FROM credkit_record AS stored
        WHERE stored.key = ANY (ARRAY(SELECT given.key FROM unnest(keys, actions) AS given (key, action) WHERE given.action = 2));
    INSERT INTO credkit_record AS stored (key, kind, version, payload, expires_at, due_at)
        SELECT given.key, given.kind, given.version, given.payload, given.expires_at, given.due_at
        FROM unnest(keys, actions, kinds, versions, payloads, expiries, dues) AS given (key, action, kind, version, payload, expires_at, due_at)
        WHERE given.action = 1
        ON CONFLICT ON CONSTRAINT credkit_record_pkey DO UPDATE SET kind = excluded.kind, version = excluded.version,
            payload = excluded.payload, expires_at = excluded.expires_at, due_at = excluded.due_at;
    RETURN QUERY SELECT true, NULL::text, NULL::text, NULL::bigint, NULL::bytea, NULL::bigint, NULL::bigint;
END
$credkit$
"""

TABLES: Final = tables(MetaData())
"""Those that the stores use."""
