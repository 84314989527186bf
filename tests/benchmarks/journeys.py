"""What each step costs without hashing and without a database: ``python tests/benchmarks/journeys.py``.

In microseconds of processor time, and as a multiple of one HMAC-SHA256, which measures the machine. On memory stores, with hashing that costs nothing,
so that what is left is credkit's own work.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from credkit.context import Context
from credkit.keys import KeyRing
from credkit.kit import Credkit
from credkit.passwords import PasswordHasher, Verification
from credkit.ports import SystemEntropy
from credkit.secret import Secret
from credkit.site import Site
from credkit.stores.memory import MemoryStores
from credkit.testing import Inbox

OLD, NEW, WRONG = "nine grey herons wade", "four loud kettles sing", "six brown otters swim"
CONTEXT = Context.none()


class InstantHasher(PasswordHasher):
    """Protects nothing."""

    def hash(self, password: Secret) -> str:
        return hashlib.sha256(password.reveal().encode()).hexdigest()

    def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        return Verification(matches=hmac.compare_digest(stored or "", self.hash(password)))


@dataclass
class Stopwatch:
    spent: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, call: Callable[[], Any], *, refused: bool = False) -> Any:
        """Return what *call* returns, and keep how long it took."""
        start = time.process_time_ns()
        try:
            return call()
        except Exception:
            if not refused:
                raise
            return None
        finally:
            self.spent.setdefault(name, []).append((time.process_time_ns() - start) / 1e3)


def one_life(kit: Credkit, inbox: Inbox, number: int, watch: Stopwatch) -> None:
    """Lead one person through everything."""
    who = f"person.{number}@example.com"
    ticket = watch.time("sign_up.begin", lambda: kit.sign_up.begin(who, context=CONTEXT))
    watch.time("courier, one code", kit.courier.run_due)
    watch.time("sign_up.look", lambda: kit.sign_up.look(ticket, context=CONTEXT))
    watch.time("sign_up.verify, wrong", lambda: kit.sign_up.verify(ticket, "00000000", context=CONTEXT), refused=True)
    grant = watch.time("sign_up.verify, right", lambda: kit.sign_up.verify(ticket, inbox.last_code(who), context=CONTEXT))
    watch.time("sign_up.complete", lambda: kit.sign_up.complete(grant, OLD, context=CONTEXT))
    signed_in = watch.time("with_password, right", lambda: kit.sign_in.with_password(who, OLD, context=CONTEXT))
    watch.time("with_password, wrong", lambda: kit.sign_in.with_password(who, WRONG, context=CONTEXT), refused=True)
    watch.time("holds", lambda: kit.sign_in.holds(signed_in.session))
    ticket = watch.time("reset.begin", lambda: kit.reset.begin(who, context=CONTEXT))
    kit.courier.run_due()
    grant = watch.time("reset.verify, right", lambda: kit.reset.verify(ticket, inbox.last_code(who), context=CONTEXT))
    watch.time("reset.complete", lambda: kit.reset.complete(grant, NEW, context=CONTEXT))
    watch.time("courier, one notice", kit.courier.run_due)
    inbox.messages.clear()


def hmac_time(rounds: int) -> float:
    """Return the microseconds of one HMAC-SHA256 over 64 bytes."""
    key, data = bytes(32), bytes(64)
    spent: list[float] = []
    for _ in range(rounds):
        start = time.process_time_ns()
        for _ in range(100):
            hmac.digest(key, data, "sha256")
        spent.append((time.process_time_ns() - start) / 1e5)
    return statistics.median(spent)


def measure(rounds: int) -> None:
    """Measure, and print."""
    stores, inbox, watch = MemoryStores(), Inbox(), Stopwatch()
    kit = Credkit(
        site=Site(name="Example", url="https://example.com", support="help@example.com"),
        keys=KeyRing({"bench": SystemEntropy().token(32)}),
        credentials=stores.credentials,
        records=stores.records,
        notifier=inbox,
        hasher=InstantHasher(),
        deliver="manual",
    )
    one_life(kit, inbox, 0, Stopwatch())  # what is imported and derived on first use is no part of a step
    for number in range(1, rounds + 1):
        one_life(kit, inbox, number, watch)

    unit = hmac_time(rounds)
    print(f"processor time of one step, {rounds} rounds; one HMAC-SHA256 takes {unit:.2f} µs")
    print(f"{'':24}{'median':>10}{'least':>10}{'HMACs':>9}")
    for name, spent in watch.spent.items():
        print(f"{name:24}{statistics.median(spent):8.0f}µs{min(spent):8.0f}µs{statistics.median(spent) / unit:9.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300)
    measure(parser.parse_args().rounds)
