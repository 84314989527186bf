"""Credentials in a SQL database: unique identifiers are decided by the database, never by a look beforehand."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Connection, Integer, Text, bindparam, case, delete, exists, func, insert, null, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import IdentifierTaken
from credkit.framing import from_microseconds, microseconds
from credkit.identifiers import Identifier, restore_identifier
from credkit.stores.sqlalchemy.engines import Engines
from credkit.stores.sqlalchemy.schema import TABLES

__all__ = ["OnAdd", "SqlCredentials"]

OnAdd = Callable[[Connection, Credential, object], Sequence[str] | None]
"""Called inside `add`'s transaction with the new credential and the host's *extra*; may insert the host's own rows and
return the accounts that the credential serves. Whatever it raises undoes the whole `add`. Where the database undoes the
transaction by itself (a deadlock, a dropped connection), it is called again in the next one: so it does nothing but SQL."""

_CREDENTIAL, _IDENTIFIER = TABLES.credential, TABLES.identifier

_HASHES_AT_ONCE: Final = 500


class _AddedMeanwhile(IdentifierTaken):
    """The same change was made between the look and the insert."""


class SqlCredentials:
    """A credential store in a SQL database. Without *on_add* a new credential serves one account, of its own id."""

    def __init__(self, engines: Engines, on_add: OnAdd | None) -> None:
        self._engines = engines
        self._on_add = on_add

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return self._engines.read(lambda connection: _first(connection, _FIND, {"kind": identifier.kind, "canonical": identifier.canonical}))

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return self._engines.read(lambda connection: _first(connection, _GET, {"id": credential_id}))

    def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`; *extra* goes to the `OnAdd` callable."""
        added = self._added(new, extra)
        # Another call has made this change, perhaps the same one before its reply was lost, which may be repeated for that reason.
        return added or self._engines.read(lambda connection: _first(connection, _GET_ADDED, {"added_by": new.change_id})) or self.add(new, extra)

    def _added(self, new: NewCredential, extra: object) -> Credential | None:
        """Add the credential; return `None` if another one was added for this change."""
        made = _made(new)
        if self._engines.dialect == "postgresql" and self._on_add is None:
            return self._engines.write(lambda connection: _add_at_once(connection, made, new.change_id), repeats=1)
        try:
            return self._engines.transaction(lambda connection: self._add(connection, made, new.change_id, extra), repeats=1)
        except _AddedMeanwhile:
            return None

    def _add(self, connection: Connection, made: Credential, change_id: str, extra: object) -> Credential | None:
        if connection.execute(select(_CREDENTIAL.c.id).where(_CREDENTIAL.c.added_by == change_id)).first() is not None:
            return None
        try:
            connection.execute(insert(_CREDENTIAL).values(id=made.id, added_by=change_id, **_columns(made)))
        except IntegrityError:  # somebody else did so since the look
            raise _AddedMeanwhile from None
        _hold(connection, made)
        accounts = None if self._on_add is None else self._on_add(connection, made, extra)
        if accounts is None:
            return made
        connection.execute(update(_CREDENTIAL).where(_CREDENTIAL.c.id == made.id).values(accounts=json.dumps(list(accounts))))
        return replace(made, accounts=tuple(accounts))

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = replace(new, id=old.id, version=secrets.token_hex(8))
        work = _replace_at_once if self._engines.dialect == "postgresql" else _replace
        run = self._engines.write if self._engines.dialect == "postgresql" else self._engines.transaction
        return stored if run(lambda connection: work(connection, old, stored)) else None

    def password_hashes(self) -> Iterator[str | None]:
        """Yield what is stored of each credential's password, `None` where it has none: to count what `PasswordHasher.describe` says of them.

        Some are read at a time, so a credential that is added meanwhile may be missing.
        """
        after = ""
        while True:
            rows = self._engines.read(partial(_hashes, after))
            if not rows:
                return
            yield from (password_hash for _, password_hash in rows)
            after = rows[-1][0]


def _hashes(after: str, connection: Connection) -> list[tuple[str, str | None]]:
    query = select(_CREDENTIAL.c.id, _CREDENTIAL.c.password_hash).where(_CREDENTIAL.c.id > after).order_by(_CREDENTIAL.c.id).limit(_HASHES_AT_ONCE)
    return [(row.id, row.password_hash) for row in connection.execute(query)]


# From and to rows -----------------------------------------------------------------------------------------------------------


def _made(new: NewCredential) -> Credential:
    credential_id = secrets.token_hex(16)  # random, so never used again
    return Credential(
        id=credential_id,
        identifiers=new.identifiers,
        password_hash=new.password_hash,
        preferred=new.preferred,
        accounts=(credential_id,),
        session_epoch=0,
        generation=new.generation,
        marks=new.marks,
        locale=new.locale,
        version=secrets.token_hex(8),
    )


def _columns(credential: Credential) -> dict[str, Any]:
    preferred = credential.preferred
    return {
        "version": credential.version,
        "generation": credential.generation,
        "password_hash": credential.password_hash,
        "preferred_kind": None if preferred is None else preferred.kind,
        "preferred_canonical": None if preferred is None else preferred.canonical,
        "session_epoch": credential.session_epoch,
        "locale": credential.locale,
        "disabled": credential.disabled,
        "accounts": json.dumps(list(credential.accounts)),
        "marks": json.dumps([[mark.change_id, microseconds(mark.at)] for mark in credential.marks]),
        "compromised": credential.compromised,
        "earlier_hashes": json.dumps(list(credential.earlier_hashes)),
    }


def _rows(credential: Credential) -> list[dict[str, Any]]:
    """Return the rows of its identifiers, in one order for everybody: those who want the same ones wait, and do not block each other."""
    rows = [
        {
            "kind": entry.identifier.kind,
            "canonical": entry.identifier.canonical,
            "credential_id": credential.id,
            "place": place,
            "entered": entry.identifier.entered,
            "standing": str(entry.standing),
            "verified_at": None if entry.verified_at is None else microseconds(entry.verified_at),
        }
        for place, entry in enumerate(credential.identifiers)
    ]
    return sorted(rows, key=lambda row: (row["kind"], row["canonical"]))


def _first(connection: Connection, query: Any, values: dict[str, Any]) -> Credential | None:
    """Return the credential of the rows of *query*: one for each identifier."""
    rows = connection.execute(query, values).all()
    if not rows:
        return None
    row = rows[0]
    entries = tuple(_registered(row) for row in rows if row.kind is not None)
    chosen = (entry.identifier for entry in entries if (entry.identifier.kind, entry.identifier.canonical) == (row.preferred_kind, row.preferred_canonical))
    return Credential(
        id=row.id,
        identifiers=entries,
        password_hash=row.password_hash,
        preferred=next(chosen, None),
        accounts=tuple(json.loads(row.accounts)),
        session_epoch=row.session_epoch,
        generation=row.generation,
        marks=tuple(Mark(change_id=change_id, at=from_microseconds(at)) for change_id, at in json.loads(row.marks)),
        locale=row.locale,
        disabled=row.disabled,
        compromised=row.compromised,
        earlier_hashes=tuple(json.loads(row.earlier_hashes)),
        version=row.version,
    )


def _registered(row: Any) -> Registered:
    at = None if row.verified_at is None else from_microseconds(row.verified_at)
    return Registered(identifier=restore_identifier(row.kind, row.entered, row.canonical), standing=Standing(row.standing), verified_at=at)


def _queries() -> tuple[Any, Any, Any]:
    """Return how a credential is found by an identifier, by its id, and by the change that added it: each in one statement."""
    entry = _IDENTIFIER.alias("entry")
    joined = _CREDENTIAL.outerjoin(entry, entry.c.credential_id == _CREDENTIAL.c.id)
    whole = select(_CREDENTIAL, entry.c.kind, entry.c.canonical, entry.c.entered, entry.c.standing, entry.c.verified_at).order_by(entry.c.place)
    named = joined.join(_IDENTIFIER, _IDENTIFIER.c.credential_id == _CREDENTIAL.c.id)
    find = whole.select_from(named).where(_IDENTIFIER.c.kind == bindparam("kind"), _IDENTIFIER.c.canonical == bindparam("canonical"))
    get, get_added = (whole.select_from(joined).where(_CREDENTIAL.c[name] == bindparam(name)) for name in ("id", "added_by"))
    return find, get, get_added


_FIND, _GET, _GET_ADDED = _queries()

# In a transaction -----------------------------------------------------------------------------------------------------------


def _hold(connection: Connection, credential: Credential) -> None:
    """Make its identifiers this credential's, which has none."""
    rows = _rows(credential)
    try:
        if rows:
            connection.execute(insert(_IDENTIFIER), rows)
    except IntegrityError:
        raise IdentifierTaken from None  # the failure says which identifier it is


def _replace(connection: Connection, old: Credential, stored: Credential) -> bool:
    stands = (_CREDENTIAL.c.id == old.id, _CREDENTIAL.c.version == old.version)
    if connection.execute(update(_CREDENTIAL).where(*stands).values(**_columns(stored))).rowcount == 0:
        return False
    # Always: how an identifier was typed is no part of its equality, so comparing would miss a change of that.
    connection.execute(delete(_IDENTIFIER).where(_IDENTIFIER.c.credential_id == old.id))
    _hold(connection, stored)
    return True


# At once, on PostgreSQL -----------------------------------------------------------------------------------------------------

_GIVEN: Final = (("kind", Text()), ("canonical", Text()), ("place", Integer()), ("entered", Text()), ("standing", Text()), ("verified_at", BigInteger()))


def _statements() -> tuple[Any, Any]:
    """Return the statements that add and replace a credential with all its identifiers in one round trip."""
    rows = func.unnest(*(bindparam(f"all_{name}", type_=ARRAY(kind)) for name, kind in _GIVEN))
    given: Any = rows.table_valued(*(name for name, _ in _GIVEN), name="given").render_derived()
    names = [*(name for name, _ in _GIVEN), "credential_id"]

    columns = {column.key: bindparam(column.key, type_=column.type) for column in _CREDENTIAL.c}
    added = (
        postgresql.insert(_CREDENTIAL).values(columns).on_conflict_do_nothing(index_elements=[_CREDENTIAL.c.added_by]).returning(_CREDENTIAL.c.id).cte("added")
    )
    held = (
        insert(_IDENTIFIER)
        .from_select(names, select(given, added.c.id).select_from(given.join(added, true())).order_by(given.c.kind, given.c.canonical))
        .cte("held")
    )
    add = select(func.count()).select_from(added).add_cte(held)

    stands = (_CREDENTIAL.c.id == bindparam("old_id"), _CREDENTIAL.c.version == bindparam("old_version"))
    change = update(_CREDENTIAL).where(*stands).values({name: value for name, value in columns.items() if name not in {"id", "added_by"}})
    moved = change.returning(_CREDENTIAL.c.id).cte("moved")
    named = (given.c.kind == _IDENTIFIER.c.kind, given.c.canonical == _IDENTIFIER.c.canonical)
    dropped = delete(_IDENTIFIER).where(_IDENTIFIER.c.credential_id.in_(select(moved.c.id)), ~exists().where(*named)).cte("dropped")
    put = postgresql.insert(_IDENTIFIER).from_select(
        names, select(given, moved.c.id).select_from(given.join(moved, true())).order_by(given.c.kind, given.c.canonical)
    )
    # Of another credential: an owner that is null is refused by the table, which undoes the whole statement. A condition would only skip the row.
    owner = case((_IDENTIFIER.c.credential_id == put.excluded.credential_id, put.excluded.credential_id), else_=null())
    kept = put.on_conflict_do_update(
        index_elements=[_IDENTIFIER.c.kind, _IDENTIFIER.c.canonical],
        set_={"credential_id": owner, **{name: put.excluded[name] for name in ("place", "entered", "standing", "verified_at")}},
    ).cte("kept")
    return add, select(func.count()).select_from(moved).add_cte(dropped, kept)


_ADD, _REPLACE = _statements()


def _arrays(credential: Credential) -> dict[str, Any]:
    rows = _rows(credential)
    return {f"all_{name}": [row[name] for row in rows] for name, _ in _GIVEN}


def _done_at_once(connection: Connection, statement: Any, values: dict[str, Any]) -> bool:
    try:
        return bool(connection.execute(statement, values).scalar_one())
    except IntegrityError:
        raise IdentifierTaken from None  # as above


def _add_at_once(connection: Connection, made: Credential, change_id: str) -> Credential | None:
    values = {"id": made.id, "added_by": change_id, **_columns(made), **_arrays(made)}
    return made if _done_at_once(connection, _ADD, values) else None


def _replace_at_once(connection: Connection, old: Credential, stored: Credential) -> bool:
    values = {"old_id": old.id, "old_version": old.version, **_columns(stored), **_arrays(stored)}
    return _done_at_once(connection, _REPLACE, values)
