"""Password reset: who may get a code and where it goes, what a stranger sees, and what a new password ends. The steps up to the grant: `test_challenges`."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.context import Context, Session
from credkit.credential import MARKS, Credential, Mark, Standing
from credkit.errors import Busy, ConfigurationError, FindingKind, Next, PasswordRefused, Reason, Refused, StoreError, UnknownKey
from credkit.flows.changes import Changed, Ended
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.site import Paths
from credkit.testing import TestWorld, async_kit_for_tests, kit_for_tests
from credkit.testing.kits import site_for_tests
from credkit.tickets import Ticket
from flows import journeys
from flows.journeys import (
    ADA,
    BOB,
    CODES,
    CONTEXT,
    MICROSECOND,
    NEW,
    NOBODY,
    OLD,
    OTHER,
    PAUSE,
    PHONE,
    PHONE_ENTERED,
    WEIRD,
    WRONG,
    begun,
    granted,
    refusal,
    registered,
    signs_in,
    verified,
)


def complete(world: TestWorld, grant: Any, password: Any = NEW, context: Context = CONTEXT) -> Changed:
    return world.kit.reset.complete(grant, password, context=context)


def destinations(world: TestWorld) -> list[str]:
    return [message.to.canonical for message in world.inbox.messages]


def notices(world: TestWorld) -> list[str]:
    return sorted(message.to.canonical for message in world.inbox.messages if message.kind is MessageKind.PASSWORD_RESET)


# The whole journey ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signed_up_as", "typed"), [(ADA, "ADA@Example.com"), (PHONE, PHONE_ENTERED)])
def test_a_reset_sets_a_password_that_works_at_once(signed_up_as: str, typed: str) -> None:
    world = kit_for_tests()
    credential = world.add(signed_up_as, password=OLD)
    changed = complete(world, granted(world, typed))
    assert changed.credential == journeys.fresh(world, credential)
    assert (signs_in(world, NEW, typed), signs_in(world, OLD, typed)) == (True, False)


def test_a_reset_ends_all_sessions_and_says_so() -> None:
    world = kit_for_tests()  # RS-11, F32
    journeys.ada(world)
    session = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session
    changed = complete(world, granted(world))
    assert changed.ended is Ended.ALL
    assert not world.kit.sign_in.holds(session)
    assert changed.session_epoch == session.session_epoch + 1 == changed.credential.session_epoch
    assert world.kit.sign_in.with_password(ADA, NEW, context=CONTEXT).session.session_epoch == changed.session_epoch


def test_a_reset_signs_nobody_in() -> None:
    world = kit_for_tests()  # RS-12: what it returns holds no session
    journeys.ada(world)
    assert [field.name for field in fields(complete(world, granted(world)))] == ["credential", "session_epoch", "ended", "device_mark"]


def test_a_reset_gives_a_password_to_a_sign_in_that_has_none() -> None:
    world = kit_for_tests()
    journeys.ada(world, password_hash=None)
    complete(world, granted(world))
    assert signs_in(world, NEW)


def test_one_reset_serves_every_account_of_the_sign_in() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, PHONE)
    world.kit.admin.link(credential.id, "second account", actor="support")
    changed = complete(world, granted(world, PHONE))
    assert changed.credential.accounts == (credential.id, "second account")
    for identifier in (ADA, PHONE):
        assert world.kit.sign_in.with_password(identifier, NEW, context=CONTEXT).credential.accounts == (credential.id, "second account")
    assert {message.accounts for message in world.inbox.messages if message.kind is MessageKind.PASSWORD_RESET} == {(credential.id, "second account")}


# Nothing happens before the code is proved ------------------------------------------------------------------------------


def test_asking_for_resets_changes_nothing_about_the_sign_in() -> None:
    world = kit_for_tests()  # RS-06
    credential = journeys.ada(world)
    session = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session
    limits = Policy().limits
    for _ in range(limits.begins.count):
        ticket = world.kit.reset.begin(ADA, context=CONTEXT)
        for _ in range(2):
            with pytest.raises(Refused):
                world.kit.reset.verify(ticket, WRONG, context=CONTEXT)
    assert journeys.fresh(world, credential) == credential
    assert world.kit.sign_in.holds(session)
    assert signs_in(world, OLD)


def test_a_grant_alone_changes_nothing() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    granted(world)
    assert journeys.fresh(world, credential) == credential
    assert notices(world) == []


# Where the code goes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [ADA, PHONE, "carol@example.com"])
def test_the_code_goes_to_the_preferred_method_whatever_was_typed(typed: str) -> None:
    world = kit_for_tests()
    journeys.ada(world, PHONE, "carol@example.com", preferred=journeys.parsed(PHONE))
    ticket, code = begun(world, typed)
    assert destinations(world) == [PHONE]
    assert complete(world, world.kit.reset.verify(ticket, code, context=CONTEXT))


def test_the_ticket_shows_what_was_typed_and_never_where_the_code_went() -> None:
    world = kit_for_tests()
    journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    ticket, _ = begun(world, ADA)
    assert ticket.masked == "a***@example.com"
    assert "71" not in str({**ticket.public(), "ticket": "", "label": "", "expires_at": "", "resend_at": ""})


def test_the_code_goes_to_the_stored_spelling_and_not_to_the_typed_one() -> None:
    world = kit_for_tests()  # ID-04, RS-07, REQ-D4f
    world.add("Ada@example.com", password=OLD)
    begun(world, "aDA@EXAMPLE.com")
    assert [message.to.entered for message in world.inbox.messages] == ["Ada@example.com"]


@pytest.mark.parametrize("standing", [Standing.UNVERIFIED, Standing.CARRIED_OVER])
def test_a_preferred_method_that_is_not_verified_gets_no_code_of_another_identifier(standing: Standing) -> None:
    world = kit_for_tests()  # RS-07
    journeys.ada(world, identifiers=(verified(ADA), registered(PHONE, standing)), preferred=journeys.parsed(PHONE))
    begun(world, ADA)
    assert destinations(world) == [ADA]


def test_without_a_preferred_method_the_code_goes_to_what_was_typed() -> None:
    world = kit_for_tests()
    journeys.ada(world, PHONE, preferred=None)
    begun(world, PHONE)
    assert destinations(world) == [PHONE]


def test_a_preferred_method_that_is_no_identifier_any_more_is_passed_over() -> None:
    world = kit_for_tests()
    journeys.ada(world, preferred=journeys.parsed(PHONE))
    begun(world, ADA)
    assert destinations(world) == [ADA]


def test_an_unverified_identifier_is_good_for_nothing() -> None:
    world = kit_for_tests()  # ID-15
    journeys.ada(world, identifiers=(verified(ADA), registered(PHONE, Standing.UNVERIFIED)))
    ticket = world.kit.reset.begin(PHONE, context=CONTEXT)
    assert world.inbox.messages == []
    assert refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT).reason is Reason.CODE_WRONG
    assert not signs_in(world, OLD, PHONE)


def test_an_identifier_carried_over_gets_its_code_at_its_own_address() -> None:
    world = kit_for_tests()
    journeys.ada(world, identifiers=(registered(ADA, Standing.CARRIED_OVER), registered(PHONE, Standing.CARRIED_OVER)), preferred=journeys.parsed(PHONE))
    begun(world, ADA)
    assert destinations(world) == [ADA]


def test_an_identifier_carried_over_is_verified_by_its_code() -> None:
    world = kit_for_tests()
    journeys.ada(world, identifiers=(registered(ADA, Standing.CARRIED_OVER), registered(PHONE, Standing.CARRIED_OVER)))
    changed = complete(world, granted(world, ADA))
    by_code, other = changed.credential.identifiers
    assert (by_code.standing, by_code.verified_at) == (Standing.VERIFIED, world.clock.now())
    assert (other.standing, other.verified_at) == (Standing.CARRIED_OVER, None)


def test_an_identifier_carried_over_is_not_verified_by_a_code_that_went_elsewhere() -> None:
    world = kit_for_tests()
    journeys.ada(world, identifiers=(registered(ADA, Standing.CARRIED_OVER), verified(PHONE)), preferred=journeys.parsed(PHONE))
    changed = complete(world, granted(world, ADA))
    assert [entry.standing for entry in changed.credential.identifiers] == [Standing.CARRIED_OVER, Standing.VERIFIED]
    assert notices(world) == [PHONE]


def test_an_identifier_carried_over_gets_no_code_once_another_is_verified() -> None:
    """ID-16: it may be there because somebody knew that its owner would come."""
    world = kit_for_tests()
    journeys.ada(world, identifiers=(registered(ADA, Standing.CARRIED_OVER), verified(PHONE)), preferred=None)
    complete(world, granted(world, ADA))
    assert notices(world) == [PHONE]


def test_a_disabled_sign_in_gets_no_code_and_nobody_sees_that() -> None:
    world = kit_for_tests()  # RS-17
    journeys.ada(world, disabled=True)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    assert world.inbox.messages == []
    assert refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT).tries_left == Policy().otp.comparisons - 1


def test_a_sign_in_disabled_in_mid_flow_stays_as_it_is() -> None:
    world = kit_for_tests()  # RS-17
    credential = journeys.ada(world)
    grant = granted(world)
    disabled = journeys.alter(world, credential, disabled=True)
    assert refusal(complete, world, grant).reason is Reason.GRANT_INVALID
    assert journeys.fresh(world, credential) == disabled


def test_a_disabled_sign_in_does_not_hear_that_its_reset_was_done_before() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    grant = granted(world)
    complete(world, grant)
    journeys.alter(world, credential, disabled=True)
    assert refusal(complete, world, grant).reason is Reason.GRANT_INVALID


def test_a_grant_for_a_sign_in_that_is_gone_is_invalid() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    grant = granted(world)
    emptied = journeys.beside(world, credentials=journeys.SpiedCredentials())
    assert refusal(complete, emptied, grant).reason is Reason.GRANT_INVALID


def test_a_resend_looks_again_where_the_code_may_go() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, PHONE)
    ticket, old = begun(world)
    journeys.alter(world, credential, preferred=journeys.parsed(PHONE), generation="moved")
    world.clock.advance(Policy().otp.lifetime / 2)
    world.kit.reset.resend(ticket, context=CONTEXT)
    assert destinations(world) == [ADA, PHONE]
    assert refusal(world.kit.reset.verify, ticket, old, context=CONTEXT).reason is Reason.CODE_WRONG
    assert complete(world, world.kit.reset.verify(ticket, journeys.code_in(world.inbox.messages), context=CONTEXT))


def test_a_code_of_an_earlier_state_is_not_sent_again() -> None:
    world = kit_for_tests()  # REQ-D5c: in the first half it would be the same code, and that one has died
    credential = journeys.ada(world, PHONE)
    ticket, _ = begun(world)
    journeys.alter(world, credential, generation="moved")
    world.clock.advance(PAUSE)
    world.kit.reset.resend(ticket, context=CONTEXT)
    assert len(world.inbox.messages) == 1


# What a stranger sees (RS-01, RS-02, RS-03, REQ-D7a) --------------------------------------------------------------------

CASES = ("known", "unknown", "unverified", "disabled", "silently limited", "notifier down")


def case(name: str, **parts: Any) -> tuple[TestWorld, str]:
    """Return a world in which a reset is asked for, and the identifier it is asked for by."""
    world = journeys.build(policy=journeys.lowered(sends_hour=1) if name == "silently limited" else None, **parts)
    credential = world.add(ADA, password=OLD)
    if name == "unverified":
        journeys.alter(world, credential, identifiers=(verified(BOB), registered(ADA, Standing.UNVERIFIED)))
    if name == "disabled":
        journeys.alter(world, credential, disabled=True)
    if name == "notifier down":
        world.inbox.failing = OSError("no mail today")
    return world, NOBODY if name == "unknown" else ADA


def seen(ticket: Ticket) -> dict[str, Any]:
    """Return what a page or client could tell tickets apart by: all but what is random or was typed."""
    kept = {field.name: getattr(ticket, field.name) for field in fields(ticket) if field.name not in {"secret_text", "label", "masked"}}
    return {**kept, "text": len(ticket.text), "label": len(ticket.label), "public": sorted(ticket.public()), "cookie": {**ticket.cookie(), "value": ""}}


def transcript(world: TestWorld, identifier: str) -> list[object]:
    """Return everything that is told about a reset that is asked for, guessed at, sent again and guessed at until it is dead."""
    kit = world.kit
    ticket = kit.reset.begin(identifier, context=CONTEXT)
    told: list[object] = [
        seen(ticket),
        _answer(kit.reset.verify, ticket, WRONG),
        _answer(kit.reset.verify, ticket, "no code"),
        _answer(kit.reset.resend, ticket),
    ]
    for span in (timedelta(seconds=60), timedelta(minutes=6), timedelta(minutes=10)):
        world.clock.advance(span)
        told += [_answer(kit.reset.look, ticket), _answer(kit.reset.verify, ticket, WRONG), _answer(kit.reset.resend, ticket)]
    told += [_answer(kit.reset.verify, ticket, WRONG) for _ in range(4)]
    return told


def _answer(call: Any, *given: Any) -> object:
    try:
        return seen(call(*given, context=CONTEXT))
    except Refused as refused:
        return refused.problem()


def test_everybody_sees_the_same_from_begin_to_the_end() -> None:
    transcripts = {name: transcript(*case(name)) for name in CASES}
    assert {name: told for name, told in transcripts.items() if told != transcripts["known"]} == {}
    problems = [told["reason"] for told in transcripts["known"] if isinstance(told, dict) and "reason" in told]
    assert problems[0] == "code_wrong"
    assert problems[-1] == "code_exhausted"


def test_everybody_costs_the_same_store_calls_and_no_hash() -> None:
    traces: dict[str, object] = {}
    for name in CASES:
        records, credentials, hasher = journeys.SpiedRecords(), journeys.SpiedCredentials(), journeys.CountingHasher()
        world, identifier = case(name, records=records, credentials=credentials, hasher=hasher)
        apart = journeys.beside(world, deliver="manual", hasher=hasher, policy=world.kit.policy)  # the courier's work is not on the path of the answer
        for calls in (records.calls, credentials.calls, hasher.calls):
            calls.clear()
        transcript(apart, identifier)
        traces[name] = (list(records.calls), list(credentials.calls), list(hasher.calls))
        assert records.calls
        assert (credentials.calls, hasher.calls) == ([], [])
    assert {name: trace for name, trace in traces.items() if trace != traces["known"]} == {}


def test_nobodys_code_is_never_right() -> None:
    world = kit_for_tests()  # RS-02
    for guess in range(300):
        ticket = world.kit.reset.begin(f"nobody{guess}@example.com", context=CONTEXT)
        refused = refusal(world.kit.reset.verify, ticket, f"{guess:08}", context=CONTEXT)
        assert (refused.reason, refused.tries_left) == (Reason.CODE_WRONG, Policy().otp.comparisons - 1)
    assert world.inbox.messages == []


def test_a_notifier_that_fails_does_not_change_the_answer() -> None:
    world = kit_for_tests()  # REQ-D7b, NO-10
    journeys.ada(world)
    world.inbox.failing = OSError("no mail today")
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    world.inbox.failing = None
    world.clock.advance(minutes=2)
    assert world.kit.courier.run_due().sent == 1
    assert world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT)


# Grants -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", [*WEIRD, f"{'A' * 22}.{'A' * 43}"])
def test_no_password_is_set_without_a_grant(grant: Any) -> None:
    world = kit_for_tests()  # REQ-D4a, REQ-D4c
    credential = journeys.ada(world)
    assert refusal(complete, world, grant).reason is Reason.GRANT_INVALID
    assert journeys.fresh(world, credential) == credential


def test_a_grant_with_a_forged_secret_is_invalid_and_loses_no_try() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    grant = granted(world)
    assert refusal(complete, world, f"{grant.text.split('.')[0]}.{'A' * 43}").reason is Reason.GRANT_INVALID
    assert journeys.grant_of(world, grant).tries_left == Policy().grant_tries


@pytest.mark.parametrize("field", ["credential_id", "generation", "expires_at", "identifier", "session_digest"])
def test_a_grant_whose_record_was_changed_is_invalid(field: str) -> None:
    world = kit_for_tests()  # F19: whoever may write records but has no key cannot move a grant to another sign-in
    bob = world.add(BOB, password=OLD)
    journeys.ada(world)
    grant = granted(world)
    record = journeys.grant_of(world, grant)
    changes = {
        "credential_id": bob.id,
        "generation": bob.generation,
        "expires_at": record.expires_at + timedelta(days=1),
        "identifier": journeys.parsed(BOB),
        "session_digest": b"x" * 32,
    }
    journeys.overwrite(world, grant, replace(record, **{field: changes[field]}))
    assert refusal(complete, world, grant).reason is Reason.GRANT_INVALID


def test_a_grant_is_good_until_the_last_microsecond_of_its_life() -> None:
    world = kit_for_tests()  # REQ-D5a
    journeys.ada(world)
    grant = granted(world)
    world.clock.advance(Policy().grant_lifetime - MICROSECOND)
    assert complete(world, grant)


def test_a_grant_has_expired_at_the_end_of_its_life() -> None:
    world = kit_for_tests()  # RS-08, REQ-D5a
    journeys.ada(world)
    grant = granted(world)
    world.clock.advance(Policy().grant_lifetime)
    world.kit.purge()
    assert refusal(complete, world, grant).reason is Reason.GRANT_EXPIRED
    assert signs_in(world, OLD)


def test_a_refused_password_leaves_the_grant_good_for_another() -> None:
    world = kit_for_tests()  # RS-09
    credential = journeys.ada(world)
    grant = granted(world)
    for proposed in ("short", "", None, "passwordpassword", "ada ada ada ada ada", "example.com example", "x" * 1025):
        with pytest.raises(PasswordRefused):
            complete(world, grant, proposed)
    assert journeys.fresh(world, credential) == credential
    assert complete(world, grant, NEW)


def test_a_grant_allows_so_many_passwords_and_no_more() -> None:
    world = kit_for_tests(policy=replace(Policy(), grant_tries=3))  # RS-09
    journeys.ada(world)
    grant = granted(world)
    for _ in range(3):
        with pytest.raises(PasswordRefused):
            complete(world, grant, "short")
    refused = refusal(complete, world, grant)
    assert (refused.reason, refused.next) == (Reason.GRANT_EXHAUSTED, Next.BEGIN_AGAIN)
    assert signs_in(world, OLD)


def test_the_last_try_of_a_grant_is_good() -> None:
    world = kit_for_tests(policy=replace(Policy(), grant_tries=2))
    journeys.ada(world)
    grant = granted(world)
    refusal(complete, world, grant, "short")
    assert complete(world, grant)


def test_the_password_that_is_in_force_is_refused_and_the_grant_stays_good() -> None:
    world = kit_for_tests()  # PW-21
    journeys.ada(world)
    grant = granted(world)
    with pytest.raises(PasswordRefused) as caught:
        complete(world, grant, OLD)
    assert [finding.kind for finding in caught.value.findings] == [FindingKind.CURRENT]
    assert complete(world, grant, NEW)


def test_a_password_made_of_the_persons_own_identifiers_is_refused() -> None:
    world = kit_for_tests()  # PW-10
    journeys.ada(world, "quibbleton@example.org", PHONE)
    with pytest.raises(PasswordRefused) as caught:
        complete(world, granted(world), "quibbleton 4155552671")
    assert [finding.kind for finding in caught.value.findings] == [FindingKind.IDENTIFIER]


def test_complete_again_with_the_same_password_says_the_same() -> None:
    world = kit_for_tests()  # F4: the reply may have been lost
    journeys.ada(world)
    grant = granted(world)
    first = complete(world, grant)
    assert complete(world, grant) == first
    assert notices(world) == [ADA]


def test_complete_again_with_another_password_is_used() -> None:
    world = kit_for_tests()  # RS-08
    journeys.ada(world)
    grant = granted(world)
    complete(world, grant)
    assert refusal(complete, world, grant, OTHER).reason is Reason.GRANT_USED
    assert signs_in(world, NEW)


def test_complete_again_after_a_later_change_is_used() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    grant = granted(world)
    complete(world, grant)
    session = world.kit.sign_in.with_password(ADA, NEW, context=CONTEXT).session
    world.kit.password.change(session, NEW, OTHER, context=CONTEXT)
    assert refusal(complete, world, grant, NEW).reason is Reason.GRANT_USED


def test_of_two_grants_one_sets_the_password() -> None:
    world = kit_for_tests()  # RS-10, RS-11, REQ-D5b
    journeys.ada(world)
    first = granted(world)
    world.clock.advance(PAUSE)
    second = granted(world)
    complete(world, first, NEW)
    assert refusal(complete, world, second, OTHER).reason is Reason.GRANT_USED
    assert signs_in(world, NEW)


def test_a_grant_that_came_too_late_is_used_also_for_the_very_password_that_was_set() -> None:
    world = kit_for_tests()  # it did not set it, so saying so would be a lie
    journeys.ada(world)
    first = granted(world)
    world.clock.advance(PAUSE)
    second = granted(world)
    complete(world, first, NEW)
    assert refusal(complete, world, second, NEW).reason is Reason.GRANT_USED


def test_after_a_reset_the_codes_that_are_out_lead_to_nothing() -> None:
    world = kit_for_tests()  # RS-11, REQ-D5b
    journeys.ada(world)
    ticket, code = begun(world)
    world.clock.advance(PAUSE)
    complete(world, granted(world))
    grant = world.kit.reset.verify(ticket, code, context=CONTEXT)  # `verify` asks no store of users, so it cannot know yet
    assert refusal(complete, world, grant, OTHER).reason is Reason.GRANT_USED


@pytest.mark.parametrize(
    "changes",
    [
        {"identifiers": (verified(BOB),), "generation": "moved"},
        {"identifiers": (verified(ADA), verified(PHONE)), "generation": "moved"},
        {"preferred": None, "generation": "moved"},
    ],
)
def test_a_change_of_identifiers_or_method_kills_the_grants_before_it(changes: dict[str, Any]) -> None:
    world = kit_for_tests()  # REQ-D5c
    credential = journeys.ada(world)
    grant = granted(world)
    journeys.alter(world, credential, **changes)
    assert refusal(complete, world, grant).reason is Reason.GRANT_USED


def test_a_password_change_kills_the_grants_before_it() -> None:
    world = kit_for_tests()  # REQ-D5c
    journeys.ada(world)
    session = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session
    grant = granted(world)
    world.kit.password.change(session, OLD, OTHER, context=CONTEXT)
    assert refusal(complete, world, grant).reason is Reason.GRANT_USED
    assert signs_in(world, OTHER)


def test_a_rehash_kills_no_grant() -> None:
    world = kit_for_tests()  # F5: its version moves and its generation stands
    credential = journeys.ada(world)
    grant = granted(world)
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)))
    assert signs_in(dearer, OLD)
    assert journeys.fresh(world, credential).password_hash != credential.password_hash
    assert complete(world, grant)


def test_after_a_reset_the_new_password_works_however_often_the_old_one_was_guessed_at() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=2))  # RS-11
    journeys.ada(world, PHONE)
    assert [signs_in(world, OTHER, who) for who in (ADA, PHONE)] == [False, False]
    complete(world, granted(world))
    assert [signs_in(world, NEW, who) for who in (ADA, PHONE)] == [True, True]


def test_a_limit_that_a_stranger_has_filled_and_sees_is_not_lifted_by_the_owners_reset() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_guesses=2))  # F13: or it would say that there is an owner
    journeys.ada(world)
    for who in (ADA, BOB):
        assert [signs_in(world, OTHER, who) for _ in range(2)] == [False, False]
    complete(world, granted(world))
    reasons = [refusal(world.kit.sign_in.with_password, who, OTHER, context=CONTEXT).reason for who in (ADA, BOB)]
    assert reasons == [Reason.TOO_MANY_TRIES, Reason.TOO_MANY_TRIES]


def test_a_reset_forgets_the_guesses_at_nobody_elses_password() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))
    journeys.ada(world)
    world.add(BOB, password=OLD)
    assert not signs_in(world, OTHER, BOB)
    complete(world, granted(world))
    assert not signs_in(world, OLD, BOB)


def test_a_refused_reset_forgets_no_guesses() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))
    journeys.ada(world)
    grant = granted(world)
    assert not signs_in(world, OTHER)
    refusal(complete, world, grant, "short")
    assert not signs_in(world, OLD)


def test_guesses_that_cannot_be_forgotten_do_not_fail_the_reset() -> None:
    records = journeys.SpiedRecords()
    world = journeys.build(records=records)
    journeys.ada(world)
    grant = granted(world)
    assert not signs_in(world, OTHER)
    failing = journeys.beside(world, records=_FailingForBudgets(records.within), deliver="manual")
    assert complete(failing, grant)
    assert signs_in(world, NEW)


class _FailingForBudgets(journeys.SpiedRecords):
    """Records of which the counts cannot be loaded."""

    def load(self, keys: Any) -> Any:
        if any("/budget/" in key for key in keys):
            raise OSError("the database is away")
        return super().load(keys)


# Notices (RS-13) --------------------------------------------------------------------------------------------------------


def test_every_verified_identifier_is_told_and_no_other() -> None:
    world = kit_for_tests()
    others = (registered("import@example.com", Standing.CARRIED_OVER), registered("unproved@example.com", Standing.UNVERIFIED))
    journeys.ada(world, identifiers=(verified(ADA), verified(PHONE), *others))
    world.add(BOB, password=OLD)
    complete(world, granted(world))
    assert notices(world) == [PHONE, ADA]


def test_where_no_identifier_is_verified_those_carried_over_are_told() -> None:
    world = kit_for_tests()  # an owner whom nobody tells is worse than a stranger who learns of it
    entries = [registered(who, Standing.CARRIED_OVER) for who in (ADA, PHONE)]
    journeys.ada(world, identifiers=(*entries, registered(BOB, Standing.UNVERIFIED)))
    complete(world, granted(world))
    assert notices(world) == [PHONE, ADA]


def test_the_notice_says_when_from_where_and_for_whom() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, locale="nb")
    complete(world, granted(world), context=Context(device="Firefox on Linux", place="Oslo, Norway", locale="de"))
    (notice,) = [message for message in world.inbox.messages if message.kind is MessageKind.PASSWORD_RESET]
    assert (notice.at, notice.device, notice.place, notice.locale) == (world.clock.now(), "Firefox on Linux", "Oslo, Norway", "nb")
    assert (notice.credential_id, notice.accounts, notice.expires_at, notice.code) == (credential.id, (credential.id,), None, None)


def test_a_notifier_that_fails_does_not_stop_the_reset_and_the_owner_hears_later() -> None:
    world = kit_for_tests()  # REQ-D7b
    journeys.ada(world)
    grant = granted(world)
    world.inbox.failing = OSError("no mail today")
    complete(world, grant)
    world.inbox.failing = None
    world.clock.advance(days=40)
    world.kit.purge()
    world.kit.courier.run_due()
    assert notices(world) == [ADA]


# Trouble ----------------------------------------------------------------------------------------------------------------


def test_a_lost_reply_of_the_swap_is_found_out() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    journeys.ada(world)
    grant = granted(world)
    spied.replies_lost = 1
    changed = complete(world, grant)
    assert changed.credential == journeys.fresh(world, changed.credential)
    assert notices(world) == [ADA]
    assert signs_in(world, NEW)


def test_a_swap_that_failed_is_trouble_and_the_call_can_be_repeated() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    grant = granted(world)
    spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        complete(world, grant)
    assert journeys.fresh(world, credential) == credential
    assert complete(world, grant)
    assert notices(world) == [ADA]


def test_a_full_gate_is_busy_and_costs_the_grant_nothing() -> None:
    world = kit_for_tests(policy=replace(Policy(), gate=1, gate_queue=0))  # F9
    journeys.ada(world)
    grant = granted(world)
    place = world.kit._shell.hashing.reserve()
    with pytest.raises(Busy):
        complete(world, grant)
    place.release()
    assert journeys.grant_of(world, grant).tries_left == Policy().grant_tries
    assert complete(world, grant)


def test_every_end_of_the_call_gives_its_place_in_the_gate_back() -> None:
    world = kit_for_tests(policy=replace(Policy(), gate=1, gate_queue=0))
    journeys.ada(world)
    grant = granted(world)
    for _ in range(2):
        refusal(complete, world, grant, "short")
        refusal(complete, world, f"{'A' * 22}.{'A' * 43}")
    assert complete(world, grant)
    assert complete(world, grant)


def test_too_many_changes_within_a_month_do_not_close_the_way_back() -> None:
    world = kit_for_tests()  # whoever knows the password can make so many; the oldest is forgotten, and its owner is told of this one
    now = world.clock.now()
    credential = journeys.ada(world, marks=tuple(Mark(change_id=str(number), at=now) for number in range(MARKS)))
    assert complete(world, granted(world))
    marks = [mark.change_id for mark in journeys.fresh(world, credential).marks]
    assert (len(marks), marks[0]) == (MARKS, "1")
    assert world.inbox.messages[-1].kind is MessageKind.PASSWORD_RESET


# From async code --------------------------------------------------------------------------------------------------------


def test_the_async_journey_from_begin_to_the_notice() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        kit = world.kit
        credential = await world.add(ADA, password=OLD)
        session = (await kit.sign_in.with_password(ADA, OLD, context=CONTEXT)).session
        ticket = await kit.reset.begin(ADA, context=CONTEXT)
        world.clock.advance(PAUSE)
        assert (await kit.reset.resend(ticket, context=CONTEXT)).expires_at == ticket.expires_at
        with pytest.raises(Refused):
            await kit.reset.verify(ticket, WRONG, context=CONTEXT)
        assert (await kit.reset.look(ticket, context=CONTEXT)).tries_left == Policy().otp.comparisons - 1
        grant = await kit.reset.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT)
        with pytest.raises(PasswordRefused):
            await kit.reset.complete(grant, "short", context=CONTEXT)
        changed = await kit.reset.complete(grant, NEW, context=CONTEXT)
        assert await kit.reset.complete(grant, NEW, context=CONTEXT) == changed
        with pytest.raises(Refused):
            await kit.reset.complete(grant, OTHER, context=CONTEXT)
        assert changed.credential.id == credential.id
        assert not await kit.sign_in.holds(session)
        assert [message.kind for message in world.inbox.messages if message.kind not in CODES] == [MessageKind.PASSWORD_RESET]

    asyncio.run(journey())


def test_fifty_resets_completed_at_once_change_the_password_once() -> None:
    async def journey() -> list[object]:
        world = async_kit_for_tests(policy=replace(Policy(), grant_tries=50))  # RS-10, OT-04
        await world.add(ADA, password=OLD)
        ticket = await world.kit.reset.begin(ADA, context=CONTEXT)
        grant = await world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT)
        passwords = [f"{NEW} {number}" for number in range(50)]
        return await asyncio.gather(*(world.kit.reset.complete(grant, password, context=CONTEXT) for password in passwords), return_exceptions=True)

    results = asyncio.run(journey())
    assert [result.reason for result in results if not isinstance(result, Changed) and isinstance(result, Refused)].count(Reason.GRANT_USED) == 49
    (changed,) = [result for result in results if isinstance(result, Changed)]
    assert isinstance(changed.credential, Credential)


# By link ----------------------------------------------------------------------------------------------------------------

BY_LINK = Policy(reset_by="link")


def asked_by_link(*others: str, context: Context = CONTEXT, **parts: Any) -> tuple[TestWorld, Credential, Ticket, str]:
    """Return a world in which Ada has asked for a link, her ticket, and the link that was sent."""
    world = journeys.build(policy=BY_LINK, **parts)
    credential = journeys.ada(world, *others)
    ticket = world.kit.reset.begin(ADA, context=context)
    return world, credential, ticket, link_in(world)


def link_in(world: TestWorld) -> str:
    found = [message.link for message in world.inbox.messages if message.kind is MessageKind.RESET_LINK][-1]
    assert found is not None
    return found.reveal()


def redeem(world: TestWorld, link: Any, context: Context = CONTEXT) -> Any:
    return world.kit.reset.redeem(link, context=context)


@pytest.mark.parametrize("form", ["link", "token"])
def test_a_link_or_its_token_is_exchanged_for_a_grant_that_sets_the_password(form: str) -> None:
    world, _, _, link = asked_by_link()  # RS-15
    grant = redeem(world, link if form == "link" else link.rpartition("#")[2])
    complete(world, grant)
    assert (signs_in(world, NEW), signs_in(world, OLD)) == (True, False)


def test_a_link_is_built_from_configuration_and_the_message_holds_no_code() -> None:
    world, _, ticket, link = asked_by_link(context=Context(device="Firefox on Linux"))  # RS-15, AP-20
    message = world.inbox.messages[-1]
    assert link.startswith("https://example.com/reset/link#")
    assert (message.code, message.label) == (None, ticket.label)
    assert link in message.text
    assert "Firefox on Linux" in message.text


def test_a_site_without_script_may_carry_the_reset_token_in_the_path() -> None:
    world, _, _, link = asked_by_link(site=replace(site_for_tests(), token_in="path"))
    assert link.startswith("https://example.com/reset/link/")
    complete(world, redeem(world, link))


def test_a_site_without_the_page_cannot_reset_by_link() -> None:
    with pytest.raises(ConfigurationError, match=r"site\.paths\.reset"):
        journeys.build(policy=BY_LINK, site=replace(site_for_tests(), paths=Paths(approve="/approve", undo="/undo")))


def test_a_link_goes_to_the_verification_method_as_a_code_does() -> None:
    world = journeys.build(policy=BY_LINK)
    journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    world.kit.reset.begin(ADA, context=CONTEXT)
    assert destinations(world) == [PHONE]


def test_what_a_stranger_sees_of_a_reset_by_link_is_the_same_for_nobody() -> None:
    world, _, ticket, _ = asked_by_link()
    nobody = world.kit.reset.begin(NOBODY, context=CONTEXT)
    shown = ("expires_at", "resend_at", "tries_left")
    assert [ticket.public()[name] for name in shown] == [nobody.public()[name] for name in shown]
    assert len(world.inbox.messages) == 1


def test_looking_never_redeems() -> None:
    world, _, ticket, link = asked_by_link()  # a GET of either page
    for _ in range(100):
        world.kit.reset.look(ticket, context=CONTEXT)
    assert redeem(world, link)


def test_a_link_is_redeemed_once_and_repeated_within_half_a_minute_gives_the_same_grant() -> None:
    world, _, _, link = asked_by_link()
    first = redeem(world, link)
    world.clock.advance(timedelta(seconds=30) - MICROSECOND)
    assert redeem(world, link).text == first.text
    world.clock.advance(MICROSECOND)
    assert refusal(redeem, world, link).reason is Reason.CODE_USED
    complete(world, first)


def test_a_link_that_was_redeemed_in_one_session_gives_nothing_to_another() -> None:
    world, _, _, link = asked_by_link()  # F23
    mine, other = Context(session_key="mine"), Context(session_key="other")
    grant = redeem(world, link, mine)
    for context in (other, CONTEXT):
        assert refusal(redeem, world, link, context).reason is Reason.CODE_USED
        assert refusal(complete, world, grant, NEW, context).reason is Reason.GRANT_INVALID
    complete(world, grant, NEW, mine)


def test_a_link_may_be_opened_on_another_device_than_the_one_that_asked() -> None:
    world, _, _, link = asked_by_link(context=Context(session_key="desktop"))
    phone = Context(session_key="phone")
    complete(world, redeem(world, link, phone), NEW, phone)
    assert signs_in(world, NEW)


def test_a_link_works_as_long_as_a_code() -> None:
    world, _, ticket, link = asked_by_link()
    world.clock.advance(ticket.expires_at - world.clock.now() - MICROSECOND)
    late = journeys.beside(world, policy=BY_LINK)
    assert redeem(late, link)
    world, _, ticket, link = asked_by_link()
    world.clock.advance(ticket.expires_at - world.clock.now())
    assert refusal(redeem, world, link).reason is Reason.CODE_EXPIRED


@pytest.mark.parametrize("given", [*WEIRD, "A" * 22 + "." + "B" * 43, "https://example.com/reset/link#" + "A" * 22 + "." + "B" * 43])
def test_what_is_no_reset_link_is_refused_and_not_counted(given: Any) -> None:
    world, _, ticket, link = asked_by_link()  # REQ-D4c
    assert refusal(redeem, world, given).reason is Reason.TICKET_INVALID
    assert world.kit.reset.look(ticket, context=CONTEXT).tries_left == ticket.tries_left
    assert redeem(world, link)


def test_the_ticket_of_a_reset_by_link_is_not_its_link() -> None:
    world, _, ticket, link = asked_by_link()
    assert refusal(redeem, world, ticket.text).reason is Reason.TICKET_INVALID
    assert refusal(world.kit.reset.look, link.rpartition("#")[2], context=CONTEXT).reason is Reason.TICKET_INVALID
    assert refusal(complete, world, link.rpartition("#")[2]).reason is Reason.GRANT_INVALID


def test_a_link_with_the_secret_of_another_is_refused() -> None:
    world, _, _, first = asked_by_link()
    world.add(BOB, password=OTHER)
    world.clock.advance(PAUSE)
    world.kit.reset.begin(BOB, context=CONTEXT)
    second = link_in(world)
    mixed = first.rpartition(".")[0] + "." + second.rpartition(".")[2]
    assert refusal(redeem, world, mixed).reason is Reason.TICKET_INVALID


def test_a_link_is_worth_nothing_at_another_site_or_in_another_journey() -> None:
    world, _, _, link = asked_by_link()
    other = journeys.beside(world, site=site_for_tests("other"), policy=BY_LINK)
    assert refusal(redeem, other, link).reason is Reason.TICKET_INVALID
    assert refusal(world.kit.undo.review, link).reason is Reason.UNDO_INVALID
    assert refusal(world.kit.settings.review, link).reason is Reason.APPROVAL_INVALID


def test_a_link_that_a_resend_has_replaced_is_refused() -> None:
    world, _, ticket, first = asked_by_link()
    world.clock.advance((ticket.expires_at - ticket.begun_at) / 2)
    manual = journeys.beside(world, policy=BY_LINK, deliver="manual")
    manual.kit.reset.resend(ticket, context=CONTEXT)
    manual.kit.courier.run_due()
    assert refusal(redeem, world, first).reason is Reason.TICKET_INVALID
    complete(world, redeem(world, link_in(world)))


def test_a_link_dies_with_any_change_of_the_sign_in() -> None:
    world, credential, _, link = asked_by_link()  # REQ-D5c
    grant = redeem(world, link)
    world.kit.password.change(Session(credential_id=credential.id, session_epoch=0), OLD, OTHER, context=CONTEXT)
    assert refusal(complete, world, grant).reason is Reason.GRANT_USED
    assert signs_in(world, OTHER)


def test_guesses_at_the_code_nobody_was_sent_are_bounded_and_leave_the_link_alone() -> None:  # F12: the ticket may be a stranger's
    world, _, ticket, link = asked_by_link()
    refused = [refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT).reason for _ in range(ticket.tries_left)]
    assert refused == [Reason.CODE_WRONG] * (ticket.tries_left - 1) + [Reason.CODE_EXHAUSTED]
    complete(world, redeem(world, link))


def test_a_link_made_with_an_older_key_works_while_that_is_on_the_ring() -> None:
    world, _, _, link = asked_by_link(keys=journeys.ring("old"))
    rotated = journeys.beside(world, keys=journeys.ring("new", "old"), policy=BY_LINK)
    assert redeem(rotated, link)
    with pytest.raises(UnknownKey):
        redeem(journeys.beside(world, keys=journeys.ring("new"), policy=BY_LINK), link)


def test_a_reset_by_link_from_async_code() -> None:
    async def journey() -> None:
        world = async_kit_for_tests(policy=BY_LINK)
        await world.add(ADA, password=OLD)
        world.clock.advance(PAUSE)
        await world.kit.reset.begin(ADA, context=CONTEXT)
        link = world.inbox.messages[-1].link
        assert link is not None
        await world.kit.reset.complete(await world.kit.reset.redeem(link.reveal(), context=CONTEXT), NEW, context=CONTEXT)
        await world.kit.sign_in.with_password(ADA, NEW, context=CONTEXT)

    asyncio.run(journey())


# Somebody else asks, and asks again (F12, RS-18) ------------------------------------------------------------------------


def pestered(count: int, *others: str, who: str = ADA, **parts: Any) -> TestWorld:
    """Return a world in which a stranger has asked for so many codes of Ada's, each after the pause."""
    world = journeys.build(**parts)
    journeys.ada(world, *others, preferred=None)
    for _ in range(count):
        world.kit.reset.begin(who, context=CONTEXT)
        world.clock.advance(PAUSE)
    return world


def links(world: TestWorld) -> list[str]:
    return [message.link.reveal() for message in world.inbox.messages if message.link is not None]


def test_an_ordinary_reset_message_holds_a_code_and_no_link() -> None:
    assert links(pestered(3)) == []


def test_where_messages_pile_up_they_carry_a_link_that_does_the_same() -> None:
    world = pestered(4)
    (link,) = links(world)
    message = world.inbox.messages[-1]
    assert message.kind is MessageKind.RESET_CODE
    assert link in message.text
    assert "within 24 hours" in message.text
    complete(world, redeem(world, link))
    assert signs_in(world, NEW)


def test_the_owner_can_reset_at_any_time_although_a_stranger_has_used_up_all_there_is() -> None:  # promise 5
    world = pestered(30)
    assert refusal(world.kit.reset.begin, ADA, context=CONTEXT).reason is Reason.TOO_MANY_REQUESTS
    complete(world, redeem(world, links(world)[-1]))
    assert signs_in(world, NEW)


def test_a_lasting_link_outlives_the_code_and_every_guess_on_the_ticket() -> None:
    world = pestered(3)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    for _ in range(5):
        refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT)
    world.clock.advance(hours=23)
    world.kit.purge()
    # What nobody's ticket answers by now, of which no record is kept (F13).
    assert refusal(world.kit.reset.verify, ticket, WRONG, context=CONTEXT).reason is Reason.TICKET_INVALID
    complete(world, redeem(world, links(world)[-1]))


def test_a_lasting_link_ends_after_a_day() -> None:
    world = pestered(4)
    world.clock.advance(hours=24)
    assert refusal(redeem, world, links(world)[-1]).reason is Reason.CODE_EXPIRED


def test_a_lasting_link_works_once_and_so_does_the_code_beside_it() -> None:
    world = pestered(3)
    ticket, code = journeys.begun(world)
    grant = world.kit.reset.verify(ticket, code, context=CONTEXT)
    world.clock.advance(minutes=1)
    assert refusal(redeem, world, links(world)[-1]).reason is Reason.CODE_USED
    complete(world, grant)


def test_a_resend_by_a_stranger_leaves_the_link_that_was_sent_good() -> None:
    world = pestered(3)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    (link,) = links(world)
    world.clock.advance(minutes=6)
    world.kit.reset.resend(ticket, context=CONTEXT)  # a new code, and room for its message
    world.clock.advance(minutes=6)
    world.kit.reset.resend(ticket, context=CONTEXT)  # the hour is used up: nothing is sent
    assert links(world) == [link, link]
    complete(world, redeem(world, link))


def test_a_message_that_goes_elsewhere_holds_no_link_that_was_sent_to_another_address() -> None:
    world = pestered(4, PHONE)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    world.clock.advance(minutes=6)
    world.kit.reset.resend(ticket, context=CONTEXT)  # a new code, and the hour of the address is used up
    assert [message.to.kind for message in world.inbox.messages[-2:]] == ["email", "phone"]
    assert (world.inbox.messages[-2].link is None, world.inbox.messages[-1].link is None) == (False, True)


def test_a_text_message_holds_no_lasting_link() -> None:  # ID-18: a number is worth less as proof
    assert links(pestered(5, PHONE, who=PHONE)) == []


def test_without_a_page_for_it_there_is_no_link() -> None:
    site = site_for_tests()
    assert links(pestered(5, site=replace(site, paths=replace(site.paths, reset=None)))) == []


def test_where_one_destination_has_had_enough_the_next_verified_one_gets_the_code() -> None:
    world = pestered(6, PHONE, who=PHONE)  # 5 an hour
    assert [message.to.kind for message in world.inbox.messages] == ["phone"] * 5 + ["email"]
    assert world.inbox.messages[-1].code is not None


def noise(kind: str) -> Any:
    """Return what a stranger can ask for that sends the owner a message, and leads nobody back in."""

    def ask(world: TestWorld) -> Any:
        kit = world.kit
        return {"sign-up": kit.sign_up.begin, "sign-in by code": kit.sign_in.begin, "reminder": kit.reminder.send}[kind](ADA, context=CONTEXT)

    return ask


@pytest.mark.parametrize("kind", ["sign-up", "sign-in by code", "reminder"])
def test_messages_that_lead_nobody_back_in_leave_some_for_those_that_do(kind: str) -> None:  # F12
    world = pestered(0, policy=Policy(sign_in_by_code=True))
    for _ in range(30):
        noise(kind)(world)
        world.clock.advance(PAUSE)
    assert len(world.inbox.messages) == 3  # half of an hour's
    complete(world, granted(world))


def test_a_finished_reset_leaves_room_for_the_next_as_it_ends_the_links_of_before() -> None:  # F12
    world = pestered(6)
    complete(world, redeem(world, links(world)[-1]))
    complete(world, granted(world), OTHER)
    assert signs_in(world, OTHER)


STOPPING = replace(site_for_tests(), paths=replace(site_for_tests().paths, stop="/security/not-me"))


def stop_link(world: TestWorld) -> str:
    link = world.inbox.messages[-1].stop_link
    assert link is not None
    return link.reveal()


def test_i_did_not_ask_ends_the_code_and_nobody_can_tell() -> None:  # RS-18
    world = pestered(0, site=STOPPING)
    ticket, code = journeys.begun(world)
    link = stop_link(world)
    assert link.startswith("https://example.com/security/not-me#")
    assert link in world.inbox.messages[-1].text
    for typed in (ADA, " ada@EXAMPLE.com "):
        world.kit.reset.stop(link, typed, context=CONTEXT)
    refused = refusal(world.kit.reset.verify, ticket, code, context=CONTEXT)
    assert (refused.reason, refused.tries_left) == (Reason.CODE_WRONG, 4)
    sent = len(world.inbox.messages)
    world.clock.advance(PAUSE)
    assert world.kit.reset.resend(ticket, context=CONTEXT)
    assert len(world.inbox.messages) == sent


def test_i_did_not_ask_takes_back_what_the_code_has_earned_already() -> None:  # somebody else has read it
    world = pestered(0, site=STOPPING)
    ticket, code = journeys.begun(world)
    grant = world.kit.reset.verify(ticket, code, context=CONTEXT)
    world.kit.reset.stop(stop_link(world), ADA, context=CONTEXT)
    assert refusal(complete, world, grant).reason is Reason.GRANT_INVALID
    assert refusal(world.kit.reset.verify, ticket, code, context=CONTEXT).reason is Reason.CODE_WRONG
    assert signs_in(world, OLD)


def test_i_did_not_ask_comes_too_late_for_a_password_that_was_set_and_changes_nothing() -> None:
    world = pestered(0, site=STOPPING)
    ticket, code = journeys.begun(world)
    link = stop_link(world)
    complete(world, world.kit.reset.verify(ticket, code, context=CONTEXT))
    world.clock.advance(minutes=20)
    world.kit.purge()
    world.kit.reset.stop(link, ADA, context=CONTEXT)
    assert signs_in(world, NEW)


def test_i_did_not_ask_ends_the_link_of_that_message_and_no_other_reset() -> None:
    world = pestered(4, site=STOPPING)
    (link,) = links(world)
    world.kit.reset.stop(stop_link(world), ADA, context=CONTEXT)
    assert refusal(redeem, world, link).reason is Reason.TICKET_INVALID
    world.clock.advance(hours=1)
    assert granted(world)


@pytest.mark.parametrize("typed", [BOB, PHONE])
def test_i_did_not_ask_needs_the_address_the_message_went_to(typed: str) -> None:  # a scanner that presses buttons ends nobody's reset
    world = pestered(0, PHONE, site=STOPPING)
    ticket, code = journeys.begun(world)
    assert refusal(world.kit.reset.stop, stop_link(world), typed, context=CONTEXT).reason is Reason.CONFIRMATION_WRONG
    assert world.kit.reset.verify(ticket, code, context=CONTEXT)


@pytest.mark.parametrize("forged", ["", "x", "https://example.com/security/not-me#", None])
def test_what_is_no_link_stops_nothing(forged: Any) -> None:
    world = pestered(1, site=STOPPING)
    assert refusal(world.kit.reset.stop, forged, ADA, context=CONTEXT).reason is Reason.TICKET_INVALID


def test_the_link_that_stops_a_reset_does_nothing_else() -> None:  # REQ-D4b
    world = pestered(4, site=STOPPING)
    assert refusal(redeem, world, stop_link(world)).reason is Reason.TICKET_INVALID
    assert refusal(world.kit.reset.stop, links(world)[-1], ADA, context=CONTEXT).reason is Reason.CONFIRMATION_WRONG


def test_a_site_without_a_page_for_it_sends_no_link_to_stop() -> None:
    world = pestered(1)
    assert world.inbox.messages[-1].stop_link is None
