"""What importing costs: ``python tests/benchmarks/import_cost.py``. Goal: ``import credkit`` costs no more than ``import argon2`` alone.

Fresh interpreters, user and system time as the operating system counted it, interleaved, forwards and backwards by turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

import credkit

KINDS = {
    "a bare interpreter": "pass",
    "import argon2": "import argon2",
    "import credkit": "import credkit",
    "from credkit import Credkit": "from credkit import Credkit",
    "... and SQLite stores": "from credkit import Credkit; from credkit.stores.sqlite import SqliteStores",
}


def cpu_of(program: str) -> float:
    """Return the seconds of processor time that an interpreter took for *program*."""
    environment = {**os.environ, "PYTHONPATH": str(Path(credkit.__path__[0]).parent)}
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{program!r} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int) -> None:
    """Measure, and print."""
    times: dict[str, list[float]] = {name: [] for name in KINDS}
    for program in KINDS.values():
        cpu_of(program)  # so that what is compiled is there
    for number in range(rounds):
        for name in list(KINDS)[:: 1 if number % 2 == 0 else -1]:
            times[name].append(cpu_of(KINDS[name]))

    medians = {name: statistics.median(spent) for name, spent in times.items()}
    nothing, argon2 = medians["a bare interpreter"], medians["import argon2"]
    print(f"processor time of a fresh interpreter, {rounds} rounds")
    print(f"{'':30}{'median':>10}{'over bare':>12}{'to argon2':>12}{'over bare, to argon2':>24}")
    for name, median in medians.items():
        print(f"{name:30}{median * 1e3:8.1f}ms{(median - nothing) * 1e3:10.1f}ms{median / argon2:12.3f}{(median - nothing) / (argon2 - nothing):24.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    measure(parser.parse_args().rounds)
