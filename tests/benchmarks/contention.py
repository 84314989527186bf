"""What a crowd on one record costs: ``python tests/benchmarks/contention.py``. SQLite, 4 processes, everybody at once.

Two crowds: 64 people with 64 sign-ins behind one network key, each with the right password; and 200 guesses at the codes of one person, on 40 tickets.
Who is told `Busy` tries again after a tenth of a second or two, as a page does, until the tenth time; nobody may need that many. Commits per
success count every attempt of the transactions, won or lost. Hashing is at the least it can cost, so that all meet at the records.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1]))

from credkit.context import Context
from credkit.errors import Busy, Reason, Refused
from credkit.policy import Limits, Policy
from credkit.ports import Committed, Record, RecordStore, Write
from credkit.stores.sqlite import SqliteStores
from processes.crew import Crew, Outcome, at_once, share_out
from processes.kits import ADA, CONTEXT, OLD, Office, kit_on, roomy

warnings.filterwarnings("ignore", message="cheap_hasher")

PROCESSES, PEOPLE, TICKETS, EACH, MOST = 4, 64, 40, 5, 10
NETWORK = Context(network_key="198.51.100.7")


class CountingRecords:
    """Counts the commits that were tried."""

    def __init__(self, store: RecordStore) -> None:
        self.store, self._lock, self.commits = store, threading.Lock(), 0

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        return self.store.load(keys)

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        with self._lock:
            self.commits += 1
        return self.store.commit(checks, writes)

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        return self.store.due(kind, now, limit)

    def purge(self, now: datetime, limit: int) -> int:
        return self.store.purge(now, limit)


@dataclass(frozen=True)
class Share:
    """What one process saw."""

    outcomes: list[Outcome]
    """Of each caller, in the end: `value` is how often it called."""
    commits: int


def patiently(call: Callable[[], object], seed: int) -> Callable[[], int]:
    """Return what calls until it is not told `Busy`, and returns how often it called."""
    waits = random.Random(seed)  # noqa: S311  # nobody guesses at it

    def calls() -> int:
        for number in range(1, MOST + 1):
            try:
                call()
            except Busy:
                time.sleep(waits.uniform(0.1, 0.2))
            except Refused as refused:
                if refused.reason not in {Reason.CODE_WRONG, Reason.CODE_EXHAUSTED}:
                    raise
                return number  # a guess that was compared
            else:
                return number
        raise Busy

    return calls


def crowd(path: Path, policy: Policy, kind: str, what: Sequence[str]) -> Callable[[], Share]:
    """Prepare one process's part of a crowd."""
    stores = SqliteStores(path)
    records = CountingRecords(stores.records)
    kit = kit_on(SimpleNamespace(records=records, credentials=stores.credentials), policy=policy)  # type: ignore[arg-type]  # both stores in one
    act: Callable[[str], object] = {
        "sign-in": lambda name: kit.sign_in.with_password(name, OLD, context=NETWORK),
        "guess": lambda ticket: kit.reset.verify(ticket, "zzzz", context=CONTEXT),
    }[kind]

    def go() -> Share:
        outcomes = at_once([patiently(lambda one=one: act(one), number) for number, one in enumerate(what)])
        return Share(outcomes, records.commits)

    return go


def people(office: Office) -> list[str]:
    """Sign everybody up."""
    names = [f"person.{number}@example.com" for number in range(PEOPLE)]
    for name in names:
        office.sign_up(name)
    return names


def tickets(office: Office) -> list[str]:
    """Sign one person up, and begin many resets; return each ticket as often as it may be guessed at."""
    office.sign_up(ADA)
    return [ticket for ticket in [office.reset(ADA)[0] for _ in range(TICKETS)] for _ in range(EACH)]


def network_policy() -> Policy:
    """Return a policy with the real limit of a network key."""
    policy = roomy()
    return replace(policy, limits=replace(policy.limits, network_passwords=Limits().network_passwords))


CROWDS: dict[str, tuple[str, Policy, Callable[[Office], list[str]]]] = {
    "sign-ins, one network": ("sign-in", network_policy(), people),
    "guesses, one person": ("guess", roomy(), tickets),
}


def measure(rounds: int) -> None:
    """Measure, and print."""
    crew = Crew(PROCESSES)
    print(f"SQLite, {PROCESSES} processes, {rounds} rounds; calls are those of all callers, Busy is the share of them that was told so")
    print(f"{'':24}{'callers':>8}{'calls':>8}{'Busy':>8}{'commits per success':>21}{'most calls of one':>19}{'starved':>9}{'seconds':>9}")
    for name, (kind, policy, prepare) in CROWDS.items():
        shares: list[Share] = []
        spent = 0.0
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                office = Office.open(Path(folder) / "crowd.sqlite", policy)
                parts = share_out(prepare(office), PROCESSES)
                start = time.perf_counter()
                shares += crew.run(crowd, *([office.path, policy, kind, part] for part in parts))
                spent += time.perf_counter() - start
        every = [outcome for share in shares for outcome in share.outcomes]
        trouble = next((outcome.trouble for outcome in every if outcome.trouble is not None), None)
        if trouble is not None:
            raise SystemExit(trouble)
        through = [outcome.value for outcome in every if outcome.reason is None]
        starved = len(every) - len(through)
        calls, busy = sum(through) + starved * MOST, sum(through) - len(through) + starved * MOST
        per_success = sum(share.commits for share in shares) / len(through)
        print(f"{name:24}{len(every):8}{calls:8}{busy / calls:8.3f}{per_success:21.2f}{max(through):19}{starved:9}{spent / rounds:9.2f}", flush=True)
    crew.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    measure(parser.parse_args().rounds)
