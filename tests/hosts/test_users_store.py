"""The credential store that the documentation shows keeps the contract that it explains."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from contracts.credentials import AsyncCredentialStoreContract
from contracts.drive import Together, plain
from credkit.lifting import LiftedCredentials, finish

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "users_store.py"


def users(path: Path) -> Any:
    """Return the example's store on a file."""
    spec = importlib.util.spec_from_file_location("users_store", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Users(path).create()


class TestUsers(plain(AsyncCredentialStoreContract, finish)):
    """The second handle is another store on the same file, as another process has it."""

    @pytest.fixture
    def credentials(self, tmp_path: Path) -> LiftedCredentials:
        return LiftedCredentials(users(tmp_path / "users.sqlite3"))

    @pytest.fixture
    def twin(self, credentials: LiftedCredentials, tmp_path: Path) -> LiftedCredentials:
        return LiftedCredentials(users(tmp_path / "users.sqlite3"))

    @pytest.fixture
    def together(self) -> Together:
        return Together(finish)
