"""Whether time tells who has an account: ``python tests/benchmarks/timing.py``. Goal (TE-05): an AUC of 0.45 to 0.55 in every row but the controls.

The AUC is how often the known one of a pair took longer, equal times counted half: 0.5 is a coin, 1 a certain answer. No threshold on time can tell better.
Pairs are interleaved, in an order drawn for each. Stores are in memory, Argon2id is at the least it can cost and the notifier sleeps up to 20 ms, so that
nothing slow hides a difference. Delivery is by the thread of the kit. Each identifier is asked about once for each row.

The *next* requests are what the same worker answers after a `begin`, while the courier has its message in hand (F18). One row takes the very next, one
the slowest of all until the delivery is over. There the spread is shortened to 20 ms, or an hour would not do.

The controls show that the measure sees something: a message that is sent inside the request.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from credkit.context import Context
from credkit.credential import Mark, NewCredential, Registered, Standing
from credkit.errors import Refused
from credkit.flows.courier import Delivered
from credkit.identifiers import EmailAddress
from credkit.keys import KeyRing
from credkit.kit import Credkit, Deliver
from credkit.messages import Message
from credkit.passwords import HashingProfile, PasswordHasher
from credkit.policy import Policy
from credkit.ports import SystemClock, SystemEntropy
from credkit.secret import Secret
from credkit.site import Site
from credkit.stores.memory import MemoryStores

PASSWORD, WRONG, WRONG_CODE = "nine grey herons wade", "four loud kettles sing", "zzzzzzzz"
CONTEXT = Context.none()
PAUSE = timedelta(seconds=61)
SPREAD = timedelta(milliseconds=20)
DELAY = 0.02

Timed: TypeAlias = Callable[[str], float]
"""Does one thing about an identifier, and returns how many seconds of it count."""


class SlowNotifier:
    """Takes as long as a provider that answers quickly."""

    def __init__(self, longest: float) -> None:
        self._longest, self._random = longest, random.Random(4)  # noqa: S311  # the same ones at every run

    def deliver(self, message: Message) -> None:  # nobody reads it
        time.sleep(self._random.uniform(0, self._longest))


class ShiftedClock:
    """The system's clock, or what it showed some time ago."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self.shift


class Town:
    """People with accounts and as many without, in stores of their own, and kits over them."""

    def __init__(self, pairs: int) -> None:
        self.stores, self.clock, self.keys = MemoryStores(), ShiftedClock(), KeyRing({"bench": SystemEntropy().token(32)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.hasher = PasswordHasher(HashingProfile(memory_kib=8, passes=1, lanes=1, insecure_for_tests=True))
        self.pairs = [(f"known.{number:06}@example.com", f"other.{number:06}@example.com") for number in range(pairs)]
        """(known, unknown), of equal length."""
        now, password_hash = self.clock.now(), self.hasher.hash(Secret(PASSWORD))
        for number, (known, _) in enumerate(self.pairs):
            entry = Registered(identifier=EmailAddress.parse(known), standing=Standing.VERIFIED, verified_at=now)
            marks = (Mark(change_id=f"sign-up {number}", at=now),)
            new = NewCredential(identifiers=(entry,), password_hash=password_hash, preferred=entry.identifier, generation="a generation", marks=marks)
            self.stores.credentials.add(new, None)

    def kit(self, deliver: Deliver, *, spread: timedelta | None = None, delay: float = DELAY) -> Credkit:
        policy = Policy()
        return Credkit(
            site=Site(name="Example", url="https://example.com", support="help@example.com"),
            keys=self.keys,
            credentials=self.stores.credentials,
            records=self.stores.records,
            notifier=SlowNotifier(delay),
            policy=policy if spread is None else replace(policy, courier=replace(policy.courier, spread=spread)),
            hasher=self.hasher,
            clock=self.clock,
            deliver=deliver,
        )

    def tickets(self) -> dict[str, str]:
        """Return a ticket for everybody, begun long enough ago that a code may be sent again, with the courier done."""
        kit = self.kit("manual", delay=0.0)
        self.clock.shift = -PAUSE
        tickets = {name: kit.reset.begin(name, context=CONTEXT).text for pair in self.pairs for name in pair}
        while kit.courier.run_due(limit=1000) != Delivered():
            pass
        self.clock.shift = timedelta(0)
        return tickets


def seconds_of(call: Callable[[], object]) -> float:
    """Return how long a call took, whether it is refused or not."""
    start = time.perf_counter()
    with suppress(Refused):
        call()
    return time.perf_counter() - start


# What is timed: each is given a town and returns what times one identifier there ---------------------------------------------


def begin(town: Town) -> Timed:
    kit = town.kit("thread")
    return lambda name: seconds_of(lambda: kit.reset.begin(name, context=CONTEXT))


def verify(town: Town) -> Timed:
    kit, tickets = town.kit("manual"), town.tickets()
    return lambda name: seconds_of(lambda: kit.reset.verify(tickets[name], WRONG_CODE, context=CONTEXT))


def resend(town: Town) -> Timed:
    tickets, kit = town.tickets(), town.kit("thread")
    return lambda name: seconds_of(lambda: kit.reset.resend(tickets[name], context=CONTEXT))


def sign_in(town: Town) -> Timed:
    kit = town.kit("manual")
    return lambda name: seconds_of(lambda: kit.sign_in.with_password(name, WRONG, context=CONTEXT))


def the_next(town: Town) -> Timed:
    kit = town.kit("thread")
    ticket = kit.reset.begin("somebody.else@example.com", context=CONTEXT)

    def time_the_next(name: str) -> float:
        kit.reset.begin(name, context=CONTEXT)
        return seconds_of(lambda: kit.reset.look(ticket, context=CONTEXT))

    return time_the_next


def the_slowest(town: Town) -> Timed:
    kit = town.kit("thread", spread=SPREAD)
    ticket = kit.reset.begin("somebody.else@example.com", context=CONTEXT)
    over = SPREAD.total_seconds() + DELAY + 0.005

    def time_the_slowest(name: str) -> float:
        kit.reset.begin(name, context=CONTEXT)
        slowest, end = 0.0, time.perf_counter() + over
        while time.perf_counter() < end:
            time.sleep(0.0005)  # a worker that waits for its next request
            slowest = max(slowest, seconds_of(lambda: kit.reset.look(ticket, context=CONTEXT)))
        return slowest

    return time_the_slowest


def sent_inside(town: Town) -> Timed:
    kit = town.kit(lambda run: run(), delay=0.0)
    return lambda name: seconds_of(lambda: kit.reset.begin(name, context=CONTEXT))


ROWS: dict[str, tuple[Callable[[Town], Timed], int]] = {
    "reset.begin": (begin, 1),
    "reset.verify, wrong": (verify, 1),
    "reset.resend": (resend, 1),
    "with_password, wrong": (sign_in, 1),
    "the next request": (the_next, 1),
    "slowest of the next": (the_slowest, 4),
    "control: sent inside": (sent_inside, 1),
}
"""What is timed, and how many times fewer pairs it gets, as it takes so much longer."""


def auc(known: Sequence[float], unknown: Sequence[float]) -> float:
    """Return how often one of *known* is longer than one of *unknown*."""
    ordered = sorted(unknown)
    below = sum(bisect_left(ordered, one) + bisect_right(ordered, one) for one in known)
    return below / (2 * len(known) * len(ordered))


def timed(town: Town, prepare: Callable[[Town], Timed]) -> tuple[list[float], list[float]]:
    """Return how long it took for everybody who has an account, and for everybody who has none."""
    known: list[float] = []
    unknown: list[float] = []
    time_one, order = prepare(town), random.Random(5)  # noqa: S311  # as above
    for pair in town.pairs:
        turns = [(pair[0], known), (pair[1], unknown)]
        order.shuffle(turns)
        for name, spent in turns:
            spent.append(time_one(name))
    return known, unknown


def measure(pairs: int) -> None:
    """Measure, and print."""
    print(f"time of a step for known against unknown, {pairs} interleaved pairs; 0.5 is a coin")
    print(f"{'':22}{'AUC':>8}{'medians':>18}{'ratio':>9}")
    for name, (prepare, fewer) in ROWS.items():
        known, unknown = timed(Town(max(pairs // fewer, 1)), prepare)
        one, other = statistics.median(known), statistics.median(unknown)
        print(f"{name:22}{auc(known, unknown):8.3f}{one * 1e6:9.0f}{other * 1e6:7.0f}µs{one / other:9.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2000)
    measure(parser.parse_args().pairs)
