"""Every order of a reset link that lasts, the code beside it, and "I did not ask": nothing a stranger does takes the link away, and it earns one grant."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from credkit.errors import Reason, Refused
from credkit.flows.password_reset import AsyncPasswordReset
from credkit.flows.shell import Shell
from credkit.otp import OtpPolicy, stop_secret
from credkit.policy import Policy
from credkit.testing import Shared
from credkit.testing.kits import keys_for_tests, site_for_tests
from credkit.tickets import Grant, Token
from interleavings import worlds
from interleavings.worlds import ADA, CONTEXT, Journey, Prepared, alone, courier, explore_journeys, resend, verify

PILED_UP = Policy(otp=OtpPolicy(link_from=1))
"""A policy by which every message is one too many, so that it carries a link that lasts."""


@dataclass(frozen=True)
class Sent:
    """A reset whose message had a code and a link, when its code may be sent again."""

    prepared: Prepared
    link: str
    stop: str


@cache
def sent() -> Sent:
    prepared = worlds.signed_up(PILED_UP)
    shared = Shared(prepared.stores, prepared.at + PILED_UP.otp.resend_pauses[0])
    ticket = alone(shared, lambda shell: AsyncPasswordReset(shell).begin(ADA, context=CONTEXT), "begin reset", PILED_UP)
    code = worlds.delivered_code(shared, PILED_UP)
    link, challenge = shared.sent[-1].link, worlds.challenge_of(shared, ticket.text)
    assert link is not None
    assert challenge.binding is not None
    stop = Token(challenge.id, stop_secret(challenge, challenge.binding.destination, keys_for_tests(), site=site_for_tests().id)).text
    ready = replace(prepared, ticket=ticket.text, code=code, at=shared.now + PILED_UP.otp.resend_pauses[0])
    return Sent(ready, link.reveal(), stop)


def redeem() -> Journey:
    return lambda shell: AsyncPasswordReset(shell).redeem(sent().link, context=CONTEXT)


def resend_and_deliver(prepared: Prepared) -> Journey:
    """Ask for the code again and, if there is one to send, send it."""

    async def both(shell: Shell) -> Any:
        with suppress(Refused):
            await resend(prepared)(shell)
        return await courier()(shell)

    return both


def stop_then(then: Journey) -> Journey:
    """Say "I did not ask" and, when that has been told, do something else."""

    async def both(shell: Shell) -> Any:
        await AsyncPasswordReset(shell).stop(sent().stop, ADA, context=CONTEXT)
        return await then(shell)

    return both


@pytest.mark.parametrize("tries", [1, 5])
def test_neither_a_resend_nor_wrong_codes_take_a_lasting_link_away(tries: int) -> None:
    prepared = sent().prepared
    shared = prepared.shared()
    for number in range(5 - tries):
        alone(shared, verify(prepared, "zzzz"), f"wrong {number}", PILED_UP)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert isinstance(results[0], Grant), "the link was taken away"

    prepared = replace(prepared, stores=shared.stores)
    explore_journeys(prepared, [redeem(), resend(prepared), verify(prepared, "zzzz")], check, faults=0)
    explore_journeys(prepared, [redeem(), resend_and_deliver(prepared)], check, faults=0)


def test_a_link_and_the_code_beside_it_earn_one_grant() -> None:
    prepared = sent().prepared

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert len({result.text for result in results if isinstance(result, Grant)}) == 1

    explore_journeys(prepared, [redeem(), redeem(), verify(prepared, prepared.code)], check, faults=0)


def test_a_link_and_the_code_beside_it_earn_at_most_one_grant_whatever_fails() -> None:
    prepared = sent().prepared

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert len({result.text for result in results if isinstance(result, Grant)}) <= 1

    explore_journeys(prepared, [redeem(), verify(prepared, prepared.code)], check, faults=1)


@pytest.mark.parametrize("then", ["code", "link"])
def test_once_its_addressee_did_not_ask_a_reset_earns_nothing(then: str) -> None:
    # RS-18
    prepared = sent().prepared
    call = stop_then(redeem() if then == "link" else verify(prepared, prepared.code))

    def check(shared: Shared, results: Sequence[Any]) -> None:
        reason = Reason.TICKET_INVALID if then == "link" else Reason.CODE_WRONG
        assert isinstance(results[0], Refused), "a reset went on although its addressee did not ask for it"
        assert results[0].reason is reason

    explore_journeys(prepared, [call, resend(prepared), verify(prepared, "zzzz")], check, faults=0)
