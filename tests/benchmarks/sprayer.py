"""Guess once at each of many sign-ins, and at as many that nobody has, from as many networks as need be (TE-02, OT-12).

Run it with ``python tests/benchmarks/sprayer.py``; ``--accounts`` makes it smaller.

Counts of one sign-in are of no use against this. What is looked at is how often a guess is right, how soon the site notices, how many messages it
takes, and what is left in the record store a day later.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from credkit import Context, Credential, Policy, Refused
from credkit.budgets import Limit
from credkit.chances import Spray, spray_probability
from credkit.credential import Registered, Standing
from credkit.flows import challenges
from credkit.identifiers import Identifier
from credkit.otp import ALPHABET, LETTERS, Challenge, Decision, OtpPolicy, Rung
from credkit.policy import Limits
from credkit.ports import Committed, Record, Write
from credkit.stores.memory import MemoryRecords
from credkit.testing import SeededEntropy, kit_for_tests
from credkit.testing.fakes import START

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MEMBERS = "@members.example.com"


class Crowd:
    """A credential store in which everybody of one domain has a sign-in, and nobody else."""

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return self._of(identifier) if identifier.canonical.endswith(MEMBERS) else None

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        raise NotImplementedError

    def add(self, new: Any, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        raise NotImplementedError

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        raise NotImplementedError

    def _of(self, identifier: Identifier) -> Credential:
        return Credential(
            id=identifier.canonical,
            identifiers=(Registered(identifier=identifier, standing=Standing.VERIFIED, verified_at=START),),
            password_hash=None,
            preferred=identifier,
            accounts=(identifier.canonical,),
            session_epoch=0,
            generation="1",
            marks=(),
            version="1",
        )


class Indexed(MemoryRecords):
    """Records in memory with an index of what is due, as there are a million of them."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[str, Record] = {}

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        committed = super().commit(checks, writes)
        for write in writes if committed.done else ():
            self._waiting.pop(write.key, None)
            if write.record is not None and write.record.due_at is not None:
                self._waiting[write.key] = write.record
        return committed

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        ready = [record for record in self._waiting.values() if record.kind == kind and record.due_at is not None and record.due_at <= now]
        return sorted(ready, key=lambda record: (record.due_at, record.key))[:limit]


@dataclass(kw_only=True)
class Sprayed:
    """What became of it."""

    accounts: int
    expected: Spray
    """What the calculator says of as many guesses at codes of the usual length."""
    compared: Counter[int] = field(default_factory=Counter[int])
    """Comparisons that could have succeeded, by how many codes there are of that length."""
    hits: int = 0
    messages: int = 0
    longer_after: int | None = None
    """Wrong codes of the whole site when the first longer code was sent."""
    longer_at: timedelta | None = None
    """When that was."""
    most_records: int = 0
    left: Counter[str] = field(default_factory=Counter[str])
    """Records by kind after 26 hours and a purge."""

    @property
    def hits_on_average(self) -> float:
        """How many of the comparisons would be right on average."""
        return sum(count / space for space, count in self.compared.items())

    def __str__(self) -> str:
        lengths = {10**digits: f"{digits} digits" for digits in range(4, 13)} | {len(ALPHABET) ** LETTERS: f"{LETTERS} letters"}
        compared = ", ".join(f"{count:,} at {lengths[space]}" for space, count in sorted(self.compared.items()))
        noticed = "never" if self.longer_at is None else f"after {self.longer_after:,} wrong codes, {self.longer_at.total_seconds() / 60:.0f} minutes"
        left = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.left.items())) or "none"
        return "\n".join(
            [
                f"{self.accounts:,} sign-ins and as many that nobody has, one guess each: {self.hits} hits; compared {compared}",
                f"  on average {self.hits_on_average:.2e} hits; {self.expected.hits:.2e} without longer codes; longer codes {noticed}",
                f"  {self.messages:,} messages; {self.most_records:,} records at the most; left after 26 hours: {left}",
            ]
        )


def spray(accounts: int, *, policy: Policy | None = None, within: timedelta = DAY) -> Sprayed:
    """Guess once at each of *accounts* sign-ins and at as many unknown ones, evenly *within* that time; then wait 26 hours, and purge."""
    records = Indexed()
    world = kit_for_tests(records=records, credentials=Crowd(), policy=policy)
    kit, guesses = world.kit, SeededEntropy("guesses")
    found = Sprayed(accounts=accounts, expected=spray_probability(kit.policy, accounts=accounts, longer=False))
    usual, wrong = 10**kit.policy.otp.digits, 0
    with watched(found.compared):
        for number in range(accounts):
            for domain in (MEMBERS, "@strangers.example.com"):
                context = Context(network_key=f"network {number // 5}")
                ticket = kit.reset.begin(f"person.{number}{domain}", context=context)
                guess = f"{guesses.below(usual):0{kit.policy.otp.digits}}"
                try:
                    kit.reset.verify(ticket, guess, context=context)
                    found.hits += 1
                except Refused:
                    wrong += 1
            if found.longer_at is None and any(space > usual for space in found.compared):
                found.longer_after, found.longer_at = wrong, world.clock.now() - START
            found.messages += len(world.inbox.messages)
            world.inbox.messages.clear()
            world.clock.advance(within / accounts)
            if number % 1000 == 0:
                found.most_records = max(found.most_records, len(records.dump()))
                kit.purge(limit=1_000_000)
    found.most_records = max(found.most_records, len(records.dump()))
    world.clock.advance(hours=26)
    while kit.purge(limit=1_000_000):
        pass
    found.left.update(record.kind.partition("/")[2] for record in records.dump())
    return found


@contextmanager
def watched(compared: Counter[int]) -> Generator[None]:
    """Count comparisons meanwhile that could have succeeded. One caller at a time, so that no decision is made twice."""
    judge = challenges.judge

    def judge_and_count(challenge: Challenge, *guess: Any, allowed: bool, **rest: Any) -> Decision:
        if allowed and challenge.binding is not None:
            compared[challenge.issue.space] += 1
        return judge(challenge, *guess, allowed=allowed, **rest)

    challenges.judge = judge_and_count
    try:
        yield
    finally:
        challenges.judge = judge


def short_codes() -> Policy:
    """Return a policy with codes so short that guesses are right now and then, which never become longer."""
    ladder = (Rung(digits=4, failures=100),)
    limits = Limits(site_failures=Limit(name="site-failures", count=10**9, per=HOUR))
    return Policy(otp=OtpPolicy(digits=4, ladder=ladder, weaker_than_the_floor=True), limits=limits)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    accounts = parser.parse_args().accounts
    for name, policy in (("as shipped", None), ("4 digits, never longer", short_codes())):
        started = time.monotonic()
        print(f"{name}: {spray(accounts, policy=policy)}")
        print(f"  in {time.monotonic() - started:.0f} s")
