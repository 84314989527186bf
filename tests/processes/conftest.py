"""One crew for all tests here, as starting processes is what takes the time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from processes.crew import Crew

PROCESSES = 4

# What these are about is not there where there are no forks and no limits of resources.
collect_ignore = [] if hasattr(os, "fork") else ["test_forks.py", "test_kills.py", "test_sqlite_file.py"]


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    crew = Crew(PROCESSES)
    yield crew
    crew.close()
