"""The credential store that the documentation shows keeps the contract that it explains."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from credkit.testing.contracts import CredentialStoreContract

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "users_store.py"


def users(path: Path) -> Any:
    """Return the example's store on a file."""
    spec = importlib.util.spec_from_file_location("users_store", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Users(path).create()


class TestUsers(CredentialStoreContract):
    """The second handle is another store on the same file, as another process has it."""

    path: Path

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        self.path = tmp_path / "users.sqlite3"
        return users(self.path)

    def another(self, store: Any) -> Any:
        return users(self.path)

    def extra(self) -> object:
        return "Ada"

    def forget(self, store: Any, credential_id: str) -> None:
        self.alone("DELETE FROM sign_in_name WHERE user_id = ?", credential_id)
        self.alone("DELETE FROM sign_in WHERE user_id = ?", credential_id)
        self.alone("DELETE FROM users WHERE id = ?", credential_id)

    def break_off(self, store: Any) -> None:
        self.alone("DROP TABLE users")

    def alone(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(statement, values)

    @contextmanager
    def callers_transaction(self, store: Any) -> Iterator[None]:
        """The application has begun a transaction of its own, and takes it back. It has not read: without a write-ahead log, readers hold writers up."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            yield
            connection.execute("ROLLBACK")
