"""Attack one sign-in for a year at full allowed speed, and see whether its owner gets in on every day (TE-01, OT-09, OT-11, OT-13).

Run it with ``python tests/benchmarks/attacker.py``; ``--days`` shortens it.

A stranger who knows all three identifiers of a sign-in, and comes from as many networks as need be, begins every journey that sends
something to guess at, as often as is allowed, keeps the tickets until shortly before their codes end, and then guesses; asks for codes again; and
guesses passwords meanwhile. Another only makes noise: begins what sends the owner messages that are of no use for a reset, until no more are sent.

The owner signs in with the device of the day before, and resets the password through whatever is in the mailbox: on a device that nobody knows or,
where that leads nowhere, on the known one. What is counted is the comparisons that could have succeeded: those that were allowed, at a challenge
that was the owner's.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from credkit import Context, Credential, Policy, Refused
from credkit.credential import Registered, Standing
from credkit.errors import Reason
from credkit.flows import challenges
from credkit.identifiers import parse_identifier
from credkit.messages import Message, MessageKind
from credkit.otp import ALPHABET, LETTERS, Challenge, Decision
from credkit.testing import SeededEntropy, TestWorld, kit_for_tests
from credkit.testing.kits import sms_for_tests
from credkit.tickets import Grant, Ticket

IDENTIFIERS = ("ada@example.com", "ada@example.org", "+14155552671")
PASSWORDS = ("nine grey herons wade", "four loud kettles sing")
WRONG_PASSWORD, WRONG_CODE = "six brown otters swim", "ZZZZ"
"""Four letters are a comparison like any other, and never right."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PATIENCE = timedelta(seconds=61)
"""A message that follows another closely is put off by a minute, and a code can be asked for again after one."""


@dataclass
class Comparisons:
    """Comparisons at the challenges of one credential that could have succeeded, by how many codes there are of that length."""

    credential_id: str
    by_space: Counter[int] = field(default_factory=Counter[int])
    refused: int = 0
    """Those that the ladder let no guess succeed at."""
    last_counted: bool = False
    """Whether the newest guess was at a challenge of that credential."""

    @property
    def chance(self) -> float:
        """The chance that one of them would have been right, had they been guesses."""
        return sum(count / space for space, count in self.by_space.items())

    def see(self, challenge: Challenge, decision: Decision, *, allowed: bool) -> None:
        """Count one decision."""
        binding = challenge.binding
        self.last_counted = decision.compared and binding is not None and binding.credential_id == self.credential_id
        if self.last_counted and allowed:
            self.by_space[challenge.issue.space] += 1
        elif self.last_counted:
            self.refused += 1


@contextmanager
def watched(credential_id: str) -> Generator[Comparisons]:
    """Count comparisons meanwhile. One caller at a time, so that no decision is made twice."""
    seen, judge = Comparisons(credential_id), challenges.judge

    def judge_and_tell(challenge: Challenge, *guess: Any, allowed: bool, **rest: Any) -> Decision:
        decision = judge(challenge, *guess, allowed=allowed, **rest)
        seen.see(challenge, decision, allowed=allowed)
        return decision

    challenges.judge = judge_and_tell
    try:
        yield seen
    finally:
        challenges.judge = judge


@dataclass
class Attacker:
    """Somebody with all the time and networks there are, who takes whatever a limit leaves."""

    world: TestWorld
    seen: Comparisons
    networks: Iterator[int] = field(default_factory=itertools.count)
    noise: bool = False
    """Whether only such journeys are begun as send nothing to guess at."""
    tickets: list[tuple[Any, Ticket]] = field(default_factory=list[tuple[Any, Ticket]])
    passwords: int = 0
    """Wrong passwords that were compared, or looked as if."""

    @property
    def journeys(self) -> list[Any]:
        """The journeys to begin: those that send something to guess at, or those that send something else as well."""
        kit = self.world.kit
        by_code = [kit.sign_in] if kit.policy.sign_in_by_code else []
        return [kit.sign_up, *by_code] if self.noise else [kit.reset, *by_code]

    def open_all(self) -> None:
        """Begin every journey with every identifier, as often as is allowed, and as often as one destination is sent to in an hour."""
        for journey, identifier in itertools.product(self.journeys, IDENTIFIERS):
            with suppress(Refused):
                for _ in range(self.world.kit.policy.limits.sends_hour.count):
                    if self.noise:
                        self.world.kit.reminder.send(identifier, context=self._from_anywhere())
                    self.tickets.append((journey, journey.begin(identifier, context=self._from_anywhere())))

    def ask_again(self) -> None:
        """Ask for the code of every third ticket once more; its guesses stay counted, and a message that goes to it is one fewer for another."""
        for journey, ticket in self.tickets[::3]:
            with suppress(Refused):
                journey.resend(ticket, context=self._from_anywhere())

    def guess_all(self) -> None:
        """Guess at every ticket that is out, until it says that it is over; at one that is nobody's, once."""
        for journey, ticket in self.tickets:
            self.seen.last_counted = True
            while self.seen.last_counted:
                self.seen.last_counted = False
                with suppress(Refused):
                    journey.verify(ticket, WRONG_CODE, context=self._from_anywhere())
        self.tickets.clear()

    def guess_passwords(self, most: int = 20) -> None:
        """Guess passwords until every identifier says to wait."""
        for identifier in IDENTIFIERS:
            for _ in range(most):
                try:
                    self.world.kit.sign_in.with_password(identifier, WRONG_PASSWORD, context=self._from_anywhere())
                except Refused as refused:
                    if refused.retry_after is not None:
                        break
                    self.passwords += 1

    def _from_anywhere(self) -> Context:
        return Context(network_key=f"network {next(self.networks)}")


@dataclass
class Owner:
    """Whose sign-in it is: reads every mailbox, and takes what is newest."""

    world: TestWorld
    password: str = PASSWORDS[0]
    device_mark: str | None = None
    ways: Counter[str] = field(default_factory=Counter[str])
    """What the resets were proved with."""

    def sign_in(self) -> None:
        """Sign in on the device of last time.

        Raises:
            Refused: The owner is shut out.
        """
        signed_in = self.world.kit.sign_in.with_password(IDENTIFIERS[0], self.password, context=self._at_home)
        self.device_mark = signed_in.device_mark.text

    def reset(self) -> None:
        """Set a new password through whatever is in the mailbox, the newest first: on a device that nobody knows, or else on the known one.

        Raises:
            Refused: The owner is shut out.
        """
        for context in (self._elsewhere, self._at_home):
            if self._reset_with(context):
                return
        raise Refused(Reason.TOO_MANY_REQUESTS)

    def _reset_with(self, context: Context) -> bool:
        ticket, password = self._ticket(context), PASSWORDS[self.password == PASSWORDS[0]]
        for message in reversed(self._mail()):
            with suppress(Refused):
                way, grant = self._grant(message, ticket, context)
                changed = self.world.kit.reset.complete(grant, password, context=context)
                assert changed.device_mark is not None
                self.password, self.device_mark = password, changed.device_mark.text
                self.ways[way if context.device_mark is None else f"{way} on the known device"] += 1
                return True
        return False

    def _ticket(self, context: Context) -> Ticket | None:
        """Ask for a reset with one identifier after the other, until a code comes."""
        kit, ticket = self.world.kit, None
        for identifier in IDENTIFIERS:
            with suppress(Refused):
                ticket = kit.reset.begin(identifier, context=context)
                self.world.clock.advance(PATIENCE)
                kit.courier.run_due()
                if any(message.label == ticket.label and message.code is not None for message in self._mail()):
                    return ticket
        return ticket

    def _grant(self, message: Message, ticket: Ticket | None, context: Context) -> tuple[str, Grant]:
        """Return what *message* is good for, and what kind of proof that is.

        Raises:
            Refused: Nothing.
        """
        kit = self.world.kit
        if message.code is not None and ticket is not None and message.label == ticket.label:
            code = message.code.reveal()
            return f"{len(code)} {'letters' if len(code) == LETTERS else 'digits'}", kit.reset.verify(ticket, code, context=context)
        if message.kind not in {MessageKind.RESET_CODE, MessageKind.RESET_LINK} or message.link is None:
            raise Refused(Reason.TICKET_INVALID)
        return "link", kit.reset.redeem(message.link.reveal(), context=context)

    def _mail(self) -> list[Message]:
        """Return everything in the mailboxes, oldest first."""
        return sorted((message for identifier in IDENTIFIERS for message in self.world.inbox.to(identifier)), key=lambda message: message.at)

    @property
    def _at_home(self) -> Context:
        return Context(network_key="home", device_mark=self.device_mark)

    @property
    def _elsewhere(self) -> Context:
        return Context(network_key="a library")


@dataclass(kw_only=True)
class Attack:
    """What became of it."""

    days: int
    comparisons: Comparisons
    passwords: int
    messages: int
    ways: Counter[str]
    shut_out: list[str] = field(default_factory=list[str])
    """The days on which the owner could not sign in or reset, and which of the two."""

    def __str__(self) -> str:
        lengths = {10**digits: f"{digits} digits" for digits in range(4, 13)} | {len(ALPHABET) ** LETTERS: f"{LETTERS} letters"}
        counted = ", ".join(f"{count:,} at {lengths[space]}" for space, count in sorted(self.comparisons.by_space.items()))
        return "\n".join(
            [
                f"{self.days} days: comparisons that could have succeeded: {counted or 'none'}; others, {self.comparisons.refused:,}",
                f"  chance {self.comparisons.chance:.2e}; passwords tried {self.passwords:,}; messages sent {self.messages:,}",
                f"  resets of the owner: {', '.join(f'{times} by {way}' for way, times in sorted(self.ways.items())) or 'none'}",
                f"  shut out: {', '.join(self.shut_out) or 'never'}",
            ]
        )


def attack(days: int, *, daily: bool, noise: bool = False, policy: Policy | None = None) -> Attack:
    """Attack for so many *days*; the owner comes on each of them at any time, or on the last day only."""
    world, chance = kit_for_tests(policy=policy or wide_open()), SeededEntropy("visits")
    owner = Owner(world)
    credential = somebody(world)
    owner.sign_in()
    with watched(credential.id) as seen:
        attacker = Attacker(world, seen, noise=noise)
        found = Attack(days=days, comparisons=seen, passwords=0, messages=0, ways=owner.ways)
        for day in range(days):
            visits = {chance.below(24)} if daily or day == days - 1 else set[int]()
            for hour in range(24):
                end = world.clock.now() + HOUR
                attacker.open_all()
                world.clock.advance(PATIENCE)
                attacker.ask_again()
                world.clock.advance(PATIENCE)
                world.kit.courier.run_due()
                attacker.guess_passwords()
                if hour in visits:
                    visit(owner, f"day {day}", found, signs_in_first=daily)
                world.clock.advance(minutes=5)
                attacker.guess_all()
                world.clock.advance(end - world.clock.now())
                world.kit.purge(limit=10_000)
            found.messages += forget(world)
        found.passwords = attacker.passwords
    return found


def wide_open() -> Policy:
    """Return the policy as shipped, with everything on that a stranger can begin."""
    return Policy(sign_in_by_code=True, sms=sms_for_tests())


def somebody(world: TestWorld) -> Credential:
    """Return a credential with three identifiers, all proved."""
    credential = world.add(IDENTIFIERS[0], password=PASSWORDS[0])
    now = world.clock.now()
    proved = [Registered(identifier=parse_identifier(text), standing=Standing.VERIFIED, verified_at=now) for text in IDENTIFIERS]
    stored = world.credentials.replace(credential, replace(credential, identifiers=tuple(proved)))
    assert stored is not None
    return stored


def visit(owner: Owner, when: str, found: Attack, *, signs_in_first: bool) -> None:
    """Let the owner sign in on the device of last time, reset on one that is not known, and sign in there."""
    steps = [("sign-in", owner.sign_in), ("reset", owner.reset), ("sign-in afterwards", owner.sign_in)]
    for what, act in steps if signs_in_first else steps[1:]:
        try:
            act()
        except Refused as refused:
            found.shut_out.append(f"{when} ({what}: {refused.reason})")


def forget(world: TestWorld) -> int:
    """Empty the mailbox of what is older than a day, and return how many messages that were."""
    old = [message for message in world.inbox.messages if message.at < world.clock.now() - DAY]
    world.inbox.messages[:] = [message for message in world.inbox.messages if message.at >= world.clock.now() - DAY]
    return len(old)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    days = parser.parse_args().days
    for daily, noise in ((True, False), (False, False), (True, True)):
        started = time.monotonic()
        print(f"{'noise' if noise else 'guesses'}, the owner comes {'every day' if daily else 'on the last day'}: {attack(days, daily=daily, noise=noise)}")
        print(f"  in {time.monotonic() - started:.0f} s")
