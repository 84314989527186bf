"""Sign-in by code: where the host wants it, whoever reads a code is signed in, once; and nobody else learns anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from credkit.context import Context
from credkit.credential import Standing
from credkit.errors import ConfigurationError, Reason, Refused
from credkit.flows.sign_in import PasswordChangeRequired, SignedIn
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.stores.memory import MemoryStores
from credkit.testing import TestWorld, async_kit_for_tests, kit_for_tests
from credkit.tickets import Ticket
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, NEW, NOBODY, OLD, OTHER, PAUSE, PHONE, WEIRD, WRONG, granted, refusal, registered, signs_in, verified

OFFERED = Policy(sign_in_by_code=True)


def offering(**parts: Any) -> TestWorld:
    return journeys.build(**{"policy": OFFERED, **parts})


def begun(world: TestWorld, identifier: str = ADA, context: Context = CONTEXT) -> tuple[Ticket, str]:
    before = len(world.inbox.messages)
    ticket = world.kit.sign_in.begin(identifier, context=context)
    return ticket, journeys.code_in(world.inbox.messages[before:])


def verify(world: TestWorld, ticket: Any, code: Any, context: Context = CONTEXT) -> SignedIn:
    return world.kit.sign_in.verify(ticket, code, context=context)


# Success ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("identifier", "factor"), [(ADA, "email_code"), (PHONE, "sms_code")])
def test_the_right_code_signs_in_and_the_result_says_what_was_proved(identifier: str, factor: str) -> None:
    world = offering()  # SI-03, DO-03
    credential = journeys.ada(world, PHONE, preferred=None)
    ticket, code = begun(world, identifier)
    signed_in = verify(world, ticket, code, Context(session_key="own"))
    assert (signed_in.credential, signed_in.factors, signed_in.at) == (credential, (factor,), world.clock.now())
    assert signed_in.session.session_key == "own"
    assert world.kit.sign_in.holds(signed_in.session)


def test_the_factor_is_where_the_code_went_and_not_what_was_typed() -> None:
    world = offering()
    journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    assert verify(world, *begun(world, ADA)).factors == ("sms_code",)


def test_the_message_says_what_the_code_is_for() -> None:
    world = offering()
    journeys.ada(world)
    begun(world)
    (message,) = world.inbox.messages
    assert message.kind is MessageKind.SIGN_IN_CODE
    assert "Your code to sign in now at" in message.text


def test_a_sign_in_without_a_password_is_signed_in_by_code() -> None:
    world = offering()
    journeys.ada(world, password_hash=None)
    assert verify(world, *begun(world))


def test_a_code_that_was_sent_again_signs_in() -> None:
    world = offering()
    journeys.ada(world)
    ticket, code = begun(world)
    world.clock.advance(PAUSE)
    again = world.kit.sign_in.resend(ticket, context=CONTEXT)
    assert world.kit.sign_in.look(again, context=CONTEXT).expires_at == again.expires_at
    assert verify(world, again, code)


def test_the_device_is_known_from_then_on_and_stays_the_same_one() -> None:
    world = offering(policy=replace(journeys.lowered(password_failures=1), sign_in_by_code=True))
    journeys.ada(world)
    first = verify(world, *begun(world))
    assert not signs_in(world, OTHER)
    here = Context(device_mark=first.device_mark.text)
    assert world.kit.sign_in.with_password(ADA, OLD, context=here)
    world.clock.advance(PAUSE)
    again = verify(world, *begun(world, context=here), context=here)
    known = [world.kit._shell.seen_by(journeys.parsed(ADA), Context(device_mark=mark.text)).device for mark in (first.device_mark, again.device_mark)]
    assert known[0] == known[1]


def test_the_cookie_of_the_ticket_is_of_this_journey_alone() -> None:
    world = offering()
    assert begun_cookie(world)["key"] == world.kit.sign_in.cookie_name == "__Host-credkit-sign-in"
    assert world.kit.sign_in.ended_cookie()["max_age"] == 0


def begun_cookie(world: TestWorld) -> dict[str, Any]:
    return world.kit.sign_in.begin(ADA, context=CONTEXT).cookie()


# Once -------------------------------------------------------------------------------------------------------------------


def test_one_code_signs_in_once() -> None:
    world = offering()
    journeys.ada(world)
    ticket, code = begun(world)
    verify(world, ticket, code)
    assert refusal(verify, world, ticket, code).reason is Reason.CODE_USED
    world.clock.advance(PAUSE)
    assert refusal(verify, world, ticket, code).reason is Reason.CODE_USED


def test_of_fifty_right_codes_at_once_one_signs_in() -> None:
    async def journey() -> list[object]:
        world = async_kit_for_tests(policy=OFFERED)
        await world.add(ADA, password=OLD)
        ticket = await world.kit.sign_in.begin(ADA, context=CONTEXT)
        world.clock.advance(PAUSE)
        await world.kit.courier.run_due()
        code = world.inbox.last_code(ADA)
        return await asyncio.gather(*(world.kit.sign_in.verify(ticket, code, context=CONTEXT) for _ in range(50)), return_exceptions=True)

    results = asyncio.run(journey())
    assert sum(isinstance(result, SignedIn) for result in results) == 1
    assert {result.reason for result in results if isinstance(result, Refused)} <= {Reason.CODE_USED}


def test_a_code_whose_reply_was_lost_before_anybody_was_signed_in_signs_in_when_repeated() -> None:
    records = _FailsAfter()  # crash-safe: the comparison was committed, the sign-in was not
    world = offering(records=records)
    journeys.ada(world)
    ticket, code = begun(world)
    records.commits_left = 1
    with pytest.raises(Exception, match="store failed"):
        verify(world, ticket, code)
    records.commits_left = None
    assert verify(world, ticket, code)


class _FailsAfter(journeys.SpiedRecords):
    """Records that can be committed so many times more."""

    commits_left: int | None = None

    def commit(self, *given: Any) -> Any:
        if self.commits_left is not None:
            if self.commits_left == 0:
                raise OSError("the database is away")
            self.commits_left -= 1
        return super().commit(*given)


# Failure ----------------------------------------------------------------------------------------------------------------


def test_a_wrong_code_signs_nobody_in_and_counts() -> None:
    world = offering()
    journeys.ada(world)
    ticket, code = begun(world)
    refused = refusal(verify, world, ticket, WRONG)
    assert (refused.reason, refused.tries_left) == (Reason.CODE_WRONG, 4)
    assert verify(world, ticket, code)


@pytest.mark.parametrize("changes", [{"disabled": True}, {"generation": "another"}, {"identifiers": (registered(ADA, Standing.UNVERIFIED), verified(BOB))}])
def test_what_has_changed_since_the_code_was_sent_is_answered_as_a_wrong_password_is(changes: dict[str, Any]) -> None:
    world = offering()
    credential = journeys.ada(world)
    ticket, code = begun(world)
    journeys.alter(world, credential, **changes)
    assert refusal(verify, world, ticket, code).reason is Reason.SIGN_IN_FAILED


def test_a_reset_in_between_ends_the_code() -> None:
    world = offering()  # RS-11
    journeys.ada(world)
    ticket, code = begun(world)
    world.clock.advance(PAUSE)
    world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    assert refusal(verify, world, ticket, code).reason is Reason.SIGN_IN_FAILED


def test_a_sign_in_whose_password_others_may_know_gets_a_grant_for_a_new_one_instead() -> None:
    world = offering()  # PW-05
    credential = journeys.ada(world)
    ticket, code = begun(world)
    journeys.alter(world, credential, compromised=True)
    with pytest.raises(PasswordChangeRequired) as caught:
        verify(world, ticket, code)
    changed = world.kit.reset.complete(caught.value.grant, NEW, context=CONTEXT)
    assert changed.device_mark is not None
    assert signs_in(world, NEW)


@pytest.mark.parametrize("case", ["unknown", "disabled", "unverified"])
def test_whom_no_code_may_be_sent_to_gets_none_and_the_page_shows_the_same(case: str) -> None:
    world = offering()
    credential = journeys.ada(world)
    if case == "disabled":
        journeys.alter(world, credential, disabled=True)
    if case == "unverified":
        journeys.alter(world, credential, identifiers=(verified(BOB), registered(ADA, Standing.UNVERIFIED)))
    ticket = world.kit.sign_in.begin(NOBODY if case == "unknown" else ADA, context=CONTEXT)
    assert world.inbox.messages == []
    assert refusal(verify, world, ticket, WRONG).tries_left == 4


def test_neither_begin_nor_a_wrong_code_asks_who_somebody_is() -> None:
    credentials, traces = journeys.SpiedCredentials(), []
    for identifier in (ADA, NOBODY):
        records = journeys.SpiedRecords()
        world = offering(records=records, credentials=credentials, deliver="manual")
        journeys.ada(world) if identifier == ADA else None
        for calls in (records.calls, credentials.calls):
            calls.clear()
        ticket = world.kit.sign_in.begin(identifier, context=CONTEXT)
        refusal(verify, world, ticket, WRONG)
        assert credentials.calls == []
        traces.append(list(records.calls))
    assert traces[0] == traces[1]


def test_a_ticket_or_code_of_another_journey_is_worth_nothing_here_and_the_other_way_round() -> None:
    world = offering()  # REQ-D4b, AP-18
    journeys.ada(world)
    reset, reset_code = journeys.begun(world)
    world.clock.advance(PAUSE)
    ticket, code = begun(world)
    assert refusal(verify, world, reset, reset_code).reason is Reason.TICKET_INVALID
    assert refusal(world.kit.reset.verify, ticket, code, context=CONTEXT).reason is Reason.TICKET_INVALID
    assert refusal(verify, world, ticket, reset_code).reason is Reason.CODE_WRONG


@pytest.mark.parametrize("weird", WEIRD)
def test_what_is_no_ticket_or_code_is_refused(weird: Any) -> None:
    world = offering()  # REQ-D4c
    journeys.ada(world)
    ticket, _ = begun(world)
    assert refusal(verify, world, weird, WRONG).reason is Reason.TICKET_INVALID
    if weird != b"12345678":
        assert refusal(verify, world, ticket, weird if weird != "1" * 5000 else "").reason is Reason.CODE_MALFORMED


def test_a_journey_begun_in_one_session_goes_on_in_no_other() -> None:
    world = offering()  # F23
    journeys.ada(world)
    ticket, code = begun(world, context=Context(session_key="mine"))
    assert refusal(verify, world, ticket, code, Context(session_key="other")).reason is Reason.TICKET_INVALID
    assert verify(world, ticket, code, Context(session_key="mine"))


def test_it_has_to_be_asked_for() -> None:
    world = kit_for_tests()  # DO-03
    sign_in = world.kit.sign_in
    ticket = offering(stores=MemoryStores()).kit.sign_in.begin(ADA, context=CONTEXT)
    for call in (
        lambda: sign_in.begin(ADA, context=CONTEXT),
        lambda: sign_in.resend(ticket, context=CONTEXT),
        lambda: sign_in.look(ticket, context=CONTEXT),
        lambda: sign_in.verify(ticket, WRONG, context=CONTEXT),
    ):
        with pytest.raises(ConfigurationError, match="sign_in_by_code=True"):
            call()
