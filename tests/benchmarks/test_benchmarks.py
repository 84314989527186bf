"""The benchmarks run and print what they measured. What that is nobody asserts: it is the machine's to say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import credkit

HERE = Path(__file__).parent


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("sign_in", ["bare argon2 verify", "sign-in, memory", "sign-in, SQLite"]),
        ("import_cost", ["a bare interpreter", "import argon2", "import credkit", "from credkit import Credkit"]),
        ("journeys", ["sign_up.begin", "sign_up.verify, wrong", "with_password, right", "reset.begin", "reset.verify, right", "reset.complete"]),
    ],
)
def test_a_benchmark_runs_and_prints_its_figures(name: str, rows: list[str]) -> None:
    environment = {"PYTHONPATH": str(Path(credkit.__path__[0]).parent), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(HERE / f"{name}.py"), "--rounds", "3"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for row in rows:
        assert re.search(rf"^{re.escape(row)}\s+[0-9.]+", done.stdout, re.MULTILINE), f"no figure for {row} in:\n{done.stdout}"
