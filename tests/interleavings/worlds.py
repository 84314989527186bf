"""Worlds for the explorer: prepared states, flows on shared state with chance of their own, and what must hold at the end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from credkit.context import Context, Session
from credkit.credential import Credential
from credkit.errors import CredkitError, Refused
from credkit.flows.challenges import CHALLENGE
from credkit.flows.courier import AsyncCourier
from credkit.flows.password_reset import AsyncPasswordReset
from credkit.flows.shell import Shell
from credkit.flows.sign_up import AsyncSignUp
from credkit.messages import Message, MessageKind
from credkit.otp import Challenge
from credkit.policy import Limits, Policy
from credkit.stores.memory import MemoryStores
from credkit.testing import CRASHED, Fault, InstantHashing, SeededEntropy, Shared, World
from credkit.testing.fakes import START
from credkit.testing.kits import keys_for_tests, site_for_tests

ADA = "ada@example.com"
OLD, NEW, OTHER = "nine grey herons wade", "four loud kettles sing", "six brown otters swim"
CONTEXT = Context.none()


async def nowhere(due_at: object) -> None:
    """Leave delivery to the courier flows of a world."""


def shell_on(shared: Shared, seed: str, policy: Policy | None = None) -> Shell:
    """Return what one flow stands on: shared state, and chance of its own that repeats."""
    return Shell(
        records=shared,
        credentials=shared,
        notifier=shared,
        hashing=InstantHashing(SeededEntropy(seed + "/hash"), []),
        dispatch=nowhere,
        pause=shared,
        clock=shared,
        entropy=SeededEntropy(seed),
        codes=keys_for_tests(),
        index=keys_for_tests(),
        site=site_for_tests(),
        policy=policy or Policy(),
        spread=timedelta(0),
        allow_test_domains=True,
    )


def run(flow: Coroutine[Any, Any, Any]) -> Any:
    """Run one flow on shared state alone, from start to end."""
    answer = None
    while True:
        try:
            flow.send(answer)
        except StopIteration as done:
            return done.value
        answer = Fault.NONE


def run_or_refusal(flow: Coroutine[Any, Any, Any]) -> Any:
    """Run one flow alone; return the refusal it raises, if it does."""
    try:
        return run(flow)
    except Refused as refused:
        return refused


@dataclass(frozen=True)
class Prepared:
    """A state that many worlds start from."""

    stores: MemoryStores
    policy: Policy
    credential: Credential
    ticket: str = ""
    code: str = ""
    grant: str = ""
    sent: tuple[Message, ...] = ()

    def shared(self) -> Shared:
        """Return a fresh copy of the state."""
        return Shared(self.stores.copy(SeededEntropy("store")), START)

    @property
    def session(self) -> Session:
        """A session of the credential."""
        return Session(credential_id=self.credential.id, session_epoch=self.credential.session_epoch)


def signed_up(policy: Policy | None = None, password: str = OLD) -> Prepared:
    """Somebody has a sign-in."""
    stores = MemoryStores(SeededEntropy("prepared"))
    shared = Shared(stores, START)
    shell = shell_on(shared, "sign-up", policy)
    flow = AsyncSignUp(shell)
    ticket = run(flow.begin(ADA, context=CONTEXT))
    run(AsyncCourier(shell).run_due())
    code = shared.sent[-1].code
    assert code is not None
    grant = run(flow.verify(ticket, code.reveal(), context=CONTEXT))
    credential = run(flow.complete(grant, password, context=CONTEXT))
    return Prepared(stores=stores, policy=shell.policy, credential=credential)


def reset_begun(policy: Policy | None = None, *, delivered: bool = True) -> Prepared:
    """They have asked for a reset; the code is delivered, or still waits for the courier."""
    prepared = signed_up(policy)
    shared = Shared(prepared.stores, START)
    shell = shell_on(shared, "begin", policy)
    ticket = run(AsyncPasswordReset(shell).begin(ADA, context=CONTEXT))
    if not delivered:
        return replace(prepared, ticket=ticket.text)
    run(AsyncCourier(shell).run_due())
    code = shared.sent[-1].code
    assert code is not None
    return replace(prepared, ticket=ticket.text, code=code.reveal())


def reset_verified(policy: Policy | None = None) -> Prepared:
    """They have typed the right code."""
    prepared = reset_begun(policy)
    shell = shell_on(Shared(prepared.stores, START), "verify", policy)
    grant = run(AsyncPasswordReset(shell).verify(prepared.ticket, prepared.code, context=CONTEXT))
    return replace(prepared, grant=grant.text)


def few_tries(comparisons: int) -> Policy:
    """Return a policy with so many comparisons for a ticket."""
    policy = Policy()
    return replace(policy, otp=replace(policy.otp, comparisons=comparisons))


def few_failures(**counts: int) -> Policy:
    """Return a policy with lower limits: ``few_failures(password_guesses=2)``."""
    limits = Limits()
    return Policy(limits=replace(limits, **{name: replace(getattr(limits, name), count=count) for name, count in counts.items()}))


def world(
    prepared: Prepared, flows: Callable[[Callable[[str], Shell]], Sequence[Coroutine[Any, Any, Any]]], check: Callable[[Shared, Sequence[Any]], None]
) -> Callable[[], World]:
    """Return a builder of worlds: *flows* is given a maker of shells, one for each flow."""

    def build() -> World:
        shared = prepared.shared()
        tasks = flows(lambda seed: shell_on(shared, seed, prepared.policy))
        return World(shared=shared, tasks=tasks, check=lambda results: check(shared, results))

    return build


def only_documented(results: Sequence[Any]) -> None:
    """Whatever happened, a flow ends in a value, a refusal, or credkit's own trouble."""
    for result in results:
        assert result is CRASHED or not isinstance(result, BaseException) or isinstance(result, Refused | CredkitError), repr(result)


def challenge_of(shared: Shared, ticket: str) -> Challenge:
    """Return the stored challenge of a ticket."""
    key = f"main/{CHALLENGE}/{ticket.split('.', maxsplit=1)[0]}"
    return Challenge.from_payload(shared.stores.records.load([key])[key].payload)


def deliver_everything(shared: Shared, policy: Policy) -> None:
    """Let couriers run until nothing is left to do, over every lease, wait and fence."""
    courier = AsyncCourier(shell_on(shared, "drain", policy))
    for span in (timedelta(0), timedelta(seconds=61), timedelta(hours=2), timedelta(hours=2)):
        run(shared.advance(span))
        run(courier.run_due())


def notices(shared: Shared) -> list[Message]:
    """Return the notices of changed passwords that were delivered."""
    return [message for message in shared.sent if message.kind in {MessageKind.PASSWORD_RESET, MessageKind.PASSWORD_CHANGED}]


def signs_in(shared: Shared, policy: Policy, password: str) -> bool:
    """Return whether *password* signs Ada in at the end."""
    from credkit.flows.sign_in import AsyncSignIn

    return not isinstance(run_or_refusal(AsyncSignIn(shell_on(shared, "check-" + password, policy)).with_password(ADA, password, context=CONTEXT)), Refused)
