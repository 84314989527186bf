"""What a sign-in costs beside the one Argon2 that it must cost: ``python tests/benchmarks/sign_in.py``. Goal: at most 2 % more.

Processor time of the whole process, all threads, user and system, per call. In each round every kind has its turn, forwards and backwards by
turns, so that what the machine does meanwhile hits all alike; the ratio is taken within a round, and of the ratios the median.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import argon2

from credkit.context import Context
from credkit.keys import KeyRing
from credkit.kit import Credkit
from credkit.passwords import RFC_9106_LOW_MEMORY
from credkit.ports import CredentialStore, RecordStore, SystemEntropy
from credkit.site import Site
from credkit.stores.memory import MemoryStores
from credkit.stores.sqlite import SqliteStores
from credkit.testing import Inbox

ADA, PASSWORD, WRONG = "ada@example.com", "nine grey herons wade", "four loud kettles sing"
CONTEXT = Context(network_key="2001:db8::/64")


def kit_on(records: RecordStore, credentials: CredentialStore) -> Credkit:
    """Return a blocking kit as a host builds it, with one person signed up."""
    inbox = Inbox()
    kit = Credkit(
        site=Site(name="Example", url="https://example.com", support="help@example.com"),
        keys=KeyRing({"bench": SystemEntropy().token(32)}),
        credentials=credentials,
        records=records,
        notifier=inbox,
        deliver=lambda run: run(),
    )
    ticket = kit.sign_up.begin(ADA, context=CONTEXT)
    kit.sign_up.complete(kit.sign_up.verify(ticket, inbox.last_code(ADA), context=CONTEXT), PASSWORD, context=CONTEXT)
    return kit


def bare() -> Callable[[], object]:
    """Return the comparison alone, with the same parameters."""
    profile = RFC_9106_LOW_MEMORY
    hasher = argon2.PasswordHasher(time_cost=profile.passes, memory_cost=profile.memory_kib, parallelism=profile.lanes)
    stored = hasher.hash(PASSWORD)
    return lambda: hasher.verify(stored, PASSWORD)


def cpu_of(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def measure(rounds: int) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        memory, sqlite = MemoryStores(), SqliteStores(Path(folder) / "bench.sqlite").create()
        on_memory, on_sqlite = kit_on(memory.records, memory.credentials), kit_on(sqlite.records, sqlite.credentials)
        kinds: dict[str, Callable[[], object]] = {
            "bare argon2 verify": bare(),
            "sign-in, memory": lambda: on_memory.sign_in.with_password(ADA, PASSWORD, context=CONTEXT),
            "sign-in, SQLite": lambda: on_sqlite.sign_in.with_password(ADA, PASSWORD, context=CONTEXT),
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for call in kinds.values():
            call()
        for number in range(rounds):
            for name in list(kinds)[:: 1 if number % 2 == 0 else -1]:
                times[name].append(cpu_of(kinds[name]))

    base, profile = times["bare argon2 verify"], RFC_9106_LOW_MEMORY
    print(f"processor time of one call, {rounds} rounds, Argon2id with {profile.memory_kib} KiB, t={profile.passes}, p={profile.lanes}")
    print(f"{'':22}{'median':>10}{'least':>10}{'ratio':>9}{'quartiles of the ratio':>26}")
    for name, spent in times.items():
        ratios = [mine / its for mine, its in zip(spent, base, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{name:22}{statistics.median(spent) * 1e3:8.2f}ms{min(spent) * 1e3:8.2f}ms{middle:9.4f}{low:16.4f} {high:9.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    measure(parser.parse_args().rounds)
