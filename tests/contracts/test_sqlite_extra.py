"""The host's own rows, inserted by `add` in its own transaction: they stand or fall with the credential."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from credkit.credential import Credential
from credkit.errors import IdentifierTaken, StoreError
from credkit.stores.sqlite import SqliteStores
from credkit.testing.contracts._samples import ADA, BOB, MOBILE, new, parts

PROFILES = "CREATE TABLE profile (id TEXT PRIMARY KEY, credential_id TEXT NOT NULL, name TEXT NOT NULL)"


@dataclass
class Host:
    """A host with a table of profiles; `then` is done after the insert."""

    stores: SqliteStores
    path: Path
    seen: list[tuple[Credential, object]] = field(default_factory=list)
    then: Any = None

    def profiles(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.path) as connection:
            rows = connection.execute("SELECT credential_id, name FROM profile").fetchall()
        connection.close()
        return rows


@pytest.fixture
def host(tmp_path: Path) -> Host:
    path = tmp_path / "test.sqlite"

    def on_add(connection: sqlite3.Connection, credential: Credential, extra: object) -> Sequence[str] | None:
        made.seen.append((credential, extra))
        connection.execute("INSERT INTO profile VALUES (?, ?, ?)", (f"profile-{len(made.seen)}", credential.id, str(extra)))
        return None if made.then is None else made.then(connection, credential)

    made = Host(SqliteStores(path, on_add=on_add).create(), path)
    connection = sqlite3.connect(path)
    connection.execute(PROFILES)
    connection.close()
    return made


def test_extra_reaches_the_host_with_the_new_credential(host: Host) -> None:
    extra = {"name": "Ada", "tenant": 7}
    added = host.stores.credentials.add(new(ADA), extra)
    assert host.seen == [(added, extra)]
    assert host.seen[0][1] is extra
    assert host.profiles() == [(added.id, str(extra))]


def test_the_accounts_that_the_host_returns_are_those_of_the_credential(host: Host) -> None:
    host.then = lambda *_: ["account-1", "account-2"]
    added = host.stores.credentials.add(new(ADA), "Ada")
    assert added.accounts == ("account-1", "account-2")
    assert parts(host.stores.credentials.get(added.id)) == parts(added)


def test_a_host_that_returns_no_accounts_leaves_one_of_the_credentials_own_id(host: Host) -> None:
    added = host.stores.credentials.add(new(ADA), "Ada")
    assert added.accounts == (added.id,)


def test_a_host_may_return_that_there_are_no_accounts_yet(host: Host) -> None:
    host.then = lambda *_: []
    added = host.stores.credentials.add(new(ADA), "Ada")
    assert added.accounts == ()
    assert host.stores.credentials.get(added.id) == added


@pytest.mark.parametrize("failure", [ValueError("no such tenant"), KeyboardInterrupt()], ids=lambda failure: type(failure).__name__)
def test_what_the_host_raises_undoes_the_whole_and_comes_through(host: Host, failure: BaseException) -> None:
    def fail(connection: sqlite3.Connection, credential: Credential) -> None:
        raise failure

    host.then = fail
    with pytest.raises(type(failure)) as raised:
        host.stores.credentials.add(new(ADA, MOBILE), "Ada")
    assert raised.value is failure
    assert host.profiles() == []
    assert host.stores.credentials.find(ADA) is host.stores.credentials.find(MOBILE) is None


def test_after_a_failure_the_same_change_may_be_tried_again(host: Host) -> None:
    def fail(connection: sqlite3.Connection, credential: Credential) -> None:
        raise ValueError("no such tenant")

    host.then = fail
    with pytest.raises(ValueError, match="no such tenant"):
        host.stores.credentials.add(new(ADA), "Ada")
    host.then = None
    added = host.stores.credentials.add(new(ADA), "Ada")
    assert host.profiles() == [(added.id, "Ada")]


def test_a_failure_of_the_hosts_own_sql_is_trouble_and_undoes_the_whole(host: Host) -> None:
    host.then = lambda connection, _: connection.execute("INSERT INTO profile VALUES ('profile-1', 'x', 'x')")
    with pytest.raises(StoreError):
        host.stores.credentials.add(new(ADA), "Ada")
    assert host.profiles() == []
    assert host.stores.credentials.find(ADA) is None


def test_a_repeated_change_does_not_reach_the_host_again(host: Host) -> None:
    added = host.stores.credentials.add(new(ADA), "Ada")
    assert host.stores.credentials.add(new(ADA), "Ada") == added
    assert host.profiles() == [(added.id, "Ada")]


def test_a_taken_identifier_leaves_no_row_of_the_host(host: Host) -> None:
    host.stores.credentials.add(new(ADA), "Ada")
    with pytest.raises(IdentifierTaken):
        host.stores.credentials.add(new(BOB, ADA, change_id="second"), "Bob")
    assert [name for _, name in host.profiles()] == ["Ada"]


def test_others_see_neither_the_credential_nor_the_hosts_row_before_both_are_there(host: Host) -> None:
    seen: list[object] = []

    def look(connection: sqlite3.Connection, credential: Credential) -> None:
        def from_another_thread() -> None:
            seen.extend([host.stores.credentials.find(ADA), host.stores.credentials.get(credential.id), host.profiles()])

        thread = threading.Thread(target=from_another_thread)
        thread.start()
        thread.join(30)

    host.then = look
    added = host.stores.credentials.add(new(ADA), "Ada")
    assert seen == [None, None, []]
    assert host.stores.credentials.find(ADA) == added


def test_asking_the_store_from_within_add_is_trouble_and_no_deadlock(host: Host) -> None:
    """The transaction is the host's for its own rows; a store that answered here would answer from inside it."""
    host.then = lambda *_: host.stores.credentials.find(ADA)
    with pytest.raises(StoreError):
        host.stores.credentials.add(new(ADA), "Ada")
    assert host.profiles() == []
    host.then = None
    assert host.stores.credentials.find(ADA) is None
    assert host.stores.credentials.add(new(ADA), "Ada").accounts
