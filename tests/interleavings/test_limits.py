"""No order of three calls exceeds a limit by one: each limit with one use left, and three calls that want it at once.

The limits are those of `Limits`, found and not listed: a new one without calls that want it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import pytest

from credkit.budgets import Limit, Tally
from credkit.context import Context
from credkit.errors import Reason, Refused
from credkit.flows.account_settings import AsyncAccountSettings
from credkit.flows.courier import AsyncCourier
from credkit.flows.metering import charge_all, load_meters
from credkit.flows.password_reset import AsyncPasswordReset
from credkit.flows.reminder import AsyncReminder
from credkit.flows.shell import Shell, Subject
from credkit.flows.sign_in import AsyncSignIn
from credkit.flows.transaction import Transaction
from credkit.identifiers import parse_identifier
from credkit.otp import OtpPolicy, Rung
from credkit.policy import Limits, Policy
from credkit.testing import Ports, Shared
from credkit.tickets import Grant, Purpose
from interleavings import test_account_settings, worlds
from interleavings.worlds import ADA, CONTEXT, NEW, OLD, Journey, Prepared, alone, explore_journeys

NETWORK = Context(network_key="198.51.100.7")
NOBODY, BOB = "nobody@example.com", "bob@example.com"
WRONG_CODE = "zzzzzzzz"

Allowed = Callable[[Shared, Sequence[Any]], int]
"""Returns how many uses were let through, by what was sent and what the calls came to."""


@dataclass(frozen=True)
class Case:
    """Whom a limit counts, and three calls that want its last use."""

    prepared: Prepared
    subject: Subject
    calls: Sequence[Journey]
    allowed: Allowed | None = None
    """`None` where nothing tells: the limit is silent, and only its record says it."""


def values(shared: Shared, results: Sequence[Any]) -> int:
    """Count the calls that were not refused."""
    return sum(not isinstance(result, Refused) for result in results)


def told(reason: Reason) -> Allowed:
    """Count the calls that were told that what they tried is wrong, and not that they tried too often."""
    return lambda _, results: sum(isinstance(result, Refused) and result.reason is reason for result in results)


def sent(shared: Shared, results: Sequence[Any]) -> int:
    """Count the messages that were sent."""
    return len(shared.sent)


# The calls ----------------------------------------------------------------------------------------------------------------


def begin(identifier: str, context: Context = CONTEXT) -> Journey:
    return lambda shell: AsyncPasswordReset(shell).begin(identifier, context=context)


def sign_in(identifier: str, context: Context = CONTEXT) -> Journey:
    return lambda shell: AsyncSignIn(shell).with_password(identifier, NEW, context=context)


def guess(ticket: str) -> Journey:
    return lambda shell: AsyncPasswordReset(shell).verify(ticket, WRONG_CODE, context=CONTEXT)


def deliver_two() -> Journey:
    return lambda shell: AsyncCourier(shell).run_due(limit=2)


def of_ada(what: str) -> Subject:
    return Subject.identifier(parse_identifier(ADA), what=what)


def of_her_credential(prepared: Prepared) -> Subject:
    return Subject.credential(prepared.credential.id)


def remind(identifier: str) -> Journey:
    return lambda shell: AsyncReminder(shell).send(identifier, context=CONTEXT)


def sends(subject: Callable[[Prepared], Subject], begin: Callable[[str], Journey] = begin) -> Case:
    """Return three couriers, and two messages that they could send to Ada."""
    prepared = worlds.signed_up()
    shared = Shared(prepared.stores, prepared.at)
    for number in range(2):
        shared.now += prepared.policy.otp.resend_pauses[0]
        alone(shared, begin(ADA), f"ticket {number}")
    return Case(replace(prepared, at=shared.now), subject(prepared), [deliver_two()] * 3, sent)


def kept_sends() -> Case:
    """Return three couriers, and two messages that were asked for on a known device when no others were left."""
    prepared = worlds.signed_up(worlds.few_failures(sends_hour=1))
    shared = Shared(prepared.stores, prepared.at)
    mark = alone(shared, lambda shell: AsyncSignIn(shell).with_password(ADA, OLD, context=CONTEXT), "known", prepared.policy).device_mark
    for number in range(2):
        shared.now += prepared.policy.otp.resend_pauses[0]
        alone(shared, begin(ADA, Context(device_mark=mark.text)), f"ticket {number}", prepared.policy)
    return Case(replace(prepared, at=shared.now), of_her_credential(prepared), [deliver_two()] * 3, sent)


def wrong_passwords() -> Case:
    prepared = worlds.signed_up()
    return Case(prepared, of_her_credential(prepared), [sign_in(ADA)] * 3)


def requests() -> Case:
    prepared = worlds.signed_up()
    request: Journey = lambda shell: AsyncAccountSettings(shell).request(prepared.session, context=CONTEXT)  # noqa: E731
    return Case(prepared, of_her_credential(prepared), [request] * 3, values)


def disowned() -> Case:
    """Return three answers of "it was not me" to one request; of the next request nobody is asked any more."""
    asked = test_account_settings.asked()
    not_me: Journey = lambda shell: AsyncAccountSettings(shell).not_me(asked.link, ADA, context=CONTEXT)  # noqa: E731
    return Case(asked.prepared, Subject.session(None, asked.prepared.credential.id), [not_me] * 3)


CASES: dict[str, Callable[[], Case]] = {
    "begins": lambda: Case(worlds.signed_up(), of_ada(f"begin:{Purpose.PASSWORD_RESET}"), [begin(ADA)] * 3, values),
    "network_begins": lambda: Case(
        worlds.signed_up(), Subject.network(NETWORK.network_key or ""), [begin(name, NETWORK) for name in (ADA, BOB, NOBODY)], values
    ),
    "sends_hour": lambda: sends(lambda _: of_ada("destination")),
    "sends_day": lambda: sends(lambda _: of_ada("destination")),
    "account_sends": lambda: sends(of_her_credential),
    "device_sends": kept_sends,
    "password_guesses": lambda: Case(worlds.signed_up(), of_ada("identifier"), [sign_in(ADA)] * 3, told(Reason.SIGN_IN_FAILED)),
    "password_failures": wrong_passwords,
    "network_passwords": lambda: Case(
        worlds.signed_up(),
        Subject.network(NETWORK.network_key or ""),
        [sign_in(name, NETWORK) for name in (ADA, BOB, NOBODY)],
        told(Reason.SIGN_IN_FAILED),
    ),
    "approvals": requests,
    "strangers": disowned,
}


# What is checked ----------------------------------------------------------------------------------------------------------


def use_up(case: Case, limit: Limit, uses: int) -> None:
    """Have so many uses of *limit*, by the way in which they are counted."""

    async def charge(shell: Shell) -> None:
        async def once(transaction: Transaction) -> None:
            charge_all(transaction, await load_meters(shell, transaction, [(limit, case.subject)]), shell.clock.now(), Reason.TOO_MANY_TRIES)

        before = used(Shared(case.prepared.stores, case.prepared.at), limit, case.subject)
        for _ in range(uses - before):
            await shell.transact(once)

    alone(Shared(case.prepared.stores, case.prepared.at), charge, f"use up {limit.name}")


def used(shared: Shared, limit: Limit, subject: Subject) -> int:
    """Return how many uses of *limit* are counted, over all records that it has for one."""
    shell = worlds.shell_on(Ports(shared.now), "names")
    parts = limit.stripes if subject.shared else (limit,)
    found = shared.stores.records.load([key for part in parts for key in shell.budget_keys(part.name, subject)])
    return sum(uses for record in found.values() for _, uses in Tally.from_payload(record.payload).buckets)


ALARMS = {"site_failures"}
"""Counted late and no limit (OT-12)."""


def test_every_limit_has_its_calls() -> None:
    assert set(CASES) | ALARMS == {field.name for field in fields(Limits)}


@pytest.mark.parametrize("name", CASES)
def test_no_order_of_three_calls_exceeds_the_limit_by_one(name: str) -> None:
    made, limit = CASES[name](), getattr(Limits(), name)
    case = replace(made, prepared=replace(made.prepared, stores=made.prepared.shared().stores))
    use_up(case, limit, limit.count - 1)
    counts: set[int] = set()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        counts.add(used(shared, limit, case.subject))
        assert used(shared, limit, case.subject) <= limit.count, "more uses are counted than the limit allows"
        if case.allowed is not None:
            assert case.allowed(shared, results) <= 1, "more calls were let through than the limit allows"

    explore_journeys(case.prepared, case.calls, check, faults=0)
    assert max(counts) == limit.count, "the last use was never taken, so nothing was shown"


def test_in_no_order_do_reminders_take_what_is_left_for_the_way_back() -> None:
    """F12: half of the sends are for messages that lead back in."""
    made, limit = sends(lambda _: of_ada("destination"), begin=remind), Limits().sends_hour
    case, half = replace(made, prepared=replace(made.prepared, stores=made.prepared.shared().stores)), (limit.count + 1) // 2
    use_up(case, limit, half - 1)
    counts: set[int] = set()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        counts.add(used(shared, limit, case.subject))
        assert len(shared.sent) <= 1, "more reminders were sent than half of the limit"

    explore_journeys(case.prepared, case.calls, check, faults=0)
    assert max(counts) == half


# The ladder ---------------------------------------------------------------------------------------------------------------

LADDER = (Rung(digits=8, failures=6), Rung(digits=9, failures=12), Rung(digits=10, failures=18))


def climbing() -> Policy:
    """Return a policy with that ladder; made anew for each test, so that a fault put into `OtpPolicy` is in it."""
    return Policy(otp=OtpPolicy(ladder=LADDER))


@dataclass(frozen=True)
class Codes:
    """Four resets of one person, with the codes that were sent."""

    prepared: Prepared
    tickets: tuple[str, ...]
    codes: tuple[str, ...]


def fail(prepared: Prepared, count: int) -> None:
    """Let Ada's credential have had so many wrong codes."""
    shared, failures = Shared(prepared.stores, prepared.at), climbing().otp.failures

    async def charge(shell: Shell) -> None:
        async def once(transaction: Transaction) -> None:
            (meter,) = await load_meters(shell, transaction, [(failures, of_her_credential(prepared))])
            meter.charge(transaction, shell.clock.now())

        for _ in range(count - used(shared, failures, of_her_credential(prepared))):
            await shell.transact(once)

    alone(shared, charge, f"fail {count}")


@cache
def codes_of_length(digits: int) -> Codes:
    """Return resets whose codes are so long, as there were so many failures before."""
    policy = climbing()
    prepared = worlds.signed_up(policy)
    fail(prepared, next((rung.failures for rung in LADDER if rung.digits == digits - 1), 0))
    shared = Shared(prepared.stores, prepared.at)
    tickets, codes = [], []
    for number in range(4):
        shared.now += policy.otp.resend_pauses[0]
        tickets.append(alone(shared, begin(ADA), f"ticket {number}", policy).text)
        codes.append(worlds.delivered_code(shared, policy))
    assert {len(code) for code in codes} == {digits}
    return Codes(replace(prepared, at=shared.now), tuple(tickets), tuple(codes))


def first_wrong_then_right(codes: Codes) -> Journey:
    """Guess wrong on one ticket and, when that has been told, type the right code of another."""

    async def both(shell: Shell) -> Any:
        with suppress(Refused):
            await guess(codes.tickets[0])(shell)
        return await AsyncPasswordReset(shell).verify(codes.tickets[1], codes.codes[1], context=CONTEXT)

    return both


@pytest.mark.parametrize("rung", LADDER, ids=str)
@pytest.mark.parametrize("left", [1, 2])
def test_in_no_order_is_a_code_compared_once_its_length_has_been_guessed_at_enough(rung: Rung, left: int) -> None:
    """F11: by its own length, although the next rung has room."""
    made = codes_of_length(rung.digits)
    codes = replace(made, prepared=replace(made.prepared, stores=made.prepared.shared().stores, policy=climbing()))
    fail(codes.prepared, rung.failures - left)
    ends: set[bool] = set()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        ends.add(isinstance(results[0], Grant))
        assert left > 1 or not isinstance(results[0], Grant), "a code was compared although its length had been guessed at enough"

    calls = [first_wrong_then_right(codes), guess(codes.tickets[2]), guess(codes.tickets[3])]
    explore_journeys(codes.prepared, calls, check, faults=0)
    assert ends == ({False} if left == 1 else {False, True})
