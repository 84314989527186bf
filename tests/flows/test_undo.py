"""Undo: what proves the owner, what is given back, what a dispute holds still and who ends it; and that it is no back door (F24, F25)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.approvals import ApprovalPolicy
from credkit.context import Context, Session
from credkit.credential import MARKS, Credential, Mark
from credkit.edits import Shown
from credkit.errors import InvalidIdentifier, Reason, Refused, StoreError, UnknownKey
from credkit.flows.changes import Ended
from credkit.flows.histories import HISTORY
from credkit.history import History, UndoPolicy
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.testing import TestWorld, async_kit_for_tests
from credkit.testing.kits import site_for_tests
from flows import journeys
from flows.devices import (
    SECOND,
    THIEF,
    THIRD,
    add,
    ask,
    change,
    code_to,
    everything_said,
    last,
    link,
    opened,
    session,
    token,
    told,
    undo_link,
    verified,
    wrong,
)
from flows.journeys import ADA, BOB, CONTEXT, MICROSECOND, NEW, OLD, OTHER, PHONE, WEIRD, WRONG, begun, granted, refusal, signs_in

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def setup(*others: str, **parts: Any) -> tuple[TestWorld, Credential, Session]:
    """Return a world with Ada in it, who is signed in; *others* are hers, too."""
    world = journeys.build(**parts)
    credential = journeys.ada(world, *others)
    return world, credential, session(world, credential)


def moved(*others: str, old: str = ADA, new: str = THIEF, **parts: Any) -> tuple[TestWorld, Credential]:
    """Return a world in which somebody has put *new* in the place of *old*, and all windows are closed."""
    world, credential, who = setup(*others, **parts)
    window = opened(world, who)
    change(world, who, window, old, new)
    world.kit.settings.done(who, window)
    return world, credential


def by_code(world: TestWorld, undo: str, to: str) -> Any:
    """Undo with a code that went to *to*."""
    ticket = world.kit.undo.begin(undo, context=CONTEXT)
    grant = world.kit.undo.verify(ticket, code_to(world, to, MessageKind.UNDO_CODE), context=CONTEXT)
    return world.kit.undo.complete(undo, grant=grant, context=CONTEXT)


def disputed(world: TestWorld, credential: Credential, typed: str = ADA) -> None:
    """Open a dispute with the newest undo link."""
    world.kit.undo.dispute(undo_link(world, ADA), typed, context=CONTEXT)
    assert credential


def history_of(world: TestWorld) -> History:
    (record,) = journeys.stored(world, HISTORY)
    return History.from_payload(record.payload, world.kit._shell.codes, site="main", record_key=record.key)


def run_after(world: TestWorld, span: timedelta) -> None:
    """Let time pass, and run the courier twice: what it finds out in a first run may have to be told in a second one."""
    world.clock.advance(span)
    for _ in range(2):
        world.kit.courier.run_due()


# At once, with a proof ----------------------------------------------------------------------------------------------------


def test_a_code_to_an_identifier_that_was_not_touched_undoes_at_once() -> None:
    world, credential = moved(PHONE)
    before = journeys.fresh(world, credential)
    done = by_code(world, undo_link(world, ADA), PHONE)
    assert verified(world, credential) == [ADA, PHONE]
    assert done.credential == journeys.fresh(world, credential)
    assert (done.credential.preferred, done.ended) == (journeys.parsed(ADA), Ended.ALL)
    assert done.session_epoch == before.session_epoch + 1
    assert (signs_in(world, OLD, ADA), signs_in(world, OLD, THIEF)) == (True, False)


def test_the_password_of_before_undoes_at_once() -> None:
    world, credential = moved()
    review = world.kit.undo.review(undo_link(world, ADA))
    assert (review.channels, review.by_password) == ((), True)
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    assert verified(world, credential) == [ADA]


def test_an_undo_ends_every_session_and_tells_everybody_of_both_states_without_a_link() -> None:
    world, credential = moved(PHONE)  # F25, NO-08
    who = session(world, credential)
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=Context(place="Bergen"))
    assert not world.kit.sign_in.holds(who)
    assert told(world, MessageKind.CHANGES_UNDONE) == [PHONE, ADA, THIEF]
    assert {m.link for m in world.inbox.messages if m.kind is MessageKind.CHANGES_UNDONE} == {None}
    assert "Bergen" in last(world, MessageKind.CHANGES_UNDONE).text


def test_the_link_alone_undoes_nothing() -> None:
    world, credential = moved(PHONE)  # F24
    before = journeys.fresh(world, credential)
    assert refusal(world.kit.undo.complete, undo_link(world, ADA), context=CONTEXT).reason is Reason.UNDO_PROOF_REQUIRED
    assert journeys.fresh(world, credential) == before


def test_a_thousand_reviews_change_nothing() -> None:
    world, _ = moved(PHONE)
    before, undo = world.records.dump(), undo_link(world, ADA)  # type: ignore[attr-defined]
    first = world.kit.undo.review(undo)
    for _ in range(1000):
        assert world.kit.undo.review(undo) == first
    assert world.records.dump() == before  # type: ignore[attr-defined]
    world.kit.undo.complete(undo, password=OLD, context=CONTEXT)


def test_a_review_says_what_would_be_undone_when_it_was_and_how_to_prove_oneself() -> None:
    world, _ = moved(PHONE)
    review = world.kit.undo.review(undo_link(world, ADA))
    assert (review.contest, review.disputed, review.at) == (False, False, world.clock.now())
    assert review.changes == (Shown(what="email", old=journeys.parsed(ADA).masked, new=journeys.parsed(THIEF).masked),)
    assert review.channels == (journeys.parsed(PHONE).masked,)
    assert review.expires_at == world.clock.now() + timedelta(hours=72)


@pytest.mark.parametrize("form", ["link", "token"])
def test_a_whole_link_or_its_token_will_do(form: str) -> None:
    world, credential = moved()
    undo = undo_link(world, ADA)
    world.kit.undo.complete(undo if form == "link" else token(undo), password=OLD, context=CONTEXT)
    assert verified(world, credential) == [ADA]


@pytest.mark.parametrize("how", ["add", "remove", "prefer"])
def test_every_kind_of_change_is_undone(how: str) -> None:
    world, credential, who = setup(PHONE)
    before, window = journeys.fresh(world, credential), opened(world, who)
    if how == "add":
        add(world, who, window, SECOND)
    elif how == "remove":
        world.kit.settings.remove_identifier(who, window, ADA, context=CONTEXT)
    else:
        world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    after = journeys.fresh(world, credential)
    assert (after.identifiers, after.preferred, after.password_hash) == (before.identifiers, before.preferred, before.password_hash)


def test_a_password_that_was_given_up_is_no_proof_although_it_is_remembered() -> None:
    world, _, who = setup(policy=Policy(password_history=2))  # F24: it may have been given up because somebody else knows it
    world.kit.settings.set_password(who, opened(world, who), NEW, context=CONTEXT)
    undo = undo_link(world)
    assert not world.kit.undo.review(undo).by_password
    for password in (NEW, OLD):
        assert refusal(world.kit.undo.complete, undo, password=password, context=CONTEXT).reason is Reason.CURRENT_PASSWORD_WRONG
    by_code(world, undo, ADA)
    assert (signs_in(world, OLD), signs_in(world, NEW)) == (False, False)


def test_without_the_password_of_before_nobodys_works_and_its_owner_sets_one() -> None:
    world, credential, who = setup(PHONE)
    window = opened(world, who)
    epoch = world.kit.settings.set_password(who, window, NEW, context=CONTEXT).session_epoch
    who = replace(who, session_epoch=epoch)
    undo = undo_link(world)
    assert not world.kit.undo.review(undo).by_password
    assert refusal(world.kit.undo.complete, undo, password=OLD, context=CONTEXT).reason is Reason.CURRENT_PASSWORD_WRONG
    by_code(world, undo, ADA)
    assert journeys.fresh(world, credential).password_hash is None
    assert (signs_in(world, OLD), signs_in(world, NEW)) == (False, False)
    world.clock.advance(MINUTE)
    world.kit.reset.complete(granted(world), OTHER, context=CONTEXT)
    assert signs_in(world, OTHER)


@pytest.mark.parametrize("by", ["reset", "change"])
@pytest.mark.parametrize("history", [0, 2])
def test_a_password_that_its_owner_has_given_up_elsewhere_does_not_come_back(by: str, history: int) -> None:
    world, credential, who = setup(policy=Policy(password_history=history))  # F24: whoever knows it and has a link would be signed in
    add(world, who, opened(world, who), SECOND)
    undo = undo_link(world)
    if by == "reset":
        world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    else:
        world.kit.password.change(who, OLD, NEW, context=CONTEXT)
    world.clock.advance(MINUTE)
    by_code(world, undo, ADA)
    assert verified(world, credential) == [ADA]
    assert (signs_in(world, OLD), signs_in(world, NEW)) == (False, False)


# What is no proof ---------------------------------------------------------------------------------------------------------


def test_an_identifier_that_a_change_brought_is_no_proof() -> None:
    world, _ = moved()  # F24
    assert world.kit.undo.review(undo_link(world, THIEF)).channels == ()
    for channel in (0, 1, -1):
        assert refusal(world.kit.undo.begin, undo_link(world, THIEF), context=CONTEXT, channel=channel).reason is Reason.UNDO_PROOF_REQUIRED
    assert told(world, MessageKind.UNDO_CODE) == []


def test_an_identifier_that_a_later_change_took_away_and_brought_back_is_no_proof() -> None:
    world, _, who = setup(PHONE)  # touched is touched
    window = opened(world, who)
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    first = undo_link(world, ADA)
    world.kit.settings.remove_identifier(who, window, ADA, context=CONTEXT)
    add(world, who, window, ADA)
    assert world.kit.undo.review(first).channels == (journeys.parsed(PHONE).masked,)


def test_a_grant_for_one_sign_in_undoes_nothing_of_another() -> None:
    world, credential = moved(PHONE)  # REQ-D4e
    undo = undo_link(world, ADA)
    bob = world.add(BOB, password=OTHER)
    journeys.alter(world, bob, identifiers=(*bob.identifiers, journeys.verified("bob@second.example")))
    world.clock.advance(MINUTE)
    theirs = session(world, bob, "bob")
    window = opened(world, theirs)
    world.kit.settings.remove_identifier(theirs, window, "bob@second.example", context=CONTEXT)
    ticket = world.kit.undo.begin(undo_link(world, BOB), context=CONTEXT)
    grant = world.kit.undo.verify(ticket, code_to(world, BOB, MessageKind.UNDO_CODE), context=CONTEXT)
    assert refusal(world.kit.undo.complete, undo, grant=grant, context=CONTEXT).reason is Reason.UNDO_PROOF_REQUIRED
    assert verified(world, credential) == [THIEF, PHONE]


def test_a_grant_for_an_identifier_that_was_somebody_elses_then_is_no_proof() -> None:
    world, credential, who = setup(PHONE)  # REQ-D6a: verified is the pair of sign-in and address
    bob = world.add(BOB, password=OTHER)
    journeys.alter(world, bob, identifiers=(*bob.identifiers, journeys.verified("bob@second.example")))
    world.clock.advance(MINUTE)
    theirs = session(world, bob, "bob")
    world.kit.settings.prefer(theirs, opened(world, theirs), "bob@second.example", context=CONTEXT)
    ticket = world.kit.undo.begin(undo_link(world, BOB), context=CONTEXT)
    grant = world.kit.undo.verify(ticket, code_to(world, BOB, MessageKind.UNDO_CODE), context=CONTEXT)
    journeys.alter(world, bob, identifiers=(journeys.verified("bob@second.example"),))
    journeys.alter(world, credential, identifiers=(*journeys.fresh(world, credential).identifiers, journeys.verified(BOB)))
    world.kit.settings.prefer(who, opened(world, who), PHONE, context=CONTEXT)
    undo = undo_link(world, ADA)
    assert journeys.parsed(BOB).masked in world.kit.undo.review(undo).channels
    assert refusal(world.kit.undo.complete, undo, grant=grant, context=CONTEXT).reason is Reason.UNDO_PROOF_REQUIRED


def test_a_grant_for_a_later_change_does_not_reach_further_back_than_its_identifier() -> None:
    world, credential, who = setup(PHONE)  # the thief's address is untouched by the thief's second change
    window = opened(world, who)
    change(world, who, window, ADA, THIEF)
    first = undo_link(world, ADA)
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    second = undo_link(world, THIEF)
    assert world.kit.undo.review(second).channels == (journeys.parsed(THIEF).masked, journeys.parsed(PHONE).masked)
    ticket = world.kit.undo.begin(second, context=CONTEXT, channel=0)
    grant = world.kit.undo.verify(ticket, code_to(world, THIEF, MessageKind.UNDO_CODE), context=CONTEXT)
    assert refusal(world.kit.undo.complete, first, grant=grant, context=CONTEXT).reason is Reason.UNDO_PROOF_REQUIRED
    assert verified(world, credential) == [THIEF, PHONE]


@pytest.mark.parametrize("grant", ["reset", "none of it", *WEIRD[2:]])
def test_what_is_no_grant_of_an_undo_is_no_proof(grant: Any) -> None:
    world, credential = moved(PHONE)
    undo = undo_link(world, ADA)
    journeys.alter(world, credential, preferred=journeys.parsed(PHONE))
    given = granted(world, PHONE) if grant == "reset" else grant
    assert refusal(world.kit.undo.complete, undo, grant=given, context=CONTEXT).reason is Reason.GRANT_INVALID


def test_codes_of_an_undo_are_worth_nothing_in_any_other_journey() -> None:
    world, credential = moved(PHONE)  # REQ-D4b
    ticket = world.kit.undo.begin(undo_link(world, ADA), context=CONTEXT)
    code = code_to(world, PHONE, MessageKind.UNDO_CODE)
    for verify in (world.kit.reset.verify, world.kit.sign_up.verify):
        assert refusal(verify, ticket, code, context=CONTEXT).reason is Reason.TICKET_INVALID
    grant = world.kit.undo.verify(ticket, code, context=CONTEXT)
    assert refusal(world.kit.reset.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_INVALID
    assert refusal(world.kit.sign_up.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_INVALID
    assert verified(world, credential) == [THIEF, PHONE]


def test_a_journey_begun_in_one_session_goes_on_in_no_other() -> None:
    world, _ = moved(PHONE)  # F23
    mine, other = Context(session_key="mine"), Context(session_key="other")
    undo = undo_link(world, ADA)
    ticket = world.kit.undo.begin(undo, context=mine)
    code = code_to(world, PHONE, MessageKind.UNDO_CODE)
    assert refusal(world.kit.undo.verify, ticket, code, context=other).reason is Reason.TICKET_INVALID
    grant = world.kit.undo.verify(ticket, code, context=mine)
    assert refusal(world.kit.undo.complete, undo, grant=grant, context=other).reason is Reason.GRANT_INVALID
    world.kit.undo.complete(undo, grant=grant, context=mine)


def test_the_wrong_password_is_refused_and_counted() -> None:
    world, credential = moved(policy=journeys.lowered(password_guesses=3))
    undo = undo_link(world, ADA)
    for _ in range(3):
        assert refusal(world.kit.undo.complete, undo, password=NEW, context=CONTEXT).reason is Reason.CURRENT_PASSWORD_WRONG
    refused = refusal(world.kit.undo.complete, undo, password=OLD, context=CONTEXT)
    assert refused.reason is Reason.TOO_MANY_TRIES
    assert refused.retry_after is not None
    assert verified(world, credential) == [THIEF]
    world.clock.advance(refused.retry_after)
    world.kit.undo.complete(undo, password=OLD, context=CONTEXT)


def test_the_right_password_is_not_counted() -> None:
    world, _, who = setup(policy=journeys.lowered(password_failures=1))
    window, links = opened(world, who), []
    for new in (SECOND, THIRD):
        add(world, who, window, new)
        links.append(undo_link(world))
    for undo in reversed(links):
        world.kit.undo.complete(undo, password=OLD, context=CONTEXT)


@pytest.mark.parametrize("typed", ["", "\x00", "x" * 5000])
def test_what_cannot_be_a_password_is_wrong(typed: str) -> None:
    world, _ = moved()
    assert refusal(world.kit.undo.complete, undo_link(world, ADA), password=typed, context=CONTEXT).reason is Reason.CURRENT_PASSWORD_WRONG


def test_wrong_codes_end_the_ticket() -> None:
    world, credential = moved(PHONE)
    undo = undo_link(world, ADA)
    ticket = world.kit.undo.begin(undo, context=CONTEXT)
    code = code_to(world, PHONE, MessageKind.UNDO_CODE)
    for _ in range(ticket.tries_left):
        refusal(world.kit.undo.verify, ticket, wrong(code), context=CONTEXT)
    assert refusal(world.kit.undo.verify, ticket, code, context=CONTEXT).reason is Reason.CODE_EXHAUSTED
    assert verified(world, credential) == [THIEF, PHONE]


def test_a_code_is_sent_again_on_asking() -> None:
    world, credential = moved(PHONE)
    undo = undo_link(world, ADA)
    ticket = world.kit.undo.begin(undo, context=CONTEXT)
    world.clock.advance(MINUTE)
    ticket = world.kit.undo.resend(ticket, context=CONTEXT)
    assert told(world, MessageKind.UNDO_CODE) == [PHONE, PHONE]
    grant = world.kit.undo.verify(ticket, code_to(world, PHONE, MessageKind.UNDO_CODE), context=CONTEXT)
    world.kit.undo.complete(undo, grant=grant, context=CONTEXT)
    assert verified(world, credential) == [ADA, PHONE]


# The link -----------------------------------------------------------------------------------------------------------------


def uses(world: TestWorld, given: Any) -> set[Reason]:
    """Return what every use of an undo link is refused with."""
    undo = world.kit.undo
    calls: list[Callable[[], object]] = [
        lambda: undo.review(given),
        lambda: undo.begin(given, context=CONTEXT),
        lambda: undo.complete(given, password=OLD, context=CONTEXT),
        lambda: undo.dispute(given, ADA, context=CONTEXT),
        lambda: undo.contest(given, ADA, context=CONTEXT),
    ]
    return {refusal(call).reason for call in calls}


@pytest.mark.parametrize("given", [*WEIRD, "A" * 22 + "." + "B" * 43])
def test_whatever_stands_where_a_link_should_be_is_refused(given: Any) -> None:
    world, _ = moved()  # REQ-D4c
    assert uses(world, given) == {Reason.UNDO_INVALID}


def test_a_link_with_another_secret_is_refused() -> None:
    world, _ = moved()
    link_id, _, secret = token(undo_link(world, ADA)).partition(".")
    assert uses(world, f"{link_id}.{secret[:-2]}{'AA' if secret[-2:] != 'AA' else 'BA'}") == {Reason.UNDO_INVALID}


def test_a_link_is_worth_nothing_at_another_site() -> None:
    world, _ = moved()
    assert uses(journeys.beside(world, site=site_for_tests("other")), undo_link(world, ADA)) == {Reason.UNDO_INVALID}


def test_a_link_is_void_once_it_has_been_used() -> None:
    world, _ = moved()
    undo = undo_link(world, ADA)
    world.kit.undo.complete(undo, password=OLD, context=CONTEXT)
    assert uses(world, undo) == {Reason.UNDO_INVALID}


def test_a_link_works_for_72_hours_from_its_first_delivery() -> None:
    world, _ = moved()  # F25
    undo = undo_link(world, ADA)
    world.clock.advance(72 * HOUR - MICROSECOND)
    world.kit.purge()
    assert world.kit.undo.review(undo).by_password
    world.clock.advance(MICROSECOND)
    assert uses(world, undo) == {Reason.UNDO_INVALID}


def test_a_link_that_was_delivered_late_works_for_72_hours_from_then() -> None:
    world, _, who = setup()  # F25: an outage must not eat the undo
    window = opened(world, who)
    world.inbox.failing = OSError("away")
    ticket = world.kit.settings.add_identifier(who, window, SECOND, context=CONTEXT)
    world.inbox.failing = None
    run_after(world, MINUTE)
    world.inbox.failing = OSError("away")
    world.kit.settings.confirm_identifier(who, window, ticket, code_to(world, SECOND), context=CONTEXT)
    world.inbox.failing = None
    run_after(world, 3 * DAY)
    delivered = world.clock.now()
    undo = undo_link(world, ADA)
    assert world.kit.undo.review(undo).expires_at == delivered + 72 * HOUR
    world.clock.advance(72 * HOUR - MICROSECOND)
    world.kit.purge()
    assert world.kit.undo.review(undo).by_password
    world.clock.advance(MICROSECOND)
    assert uses(world, undo) == {Reason.UNDO_INVALID}


def test_a_link_works_for_14_days_at_the_most_however_late_it_came() -> None:
    world, _, who = setup(PHONE)
    window = opened(world, who)
    world.inbox.failing = OSError("away")
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    made = world.clock.now()
    world.inbox.failing = None
    run_after(world, 13 * DAY)
    undo = undo_link(world, ADA)
    assert world.kit.undo.review(undo).expires_at == made + 14 * DAY
    world.clock.advance(1 * DAY - MICROSECOND)
    world.kit.purge()
    assert world.kit.undo.review(undo).by_password
    world.clock.advance(MICROSECOND)
    assert uses(world, undo) == {Reason.UNDO_INVALID}


def test_a_notice_that_comes_after_the_link_ended_goes_all_the_same() -> None:
    world, _, who = setup(PHONE)  # notices are never dropped for their age
    window = opened(world, who)
    world.inbox.failing = OSError("away")
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    world.inbox.failing = None
    run_after(world, 20 * DAY)
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA]


# A stack ------------------------------------------------------------------------------------------------------------------


def three_changes(**parts: Any) -> tuple[TestWorld, Credential, list[str]]:
    world, credential, who = setup(PHONE, **parts)
    window, links = opened(world, who), []
    for new in (SECOND, THIRD, THIEF):
        add(world, who, window, new)
        links.append(undo_link(world, ADA))
    return world, credential, links


@pytest.mark.parametrize(("which", "left"), [(0, [ADA, PHONE]), (1, [ADA, PHONE, SECOND]), (2, [ADA, PHONE, SECOND, THIRD])])
def test_undoing_a_change_undoes_all_later_ones_and_voids_their_links(which: int, left: list[str]) -> None:
    world, credential, links = three_changes()  # F25
    assert [line.what for line in world.kit.undo.review(links[which]).changes] == ["new email"] * (3 - which)
    by_code(world, links[which], ADA)
    assert verified(world, credential) == left
    for used in links[which:]:
        assert uses(world, used) == {Reason.UNDO_INVALID}
    for left_over in links[:which]:
        assert world.kit.undo.review(left_over).by_password


def test_changes_are_undone_one_by_one() -> None:
    world, credential, links = three_changes()
    for undo in reversed(links):
        world.kit.undo.complete(undo, password=OLD, context=CONTEXT)
    assert verified(world, credential) == [ADA, PHONE]


def test_a_link_outlives_every_later_change() -> None:
    world, credential, who = setup()  # F25: undo tokens are not bound to the generation
    window = opened(world, who)
    add(world, who, window, THIEF)
    undo = undo_link(world, ADA)
    world.kit.password.change(who, OLD, NEW, context=CONTEXT)
    world.kit.admin.mark_compromised(credential.id, actor="support")
    by_code(world, undo, ADA)
    assert verified(world, credential) == [ADA]


def test_an_undo_does_not_bring_back_what_somebody_else_has_by_now() -> None:
    world, credential, who = setup(SECOND)
    world.kit.settings.remove_identifier(who, opened(world, who), SECOND, context=CONTEXT)
    undo = undo_link(world, ADA)
    world.clock.advance(MINUTE)
    world.add(SECOND, password=OTHER)
    assert refusal(world.kit.undo.complete, undo, password=OLD, context=CONTEXT).reason is Reason.IDENTIFIER_TAKEN
    assert verified(world, credential) == [ADA]


# After an undo ------------------------------------------------------------------------------------------------------------


def test_codes_go_only_to_what_was_not_touched_for_a_day() -> None:
    world, credential = moved(PHONE)  # F24
    by_code(world, undo_link(world, ADA), PHONE)
    before = len(world.inbox.messages)
    world.clock.advance(DAY - MICROSECOND)
    world.kit.reset.begin(ADA, context=CONTEXT)
    ask(world, session(world, credential))
    assert {m.to.canonical for m in world.inbox.messages[before:]} == {PHONE}
    world.clock.advance(MICROSECOND)
    ask(world, session(world, credential))
    assert last(world, MessageKind.SETTINGS_REQUEST).to == journeys.parsed(ADA)


def test_where_everything_was_touched_nobody_gets_a_code_for_a_day() -> None:
    world, credential = moved()
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    before = len(world.inbox.messages)
    world.kit.reset.begin(ADA, context=CONTEXT)
    assert world.inbox.messages[before:] == []
    assert refusal(ask, world, session(world, credential)).reason is Reason.APPROVAL_UNREACHABLE
    world.clock.advance(DAY)
    assert begun(world)[1]


def test_a_second_undo_gives_no_code_to_what_the_first_one_has_found_touched() -> None:
    world, _, who = setup(PHONE)  # F24: the mailbox that was given up is not trusted again sooner by going one step further back
    window = opened(world, who)
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    earlier = undo_link(world, ADA)
    change(world, who, window, ADA, SECOND)
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    world.kit.undo.complete(earlier, password=OLD, context=CONTEXT)
    before = len(world.inbox.messages)
    world.clock.advance(MINUTE)
    world.kit.reset.begin(ADA, context=CONTEXT)
    assert {m.to.canonical for m in world.inbox.messages[before:]} <= {PHONE}


def test_an_undo_does_not_lift_a_freeze() -> None:
    world, credential, who = setup(PHONE, policy=Policy(approvals=ApprovalPolicy(freeze_after_not_me=2 * HOUR)))
    window = opened(world, who)
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    world.kit.settings.not_me(link(world), ADA, context=CONTEXT)
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    assert refusal(ask, world, session(world, credential)).reason is Reason.CHANGES_FROZEN
    world.clock.advance(2 * HOUR)
    ask(world, session(world, credential))


def test_a_freeze_does_not_end_what_an_undo_holds_back() -> None:
    world, credential = moved(PHONE, policy=Policy(approvals=ApprovalPolicy(freeze_after_not_me=2 * HOUR)))
    by_code(world, undo_link(world, ADA), PHONE)
    ask(world, session(world, credential))
    world.kit.settings.not_me(link(world), PHONE, context=CONTEXT)
    world.clock.advance(3 * HOUR)
    ask(world, session(world, credential))
    assert last(world, MessageKind.SETTINGS_REQUEST).to == journeys.parsed(PHONE)


# A dispute ----------------------------------------------------------------------------------------------------------------


def test_without_a_proof_the_link_opens_a_dispute_that_holds_everything_still() -> None:
    world, credential = moved(PHONE)  # F24
    who, grant = session(world, credential), granted(world, PHONE)
    pending = ask(world, who)
    question = link(world)
    review = world.kit.undo.dispute(undo_link(world, ADA), ADA, context=CONTEXT)
    assert (review.disputed, review.contest) == (True, False)
    assert not world.kit.sign_in.holds(who)
    assert verified(world, credential) == [THIEF, PHONE]
    who = session(world, credential)
    assert signs_in(world, OLD, PHONE)
    assert refusal(ask, world, who).reason is Reason.CHANGES_FROZEN
    assert refusal(world.kit.password.change, who, OLD, NEW, context=CONTEXT).reason is Reason.CHANGES_FROZEN
    assert refusal(world.kit.reset.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_USED
    assert refusal(world.kit.settings.approve, question, "1234", context=CONTEXT).reason is Reason.CHANGES_FROZEN
    assert pending
    before = len(world.inbox.messages)
    world.clock.advance(MINUTE)
    world.kit.reset.begin(PHONE, context=CONTEXT)
    assert world.inbox.messages[before:] == []


def test_an_open_window_edits_nothing_in_a_dispute() -> None:
    world, credential, who = setup(PHONE)
    window = opened(world, who)
    add(world, who, window, SECOND)
    world.kit.undo.dispute(undo_link(world, ADA), ADA, context=CONTEXT)
    who = session(world, credential)
    refused = refusal(world.kit.settings.prefer, who, window, SECOND, context=CONTEXT)
    assert refused.reason in {Reason.CHANGES_FROZEN, Reason.APPROVAL_OVER}


def test_nothing_is_edited_from_the_moment_a_dispute_is_written_before_it_has_ended_the_sessions() -> None:
    spied = journeys.SpiedCredentials()
    world, credential, who = setup(PHONE, credentials=spied)
    window = opened(world, who)
    add(world, who, window, SECOND)
    reasons: list[Reason] = []
    spied.before_replace = [lambda: reasons.append(refusal(world.kit.settings.prefer, who, window, PHONE, context=CONTEXT).reason)]
    world.kit.undo.dispute(undo_link(world, ADA), ADA, context=CONTEXT)
    assert reasons == [Reason.CHANGES_FROZEN]
    assert journeys.fresh(world, credential).preferred != journeys.parsed(PHONE)


def test_everybody_of_both_states_is_told_of_a_dispute_with_a_link_to_object() -> None:
    world, credential = moved(PHONE)
    disputed(world, credential)
    assert told(world, MessageKind.UNDO_DISPUTED) == [PHONE, ADA, THIEF]
    for to in (PHONE, ADA, THIEF):
        assert world.kit.undo.review(link(world, MessageKind.UNDO_DISPUTED, to)).contest
    assert "24 hours" in last(world, MessageKind.UNDO_DISPUTED, ADA).text


def test_a_dispute_takes_an_identifier_concerned_typed_in_full() -> None:
    world, credential = moved(PHONE)  # F27
    undo = undo_link(world, ADA)
    for typed in (BOB, SECOND):
        assert refusal(world.kit.undo.dispute, undo, typed, context=CONTEXT).reason is Reason.CONFIRMATION_WRONG
    with pytest.raises(InvalidIdentifier):
        world.kit.undo.dispute(undo, "", context=CONTEXT)
    assert journeys.fresh(world, credential).session_epoch == 0
    disputed(world, credential, "ADA@example.COM")
    assert journeys.fresh(world, credential).session_epoch == 1


def test_a_dispute_opened_twice_is_one_dispute() -> None:
    world, credential = moved(PHONE)
    for _ in range(2):
        disputed(world, credential)
    assert journeys.fresh(world, credential).session_epoch == 1
    assert told(world, MessageKind.UNDO_DISPUTED) == [PHONE, ADA, THIEF]


@pytest.mark.parametrize(("after", "expected"), [(DAY - MICROSECOND, [THIEF, PHONE]), (DAY, [ADA, PHONE])])
def test_silence_for_a_day_restores(after: timedelta, expected: list[str]) -> None:
    world, credential = moved(PHONE)
    disputed(world, credential)
    run_after(world, after)
    assert verified(world, credential) == expected
    assert told(world, MessageKind.CHANGES_UNDONE) == ([] if expected == [THIEF, PHONE] else [PHONE, ADA, THIEF])


def test_what_silence_has_restored_is_over_and_held_back_for_a_day() -> None:
    world, credential = moved(PHONE)
    undo = undo_link(world, ADA)
    disputed(world, credential)
    contest = link(world, MessageKind.UNDO_DISPUTED)
    run_after(world, DAY)
    assert uses(world, undo) == {Reason.UNDO_INVALID}
    assert uses(world, contest) == {Reason.UNDO_INVALID}
    ask(world, session(world, credential))
    assert last(world, MessageKind.SETTINGS_REQUEST).to == journeys.parsed(PHONE)
    run_after(world, DAY)
    assert told(world, MessageKind.CHANGES_UNDONE) == [PHONE, ADA, THIEF]


def test_an_objection_leaves_it_to_the_host() -> None:
    world, credential = moved(PHONE)
    disputed(world, credential)
    contest = link(world, MessageKind.UNDO_DISPUTED, THIEF)
    for _ in range(2):
        world.kit.undo.contest(contest, THIEF, context=CONTEXT)
    assert told(world, MessageKind.UNDO_CONTESTED) == [PHONE, ADA, THIEF]
    run_after(world, 30 * DAY)
    world.kit.purge()
    assert verified(world, credential) == [THIEF, PHONE]
    assert refusal(ask, world, session(world, credential)).reason is Reason.CHANGES_FROZEN


def test_an_objection_takes_an_identifier_concerned_typed_in_full() -> None:
    world, credential = moved(PHONE)  # F27
    disputed(world, credential)
    contest = link(world, MessageKind.UNDO_DISPUTED, THIEF)
    assert refusal(world.kit.undo.contest, contest, BOB, context=CONTEXT).reason is Reason.CONFIRMATION_WRONG
    run_after(world, DAY)
    assert verified(world, credential) == [ADA, PHONE]


def test_a_link_to_object_undoes_nothing_and_one_to_undo_does_not_object() -> None:
    world, credential = moved(PHONE)
    undo = undo_link(world, ADA)
    disputed(world, credential)
    contest = link(world, MessageKind.UNDO_DISPUTED, THIEF)
    assert refusal(world.kit.undo.contest, undo, ADA, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert refusal(world.kit.undo.complete, contest, password=OLD, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert refusal(world.kit.undo.dispute, contest, ADA, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert refusal(world.kit.undo.begin, contest, context=CONTEXT).reason is Reason.UNDO_INVALID


@pytest.mark.parametrize("contested", [False, True])
def test_a_proof_ends_a_dispute_at_once(contested: bool) -> None:
    world, credential = moved(PHONE)
    undo = undo_link(world, ADA)
    disputed(world, credential)
    if contested:
        world.kit.undo.contest(link(world, MessageKind.UNDO_DISPUTED, THIEF), THIEF, context=CONTEXT)
    by_code(world, undo, PHONE)
    assert verified(world, credential) == [ADA, PHONE]
    ask(world, session(world, credential))
    run_after(world, 2 * DAY)
    assert len(told(world, MessageKind.CHANGES_UNDONE)) == 3


def test_a_disputed_link_works_until_the_dispute_has_ended() -> None:
    world, credential = moved(PHONE)
    undo = undo_link(world, ADA)
    world.clock.advance(72 * HOUR - MICROSECOND)
    disputed(world, credential)
    world.clock.advance(HOUR)
    by_code(world, undo, PHONE)
    assert verified(world, credential) == [ADA, PHONE]


def test_what_cannot_be_restored_any_more_is_left_to_the_host() -> None:
    world, credential, who = setup(SECOND)
    world.kit.settings.remove_identifier(who, opened(world, who), SECOND, context=CONTEXT)
    world.clock.advance(MINUTE)
    world.add(SECOND, password=OTHER)
    world.kit.undo.dispute(undo_link(world, ADA), ADA, context=CONTEXT)
    run_after(world, DAY)
    assert history_of(world).dispute is not None
    assert history_of(world).dispute.contested  # type: ignore[union-attr]
    assert refusal(ask, world, session(world, credential)).reason is Reason.CHANGES_FROZEN
    run_after(world, 2 * MINUTE)
    assert journeys.waiting(world) == []
    assert told(world, MessageKind.CHANGES_UNDONE) == []


def test_no_silence_restores_after_an_objection_has_returned() -> None:
    spied = journeys.SpiedCredentials()  # F2: the objection comes while the courier is at it
    world, credential = moved(PHONE, credentials=spied)
    disputed(world, credential)
    contest = link(world, MessageKind.UNDO_DISPUTED, THIEF)
    spied.before_replace = [lambda: world.kit.undo.contest(contest, THIEF, context=CONTEXT)]
    run_after(world, DAY)
    assert spied.before_replace == []
    assert verified(world, credential) == [THIEF, PHONE]
    assert history_of(world).dispute is not None


def test_no_silence_restores_after_the_host_has_decided_otherwise() -> None:
    spied = journeys.SpiedCredentials()  # F2
    world, credential = moved(PHONE, credentials=spied)
    disputed(world, credential)
    spied.before_replace = [lambda: world.kit.admin.settle_dispute(credential.id, restore=False, actor="support")]
    run_after(world, DAY)
    assert spied.before_replace == []
    assert verified(world, credential) == [THIEF, PHONE]


def test_the_host_does_not_restore_what_was_decided_otherwise_meanwhile() -> None:
    spied = journeys.SpiedCredentials()  # F2: two people of the host settle the same dispute
    world, credential = moved(PHONE, credentials=spied)
    disputed(world, credential)
    spied.before_replace = [lambda: world.kit.admin.settle_dispute(credential.id, restore=False, actor="support")]
    assert refusal(world.kit.admin.settle_dispute, credential.id, restore=True, actor="other").reason is Reason.UNDO_INVALID
    assert verified(world, credential) == [THIEF, PHONE]


# What an undo rests on has to hold still when it is made (F2) ----------------------------------------------------------------


def test_a_mailbox_that_is_given_up_during_an_undo_does_not_get_through() -> None:
    world, spied, credential, older, give_up = about_to_move(lost_control=True)
    ticket = world.kit.undo.begin(older, context=CONTEXT)
    grant = world.kit.undo.verify(ticket, code_to(world, ADA, MessageKind.UNDO_CODE), context=CONTEXT)
    spied.before_replace = [give_up]
    assert refusal(world.kit.undo.complete, older, grant=grant, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert verified(world, credential) == [SECOND, PHONE]


def test_an_identifier_that_is_replaced_during_an_undo_proves_nothing() -> None:
    world, spied, credential, older, move = about_to_move(lost_control=False)
    ticket = world.kit.undo.begin(older, context=CONTEXT)
    grant = world.kit.undo.verify(ticket, code_to(world, ADA, MessageKind.UNDO_CODE), context=CONTEXT)
    spied.before_replace = [move]
    assert refusal(world.kit.undo.complete, older, grant=grant, context=CONTEXT).reason is Reason.UNDO_PROOF_REQUIRED
    assert verified(world, credential) == [SECOND, PHONE]


def test_a_mailbox_that_is_given_up_meanwhile_opens_no_dispute() -> None:
    world, spied, credential, older, give_up = about_to_move(lost_control=True)
    spied.before_get = [lambda: None, give_up]  # between reading the link and reading what is to be held still
    assert refusal(world.kit.undo.dispute, older, ADA, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert not history_of(world).frozen(world.clock.now())
    assert verified(world, credential) == [SECOND, PHONE]


def test_a_password_that_is_changed_during_an_undo_proves_nothing() -> None:
    spied = journeys.SpiedCredentials()
    world, credential = moved(credentials=spied)
    who = session(world, credential)
    spied.before_replace = [lambda: world.kit.password.change(who, OLD, NEW, context=CONTEXT)]
    assert refusal(world.kit.undo.complete, undo_link(world, ADA), password=OLD, context=CONTEXT).reason is Reason.UNDO_PROOF_REQUIRED
    assert verified(world, credential) == [THIEF]
    assert signs_in(world, NEW, THIEF)


def test_no_link_undoes_anything_after_the_host_has_decided_otherwise() -> None:
    spied = journeys.SpiedCredentials()
    world, credential = moved(credentials=spied)
    disputed(world, credential)
    spied.before_replace = [lambda: world.kit.admin.settle_dispute(credential.id, restore=False, actor="support")]
    assert refusal(world.kit.undo.complete, undo_link(world, ADA), password=OLD, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert verified(world, credential) == [THIEF]


def test_what_was_undone_meanwhile_is_not_undone_twice() -> None:
    spied = journeys.SpiedCredentials()
    world, credential = moved(credentials=spied)
    link_to_undo = undo_link(world, ADA)
    spied.before_replace = [lambda: world.kit.undo.complete(link_to_undo, password=OLD, context=CONTEXT)]
    assert refusal(world.kit.undo.complete, link_to_undo, password=OLD, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert verified(world, credential) == [ADA]
    run_after(world, MINUTE)
    assert told(world, MessageKind.CHANGES_UNDONE) == [ADA, THIEF]


def test_what_was_undone_meanwhile_is_not_disputed() -> None:
    spied = journeys.SpiedCredentials()
    world, credential = moved(credentials=spied)
    link_to_undo = undo_link(world, ADA)
    spied.before_get = [lambda: None, lambda: world.kit.undo.complete(link_to_undo, password=OLD, context=CONTEXT)]
    assert refusal(world.kit.undo.dispute, link_to_undo, ADA, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert verified(world, credential) == [ADA]
    assert not history_of(world).frozen(world.clock.now())


@pytest.mark.parametrize("gets", [2, 3])
def test_an_undo_of_a_sign_in_that_goes_away_meanwhile_is_refused(gets: int) -> None:
    spied = Vanishing()
    world, _ = moved(credentials=spied)
    undo = undo_link(world, ADA)
    spied.gets_left = gets - 1
    assert refusal(world.kit.undo.complete, undo, password=OLD, context=CONTEXT).reason is Reason.UNDO_INVALID


@dataclass
class Vanishing(journeys.SpiedCredentials):
    """A store whose host deletes the sign-in after so many more `get`s."""

    gets_left: int = 1000

    def get(self, credential_id: str) -> Credential | None:
        self.gets_left -= 1
        return super().get(credential_id) if self.gets_left >= 0 else None


def about_to_move(*, lost_control: bool) -> tuple[TestWorld, journeys.SpiedCredentials, Credential, str, Callable[[], object]]:
    """Return a world, ADA's undo link of an older change, and what lets the owner put SECOND in ADA's place."""
    spied = journeys.SpiedCredentials()
    world, credential, who = setup(PHONE, credentials=spied)
    window = opened(world, who)
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    return world, spied, credential, undo_link(world, ADA), lambda: change(world, who, window, ADA, SECOND, lost_control=lost_control)


# Thieves ------------------------------------------------------------------------------------------------------------------


def test_the_thief_of_the_old_mailbox_does_not_undo_the_owners_move_away() -> None:
    world, credential, who = setup(PHONE)  # F24: the thief reads what goes to ADA, and the owner moves to SECOND
    window = opened(world, who)
    change(world, who, window, ADA, SECOND)
    world.kit.settings.done(who, window)
    stolen = undo_link(world, ADA)
    assert refusal(world.kit.undo.complete, stolen, context=CONTEXT).reason is Reason.UNDO_PROOF_REQUIRED
    ticket = world.kit.undo.begin(stolen, context=CONTEXT)
    assert told(world, MessageKind.UNDO_CODE) == [PHONE]  # which the thief does not read
    assert refusal(world.kit.undo.verify, ticket, WRONG, context=CONTEXT).reason is Reason.CODE_WRONG
    assert refusal(world.kit.undo.complete, stolen, password=OTHER, context=CONTEXT).reason is Reason.CURRENT_PASSWORD_WRONG
    world.kit.undo.dispute(stolen, ADA, context=CONTEXT)
    before = len(world.inbox.messages)
    world.clock.advance(MINUTE)
    world.kit.reset.begin(ADA, context=CONTEXT)
    assert world.inbox.messages[before:] == []
    world.kit.undo.contest(link(world, MessageKind.UNDO_DISPUTED, SECOND), SECOND, context=CONTEXT)
    run_after(world, 3 * DAY)
    assert verified(world, credential) == [SECOND, PHONE]
    world.kit.admin.settle_dispute(credential.id, restore=False, actor="support")
    assert verified(world, credential) == [SECOND, PHONE]
    world.clock.advance(MINUTE)
    assert {m.to.canonical for m in world.inbox.messages if m.kind is MessageKind.RESET_CODE} == set()


def test_the_thief_of_the_old_mailbox_gets_no_link_where_the_owner_said_so() -> None:
    world, _, who = setup(PHONE)  # F24
    change(world, who, opened(world, who), ADA, SECOND, lost_control=True)
    said = everything_said([m for m in world.inbox.to(ADA) if m.kind is MessageKind.SETTINGS_CHANGED])
    assert "undo#" not in said


def test_a_thief_who_changes_twice_does_not_outlive_the_owners_link() -> None:
    world, credential, who = setup(PHONE)  # F25
    thief = replace(who, session_key="thief")
    window = opened(world, thief)  # the owner was tricked once
    change(world, thief, window, ADA, THIEF)
    owners = undo_link(world, ADA)
    change(world, thief, window, THIEF, "mallory@second.example")
    world.kit.settings.prefer(thief, window, "mallory@second.example", context=CONTEXT)
    epoch = world.kit.settings.set_password(thief, window, NEW, context=CONTEXT).session_epoch
    thief = replace(thief, session_epoch=epoch)
    world.kit.settings.done(thief, window)
    by_code(world, owners, PHONE)
    assert verified(world, credential) == [ADA, PHONE]
    assert not world.kit.sign_in.holds(thief)
    assert not signs_in(world, NEW, PHONE)
    world.clock.advance(MINUTE)
    world.kit.reset.complete(granted(world, PHONE), OTHER, context=CONTEXT)
    assert signs_in(world, OTHER, ADA)


def test_a_thief_does_not_undo_the_owners_undo() -> None:
    world, credential, who = setup(PHONE)  # F25: the thief's address was "held before" it
    thief = replace(who, session_key="thief")
    window = opened(world, thief)
    change(world, thief, window, ADA, THIEF)
    world.kit.settings.prefer(thief, window, THIEF, context=CONTEXT)
    thiefs = [m.link.reveal() for m in world.inbox.to(THIEF) if m.link is not None]
    assert len(thiefs) == 2
    by_code(world, undo_link(world, ADA), PHONE)
    assert verified(world, credential) == [ADA, PHONE]
    for stolen in thiefs:
        assert uses(world, stolen) == {Reason.UNDO_INVALID}
    assert last(world, MessageKind.CHANGES_UNDONE, THIEF).link is None
    before = len(world.inbox.messages)
    world.clock.advance(MINUTE)
    world.kit.reset.begin(THIEF, context=CONTEXT)
    assert world.inbox.messages[before:] == []


def test_a_notifier_that_is_down_for_three_days_does_not_help_the_thief() -> None:
    world, credential, who = setup(PHONE)  # F25
    thief = replace(who, session_key="thief")
    window = opened(world, thief)
    ticket = world.kit.settings.change_identifier(thief, window, ADA, THIEF, context=CONTEXT)
    code = code_to(world, THIEF)
    world.inbox.failing = OSError("away")
    world.kit.settings.confirm_identifier(thief, window, ticket, code, context=CONTEXT)
    for _ in range(72):
        run_after(world, HOUR)
    assert told(world, MessageKind.SETTINGS_CHANGED) == []
    world.inbox.failing = None
    run_after(world, HOUR)
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA, THIEF]
    world.clock.advance(2 * DAY)
    by_code(world, undo_link(world, ADA), PHONE)
    assert verified(world, credential) == [ADA, PHONE]


def test_a_thief_who_changes_as_often_as_may_be_does_not_stop_the_undo() -> None:
    world, credential, who = setup(PHONE)  # F25
    thief = replace(who, session_key="thief")
    window = opened(world, thief)
    change(world, thief, window, ADA, THIEF)
    owners, made = undo_link(world, ADA), 0
    while made < MARKS and goes_through(lambda: world.kit.settings.prefer(thief, window, THIEF, context=CONTEXT)):
        made += 1
    assert made > 30
    epoch = journeys.fresh(world, credential).session_epoch
    by_code(world, owners, PHONE)
    assert verified(world, credential) == [ADA, PHONE]
    assert journeys.fresh(world, credential).session_epoch == epoch + 1
    world.clock.advance(MINUTE)
    who = session(world, journeys.fresh(world, credential))
    world.kit.settings.prefer(who, opened(world, who), PHONE, context=CONTEXT)  # nor what the owner does next
    assert journeys.fresh(world, credential).preferred == journeys.parsed(PHONE)


def test_a_thief_who_changes_as_often_as_may_be_stops_no_dispute_and_no_word_that_it_was_not_the_owner() -> None:
    world, credential, who = setup(PHONE)  # F25, AP-16
    thief = replace(who, session_key="thief")
    window = opened(world, thief)
    question = link(world)
    change(world, thief, window, ADA, THIEF)
    owners = undo_link(world, ADA)
    full = tuple(Mark(change_id=f"another-{number}", at=world.clock.now()) for number in range(MARKS))
    journeys.alter(world, credential, marks=full)
    world.kit.settings.not_me(question, ADA, context=CONTEXT)
    assert not world.kit.sign_in.holds(who)
    world.kit.undo.dispute(owners, ADA, context=CONTEXT)
    run_after(world, DAY)
    assert verified(world, credential) == [ADA, PHONE]
    assert set(told(world, MessageKind.UNDO_DISPUTED)) == {PHONE, ADA, THIEF}


def goes_through(call: Callable[[], object]) -> bool:
    """Return whether *call* is not refused."""
    try:
        call()
    except Refused:
        return False
    return True


def test_changes_that_fail_do_not_push_the_owners_link_off_the_stack() -> None:
    policy = Policy(limits=replace(journeys.lowered().limits, account_sends=replace(journeys.lowered().limits.account_sends, count=1000)))
    world, credential, who = setup(PHONE, policy=policy)  # F25: a picture is kept before each swap, also before one that is refused
    thief = replace(who, session_key="thief")
    window = opened(world, thief)
    change(world, thief, window, ADA, THIEF)
    owners = undo_link(world, ADA)
    for number in range(15):
        address = f"mallory{number}@thief.example"
        ticket = world.kit.settings.add_identifier(thief, window, address, context=CONTEXT)
        code = code_to(world, address)
        own = world.credentials.find(journeys.parsed(address))
        assert own is None
        taken(world, address)
        assert refusal(world.kit.settings.confirm_identifier, thief, window, ticket, code, context=CONTEXT).reason is Reason.IDENTIFIER_TAKEN
    while goes_through(lambda: world.kit.settings.prefer(thief, window, THIEF, context=CONTEXT)):
        pass
    by_code(world, owners, PHONE)
    assert verified(world, credential) == [ADA, PHONE]


def taken(world: TestWorld, address: str) -> None:
    """Give *address* to somebody else, straight in the store."""
    other = world.credentials.find(journeys.parsed(BOB)) or world.add(BOB, password=OTHER)
    journeys.alter(world, other, identifiers=(*journeys.fresh(world, other).identifiers, journeys.verified(address)))


# Keys, stores, notifiers, async -------------------------------------------------------------------------------------------


def test_a_link_made_with_an_older_key_works_while_that_is_on_the_ring() -> None:
    world, credential = moved(PHONE, keys=journeys.ring("old"))
    rotated = journeys.beside(world, keys=journeys.ring("new", "old"))
    by_code(rotated, undo_link(world, ADA), PHONE)
    assert verified(world, credential) == [ADA, PHONE]


def test_an_unknown_key_is_trouble_and_the_courier_keeps_the_notice() -> None:
    world, _, who = setup(PHONE, keys=journeys.ring("old"))
    window = opened(world, who)
    journeys.beside(world, keys=journeys.ring("old"), deliver="manual").kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    without = journeys.beside(world, keys=journeys.ring("new"), deliver="manual")
    delivered = without.kit.courier.run_due()
    assert (delivered.sent, delivered.kept, delivered.dropped) == (0, 2, 0)
    world.clock.advance(5 * MINUTE)
    assert world.kit.courier.run_due().sent == 2
    with pytest.raises(UnknownKey):
        without.kit.undo.review(undo_link(world, ADA))
    with pytest.raises(UnknownKey):
        without.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)


def test_an_undo_whose_swap_failed_is_told_only_once_it_is_made() -> None:
    spied = journeys.SpiedCredentials()  # F1
    world, credential = moved(PHONE, credentials=spied)
    undo = undo_link(world, ADA)
    spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        world.kit.undo.complete(undo, password=OLD, context=CONTEXT)
    run_after(world, 2 * MINUTE)
    assert told(world, MessageKind.CHANGES_UNDONE) == []
    assert verified(world, credential) == [THIEF, PHONE]
    world.kit.undo.complete(undo, password=OLD, context=CONTEXT)
    assert told(world, MessageKind.CHANGES_UNDONE) == [PHONE, ADA, THIEF]


def test_an_undo_whose_reply_was_lost_is_made_and_told_once() -> None:
    spied = journeys.SpiedCredentials()
    world, credential = moved(PHONE, credentials=spied)
    spied.replies_lost = 1
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    assert verified(world, credential) == [ADA, PHONE]
    assert told(world, MessageKind.CHANGES_UNDONE) == [PHONE, ADA, THIEF]


def test_a_notifier_that_comes_back_tells_of_an_undo() -> None:
    world, _ = moved(PHONE)
    undo = undo_link(world, ADA)
    world.inbox.failing = OSError("away")
    world.kit.undo.complete(undo, password=OLD, context=CONTEXT)
    world.inbox.failing = None
    run_after(world, HOUR)
    assert told(world, MessageKind.CHANGES_UNDONE) == [PHONE, ADA, THIEF]


def test_the_policy_of_the_undo_decides_how_long_a_link_works() -> None:
    world, _ = moved(PHONE)  # REQ-D6e
    world.clock.advance(3 * HOUR)
    strict = journeys.beside(world, policy=Policy(undo=UndoPolicy(lifetime=2 * HOUR)))
    assert uses(strict, undo_link(world, ADA)) == {Reason.UNDO_INVALID}


def test_cookies_of_ticket_and_grant_share_one_name() -> None:
    world, _ = moved(PHONE)
    ticket = world.kit.undo.begin(undo_link(world, ADA), context=CONTEXT)
    assert ticket.cookie()["key"] == world.kit.undo.cookie_name == world.kit.undo.ended_cookie()["key"]


def test_the_same_from_async_code() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        credential = await world.add(ADA, password=OLD)
        who, settings, undo = Session(credential_id=credential.id, session_epoch=0, session_key="browser"), world.kit.settings, world.kit.undo
        asked = await settings.request(who, context=CONTEXT)
        status, question = await settings.status(who, asked), world.inbox.messages[-1].link
        assert question is not None
        await settings.approve(question.reveal(), status.match_code, context=CONTEXT)
        window = await settings.open(who, asked, context=CONTEXT)
        ticket = await settings.add_identifier(who, window, SECOND, context=CONTEXT)
        await settings.confirm_identifier(who, window, ticket, world.inbox.last_code(SECOND), context=CONTEXT)
        undo_it = next(m.link for m in world.inbox.to(ADA) if m.kind is MessageKind.SETTINGS_CHANGED and m.link is not None).reveal()
        sent = await undo.begin(undo_it, context=CONTEXT)
        grant = await undo.verify(sent, world.inbox.last_code(ADA), context=CONTEXT)
        changed = await undo.complete(undo_it, grant=grant, context=CONTEXT)
        assert [i.canonical for i in changed.credential.verified] == [ADA]

    asyncio.run(journey())


# An identifier that is in other hands --------------------------------------------------------------------------------------


def test_a_mailbox_that_was_given_up_undoes_nothing_not_even_by_an_older_link() -> None:
    world, credential, who = setup(PHONE)  # F24: undoing the older change would undo the giving up as well
    window = opened(world, who)
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    older = undo_link(world, ADA)
    change(world, who, window, ADA, SECOND, lost_control=True)
    for attempt in (lambda: world.kit.undo.review(older), lambda: world.kit.undo.dispute(older, ADA, context=CONTEXT)):
        assert refusal(attempt).reason is Reason.UNDO_INVALID
    assert refusal(world.kit.undo.complete, older, password=OLD, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert [m.link for m in world.inbox.to(ADA) if m.kind is MessageKind.SETTINGS_CHANGED][-1] is None
    assert world.kit.undo.review(undo_link(world, PHONE)).channels != ()
    assert verified(world, credential) == [SECOND, PHONE]


def test_a_denial_gives_a_mailbox_that_was_given_up_no_token_to_undo_with() -> None:
    world, _, who = setup(PHONE)
    window = opened(world, who)
    question = link(world)
    change(world, who, window, ADA, SECOND, lost_control=True)
    assert world.kit.settings.deny(question, context=CONTEXT).undo is None


@pytest.mark.parametrize("helper", [None, THIEF])
def test_a_thief_cannot_say_of_the_owners_only_mailbox_that_it_is_in_other_hands(helper: str | None) -> None:
    world, credential, who = setup()  # F25: an identifier that the thief brought along does not count
    window = opened(world, who)
    if helper is not None:
        add(world, who, window, helper)
    change(world, who, window, ADA, SECOND, lost_control=True)
    world.kit.undo.complete(undo_link(world, ADA), password=OLD, context=CONTEXT)
    assert ADA in verified(world, credential)


def test_an_undo_gives_back_its_links_to_what_was_said_to_be_in_other_hands() -> None:
    world, credential, who = setup(PHONE)
    change(world, who, opened(world, who), ADA, SECOND, lost_control=True)
    world.kit.undo.complete(undo_link(world, PHONE), password=OLD, context=CONTEXT)
    world.clock.advance(days=2)
    who = session(world, credential)
    world.kit.settings.prefer(who, opened(world, who), PHONE, context=CONTEXT)
    assert world.kit.undo.review(undo_link(world, ADA)).by_password


def test_each_recipient_has_a_link_of_their_own() -> None:
    world, _ = moved(PHONE)
    links = {undo_link(world, to) for to in (ADA, PHONE, THIEF)}
    assert len(links) == 3
    assert refusal(world.kit.undo.dispute, undo_link(world, PHONE), ADA, context=CONTEXT).reason is Reason.CONFIRMATION_WRONG


def test_whoever_opened_a_dispute_cannot_object_to_it() -> None:
    world, _ = moved(PHONE)
    world.kit.undo.dispute(undo_link(world, ADA), ADA, context=CONTEXT)
    own = link(world, MessageKind.UNDO_DISPUTED, ADA)
    assert world.kit.undo.review(own).contest
    assert refusal(world.kit.undo.contest, own, ADA, context=CONTEXT).reason is Reason.UNDO_INVALID


def test_what_an_undo_holds_back_proves_no_older_undo() -> None:
    world, credential, who = setup(PHONE)  # F24
    window = opened(world, who)
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    older = undo_link(world, PHONE)
    change(world, who, window, ADA, SECOND)
    by_code(world, undo_link(world, PHONE), PHONE)
    assert verified(world, credential) == [ADA, PHONE]
    assert world.kit.undo.review(older).channels == ("***71",)
