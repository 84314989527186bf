"""Every order of two sign-ups with a fault at every point: one grant adds one credential, one identifier has one owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from credkit.credential import Credential
from credkit.flows.courier import AsyncCourier
from credkit.flows.shell import Shell
from credkit.flows.sign_up import AsyncSignUp
from credkit.testing import Shared
from credkit.testing.fakes import START
from interleavings import worlds
from interleavings.test_password_reset import courier, explore_flows
from interleavings.worlds import ADA, CONTEXT, NEW, OTHER, Prepared

BOB = "bob@example.com"


def proved(times: int = 1) -> tuple[Prepared, list[str]]:
    """Bob's address is proved, once or twice over, by somebody who has yet to choose a password."""
    prepared = worlds.signed_up()
    shared = Shared(prepared.stores, START)
    grants: list[str] = []
    for number in range(times):
        shell = worlds.shell_on(shared, f"bob-{number}")
        ticket = worlds.run(AsyncSignUp(shell).begin(BOB, context=CONTEXT))
        worlds.run(shared.advance(shell.policy.otp.resend_pauses[0]))
        worlds.run(AsyncCourier(shell).run_due())
        code = shared.sent[-1].code
        assert code is not None
        grants.append(worlds.run(AsyncSignUp(shell).verify(ticket, code.reveal(), context=CONTEXT)).text)
    return prepared, grants


def complete(grant: str, password: str) -> Callable[[Shell], Any]:
    return lambda shell: AsyncSignUp(shell).complete(grant, password, context=CONTEXT)


def one_bob(passwords: Sequence[str]) -> Callable[[Shared, Sequence[Any]], None]:
    def check(shared: Shared, results: Sequence[Any]) -> None:
        bobs = [c for c in shared.stores.credentials.dump() if any(r.identifier.canonical == BOB for r in c.identifiers)]
        assert len(bobs) <= 1, "one identifier has two owners"
        told = [(password, result) for password, result in zip(passwords, results, strict=False) if isinstance(result, Credential)]
        assert len({result.id for _, result in told}) <= 1
        for password, result in told:
            shell = worlds.shell_on(shared, "check" + password)
            from credkit.flows.sign_in import AsyncSignIn

            assert worlds.run(AsyncSignIn(shell).with_password(BOB, password, context=CONTEXT)).credential.id == result.id

    return check


def test_two_completes_of_one_grant_add_one_credential() -> None:
    prepared, grants = proved()
    explore_flows(prepared, [complete(grants[0], NEW), complete(grants[0], OTHER)], one_bob([NEW, OTHER]), 1)


def test_two_grants_for_one_identifier_add_one_credential() -> None:
    prepared, grants = proved(times=2)
    explore_flows(prepared, [complete(grants[0], NEW), complete(grants[1], OTHER)], one_bob([NEW, OTHER]), 1)


def test_three_completes_add_one_credential() -> None:
    prepared, grants = proved(times=2)
    flows = [complete(grants[0], NEW), complete(grants[1], OTHER), complete(grants[0], NEW)]
    explore_flows(prepared, flows, one_bob([NEW, OTHER, NEW]), 0)


def test_beginning_with_an_identifier_in_use_never_makes_a_code() -> None:
    prepared = worlds.signed_up()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, prepared.policy)
        assert all(message.code is None for message in shared.sent)

    begin: Callable[[Shell], Any] = lambda shell: AsyncSignUp(shell).begin(ADA, context=CONTEXT)  # noqa: E731
    explore_flows(replace(prepared), [begin, courier()], check, 1)
