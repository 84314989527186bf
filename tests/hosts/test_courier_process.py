"""`python -m credkit courier`, as a host runs it beside its workers: another process, the same SQLite file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credkit import Context, Credkit
from credkit.stores.sqlite import SqliteStores
from credkit.testing import Inbox
from credkit.testing.kits import keys_for_tests, site_for_tests

HOST = """
from credkit import Credkit
from credkit.notifiers.console import ConsoleNotifier
from credkit.stores.sqlite import SqliteStores
from credkit.testing.kits import keys_for_tests, site_for_tests

stores = SqliteStores("host.sqlite3")
kit = Credkit(site=site_for_tests(), keys=keys_for_tests(), credentials=stores.credentials, records=stores.records, notifier=ConsoleNotifier())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A host's folder: its module, its database, and one message that waits."""
    (tmp_path / "host.py").write_text(HOST, encoding="ascii")
    stores = SqliteStores(tmp_path / "host.sqlite3").create()
    kit = Credkit(site=site_for_tests(), keys=keys_for_tests(), credentials=stores.credentials, records=stores.records, notifier=Inbox(), deliver="manual")
    kit.sign_up.begin("ada@example.com", context=Context.none())
    return tmp_path


def courier(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command in the host's folder."""
    command = [sys.executable, "-m", "credkit", "courier", *options]
    return subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_delivers_what_another_process_has_queued_and_ends_if_told_to(folder: Path) -> None:
    with courier(folder, "host:kit", "--once") as process:
        printed, complained = process.communicate(timeout=60)
    assert (process.returncode, complained) == (0, "")
    assert printed.count("To: ada@example.com") == 1


def test_it_runs_until_it_is_terminated_and_then_ends_well(folder: Path) -> None:
    with courier(folder, "host:kit") as process:
        assert process.stdout is not None
        while "To: ada@example.com" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, complained = process.communicate(timeout=60)
    assert (process.returncode, complained) == (0, "")


def test_a_database_that_is_not_there_is_trouble_and_not_silence(folder: Path) -> None:
    (folder / "host.py").write_text(HOST.replace("host.sqlite3", "elsewhere/host.sqlite3"), encoding="ascii")
    with courier(folder, "host:kit", "--once") as process:
        _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complained.startswith("credkit courier: ")
