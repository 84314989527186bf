"""A SQLite file of an earlier release goes on working, and one of a later release does too; and all password hashes in a file can be counted."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from credkit.credential import Mark, NewCredential, Registered, Standing
from credkit.errors import StoreError
from credkit.identifiers import EmailAddress, Identifier
from credkit.keys import KeyRing
from credkit.passwords import HashFacts
from credkit.secret import Secret
from credkit.stores.memory import MemoryStores
from credkit.stores.sqlite import SqliteStores
from credkit.testing import cheap_hasher
from credkit.testing.fakes import START

FIRST = """
CREATE TABLE credkit_record (
    key TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL, expires_at INTEGER NOT NULL, due_at INTEGER
) WITHOUT ROWID;
CREATE TABLE credkit_credential (
    id TEXT NOT NULL PRIMARY KEY, version TEXT NOT NULL, generation TEXT NOT NULL, password_hash TEXT, preferred_kind TEXT, preferred_canonical TEXT,
    session_epoch INTEGER NOT NULL, locale TEXT, disabled INTEGER NOT NULL, accounts TEXT NOT NULL, marks TEXT NOT NULL, added_by TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE TABLE credkit_identifier (
    kind TEXT NOT NULL, canonical TEXT NOT NULL COLLATE BINARY, credential_id TEXT NOT NULL REFERENCES credkit_credential (id) ON DELETE CASCADE,
    place INTEGER NOT NULL, entered TEXT NOT NULL, standing TEXT NOT NULL, verified_at INTEGER, PRIMARY KEY (kind, canonical)
) WITHOUT ROWID;
INSERT INTO credkit_credential VALUES
    ('c1', 'v1', 'g1', '$argon2id$...', 'email', 'ada@example.com', 3, 'nb', 0, '["first"]', '[["change", 1767268800123456]]', 'change');
INSERT INTO credkit_identifier VALUES ('email', 'ada@example.com', 'c1', 0, 'Ada@example.com', 'verified', 1767268800123456);
INSERT INTO credkit_record VALUES ('a', 'kind', 7, x'00', 1767268800123456, NULL);
"""
"""What `create` made before there were marks of compromised passwords, with a person in it."""


def email(text: str) -> EmailAddress:
    return EmailAddress.restore(text, text)


ADA, BOB, CAROL = email("ada@example.com"), email("bob@example.com"), email("carol@example.com")


def new(*identifiers: Identifier, change_id: str = "first", password_hash: str | None = "a hash") -> NewCredential:
    return NewCredential(
        identifiers=tuple(Registered(identifier=named, standing=Standing.VERIFIED, verified_at=START) for named in identifiers),
        password_hash=password_hash,
        preferred=identifiers[0],
        generation="generation",
        marks=(Mark(change_id=change_id, at=START),),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.sqlite"


@pytest.fixture
def older(path: Path) -> Path:
    run(path, FIRST)
    return path


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def columns(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(credkit_credential)")]


def test_the_people_of_an_older_file_are_there_and_their_passwords_are_nobody_elses(older: Path) -> None:
    stores = SqliteStores(older).create()
    found = stores.credentials.find(ADA)
    assert found is not None
    assert (found.id, found.version, found.session_epoch, found.accounts, found.locale) == ("c1", "v1", 3, ("first",), "nb")
    assert (found.compromised, found.earlier_hashes) == (False, ())
    assert set(stores.records.load(["a"])) == {"a"}


def test_in_an_older_file_everything_new_can_be_kept(older: Path) -> None:
    stores = SqliteStores(older).create()
    found = stores.credentials.get("c1")
    assert found is not None
    marked = stores.credentials.replace(found, replace(found, compromised=True, earlier_hashes=("one", "two")))
    assert SqliteStores(older).credentials.get("c1") == marked
    added = stores.credentials.add(new(BOB, CAROL, change_id="second"), None)
    assert SqliteStores(older).credentials.find(CAROL) == added
    again = stores.credentials.add(new(BOB, change_id="change"), None)  # the change that once added the one from before
    assert again.id == "c1"


def test_an_older_file_ends_with_the_columns_of_a_new_one(older: Path, tmp_path: Path) -> None:
    SqliteStores(older).create()
    SqliteStores(tmp_path / "new.sqlite").create()
    assert columns(older) == columns(tmp_path / "new.sqlite")


def test_creating_again_changes_nothing(older: Path) -> None:
    for _ in range(3):
        SqliteStores(older).create()
    found = SqliteStores(older).credentials.get("c1")
    assert found is not None
    assert found.version == "v1"


def test_workers_that_bring_an_older_file_up_at_once_do_not_trip_over_each_other(older: Path) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def work() -> None:
        try:
            start.wait()
            SqliteStores(older).create()
        except BaseException as failure:  # noqa: BLE001  # told by the assertion below
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert SqliteStores(older).credentials.get("c1") is not None


def test_an_older_file_that_was_not_brought_up_is_trouble_and_no_empty_answer(older: Path) -> None:
    with pytest.raises(StoreError):
        SqliteStores(older).credentials.find(ADA)


def test_a_file_to_which_a_later_release_has_added_a_column_can_be_shared_with_it(path: Path) -> None:
    stores = SqliteStores(path).create()
    added = stores.credentials.add(new(ADA), None)
    run(path, "ALTER TABLE credkit_credential ADD COLUMN later TEXT NOT NULL DEFAULT 'x'")
    assert stores.credentials.find(ADA) == added
    assert stores.credentials.replace(added, replace(added, session_epoch=1)) is not None
    assert stores.credentials.add(new(BOB, change_id="second"), None)


# Counting hashes (KE-07) ------------------------------------------------------------------------------------------------


def test_every_password_hash_is_counted_once(path: Path) -> None:
    for stores in (SqliteStores(path).create(), MemoryStores()):
        for number in range(1203):  # three pages
            password_hash = None if number % 3 == 0 else f"hash {number}"
            stores.credentials.add(new(email(f"{number}@example.com"), change_id=f"change {number}", password_hash=password_hash), None)
        hashes = list(stores.credentials.password_hashes())
        assert sorted(filter(None, hashes)) == sorted(f"hash {number}" for number in range(1203) if number % 3)
        assert hashes.count(None) == 401


def test_nobody_has_no_hash(path: Path) -> None:
    assert list(SqliteStores(path).create().credentials.password_hashes()) == []
    assert list(MemoryStores().credentials.password_hashes()) == []


def test_other_calls_can_be_made_while_hashes_are_counted(path: Path) -> None:
    for stores in (SqliteStores(path).create(), MemoryStores()):
        added = stores.credentials.add(new(ADA), None)
        for _ in stores.credentials.password_hashes():
            assert stores.credentials.replace(added, replace(added, session_epoch=1)) is not None


QUERY = """
SELECT CASE WHEN password_hash LIKE 'keyed:%' THEN substr(password_hash, 7, instr(substr(password_hash, 7), ':') - 1) END AS key_id, count(*)
FROM credkit_credential WHERE password_hash IS NOT NULL GROUP BY key_id
"""
"""As the page on older hashes gives it."""


def test_the_query_that_is_documented_counts_what_describe_counts(path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "legacy_hashes.md"
    if page.exists():  # not where the suite runs from a wheel
        assert QUERY.strip() in page.read_text(encoding="utf-8")
    stores = SqliteStores(path).create()
    old, both = KeyRing({"2025-05": bytes(range(32))}), KeyRing({"2026-11": bytes(range(50, 82)), "2025-05": bytes(range(32))})
    for number, ring in enumerate((old, both, both, None)):
        made = cheap_hasher(ring).hash(Secret("x"))
        stores.credentials.add(new(email(f"{number}@example.com"), change_id=f"change {number}", password_hash=made), None)
    stores.credentials.add(new(ADA, change_id="none", password_hash=None), None)
    with closing(sqlite3.connect(path)) as connection:
        assert dict(connection.execute(QUERY).fetchall()) == {"2025-05": 1, "2026-11": 2, None: 1}
    assert Counter(map(cheap_hasher(both).describe, stores.credentials.password_hashes())) == {
        HashFacts(scheme="argon2id", key_id="2025-05"): 1,
        HashFacts(scheme="argon2id", key_id="2026-11", up_to_date=True): 2,
        HashFacts(scheme="argon2id"): 1,
        HashFacts(scheme="none"): 1,
    }
