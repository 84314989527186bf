"""States that explored flows start from, built with the real flows, and what every end of a schedule must keep."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from credkit.context import Context, Session
from credkit.credential import Credential
from credkit.errors import CredkitError, Refused
from credkit.flows.challenges import CHALLENGE
from credkit.flows.courier import AsyncCourier
from credkit.flows.password_change import AsyncPasswordChange
from credkit.flows.password_reset import AsyncPasswordReset
from credkit.flows.shell import Shell
from credkit.flows.sign_in import AsyncSignIn
from credkit.flows.sign_up import AsyncSignUp
from credkit.messages import MessageKind
from credkit.otp import Challenge
from credkit.policy import Limits, Policy
from credkit.stores.memory import MemoryStores
from credkit.testing import CRASHED, InstantHashing, Ports, SeededEntropy, Shared, World, explore
from credkit.testing.explore import Flow
from credkit.testing.fakes import START
from credkit.testing.kits import keys_for_tests, site_for_tests

ADA = "ada@example.com"
OLD, NEW, OTHER, THIRD = "nine grey herons wade", "four loud kettles sing", "six brown otters swim", "two tall poplars bend"
CONTEXT = Context.none()

Journey: TypeAlias = Callable[[Shell], Coroutine[Any, Any, Any]]
"""One call of a journey, over whatever shell it is given."""

Check: TypeAlias = Callable[[Shared, Sequence[Any]], None]


async def nowhere(due_at: object) -> None:
    """Leave delivery to the courier flows of a world."""


def shell_on(ports: Ports, seed: str, policy: Policy | None = None) -> Shell:
    """Return what one flow stands on: shared state, and chance of its own that repeats."""
    return Shell(
        records=ports,
        credentials=ports,
        notifier=ports,
        hashing=InstantHashing(SeededEntropy(seed + "/hash"), []),
        dispatch=nowhere,
        pause=ports,
        clock=ports,
        entropy=SeededEntropy(seed),
        codes=keys_for_tests(),
        index=keys_for_tests(),
        site=site_for_tests(),
        policy=policy or Policy(),
        spread=timedelta(0),
        allow_test_domains=True,
    )


def on(journey: Journey, seed: str, policy: Policy | None = None) -> Flow[Any]:
    """Return *journey* as a flow with chance from *seed*."""
    return lambda ports: journey(shell_on(ports, seed, policy))


def alone(shared: Shared, journey: Journey, seed: str, policy: Policy | None = None) -> Any:
    """Run one call by itself; return its result, or the refusal it raised."""
    try:
        return shared.run(on(journey, seed, policy))
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
    at: datetime = START

    def shared(self) -> Shared:
        """Return a fresh copy of the state."""
        return Shared(self.stores, self.at).copy()

    @property
    def session(self) -> Session:
        """A session of the credential."""
        return Session(credential_id=self.credential.id, session_epoch=self.credential.session_epoch)


# States ----------------------------------------------------------------------------------------------------------------


def signed_up(policy: Policy | None = None, password: str = OLD) -> Prepared:
    """Somebody has a sign-in."""
    shared = Shared(MemoryStores(SeededEntropy("prepared")), START)
    ticket = alone(shared, lambda shell: AsyncSignUp(shell).begin(ADA, context=CONTEXT), "begin", policy)
    code = delivered_code(shared, policy)
    grant = alone(shared, lambda shell: AsyncSignUp(shell).verify(ticket, code, context=CONTEXT), "verify", policy)
    credential = alone(shared, lambda shell: AsyncSignUp(shell).complete(grant, password, context=CONTEXT), "complete", policy)
    return Prepared(stores=shared.stores, policy=policy or Policy(), credential=credential)


def reset_begun(policy: Policy | None = None, *, delivered: bool = True) -> Prepared:
    """They have asked for a reset; the code is delivered, or still waits for the courier."""
    prepared = signed_up(policy)
    shared = Shared(prepared.stores, START)
    ticket = alone(shared, lambda shell: AsyncPasswordReset(shell).begin(ADA, context=CONTEXT), "begin reset", policy)
    return replace(prepared, ticket=ticket.text, code=delivered_code(shared, policy) if delivered else "")


def reset_verified(policy: Policy | None = None) -> Prepared:
    """They have typed the right code."""
    prepared = reset_begun(policy)
    grant = alone(Shared(prepared.stores, START), verify(prepared, prepared.code), "verify reset", policy)
    return replace(prepared, grant=grant.text)


def begun_again(prepared: Prepared) -> Prepared:
    """They ask for a second reset while the first is under way; the code is delivered. Changes the prepared stores."""
    shared = Shared(prepared.stores, prepared.at + prepared.policy.otp.resend_pauses[0])
    ticket = alone(shared, lambda shell: AsyncPasswordReset(shell).begin(ADA, context=CONTEXT), "begin again", prepared.policy)
    return replace(prepared, ticket=ticket.text, code=delivered_code(shared, prepared.policy), at=shared.now)


def in_full_swing(policy: Policy | None = None) -> Prepared:
    """A grant is there to be spent, a second ticket has its code, which may be sent again, and a third one's waits for the courier."""
    prepared = begun_again(reset_verified(policy))
    shared = Shared(prepared.stores, prepared.at + prepared.policy.otp.resend_pauses[0])
    alone(shared, lambda shell: AsyncPasswordReset(shell).begin(ADA, context=CONTEXT), "begin a third time", policy)
    return replace(prepared, at=shared.now)


def delivered_code(shared: Shared, policy: Policy | None = None) -> str:
    """Let the courier run, and return the newest code that was sent."""
    alone(shared, courier(), "courier", policy)
    codes = [message.code for message in shared.sent if message.code is not None]
    return codes[-1].reveal()


def few_tries(comparisons: int) -> Policy:
    """Return a policy with so many comparisons for a ticket."""
    policy = Policy()
    return replace(policy, otp=replace(policy.otp, comparisons=comparisons))


def few_failures(**counts: int) -> Policy:
    """Return a policy with lower limits: ``few_failures(password_guesses=2)``."""
    limits = Limits()
    return Policy(limits=replace(limits, **{name: replace(getattr(limits, name), count=count) for name, count in counts.items()}))


# Calls -----------------------------------------------------------------------------------------------------------------


def verify(prepared: Prepared, code: str) -> Journey:
    """Type a code on the prepared ticket."""
    return lambda shell: AsyncPasswordReset(shell).verify(prepared.ticket, code, context=CONTEXT)


def resend(prepared: Prepared) -> Journey:
    """Ask for the code again."""
    return lambda shell: AsyncPasswordReset(shell).resend(prepared.ticket, context=CONTEXT)


def complete(prepared: Prepared, password: str) -> Journey:
    """Set a new password with the prepared grant."""
    return lambda shell: AsyncPasswordReset(shell).complete(prepared.grant, password, context=CONTEXT)


def change(prepared: Prepared, password: str) -> Journey:
    """Change the password while signed in."""
    return lambda shell: AsyncPasswordChange(shell).change(prepared.session, OLD, password, context=CONTEXT)


def sign_in(password: str) -> Journey:
    """Sign in."""
    return lambda shell: AsyncSignIn(shell).with_password(ADA, password, context=CONTEXT)


def courier() -> Journey:
    """Deliver what is due."""
    return lambda shell: AsyncCourier(shell).run_due()


# Exploring -------------------------------------------------------------------------------------------------------------


def explore_journeys(prepared: Prepared, journeys: Sequence[Journey], check: Check, *, faults: int, **span: float) -> None:
    """Drive the calls through every order, *span* passing as a step of its own, and print what was covered."""
    flows = [on(journey, f"flow-{number}", prepared.policy) for number, journey in enumerate(journeys)]
    if span:
        flows.append(lambda ports: ports.advance(timedelta(**span)))

    def check_all(shared: Shared, results: Sequence[Any]) -> None:
        only_documented(results)
        check(shared, results[: len(journeys)])

    report = explore(World(shared=prepared.shared(), flows=flows, check=check_all), faults=faults)
    print(f"\n{len(journeys)} calls{', time passing' if span else ''}, {faults} faults: {report}")


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
    for number, span in enumerate((timedelta(0), timedelta(seconds=61), timedelta(hours=2), timedelta(hours=2))):
        shared.now += span
        alone(shared, courier(), f"drain-{number}", policy)


@dataclass(frozen=True)
class Aftermath:
    """What is so once a schedule has ended and everything has been delivered."""

    credential: Credential
    told: frozenset[str]
    """Ids of the notices of changed passwords that were delivered."""
    working: tuple[str, ...]
    """The passwords that sign Ada in."""


def aftermath(prepared: Prepared, passwords: Sequence[str]) -> Callable[[Shared], Aftermath]:
    """Return what finds out the aftermath, with each of *passwords* and the old one tried. What follows from a state is found out once."""
    known: dict[Hashable, Aftermath] = {}

    def find_out(shared: Shared) -> Aftermath:
        deliver_everything(shared, prepared.policy)
        told = {message.id for message in shared.sent if message.kind in {MessageKind.PASSWORD_RESET, MessageKind.PASSWORD_CHANGED}}
        credential = shared.stores.credentials.get(prepared.credential.id)
        assert credential is not None
        tried = dict.fromkeys((OLD, *passwords))
        working = tuple(p for p in tried if not isinstance(alone(shared, sign_in(p), f"check-{p}", few_failures(password_guesses=99)), Refused))
        return Aftermath(credential=credential, told=frozenset(told), working=working)

    def remembered(shared: Shared) -> Aftermath:
        key = shared.key()
        if key not in known:
            known[key] = find_out(shared)
        return known[key]

    return remembered
