"""Every order of two sign-ups with a fault at every point: one grant adds one credential, one identifier has one owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from credkit.credential import Credential
from credkit.flows.sign_in import AsyncSignIn, SignedIn
from credkit.flows.sign_up import AsyncSignUp
from credkit.testing import Shared
from credkit.testing.fakes import START
from interleavings import worlds
from interleavings.worlds import ADA, CONTEXT, NEW, OTHER, Check, Journey, Prepared, courier, explore_journeys

BOB = "bob@example.com"


def begin(identifier: str) -> Journey:
    return lambda shell: AsyncSignUp(shell).begin(identifier, context=CONTEXT)


def complete(grant: str, password: str) -> Journey:
    return lambda shell: AsyncSignUp(shell).complete(grant, password, context=CONTEXT)


def proved(times: int = 1) -> tuple[Prepared, list[str]]:
    """Bob's address is proved, once or twice over, by somebody who has yet to choose a password."""
    prepared = worlds.signed_up()
    shared = Shared(prepared.stores, START)
    grants: list[str] = []
    for number in range(times):
        ticket = worlds.alone(shared, begin(BOB), f"bob-{number}")
        shared.now += prepared.policy.otp.resend_pauses[0]
        code = worlds.delivered_code(shared)
        grants.append(worlds.alone(shared, lambda shell: AsyncSignUp(shell).verify(ticket, code, context=CONTEXT), f"verify-{number}").text)  # noqa: B023
    return prepared, grants


def one_bob(passwords: Sequence[str]) -> Check:
    def check(shared: Shared, results: Sequence[Any]) -> None:
        bobs = [c for c in shared.stores.credentials.dump() if any(r.identifier.canonical == BOB for r in c.identifiers)]
        assert len(bobs) <= 1, "one identifier has two owners"
        told = [(password, result) for password, result in zip(passwords, results, strict=True) if isinstance(result, Credential)]
        assert len({result.id for _, result in told}) <= 1, "two calls were told of different credentials"
        for password, result in told:
            signed_in = worlds.alone(shared, lambda shell: AsyncSignIn(shell).with_password(BOB, password, context=CONTEXT), "check" + password)  # noqa: B023
            assert isinstance(signed_in, SignedIn), "success was told, and that password does not sign in"
            assert signed_in.credential.id == result.id

    return check


def test_two_completes_of_one_grant_add_one_credential() -> None:
    prepared, grants = proved()
    explore_journeys(prepared, [complete(grants[0], NEW), complete(grants[0], OTHER)], one_bob([NEW, OTHER]), faults=1)


def test_two_grants_for_one_identifier_add_one_credential() -> None:
    prepared, grants = proved(times=2)
    explore_journeys(prepared, [complete(grants[0], NEW), complete(grants[1], OTHER)], one_bob([NEW, OTHER]), faults=1)


def test_three_completes_add_one_credential() -> None:
    prepared, grants = proved(times=2)
    calls = [complete(grants[0], NEW), complete(grants[1], OTHER), complete(grants[0], NEW)]
    explore_journeys(prepared, calls, one_bob([NEW, OTHER, NEW]), faults=0)


def test_beginning_with_an_identifier_in_use_never_makes_a_code() -> None:
    prepared = worlds.signed_up()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, prepared.policy)
        assert all(message.code is None for message in shared.sent)

    explore_journeys(prepared, [begin(ADA), courier()], check, faults=1)
