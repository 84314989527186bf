"""Every order of sign-ins by code and of what can meet them: one code signs in once, guesses are counted, and no session outlives a reset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

import pytest

from credkit.errors import Reason, Refused
from credkit.flows.sign_in import AsyncSignIn, SignedIn
from credkit.policy import Policy
from credkit.testing import Shared
from interleavings import worlds
from interleavings.test_password_reset import changes_are_announced, guesses_are_counted, no_session_outlives_a_change
from interleavings.worlds import ADA, CONTEXT, NEW, OLD, OTHER, Journey, Prepared, alone, complete, courier, explore_journeys, sign_in

POLICY = Policy(sign_in_by_code=True)
NAMES = ("verify", "guess", "resend", "complete", "sign_in", "courier")


@cache
def code_sent() -> Prepared:
    """Return where a grant of a reset is there to be spent, and a code to sign in with has been delivered and may be sent again."""
    prepared = worlds.reset_verified(POLICY)
    shared = Shared(prepared.stores, prepared.at + POLICY.otp.resend_pauses[0])
    ticket = alone(shared, lambda shell: AsyncSignIn(shell).begin(ADA, context=CONTEXT), "begin by code", POLICY)
    code = worlds.delivered_code(shared, POLICY)
    return replace(prepared, ticket=ticket.text, code=code, at=shared.now + POLICY.otp.resend_pauses[0])


def verify(prepared: Prepared, code: str) -> Journey:
    """Type a code to sign in with."""
    return lambda shell: AsyncSignIn(shell).verify(prepared.ticket, code, context=CONTEXT)


def call_of(prepared: Prepared, name: str, password: str) -> Journey:
    calls: dict[str, Journey] = {
        "verify": verify(prepared, prepared.code),
        "guess": verify(prepared, "00000000"),
        "resend": lambda shell: AsyncSignIn(shell).resend(prepared.ticket, context=CONTEXT),
        "complete": complete(prepared, password),
        "sign_in": sign_in(OLD),
        "courier": courier(),
    }
    return calls[name]


def explore_together(names: Sequence[str], *, faults: int) -> None:
    prepared, passwords = code_sent(), [NEW, OTHER, worlds.THIRD][: len(names)]
    guesses = guesses_are_counted(prepared)
    changes = changes_are_announced(prepared, passwords, no_session_outlives_a_change)
    ends: set[bool] = set()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        signed_in = [name for name, result in zip(names, results, strict=True) if isinstance(result, SignedIn)]
        ends.add("verify" in signed_in)
        assert signed_in.count("verify") <= 1, "one code signed in twice"
        assert "guess" not in signed_in, "a wrong code signed in"
        guesses(shared, results)
        changes(shared, results)

    explore_journeys(prepared, [call_of(prepared, name, password) for name, password in zip(names, passwords, strict=True)], check, faults=faults)
    assert (True in ends) == ("verify" in names), "nobody ever signed in by code, so nothing was shown"


@pytest.mark.parametrize("names", list(combinations_with_replacement(NAMES, 2)), ids="-".join)
def test_any_two_calls_keep_every_promise_with_a_fault_anywhere(names: tuple[str, ...]) -> None:
    explore_together(names, faults=1)


@pytest.mark.parametrize("others", [("verify", "verify"), ("verify", "guess"), ("verify", "complete"), ("guess", "complete")], ids="-".join)
def test_a_right_code_and_any_two_calls_beside_it(others: tuple[str, ...]) -> None:
    explore_together(("verify", *others), faults=0)


def test_two_right_codes_sign_in_exactly_once() -> None:
    prepared = code_sent()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert sum(isinstance(result, SignedIn) for result in results) == 1
        assert [result.reason for result in results if isinstance(result, Refused)] == [Reason.CODE_USED]

    explore_journeys(prepared, [verify(prepared, prepared.code)] * 2, check, faults=0)
