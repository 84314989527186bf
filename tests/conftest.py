"""What holds for every test: how Hypothesis searches, and that the package under test is the one meant."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from servers import mariadb, postgres, valkey

# The gate must say the same twice, so it searches from a fixed seed; `HYPOTHESIS_PROFILE=explore` looks for what it missed.
# No deadline: two workers on a busy machine make any time limit a coin toss.
settings.register_profile("gate", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

INSTALLED_ONLY = os.environ.get("CREDKIT_TEST_INSTALLED") == "1"
"""Set where the suite runs against the wheel: then credkit must come from site-packages."""


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test sources in the name of the wheel: the wheel could lack a file and nobody would know."""
    if not INSTALLED_ONLY:
        return
    package = importlib.import_module("credkit")
    home = Path(package.__file__ or "").resolve()
    if not home.is_relative_to(Path(sysconfig.get_path("purelib")).resolve()):
        pytest.exit(f"credkit was to be tested as installed, but is imported from {home}", returncode=4)


def pytest_report_header(config: pytest.Config) -> str:
    """Say which credkit is tested."""
    spec = importlib.util.find_spec("credkit")
    found = spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), None))
    return f"credkit: {'as installed, ' if INSTALLED_ONLY else ''}from {found}"


# Real servers, each started when the first test asks for it: one for each process of pytest-xdist, so that nobody shares one.


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.Mariadb]:
    if mariadb.program() is None:
        pytest.skip("NOT TESTED on MariaDB: no `mariadbd` on the path (Debian: apt-get install mariadb-server)")
    with mariadb.running() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[valkey.Valkey]:
    with valkey.running() as server:
        yield server
