"""A password that others may know: it signs nobody in, ends what was open, and lets its owner do one thing, set another (PW-05)."""

from __future__ import annotations

import asyncio
import copy
import pickle
from dataclasses import replace
from typing import Any

import pytest

from credkit import PasswordChangeRequired
from credkit.context import Context
from credkit.credential import MARKS, Credential, Mark, Standing
from credkit.errors import Busy, ConfigurationError, Field, FindingKind, Next, Reason, Refused, StoreError
from credkit.flows.changes import Ended
from credkit.flows.transaction import ATTEMPTS
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.testing import TestWorld, async_kit_for_tests, kit_for_tests
from credkit.tickets import Grant, Purpose
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, NEW, NOBODY, OLD, OTHER, PHONE, granted, refusal, registered, signs_in, verified


def mark(world: TestWorld, credential: Credential, actor: str = "support") -> Credential:
    return world.kit.admin.mark_compromised(credential.id, actor=actor)


def sign_in(world: TestWorld, password: Any = OLD, identifier: Any = ADA, context: Context = CONTEXT) -> Any:
    return world.kit.sign_in.with_password(identifier, password, context=context)


def marked(world: TestWorld, *others: str, **changes: Any) -> Credential:
    """Return Ada, whose password is marked; what she was told of that is left out of the inbox."""
    credential = mark(world, journeys.ada(world, *others, **changes))
    world.inbox.messages.clear()
    return credential


def required(world: TestWorld, password: Any = OLD, identifier: Any = ADA, context: Context = CONTEXT) -> PasswordChangeRequired:
    with pytest.raises(PasswordChangeRequired) as caught:
        sign_in(world, password, identifier, context)
    return caught.value


# Marking ----------------------------------------------------------------------------------------------------------------


def test_a_mark_ends_all_sessions_and_all_older_proofs() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    session, grant = sign_in(world).session, granted(world)
    stored = mark(world, credential)
    assert stored == journeys.fresh(world, credential)
    assert (stored.compromised, stored.session_epoch) == (True, credential.session_epoch + 1)
    assert not world.kit.sign_in.holds(session)
    # A code that was out may have been read by whoever knows the password; the owner asks for a new one.
    assert refusal(world.kit.reset.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_USED


def test_a_mark_leaves_everything_else_as_it_was() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, PHONE, accounts=("first", "second"), locale="nb")
    stored = mark(world, credential)
    same = {"generation": credential.generation, "session_epoch": credential.session_epoch, "marks": credential.marks, "version": credential.version}
    assert replace(stored, compromised=False, **same) == credential


def test_the_owner_can_reset_from_then_on_as_ever() -> None:
    world = kit_for_tests()
    credential = marked(world)
    world.clock.advance(journeys.PAUSE)
    changed = world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    assert not changed.credential.compromised
    assert not journeys.fresh(world, credential).compromised
    assert world.kit.sign_in.holds(sign_in(world, NEW).session)


def test_every_verified_identifier_is_told_and_no_other() -> None:
    world = kit_for_tests()  # NO-08
    others = (registered("import@example.com", Standing.CARRIED_OVER), registered("unproved@example.com", Standing.UNVERIFIED))
    credential = journeys.ada(world, identifiers=(verified(ADA), verified(PHONE), *others), locale="nb")
    world.add(BOB, password=OLD)
    world.clock.advance(hours=1)
    mark(world, credential)
    assert sorted(message.to.canonical for message in world.inbox.messages) == [PHONE, ADA]
    assert {(message.kind, message.at, message.locale) for message in world.inbox.messages} == {
        (MessageKind.PASSWORD_COMPROMISED, world.clock.now(), "nb"),
    }


def test_the_owner_is_told_even_if_the_notifier_fails_at_first() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    world.inbox.failing = RuntimeError("the provider is down")
    mark(world, credential)
    world.inbox.failing = None
    world.clock.advance(hours=1)
    world.kit.courier.run_due()
    assert [message.kind for message in world.inbox.messages] == [MessageKind.PASSWORD_COMPROMISED]


def test_marking_again_changes_nothing_and_tells_nobody_again() -> None:
    world = kit_for_tests()
    stored = marked(world)
    assert mark(world, stored, actor="somebody else") == stored
    assert journeys.fresh(world, stored) == stored
    world.clock.advance(days=1)
    world.kit.courier.run_due()
    assert world.inbox.messages == []


def test_after_a_new_password_a_mark_is_a_mark_anew() -> None:
    world = kit_for_tests()
    credential = marked(world)
    world.kit.reset.complete(required(world).grant, NEW, context=CONTEXT)
    world.inbox.messages.clear()
    assert mark(world, credential).compromised
    assert [message.kind for message in world.inbox.messages] == [MessageKind.PASSWORD_COMPROMISED]
    assert required(world, NEW)


def test_a_disabled_sign_in_and_one_without_a_password_may_be_marked() -> None:
    for changes in ({"disabled": True}, {"password_hash": None}):
        world = kit_for_tests()
        credential = marked(world, **changes)
        assert journeys.fresh(world, credential).compromised
        assert refusal(sign_in, world).reason is Reason.SIGN_IN_FAILED


@pytest.mark.parametrize(("credential_id", "actor"), [("", "support"), (None, "support"), (7, "support")])
def test_a_credential_must_be_named(credential_id: Any, actor: str) -> None:
    with pytest.raises(ConfigurationError, match="credential's id and an actor"):
        kit_for_tests().kit.admin.mark_compromised(credential_id, actor=actor)


@pytest.mark.parametrize("actor", ["", None, b"support"])
def test_an_actor_must_be_named(actor: Any) -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    with pytest.raises(ConfigurationError, match="credential's id and an actor"):
        mark(world, credential, actor)
    assert journeys.fresh(world, credential) == credential


def test_a_sign_in_that_is_not_there_cannot_be_marked() -> None:
    with pytest.raises(ConfigurationError, match="the id of a credential"):
        kit_for_tests().kit.admin.mark_compromised("nobody", actor="support")


def test_a_mark_that_lost_to_a_rehash_is_tried_again() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.before_replace = [lambda: spied.touch(credential.id, password_hash="rehashed")]
    stored = mark(world, credential)
    assert (stored.compromised, stored.password_hash) == (True, "rehashed")
    assert [message.kind for message in world.inbox.messages] == [MessageKind.PASSWORD_COMPROMISED]


def test_a_mark_that_lost_to_another_password_falls_on_that_one() -> None:
    """Whether the evidence was about the old or the new one nobody can tell here; asking once too often is safe."""
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    grant = granted(world)
    spied.before_replace = [lambda: world.kit.reset.complete(grant, NEW, context=CONTEXT)]
    assert mark(world, credential).compromised
    assert required(world, NEW)
    assert refusal(sign_in, world, OLD).reason is Reason.SIGN_IN_FAILED


def test_of_two_marks_at_once_one_is_made_and_told() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.before_replace = [lambda: mark(world, credential)]
    stored = mark(world, credential)
    assert stored.session_epoch == credential.session_epoch + 1
    world.clock.advance(days=1)
    world.kit.courier.run_due()
    assert [message.kind for message in world.inbox.messages] == [MessageKind.PASSWORD_COMPROMISED]


def test_a_reset_that_lost_to_a_mark_does_not_bring_the_old_state_back() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    grant = granted(world)
    spied.before_replace = [lambda: mark(world, credential)]
    assert refusal(world.kit.reset.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_USED
    assert journeys.fresh(world, credential).compromised
    assert required(world, OLD)


def test_a_mark_that_always_loses_is_busy() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.before_replace = [lambda: spied.touch(credential.id) for _ in range(ATTEMPTS)]
    with pytest.raises(Busy):
        mark(world, credential)
    assert not journeys.fresh(world, credential).compromised


def test_a_mark_overtaken_each_time_by_another_change_is_busy() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.before_replace = [lambda n=n: spied.touch(credential.id, generation=f"another {n}") for n in range(ATTEMPTS)]
    with pytest.raises(Busy):
        mark(world, credential)


def test_a_lost_reply_is_found_out() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.replies_lost = 1
    assert mark(world, credential).compromised
    assert [message.kind for message in world.inbox.messages] == [MessageKind.PASSWORD_COMPROMISED]


def test_a_store_that_fails_is_trouble_and_the_call_can_be_repeated() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        mark(world, credential)
    assert not journeys.fresh(world, credential).compromised
    assert mark(world, credential).compromised


def test_too_many_changes_within_a_month_leave_no_room_for_a_mark() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    now = world.clock.now()
    full = journeys.alter(world, credential, marks=tuple(Mark(change_id=f"change {n}", at=now) for n in range(MARKS)))
    assert refusal(mark, world, full).reason is Reason.TOO_MANY_CHANGES
    assert journeys.fresh(world, credential) == full


# Signing in -------------------------------------------------------------------------------------------------------------


def test_the_right_password_signs_nobody_in_and_says_what_is_due() -> None:
    world = kit_for_tests()
    marked(world)
    due = required(world)
    assert isinstance(due, Refused)
    assert (due.reason, due.next, due.field, due.status) == (Reason.PASSWORD_CHANGE_REQUIRED, Next.GO_ON, Field.PASSWORD, 403)
    assert (due.retry_after, due.tries_left, due.findings) == (None, None, ())
    assert isinstance(due.grant, Grant)
    assert due.grant.purpose is Purpose.PASSWORD_RESET


def test_a_host_that_knows_nothing_of_it_shows_the_form_again() -> None:
    """An unchanged handler for refusals fails closed, and what it shows makes sense."""
    world = kit_for_tests()
    marked(world)
    with pytest.raises(Refused) as caught:
        sign_in(world)
    assert caught.value.text() == "Somebody else may know your password. Choose a new one to go on."


@pytest.mark.parametrize("stranger", [(OTHER, ADA), (OLD, NOBODY)])
def test_a_stranger_hears_what_a_stranger_hears(stranger: tuple[str, str]) -> None:
    records, credentials, hasher = journeys.SpiedRecords(), journeys.SpiedCredentials(), journeys.CountingHasher()
    world = journeys.build(records=records, credentials=credentials, hasher=hasher)
    credential = journeys.ada(world)
    traces = []
    for _ in range(2):
        for calls in (records.calls, credentials.calls, hasher.calls):
            calls.clear()
        assert refusal(sign_in, world, *stranger).reason is Reason.SIGN_IN_FAILED
        traces.append((list(records.calls), list(credentials.calls), list(hasher.calls)))
        mark(world, credential)
    assert traces[0] == traces[1]


@pytest.mark.parametrize("changes", [{"disabled": True}, {"identifiers": (verified(BOB), registered(ADA, Standing.UNVERIFIED))}])
def test_one_who_may_not_sign_in_hears_nothing_of_the_mark(changes: dict[str, Any]) -> None:
    world = kit_for_tests()
    marked(world, **changes)
    assert refusal(sign_in, world).reason is Reason.SIGN_IN_FAILED


def test_past_the_silent_limit_nobody_hears_of_the_mark() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))  # F13
    marked(world)
    assert refusal(sign_in, world, OTHER).reason is Reason.SIGN_IN_FAILED
    assert refusal(sign_in, world, OLD).reason is Reason.SIGN_IN_FAILED


def test_the_right_password_takes_its_charge_back_as_a_success_does() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_guesses=2))  # F9
    marked(world)
    for _ in range(5):
        assert required(world)
    reasons = [refusal(sign_in, world, OTHER).reason for _ in range(3)]
    assert reasons == [Reason.SIGN_IN_FAILED, Reason.SIGN_IN_FAILED, Reason.TOO_MANY_TRIES]


def test_it_gives_its_place_in_the_gate_back() -> None:
    world = kit_for_tests(policy=replace(Policy(), gate=1, gate_queue=0))
    marked(world)
    for _ in range(3):
        assert required(world)


def test_it_makes_no_hash_anew() -> None:
    world = kit_for_tests()
    credential = marked(world)
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)))
    assert required(dearer)
    assert journeys.fresh(world, credential) == credential


def test_the_grant_hides_its_secret_wherever_the_refusal_is_shown() -> None:
    world = kit_for_tests()
    marked(world)
    due = required(world)
    secret = due.grant.text.partition(".")[2]
    shown = [repr(due), str(due), due.text(), repr(due.problem()), repr(due.grant), repr(due.args), repr(due.__dict__)]
    assert [text for text in shown if secret in text] == []
    assert copy.copy(due).grant is due.grant
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(due)


def test_the_grant_is_stored_without_its_secret() -> None:
    world = kit_for_tests()
    marked(world)
    due = required(world)
    assert due.grant.text.partition(".")[2].encode() not in journeys.record_of(world, "grant", due.grant.text).payload


def test_a_store_that_fails_then_is_trouble_and_signs_nobody_in() -> None:
    class Away(journeys.SpiedRecords):
        down = False

        def commit(self, *given: Any) -> Any:
            if self.down and any(write.key.startswith("main/grant/") for write in given[1]):
                raise OSError("the database is away")
            return super().commit(*given)

    records = Away()
    world = journeys.build(records=records)
    marked(world)
    records.down = True
    with pytest.raises(StoreError):
        sign_in(world)


# Setting another --------------------------------------------------------------------------------------------------------


def test_the_grant_sets_a_new_password_and_the_mark_is_gone() -> None:
    world = kit_for_tests()
    credential = marked(world)
    changed = world.kit.reset.complete(required(world).grant, NEW, context=CONTEXT)
    assert changed.ended is Ended.ALL
    assert changed.credential == journeys.fresh(world, credential)
    assert not changed.credential.compromised
    assert world.kit.sign_in.holds(sign_in(world, NEW).session)
    assert refusal(sign_in, world, OLD).reason is Reason.SIGN_IN_FAILED


def test_the_grant_travels_in_the_cookie_of_a_reset() -> None:
    world = kit_for_tests()
    marked(world)
    grant = required(world).grant
    assert grant.cookie()["key"] == world.kit.reset.cookie_name
    assert world.kit.reset.complete(grant.cookie()["value"], NEW, context=CONTEXT)


def test_the_grant_lives_as_long_and_allows_as_much_as_one_by_code() -> None:
    world = kit_for_tests()
    marked(world)
    grant, policy = required(world).grant, world.kit.policy
    assert grant.expires_at - grant.begun_at == policy.grant_lifetime
    stored = journeys.grant_of(world, grant)
    assert (stored.tries_left, stored.by_password, stored.credential_id is not None) == (policy.grant_tries, True, True)
    world.clock.advance(policy.grant_lifetime)
    assert refusal(world.kit.reset.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_EXPIRED


def test_the_grant_is_bound_to_the_session_it_was_given_in() -> None:
    world = kit_for_tests()  # F23
    marked(world)
    here = Context(session_key="here")
    grant = required(world, context=here).grant
    for elsewhere in (CONTEXT, Context(session_key="there")):
        assert refusal(world.kit.reset.complete, grant, NEW, context=elsewhere).reason is Reason.GRANT_INVALID
    assert world.kit.reset.complete(grant, NEW, context=here)


def test_the_grant_is_worth_nothing_in_another_journey() -> None:
    world = kit_for_tests()  # REQ-D4b
    marked(world)
    assert refusal(world.kit.sign_up.complete, required(world).grant, NEW, context=CONTEXT).reason is Reason.GRANT_INVALID


def test_a_grant_whose_origin_was_touched_is_nobodys() -> None:
    world = kit_for_tests()  # F19: it must not be passed off as one that a code has earned
    marked(world)
    grant = required(world).grant
    journeys.overwrite(world, grant, replace(journeys.grant_of(world, grant), by_password=False))
    assert refusal(world.kit.reset.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_INVALID


def test_of_several_grants_one_sets_the_password() -> None:
    world = kit_for_tests()
    marked(world)
    grants = [required(world).grant for _ in range(3)]
    assert len({grant.text for grant in grants}) == 3
    assert world.kit.reset.complete(grants[1], NEW, context=CONTEXT)
    for late in (grants[0], grants[2]):
        assert refusal(world.kit.reset.complete, late, OTHER, context=CONTEXT).reason is Reason.GRANT_USED
    assert world.kit.reset.complete(grants[1], NEW, context=CONTEXT)  # the same call repeated says the same (F4)


def test_the_compromised_password_is_refused_as_the_new_one() -> None:
    world = kit_for_tests()  # PW-21
    marked(world)
    grant = required(world).grant
    refused = refusal(world.kit.reset.complete, grant, OLD, context=CONTEXT)
    assert [finding.kind for finding in refused.findings] == [FindingKind.CURRENT]
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT)


def test_the_owner_is_told_of_the_new_password_as_of_a_change_and_not_of_a_code() -> None:
    world = kit_for_tests()
    marked(world, PHONE)
    world.kit.reset.complete(required(world).grant, NEW, context=Context(device="Firefox on Linux"))
    assert sorted(message.to.canonical for message in world.inbox.messages) == [PHONE, ADA]
    assert {(message.kind, message.device) for message in world.inbox.messages} == {(MessageKind.PASSWORD_CHANGED, "Firefox on Linux")}


@pytest.mark.parametrize("typed", [PHONE, "(415) 555-2671"])
def test_a_password_proves_no_identifier(typed: str) -> None:
    """ID-15: knowing the password says nothing of whose the number is, so it stays what it was, and is not told of the change."""
    world = kit_for_tests()
    credential = marked(world, identifiers=(verified(ADA), registered(PHONE, Standing.CARRIED_OVER)))
    grant = required(world, identifier=typed).grant
    assert journeys.grant_of(world, grant).identifier == journeys.parsed(PHONE)
    world.kit.reset.complete(grant, NEW, context=CONTEXT)
    assert [entry.standing for entry in journeys.fresh(world, credential).identifiers] == [Standing.VERIFIED, Standing.CARRIED_OVER]
    assert [message.to.canonical for message in world.inbox.messages] == [ADA]


def test_the_async_journey() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        credential = await world.add(ADA, password=OLD)
        for _ in range(2):
            assert (await world.kit.admin.mark_compromised(credential.id, actor="support")).compromised
        with pytest.raises(PasswordChangeRequired) as caught:
            await world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
        changed = await world.kit.reset.complete(caught.value.grant, NEW, context=CONTEXT)
        assert not changed.credential.compromised
        assert await world.kit.sign_in.with_password(ADA, NEW, context=CONTEXT)
        assert [message.kind for message in world.inbox.messages] == [MessageKind.PASSWORD_COMPROMISED, MessageKind.PASSWORD_CHANGED]

    asyncio.run(journey())


def test_nothing_of_it_happens_by_itself() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    assert not credential.compromised
    assert signs_in(world, OLD)
