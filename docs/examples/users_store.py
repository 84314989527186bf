"""A credential store over a host's own users table, in SQLite. The host's row and what credkit needs beside it change in one transaction.

It keeps the whole contract of `CredentialStore`; the suite holds it to that. Each call opens a connection of its own, which is simple and
never part of a caller's transaction; a busy host keeps one for each thread.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from credkit import Credential
from credkit.credential import Mark, NewCredential, Registered, Standing
from credkit.errors import IdentifierTaken
from credkit.identifiers import Identifier, restore_identifier

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, password TEXT);
CREATE TABLE IF NOT EXISTS sign_in (user_id TEXT PRIMARY KEY, version TEXT NOT NULL, added_by TEXT NOT NULL UNIQUE, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sign_in_name (kind TEXT, canonical TEXT COLLATE BINARY, user_id TEXT NOT NULL, PRIMARY KEY (kind, canonical));
"""

LOAD = "SELECT user_id, version, state, password FROM sign_in JOIN users ON users.id = CAST(user_id AS INTEGER) "


class Users:
    """The credential store. What a sign-up gives as *extra* is the name of the user."""

    def __init__(self, path: str | Path) -> None:
        """Name the file."""
        self._path = path

    def create(self) -> "Users":
        """Create the tables that are missing."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            for statement in filter(str.strip, SCHEMA.split(";")):
                connection.execute(statement)
        return self

    def find(self, identifier: Identifier) -> Credential | None:
        """Return the credential that holds *identifier*."""
        query = "SELECT user_id FROM sign_in_name WHERE kind = ? AND canonical = ?"
        with self._transaction("BEGIN") as connection:
            holder = connection.execute(query, (identifier.kind, identifier.canonical)).fetchone()
            return None if holder is None else _load(connection, LOAD + "WHERE user_id = ?", holder[0])

    def get(self, credential_id: str) -> Credential | None:
        """Return the credential of that id."""
        with self._transaction("BEGIN") as connection:
            return _load(connection, LOAD + "WHERE user_id = ?", credential_id)

    def add(self, new: NewCredential, extra: object) -> Credential:
        """Add a user and their credential; a second time with the same change, return what the first made."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            earlier = _load(connection, LOAD + "WHERE added_by = ?", new.change_id)
            if earlier is not None:
                return earlier
            user = connection.execute("INSERT INTO users (name, password) VALUES (?, ?)", (str(extra or ""), new.password_hash)).lastrowid
            credential = Credential(
                id=str(user),
                identifiers=new.identifiers,
                password_hash=new.password_hash,
                preferred=new.preferred,
                accounts=(str(user),),
                session_epoch=0,
                generation=new.generation,
                marks=new.marks,
                locale=new.locale,
                version=secrets.token_hex(8),
            )
            connection.execute("INSERT INTO sign_in VALUES (?, ?, ?, ?)", (credential.id, credential.version, new.change_id, _state(credential)))
            _hold(connection, credential)
            return credential

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """Store *new* if `old.version` still stands."""
        stored = replace(new, id=old.id, version=secrets.token_hex(8))
        with self._transaction("BEGIN IMMEDIATE") as connection:
            update = "UPDATE sign_in SET version = ?, state = ? WHERE user_id = ? AND version = ?"
            if connection.execute(update, (stored.version, _state(stored), old.id, old.version)).rowcount == 0:
                return None
            connection.execute("UPDATE users SET password = ? WHERE id = ?", (stored.password_hash, int(stored.id)))
            _hold(connection, stored)
            return stored

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=FULL")  # durable when the call returns
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # which undoes what is not committed


def _hold(connection: sqlite3.Connection, credential: Credential) -> None:
    connection.execute("DELETE FROM sign_in_name WHERE user_id = ?", (credential.id,))
    for entry in credential.identifiers:
        try:
            connection.execute("INSERT INTO sign_in_name VALUES (?, ?, ?)", (entry.identifier.kind, entry.identifier.canonical, credential.id))
        except sqlite3.IntegrityError:
            raise IdentifierTaken from None


def _state(credential: Credential) -> str:
    """Return what the users table has no column for."""
    entries = [(_parts(e.identifier), e.standing, e.verified_at and e.verified_at.isoformat()) for e in credential.identifiers]
    marks = [(mark.change_id, mark.at.isoformat()) for mark in credential.marks]
    flags = (credential.session_epoch, credential.generation, credential.locale, credential.disabled, credential.compromised, credential.earlier_hashes)
    return json.dumps((entries, credential.preferred and _parts(credential.preferred), credential.accounts, marks, flags))


def _parts(identifier: Identifier) -> tuple[str, str, str]:
    return identifier.kind, identifier.entered, identifier.canonical


def _load(connection: sqlite3.Connection, query: str, *values: str) -> Credential | None:
    row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
    if row is None:
        return None
    user_id, version, state, password = row
    entries, preferred, accounts, marks, (epoch, generation, locale, disabled, compromised, earlier) = json.loads(state)
    return Credential(
        id=user_id,
        # Brought back without being judged again: what was accepted once must load for ever.
        identifiers=tuple(Registered(identifier=restore_identifier(*parts), standing=Standing(how), verified_at=_moment(at)) for parts, how, at in entries),
        password_hash=password,
        preferred=preferred and restore_identifier(*preferred),
        accounts=tuple(accounts),
        session_epoch=epoch,
        generation=generation,
        marks=tuple(Mark(change_id=change_id, at=datetime.fromisoformat(at)) for change_id, at in marks),
        locale=locale,
        disabled=disabled,
        compromised=compromised,
        earlier_hashes=tuple(earlier),
        version=version,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
