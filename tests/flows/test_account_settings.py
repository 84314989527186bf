"""Account settings: who may ask, answer and edit; what each answer ends; what an edit changes and who is told of it. All orders of calls: `interleavings`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.approvals import ApprovalPolicy, State
from credkit.context import Context, Session
from credkit.credential import Credential, Standing
from credkit.edits import AddIdentifier, ChangeIdentifier, Edit, HostChange, Prefer, RemoveIdentifier, SetPassword, Shown
from credkit.errors import ConfigurationError, FindingKind, InvalidIdentifier, PasswordRefused, Reason, Refused, StoreError, UnknownKey
from credkit.flows.approvals import APPROVAL
from credkit.flows.changes import Ended
from credkit.flows.transaction import ATTEMPTS
from credkit.messages import MessageKind
from credkit.payloads import UnreadableRecord
from credkit.policy import Limits, Policy
from credkit.site import Paths
from credkit.testing import TestWorld, async_kit_for_tests
from credkit.testing.kits import site_for_tests
from credkit.tickets import Asked, EditWindow
from flows import journeys
from flows.devices import (
    SECOND,
    THIEF,
    THIRD,
    add,
    approve,
    ask,
    change,
    code_to,
    everything_said,
    last,
    link,
    match_code,
    opened,
    session,
    token,
    told,
    verified,
    wrong,
)
from flows.journeys import ADA, BOB, CONTEXT, MICROSECOND, NEW, OLD, OTHER, PHONE, PHONE_ENTERED, WEIRD, WRONG, begun, granted, refusal, signs_in

MINUTES = timedelta(minutes=1)


def setup(*others: str, **parts: Any) -> tuple[TestWorld, Credential, Session]:
    """Return a world with Ada in it, who is signed in; *others* are hers, too."""
    world = journeys.build(**parts)
    credential = journeys.ada(world, *others)
    return world, credential, session(world, credential)


def policy(**changes: Any) -> Policy:
    return Policy(approvals=ApprovalPolicy(**changes))


# The whole journey ------------------------------------------------------------------------------------------------------


def test_an_owner_asks_approves_elsewhere_edits_and_is_done() -> None:
    world, credential, who = setup()
    settings = world.kit.settings
    asked = settings.request(who, context=Context(device="Firefox on Linux", place="Oslo"))
    status = settings.status(who, asked)
    review = settings.review(link(world))
    assert (status.state, review.state, review.label) == (State.PENDING, State.PENDING, asked.label)
    assert settings.approve(link(world), status.match_code, context=CONTEXT).state is State.APPROVED
    window = settings.open(who, asked, context=CONTEXT)
    ticket = settings.add_identifier(who, window, PHONE_ENTERED, context=CONTEXT)
    settings.confirm_identifier(who, window, ticket, code_to(world, PHONE), context=CONTEXT)
    settings.prefer(who, window, PHONE, context=CONTEXT)
    settings.remove_identifier(who, window, ADA, context=CONTEXT)
    view = settings.done(who, window)
    assert [(v.identifier.canonical, v.standing, v.preferred) for v in view.identifiers] == [(PHONE, Standing.VERIFIED, True)]
    assert (view.has_password, view.accounts) == (True, credential.accounts)
    assert settings.status(who, asked).state is State.DONE
    assert signs_in(world, OLD, PHONE)


def test_the_same_from_async_code() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        credential = await world.add(ADA, password=OLD)
        who, settings = Session(credential_id=credential.id, session_epoch=0, session_key="browser"), world.kit.settings
        asked = await settings.request(who, [SetPassword(), AddIdentifier(SECOND)], context=CONTEXT)
        question = world.inbox.messages[-1].link
        assert question is not None
        status = await settings.status(who, asked)
        assert (await settings.review(question.reveal())).state is State.PENDING
        await settings.approve(question.reveal(), status.match_code, context=CONTEXT)
        window = await settings.open(who, asked, context=CONTEXT)
        ticket = await settings.add_identifier(who, window, SECOND, context=CONTEXT)
        world.clock.advance(seconds=60)
        ticket = await settings.resend(who, window, ticket, context=CONTEXT)
        await settings.confirm_identifier(who, window, ticket, world.inbox.last_code(SECOND), context=CONTEXT)
        changed = await settings.set_password(who, window, NEW, context=CONTEXT)
        who = replace(who, session_epoch=changed.session_epoch)
        view = await settings.done(who, window)
        assert [v.identifier.canonical for v in view.identifiers] == [ADA, SECOND]
        undo = [m.link for m in world.inbox.to(SECOND) if m.link is not None][-1]
        assert (await world.kit.undo.review(undo.reveal())).changes == (Shown(what="password"),)

    asyncio.run(journey())


# Asking -----------------------------------------------------------------------------------------------------------------


def test_the_question_names_every_change_the_device_and_the_time() -> None:
    world, _, who = setup()  # AP-03, NO-12
    changes: list[Edit] = [ChangeIdentifier(ADA, SECOND), SetPassword(), HostChange("display name", "Ada", "Countess")]
    asked = world.kit.settings.request(who, changes, context=Context(device="Firefox on Linux", place="Oslo, Norway"))
    text, review = last(world, MessageKind.SETTINGS_REQUEST).text, world.kit.settings.review(link(world))
    for shown in (ADA, SECOND, "password", "Countess", "Firefox on Linux", "Oslo, Norway", "10 minutes", asked.label, "help@example.com"):
        assert shown in text, shown
    lines = (Shown(what="email", old=ADA, new=SECOND), Shown(what="password"), Shown(what="display name", old="Ada", new="Countess"))
    assert review.changes == lines
    assert (review.device, review.place, review.asked_at) == ("Firefox on Linux", "Oslo, Norway", world.clock.now())
    assert review.expires_at == world.clock.now() + 10 * MINUTES == asked.expires_at


def test_a_request_for_settings_in_general_names_no_changes() -> None:
    world, _, who = setup()
    ask(world, who)
    assert world.kit.settings.review(link(world)).changes is None
    assert "its settings in general" in last(world, MessageKind.SETTINGS_REQUEST).text


def test_the_asking_page_says_where_to_look_and_no_more() -> None:
    world, _, who = setup(PHONE)
    asked = ask(world, who)
    assert asked.masked == journeys.parsed(ADA).masked
    assert (world.kit.settings.status(who, asked).sent_by, told(world, MessageKind.SETTINGS_REQUEST)) == ("email", [ADA])


def test_nothing_is_changed_by_asking() -> None:
    world, credential, who = setup()
    ask(world, who, RemoveIdentifier(ADA), SetPassword())
    assert journeys.fresh(world, credential) == credential


@pytest.mark.parametrize("changes", [[], [SetPassword()] * 21])
def test_a_request_for_no_change_or_for_too_many_is_an_error_of_the_host(changes: list[Edit]) -> None:
    world, _, who = setup()
    with pytest.raises(ConfigurationError, match="1 to 20"):
        world.kit.settings.request(who, changes, context=CONTEXT)


def test_a_request_that_names_no_identifier_is_refused_before_anything_is_sent() -> None:
    world, _, who = setup()
    with pytest.raises(InvalidIdentifier):
        ask(world, who, AddIdentifier("no address"))
    assert world.inbox.messages == []


@pytest.mark.parametrize("paths", [Paths(), Paths(approve="/approve"), Paths(undo="/undo")])
def test_a_site_without_the_pages_cannot_ask(paths: Paths) -> None:
    world, _, who = setup(site=replace(site_for_tests(), paths=paths))
    with pytest.raises(ConfigurationError, match=r"site\.paths"):
        ask(world, who)


def test_the_link_is_built_from_configuration_with_the_token_in_the_fragment() -> None:
    world, _, who = setup()  # AP-20
    ask(world, who)
    assert link(world).startswith("https://example.com/security/approve#")


def test_a_site_without_script_may_carry_the_token_in_the_path() -> None:
    world, _, who = setup(site=replace(site_for_tests(), token_in="path"))
    ask(world, who)
    assert link(world).startswith("https://example.com/security/approve/")
    assert world.kit.settings.review(link(world)).state is State.PENDING


def test_a_new_request_cancels_the_one_that_waits() -> None:
    world, _, who = setup()  # AP-11
    first = ask(world, who)
    older, code = link(world), match_code(world, who, first)
    ask(world, who)
    assert world.kit.settings.status(who, first).state is State.CANCELLED
    assert refusal(world.kit.settings.approve, older, code, context=CONTEXT).reason is Reason.APPROVAL_OVER


def test_a_new_request_cancels_the_one_that_was_approved() -> None:
    world, _, who = setup()
    first = ask(world, who)
    approve(world, who, first)
    ask(world, who)
    assert refusal(world.kit.settings.open, who, first, context=CONTEXT).reason is Reason.APPROVAL_OVER


def test_a_new_request_leaves_an_open_window_open() -> None:
    world, credential, who = setup()
    window = opened(world, who)
    ask(world, who)
    add(world, who, window, SECOND)
    assert verified(world, credential) == [ADA, SECOND]


def test_a_request_whose_ticket_was_lost_is_in_nobodys_way() -> None:
    world, _, who = setup()
    ask(world, who)
    assert world.kit.settings.done(who, opened(world, who)).has_password


def test_a_question_that_was_taken_back_before_it_was_sent_is_not_sent() -> None:
    world, _, who = setup()
    manual = journeys.beside(world, deliver="manual")
    asked = ask(manual, who)
    manual.kit.settings.cancel(who, asked)
    assert manual.kit.courier.run_due().dropped == 1
    assert told(world, MessageKind.SETTINGS_REQUEST) == []


def test_ten_requests_a_day_may_be_made() -> None:
    world, _, who = setup()  # AP-11
    for _ in range(10):
        ask(world, who)
    refused = refusal(ask, world, who)
    assert (refused.reason, refused.status) == (Reason.TOO_MANY_REQUESTS, 429)
    assert refused.retry_after is not None
    assert refused.retry_after >= timedelta(days=1)
    world.clock.advance(refused.retry_after - MICROSECOND)
    assert refusal(ask, world, who).reason is Reason.TOO_MANY_REQUESTS
    world.clock.advance(MICROSECOND)
    ask(world, who)


def test_a_refused_request_cancels_nothing() -> None:
    world, _, who = setup(policy=Policy(limits=Limits(approvals=replace(Limits().approvals, count=1))))
    asked = ask(world, who)
    refusal(ask, world, who)
    assert world.kit.settings.status(who, asked).state is State.PENDING


# Where the question goes -------------------------------------------------------------------------------------------------


def test_the_question_goes_to_the_verification_method() -> None:
    world, credential, who = setup(PHONE)
    journeys.alter(world, credential, preferred=journeys.parsed(PHONE))
    ask(world, who)
    assert told(world, MessageKind.SETTINGS_REQUEST) == [PHONE]


def test_an_identifier_that_was_added_lately_is_not_asked() -> None:
    world, _, who = setup()  # ID-21, AP-12
    window = opened(world, who)
    add(world, who, window, SECOND)
    world.kit.settings.prefer(who, window, SECOND, context=CONTEXT)
    world.kit.settings.done(who, window)
    at = world.clock.now()
    world.clock.advance(timedelta(hours=12) - MICROSECOND)
    ask(world, who)
    assert last(world, MessageKind.SETTINGS_REQUEST).to == journeys.parsed(ADA)
    world.clock.advance(MICROSECOND)
    assert world.clock.now() - at == timedelta(hours=12)
    ask(world, who)
    assert last(world, MessageKind.SETTINGS_REQUEST).to == journeys.parsed(SECOND)


def test_the_identifier_that_is_being_added_is_not_asked() -> None:
    world, _, who = setup()  # AP-12
    ask(world, who, AddIdentifier(THIEF), Prefer(THIEF))
    assert told(world, MessageKind.SETTINGS_REQUEST) == [ADA]
    assert refusal(ask, world, who, AddIdentifier(THIEF), via=THIEF).reason is Reason.APPROVAL_UNREACHABLE


def test_who_can_be_asked_nowhere_is_refused() -> None:
    world, credential, who = setup()  # a new address took the place of the only one
    window = opened(world, who)
    change(world, who, window, ADA, SECOND)
    assert refusal(ask, world, who).reason is Reason.APPROVAL_UNREACHABLE
    assert verified(world, credential) == [SECOND]


@pytest.mark.parametrize("standing", [Standing.UNVERIFIED, Standing.CARRIED_OVER])
def test_an_identifier_that_never_proved_itself_is_not_asked(standing: Standing) -> None:
    world, credential, who = setup()  # ID-15
    journeys.alter(world, credential, identifiers=(journeys.registered(ADA, standing),))
    assert refusal(ask, world, who).reason is Reason.APPROVAL_UNREACHABLE


def test_the_asking_session_does_not_choose_the_channel() -> None:
    world, _, who = setup(PHONE)  # AP-12
    assert refusal(ask, world, who, via=PHONE).reason is Reason.APPROVAL_UNREACHABLE


def test_a_policy_may_let_it_choose_another_verified_identifier() -> None:
    world, credential, who = setup(PHONE, policy=policy(other_channels=True))  # REQ-D6f
    ask(world, who, via=PHONE_ENTERED)
    assert told(world, MessageKind.SETTINGS_REQUEST) == [PHONE]
    journeys.alter(world, credential, identifiers=(*credential.identifiers, journeys.registered(SECOND, Standing.UNVERIFIED)))
    for other in (SECOND, THIRD):
        assert refusal(ask, world, who, via=other).reason is Reason.APPROVAL_UNREACHABLE


def test_a_chosen_channel_that_was_added_lately_is_refused_whatever_the_policy() -> None:
    world, _, who = setup(policy=policy(other_channels=True))
    add(world, who, opened(world, who), SECOND)
    assert refusal(ask, world, who, via=SECOND).reason is Reason.APPROVAL_UNREACHABLE


def test_a_new_identifier_gets_no_reset_code_and_nobody_can_tell() -> None:
    world, _, who = setup()  # ID-21
    window = opened(world, who)
    add(world, who, window, SECOND)
    world.kit.settings.prefer(who, window, SECOND, context=CONTEXT)
    world.clock.advance(hours=11)
    before = len(world.inbox.messages)
    known, unknown = world.kit.reset.begin(SECOND, context=CONTEXT), world.kit.reset.begin(THIRD, context=CONTEXT)
    assert [m.to.canonical for m in world.inbox.messages[before:]] == [ADA]
    assert set(known.public()) == set(unknown.public())
    assert [known.public()[name] for name in ("expires_at", "resend_at", "tries_left")] == [
        unknown.public()[n] for n in ("expires_at", "resend_at", "tries_left")
    ]


@pytest.mark.parametrize(("age", "expected"), [(timedelta(hours=12) - MICROSECOND, []), (timedelta(hours=12), [SECOND])])
def test_after_a_move_nobody_gets_a_reset_code_until_the_new_address_is_old_enough(age: timedelta, expected: list[str]) -> None:
    world, _, who = setup()  # ID-21: a change just made must not be followed by a reset
    change(world, who, opened(world, who), ADA, SECOND)
    world.clock.advance(age)
    world.kit.reset.begin(SECOND, context=CONTEXT)
    assert told(world, MessageKind.RESET_CODE) == expected


# Reading and scanning ---------------------------------------------------------------------------------------------------


def test_a_thousand_reviews_decide_nothing() -> None:
    world, _, who = setup()  # AP-05
    asked = ask(world, who)
    before, first = world.records.dump(), world.kit.settings.review(link(world))  # type: ignore[attr-defined]
    for _ in range(1000):
        assert world.kit.settings.review(link(world)) == first
    assert world.records.dump() == before  # type: ignore[attr-defined]
    approve(world, who, asked)
    assert world.kit.settings.status(who, asked).state is State.APPROVED


def test_a_scanner_that_presses_every_button_can_do_no_more_than_deny() -> None:
    world, credential, who = setup(PHONE)  # F27, AP-06
    add(world, who, opened(world, who), SECOND)
    asked = ask(world, who)
    state = journeys.fresh(world, credential)
    settings, undo = world.kit.settings, world.kit.undo
    links = [m.link.reveal() for m in world.inbox.messages if m.link is not None]
    assert len(links) == 5  # two questions, and three notices with a link to undo
    buttons: list[Callable[[str], object]] = [
        settings.review,
        lambda text: settings.approve(text, context=CONTEXT),
        lambda text: settings.approve(text, "", context=CONTEXT),
        lambda text: settings.approve(text, "0000" if match_code(world, who, asked) != "0000" else "1111", context=CONTEXT),
        lambda text: settings.not_me(text, "scanner@gateway.example", context=CONTEXT),
        undo.review,
        lambda text: undo.complete(text, context=CONTEXT),
        lambda text: undo.complete(text, password="", context=CONTEXT),
        lambda text: undo.complete(text, grant="", context=CONTEXT),
        lambda text: undo.dispute(text, "scanner@gateway.example", context=CONTEXT),
        lambda text: undo.contest(text, "scanner@gateway.example", context=CONTEXT),
        lambda text: undo.begin(text, context=CONTEXT),
        lambda text: world.kit.reset.redeem(text, context=CONTEXT),
        lambda text: settings.deny(text, context=CONTEXT),
    ]
    for press in buttons:
        for text in links:
            try_to(press, text)
    assert journeys.fresh(world, credential) == replace(state, version=journeys.fresh(world, credential).version)
    assert settings.status(who, asked).state is State.DENIED
    assert world.kit.sign_in.holds(who)
    assert signs_in(world, OLD)
    world.kit.settings.done(who, opened(world, who))  # and the owner can ask again at once


def try_to(press: Callable[[str], object], text: str) -> None:
    with suppress(Refused):
        press(text)


# The match code ---------------------------------------------------------------------------------------------------------


def test_the_match_code_is_in_no_message() -> None:
    world, _, who = setup()  # AP-07, NO-12
    for _ in range(5):
        asked = ask(world, who)
        code = match_code(world, who, asked)
        assert len(code) == 4
        said = everything_said(world.inbox.messages).replace(link(world), "").replace("2026", "")
        assert code not in said
        approve(world, who, asked)
        world.kit.settings.cancel(who, asked)
        world.inbox.messages.clear()


def test_the_match_code_is_shown_only_while_the_answer_is_awaited() -> None:
    world, _, who = setup()
    asked = ask(world, who)
    assert world.kit.settings.status(who, asked).match_code is not None
    approve(world, who, asked)
    assert world.kit.settings.status(who, asked).match_code is None
    world.kit.settings.open(who, asked, context=CONTEXT)
    assert world.kit.settings.status(who, asked).match_code is None


def test_the_match_code_of_one_request_is_nothing_to_another() -> None:
    world, _, who = setup()  # REQ-D6d
    codes = {match_code(world, who, ask(world, who)) for _ in range(6)}
    assert len(codes) > 1


def test_approving_takes_the_match_code() -> None:
    world, _, who = setup()  # AP-06
    asked = ask(world, who)
    assert refusal(world.kit.settings.approve, link(world), context=CONTEXT).reason is Reason.MATCH_CODE_REQUIRED
    assert world.kit.settings.review(link(world)).tries_left == 3
    assert world.kit.settings.status(who, asked).state is State.PENDING


@pytest.mark.parametrize("typed", [value for value in WEIRD if value is not None and value != b"12345678"])
def test_what_cannot_be_a_match_code_is_not_counted(typed: Any) -> None:
    world, _, who = setup()
    ask(world, who)
    refused = refusal(world.kit.settings.approve, link(world), typed, context=CONTEXT)
    assert refused.reason is Reason.MATCH_CODE_REQUIRED
    assert world.kit.settings.review(link(world)).tries_left == 3


def test_a_match_code_is_taken_as_people_type_it() -> None:
    world, _, who = setup()
    code = match_code(world, who, ask(world, who))
    assert world.kit.settings.approve(link(world), f" {code[:2]} {code[2:]}", context=CONTEXT).state is State.APPROVED


def test_three_wrong_match_codes_deny_and_everybody_is_told() -> None:
    world, _, who = setup(PHONE)  # AP-07, AP-16
    asked = ask(world, who)
    bad = wrong(match_code(world, who, asked))
    refused = [refusal(world.kit.settings.approve, link(world), bad, context=CONTEXT) for _ in range(3)]
    assert [(r.reason, r.tries_left) for r in refused] == [(Reason.MATCH_CODE_WRONG, 2), (Reason.MATCH_CODE_WRONG, 1), (Reason.APPROVAL_DENIED, 0)]
    assert told(world, MessageKind.SETTINGS_DENIED) == [PHONE, ADA]
    assert world.kit.settings.status(who, asked).state is State.DENIED
    assert refusal(world.kit.settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_DENIED


def test_a_right_match_code_after_two_wrong_ones_approves() -> None:
    world, _, who = setup()
    code = match_code(world, who, ask(world, who))
    for _ in range(2):
        refusal(world.kit.settings.approve, link(world), wrong(code), context=CONTEXT)
    assert world.kit.settings.approve(link(world), code, context=CONTEXT).state is State.APPROVED


def test_a_policy_may_do_without_the_match_code_and_a_wrong_one_is_wrong_all_the_same() -> None:
    world, _, who = setup(policy=policy(without_match_code=True))  # the named weaker mode
    code = match_code(world, who, ask(world, who))
    assert not world.kit.settings.review(link(world)).needs_match_code
    assert refusal(world.kit.settings.approve, link(world), wrong(code), context=CONTEXT).reason is Reason.MATCH_CODE_WRONG
    assert world.kit.settings.approve(link(world), context=CONTEXT).state is State.APPROVED


@pytest.mark.parametrize("typed", ["", "yes", "1" * 99])
def test_a_policy_without_the_match_code_takes_no_nonsense_for_one(typed: str) -> None:
    world, _, who = setup(policy=policy(without_match_code=True))
    ask(world, who)
    assert refusal(world.kit.settings.approve, link(world), typed, context=CONTEXT).reason is Reason.MATCH_CODE_REQUIRED
    assert world.kit.settings.review(link(world)).state is State.PENDING


def test_the_policy_of_the_answer_decides_and_not_that_of_the_question() -> None:
    world, _, who = setup(policy=policy(without_match_code=True))  # REQ-D6e
    ask(world, who)
    strict = journeys.beside(world)
    assert strict.kit.settings.review(link(world)).needs_match_code
    assert refusal(strict.kit.settings.approve, link(world), context=CONTEXT).reason is Reason.MATCH_CODE_REQUIRED


# Three handles ----------------------------------------------------------------------------------------------------------


def handles(world: TestWorld, who: Session) -> tuple[Asked, str, EditWindow]:
    asked = ask(world, who)
    approve(world, who, asked)
    return asked, link(world), world.kit.settings.open(who, asked, context=CONTEXT)


def test_a_window_is_not_opened_for_what_is_no_context() -> None:
    world, _, who = setup()
    asked = ask(world, who)
    approve(world, who, asked)
    with pytest.raises(ConfigurationError, match="context"):
        world.kit.settings.open(who, asked, context="browser")  # type: ignore[arg-type]
    assert world.kit.settings.review(link(world)).state is State.APPROVED


def test_each_handle_does_one_thing() -> None:
    world, _, who = setup(PHONE)  # AP-08, AP-14
    settings = world.kit.settings
    asked, approval, window = handles(world, who)
    ticket, owner, editor = asked.text, token(approval), window.text
    assert len({text.partition(".")[2] for text in (ticket, owner, editor)}) == 3
    wrong_places: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = [
        *((call, (text,), named) for text in (ticket, editor) for call, named in answers(world)),
        *((settings.status, (who, text), {}) for text in (owner, editor)),
        *((settings.open, (who, text), {"context": CONTEXT}) for text in (owner, editor)),
        *((settings.cancel, (who, text), {}) for text in (owner,)),
        *((settings.done, (who, text), {}) for text in (ticket, owner)),
        *((call, (who, text, *given), {"context": CONTEXT}) for text in (ticket, owner) for call, given in edits(world)),
    ]
    for call, given, named in wrong_places:
        assert refusal(call, *given, **named).reason is Reason.APPROVAL_INVALID, (call, given)
    for text in (ticket, owner, editor):
        assert refusal(world.kit.undo.review, text).reason is Reason.UNDO_INVALID
        assert refusal(world.kit.reset.redeem, text, context=CONTEXT).reason is Reason.TICKET_INVALID
        assert refusal(world.kit.reset.verify, text, WRONG, context=CONTEXT).reason is Reason.TICKET_INVALID
        assert refusal(world.kit.reset.complete, text, NEW, context=CONTEXT).reason is Reason.GRANT_INVALID
    add(world, who, window, SECOND)


def answers(world: TestWorld) -> list[tuple[Callable[..., object], dict[str, Any]]]:
    settings = world.kit.settings
    return [
        (settings.review, {}),
        (settings.approve, {"match_code": "1234", "context": CONTEXT}),
        (settings.deny, {"context": CONTEXT}),
        (settings.not_me, {"typed": ADA, "context": CONTEXT}),
    ]


def edits(world: TestWorld, own: str = ADA, spare: str = PHONE) -> list[tuple[Callable[..., object], tuple[Any, ...]]]:
    """Return every call that takes a window, but `done` and `cancel`, each sensible for whoever has *own* and *spare*."""
    settings = world.kit.settings
    return [
        (settings.add_identifier, (THIRD,)),
        (settings.change_identifier, (own, THIRD)),
        (settings.resend, ("A" * 22 + "." + "B" * 43,)),
        (settings.confirm_identifier, ("A" * 22 + "." + "B" * 43, WRONG)),
        (settings.remove_identifier, (spare,)),
        (settings.prefer, (own,)),
        (settings.set_password, (NEW,)),
        (settings.authorize, ("name",)),
    ]


def refused_with(world: TestWorld, who: Any, window: Any, *, own: str = ADA, spare: str = PHONE, context: Context = CONTEXT) -> set[Reason]:
    """Return what every edit is refused with."""
    return {refusal(call, who, window, *given, context=context).reason for call, given in edits(world, own, spare)}


@pytest.mark.parametrize("given", WEIRD)
def test_whatever_stands_where_a_handle_should_be_is_refused(given: Any) -> None:
    world, _, who = setup(PHONE)  # REQ-D4c
    settings = world.kit.settings
    for call, named in answers(world):
        assert refusal(call, given, **named).reason is Reason.APPROVAL_INVALID
    assert refusal(settings.status, who, given).reason is Reason.APPROVAL_INVALID
    assert refusal(settings.open, who, given, context=CONTEXT).reason is Reason.APPROVAL_INVALID
    assert refusal(settings.cancel, who, given).reason is Reason.APPROVAL_INVALID
    assert refusal(settings.done, who, given).reason is Reason.APPROVAL_INVALID
    assert refused_with(world, who, given) == {Reason.APPROVAL_INVALID}


@pytest.mark.parametrize("given", [value for value in WEIRD if value is not None])
def test_whatever_stands_where_a_session_should_be_is_signed_out(given: Any) -> None:
    world, _, who = setup(PHONE)
    window = opened(world, who)
    assert refused_with(world, given, window) == {Reason.SESSION_ENDED}
    assert refusal(world.kit.settings.view, given).reason is Reason.SESSION_ENDED


# Whose it is ------------------------------------------------------------------------------------------------------------


def unknown() -> Asked:
    """Return the handle of a request that never was, at least not here."""
    other, _, who = setup()
    return ask(other, who)


def strangers(world: TestWorld, credential: Credential, who: Session) -> list[tuple[Session, str, str]]:
    """Return sessions that must not use what *who* holds, and what is theirs: somebody else's, another browser's, one without a key."""
    bob = world.add(BOB, password=OTHER)
    journeys.alter(world, bob, identifiers=(*bob.identifiers, journeys.verified("bob@second.example")))
    others = [(session(world, bob), BOB, "bob@second.example"), (session(world, bob, None), BOB, "bob@second.example")]
    return [*others, *((replace(who, session_key=key), ADA, PHONE) for key in ("thief", None, "")), (session(world, credential, "x"), ADA, PHONE)]


def test_a_ticket_of_another_session_or_credential_is_like_one_that_never_was() -> None:
    world, credential, who = setup()  # F23, REQ-D4e, AP-14
    asked = ask(world, who)
    approve(world, who, asked)
    settings = world.kit.settings
    for other, _, _ in strangers(world, credential, who):
        for call, named in ((settings.status, {}), (settings.open, {"context": CONTEXT}), (settings.cancel, {})):
            refused = refusal(call, other, asked, **named)
            assert refused.reason is refusal(call, other, unknown(), **named).reason is Reason.APPROVAL_INVALID
            assert refused.problem() == refusal(call, other, unknown(), **named).problem()
    settings.open(who, asked, context=CONTEXT)


def test_a_window_of_another_session_or_credential_is_like_one_that_never_was() -> None:
    world, credential, who = setup(PHONE)  # F23
    window = opened(world, who)
    for other, own, spare in strangers(world, credential, who):
        assert refused_with(world, other, window, own=own, spare=spare) == {Reason.APPROVAL_INVALID}
        for end in (world.kit.settings.done, world.kit.settings.cancel):
            assert refusal(end, other, window).reason is Reason.APPROVAL_INVALID
    add(world, who, window, SECOND)


def test_a_session_that_has_ended_holds_nothing() -> None:
    world, _, who = setup(PHONE)  # REQ-D12: asked again when it is applied
    asked = ask(world, who)
    approve(world, who, asked)
    window = world.kit.settings.open(who, asked, context=CONTEXT)
    world.kit.password.change(who, OLD, NEW, context=CONTEXT)
    settings = world.kit.settings
    assert refused_with(world, who, window) == {Reason.SESSION_ENDED}
    for end in (settings.status, settings.cancel, settings.done):
        assert refusal(end, who, asked).reason is Reason.SESSION_ENDED
    assert refusal(ask, world, who).reason is Reason.SESSION_ENDED


@pytest.mark.parametrize("site", ["other"])
def test_nothing_of_one_site_is_worth_anything_at_another(site: str) -> None:
    world, _, who = setup(PHONE)
    other = journeys.beside(world, site=site_for_tests(site))
    asked, approval, window = handles(world, who)
    settings = other.kit.settings
    for call, named in answers(other):
        assert refusal(call, approval, **named).reason is Reason.APPROVAL_INVALID
    assert refusal(settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_INVALID
    assert refused_with(other, who, window) == {Reason.APPROVAL_INVALID}


def test_a_stolen_session_with_the_thiefs_own_window_cannot_touch_the_victim() -> None:
    world, credential, who = setup(PHONE)  # F23
    thief = session(world, world.add(THIEF, password=OTHER), "thief")
    world.clock.advance(MINUTES)
    window = opened(world, thief)
    stolen = [who, replace(who, session_key="thief"), replace(thief, credential_id=credential.id)]
    for given in stolen:
        assert refused_with(world, given, window, context=Context(session_key="thief")) == {Reason.APPROVAL_INVALID}
    assert journeys.fresh(world, credential) == credential


def test_a_planted_window_or_ticket_is_refused_where_the_victim_is_signed_in() -> None:
    world, _, who = setup()  # F23: else the victim would add an address to the thief's sign-in
    thief_is = world.add(THIEF, password=OTHER)
    thief = session(world, thief_is, "thief")
    world.clock.advance(MINUTES)
    asked = ask(world, thief)
    approve(world, thief, asked)
    assert refusal(world.kit.settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_INVALID
    window = world.kit.settings.open(thief, asked, context=CONTEXT)
    assert refusal(world.kit.settings.add_identifier, who, window, SECOND, context=CONTEXT).reason is Reason.APPROVAL_INVALID
    planted = world.kit.settings.add_identifier(thief, window, SECOND, context=CONTEXT)
    own = opened(world, who)
    refused = refusal(world.kit.settings.confirm_identifier, who, own, planted, code_to(world, SECOND), context=CONTEXT)
    assert refused.reason is Reason.TICKET_INVALID
    assert verified(world, thief_is) == [THIEF]


def test_an_approval_acts_for_its_own_request_whoever_is_signed_in() -> None:
    world, credential, who = setup()  # REQ-D4e, REQ-D6d
    thief = session(world, credential, "thief")
    first = ask(world, who)
    older, code = link(world), match_code(world, who, first)
    second = ask(world, thief)
    if code == match_code(world, thief, second):  # pragma: no cover  # one in ten thousand
        return
    assert refusal(world.kit.settings.approve, link(world), code, context=CONTEXT).reason is Reason.MATCH_CODE_WRONG
    assert refusal(world.kit.settings.approve, older, code, context=CONTEXT).reason is Reason.APPROVAL_OVER
    assert refusal(world.kit.settings.open, thief, second, context=CONTEXT).reason is Reason.APPROVAL_PENDING


def test_sessions_without_a_key_are_the_hosts_to_keep_apart() -> None:
    world, credential, _ = setup()  # F23: the documented duty of a host that gives none
    nameless = session(world, credential, None)
    asked = ask(world, nameless)
    approve(world, nameless, asked)
    world.kit.settings.open(session(world, credential, "any"), asked, context=CONTEXT)


# How long -----------------------------------------------------------------------------------------------------------------


def test_an_answer_may_take_ten_minutes() -> None:
    world, _, who = setup()  # AP-10
    asked = ask(world, who)
    code = match_code(world, who, asked)
    world.clock.advance(10 * MINUTES - MICROSECOND)
    assert world.kit.settings.review(link(world)).state is State.PENDING
    world.clock.advance(MICROSECOND)
    assert refusal(world.kit.settings.approve, link(world), code, context=CONTEXT).reason is Reason.APPROVAL_EXPIRED
    assert world.kit.settings.review(link(world)).state is State.EXPIRED
    assert world.kit.settings.status(who, asked).match_code is None
    for end in (lambda: world.kit.settings.deny(link(world), context=CONTEXT), lambda: world.kit.settings.cancel(who, asked)):
        assert refusal(end).reason is Reason.APPROVAL_EXPIRED


def test_a_late_answer_that_is_not_too_late_gives_the_whole_time_to_open() -> None:
    world, _, who = setup()
    asked = ask(world, who)
    world.clock.advance(10 * MINUTES - MICROSECOND)
    approve(world, who, asked)
    world.clock.advance(10 * MINUTES - MICROSECOND)
    assert world.kit.settings.status(who, asked).state is State.APPROVED
    world.clock.advance(MICROSECOND)
    assert refusal(world.kit.settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_EXPIRED


def test_a_window_is_open_for_a_quarter_of_an_hour_and_opening_it_again_adds_nothing() -> None:
    world, credential, who = setup(PHONE)
    asked = ask(world, who)
    approve(world, who, asked)
    window = world.kit.settings.open(who, asked, context=CONTEXT)
    assert window.expires_at == world.clock.now() + 15 * MINUTES
    world.clock.advance(14 * MINUTES)
    again = world.kit.settings.open(who, asked, context=CONTEXT)
    assert (again.text, again.expires_at) == (window.text, window.expires_at)
    world.clock.advance(1 * MINUTES - MICROSECOND)
    world.kit.settings.prefer(who, window, ADA, context=CONTEXT)
    world.clock.advance(MICROSECOND)
    assert refused_with(world, who, window) == {Reason.APPROVAL_EXPIRED}
    assert refusal(world.kit.settings.done, who, window).reason is Reason.APPROVAL_EXPIRED
    assert refusal(world.kit.settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_EXPIRED
    assert verified(world, credential) == [ADA, PHONE]


def test_a_code_for_a_new_identifier_does_not_outlive_its_window() -> None:
    world, credential, who = setup()
    window = opened(world, who)
    world.clock.advance(14 * MINUTES)
    ticket = world.kit.settings.add_identifier(who, window, SECOND, context=CONTEXT)
    world.clock.advance(1 * MINUTES)
    refused = refusal(world.kit.settings.confirm_identifier, who, window, ticket, code_to(world, SECOND), context=CONTEXT)
    assert refused.reason is Reason.APPROVAL_EXPIRED
    assert verified(world, credential) == [ADA]


def test_what_became_of_a_request_is_told_for_a_day() -> None:
    world, _, who = setup()
    asked = ask(world, who)
    world.clock.advance(timedelta(days=1) + 35 * MINUTES - MICROSECOND)
    world.kit.purge()
    assert world.kit.settings.status(who, asked).state is State.EXPIRED
    world.clock.advance(timedelta(minutes=30))
    world.kit.purge()
    assert refusal(world.kit.settings.review, link(world)).reason is Reason.APPROVAL_INVALID


def test_asking_too_soon_makes_the_wait_longer_and_it_stays_longer() -> None:
    world, _, who = setup()  # AP-13
    asked, settings = ask(world, who), world.kit.settings
    second = timedelta(seconds=1)
    assert settings.status(who, asked).poll_after == 5 * second
    world.clock.advance(5 * second)
    assert settings.status(who, asked).poll_after == 5 * second
    world.clock.advance(5 * second - MICROSECOND)
    assert settings.status(who, asked).poll_after == 10 * second
    world.clock.advance(10 * second)
    assert settings.status(who, asked).poll_after == 10 * second
    world.clock.advance(second)
    assert settings.status(who, asked).poll_after == 15 * second


def test_asking_too_soon_still_tells_the_truth() -> None:
    world, _, who = setup()
    asked = ask(world, who)
    approve(world, who, asked)
    assert world.kit.settings.status(who, asked).state is State.APPROVED


# Answers ----------------------------------------------------------------------------------------------------------------


def test_an_approval_is_told_to_every_verified_identifier() -> None:
    world, credential, who = setup(PHONE)  # NO-08
    journeys.alter(world, credential, identifiers=(*credential.identifiers, journeys.registered(SECOND, Standing.UNVERIFIED)))
    asked = ask(world, who, SetPassword())
    world.kit.settings.approve(link(world), match_code(world, who, asked), context=Context(place="Bergen"))
    assert told(world, MessageKind.SETTINGS_APPROVED) == [PHONE, ADA]
    text = last(world, MessageKind.SETTINGS_APPROVED, ADA).text
    assert "password" in text
    assert "Bergen" in text
    assert last(world, MessageKind.SETTINGS_APPROVED).link is None


def test_approving_twice_is_told_once() -> None:
    world, _, who = setup()
    asked = ask(world, who)
    code = match_code(world, who, asked)
    world.kit.settings.approve(link(world), code, context=CONTEXT)
    assert refusal(world.kit.settings.approve, link(world), code, context=CONTEXT).reason is Reason.APPROVAL_DECIDED
    assert told(world, MessageKind.SETTINGS_APPROVED) == [ADA]


def test_a_denial_ends_the_request_in_one_step_and_is_told() -> None:
    world, credential, who = setup(PHONE)  # AP-16
    asked = ask(world, who)
    code = match_code(world, who, asked)
    review = world.kit.settings.deny(link(world), context=CONTEXT)
    assert (review.state, review.undo) == (State.DENIED, None)
    assert told(world, MessageKind.SETTINGS_DENIED) == [PHONE, ADA]
    assert refusal(world.kit.settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_DENIED
    assert refusal(world.kit.settings.approve, link(world), code, context=CONTEXT).reason is Reason.APPROVAL_DENIED
    assert world.kit.sign_in.holds(who)  # F27: that is the second step
    assert journeys.fresh(world, credential).generation == credential.generation


def test_a_denial_said_twice_is_told_once() -> None:
    world, _, who = setup()
    ask(world, who)
    for _ in range(2):
        assert world.kit.settings.deny(link(world), context=CONTEXT).state is State.DENIED
    assert told(world, MessageKind.SETTINGS_DENIED) == [ADA]


def test_a_denial_takes_an_approval_back() -> None:
    world, _, who = setup()  # F26
    asked = ask(world, who)
    approve(world, who, asked)
    world.kit.settings.deny(link(world), context=CONTEXT)
    assert refusal(world.kit.settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_DENIED


def test_a_denial_closes_an_open_window_and_offers_to_undo_what_it_did() -> None:
    world, credential, who = setup(PHONE)  # F26
    window = opened(world, who)
    add(world, who, window, SECOND)
    world.kit.settings.prefer(who, window, SECOND, context=CONTEXT)
    review = world.kit.settings.deny(link(world), context=CONTEXT)
    assert review.undo is not None
    assert refused_with(world, who, window) == {Reason.APPROVAL_DENIED}
    assert [line.what for line in world.kit.undo.review(review.undo.reveal()).changes] == ["new email", "verification method"]
    world.kit.undo.complete(review.undo.reveal(), password=OLD, context=CONTEXT)
    assert verified(world, credential) == [ADA, PHONE]


def test_a_code_that_was_sent_before_a_denial_adds_nothing_after_it() -> None:
    world, credential, who = setup()
    window = opened(world, who)
    ticket = world.kit.settings.add_identifier(who, window, SECOND, context=CONTEXT)
    world.kit.settings.deny(link(world), context=CONTEXT)
    refused = refusal(world.kit.settings.confirm_identifier, who, window, ticket, code_to(world, SECOND), context=CONTEXT)
    assert refused.reason is Reason.APPROVAL_DENIED
    assert verified(world, credential) == [ADA]


def test_what_is_done_can_not_be_denied_any_more() -> None:
    world, _, who = setup()
    world.kit.settings.done(who, opened(world, who))
    assert refusal(world.kit.settings.deny, link(world), context=CONTEXT).reason is Reason.APPROVAL_OVER


@pytest.mark.parametrize("held", ["ticket", "window"])
def test_a_window_is_closed_by_cancelling_with_ticket_or_window(held: str) -> None:
    world, _, who = setup(PHONE)
    asked, _, window = handles(world, who)
    for _ in range(2):  # a second time changes nothing
        world.kit.settings.cancel(who, asked if held == "ticket" else window)
    assert refused_with(world, who, window) == {Reason.APPROVAL_OVER}
    assert world.kit.settings.status(who, asked).state is State.CANCELLED
    assert refusal(world.kit.settings.done, who, window).reason is Reason.APPROVAL_OVER


def test_a_pending_request_may_be_taken_back() -> None:
    world, _, who = setup()
    asked = ask(world, who)
    code = match_code(world, who, asked)
    world.kit.settings.cancel(who, asked)
    assert refusal(world.kit.settings.approve, link(world), code, context=CONTEXT).reason is Reason.APPROVAL_OVER
    assert refusal(world.kit.settings.deny, link(world), context=CONTEXT).reason is Reason.APPROVAL_OVER


def test_done_twice_is_done() -> None:
    world, _, who = setup(PHONE)
    window = opened(world, who)
    assert world.kit.settings.done(who, window) == world.kit.settings.done(who, window)
    assert refused_with(world, who, window) == {Reason.APPROVAL_OVER}
    assert refusal(world.kit.settings.cancel, who, window).reason is Reason.APPROVAL_OVER


def test_nothing_is_opened_before_it_is_approved() -> None:
    world, _, who = setup()
    refused = refusal(world.kit.settings.open, who, ask(world, who), context=CONTEXT)
    assert (refused.reason, refused.next.value) == (Reason.APPROVAL_PENDING, "wait")


# It was not me -------------------------------------------------------------------------------------------------------------


def test_it_was_not_me_ends_every_session_and_tells_everybody() -> None:
    world, credential, who = setup(PHONE)  # AP-16, F27
    window = opened(world, who)
    add(world, who, window, SECOND)
    world.kit.settings.not_me(link(world), ADA, context=CONTEXT)
    assert not world.kit.sign_in.holds(who)
    assert told(world, MessageKind.SESSIONS_ENDED) == [PHONE, ADA, SECOND]
    assert verified(world, credential) == [ADA, PHONE, SECOND]  # what was edited stays, and can be undone
    assert world.kit.settings.review(link(world)).state is State.DENIED
    back = session(world, credential)
    assert refusal(world.kit.settings.remove_identifier, back, window, ADA, context=CONTEXT).reason is Reason.APPROVAL_DENIED


@pytest.mark.parametrize("before", ["pending", "approved", "open", "denied", "cancelled", "done", "expired"])
def test_it_was_not_me_may_be_said_at_any_stage(before: str) -> None:
    world, _, who = setup()
    settings, asked = world.kit.settings, ask(world, who)
    if before in {"approved", "open", "done"}:
        approve(world, who, asked)
    if before == "open":
        settings.open(who, asked, context=CONTEXT)
    if before == "done":
        settings.done(who, settings.open(who, asked, context=CONTEXT))
    if before == "denied":
        settings.deny(link(world), context=CONTEXT)
    if before == "cancelled":
        settings.cancel(who, asked)
    if before == "expired":
        world.clock.advance(hours=1)
    settings.not_me(link(world), ADA, context=CONTEXT)
    assert not world.kit.sign_in.holds(who)
    assert settings.review(link(world)).state in {State.DENIED, State.DONE, State.CANCELLED, State.EXPIRED}


def test_it_was_not_me_takes_the_identifier_typed_in_full() -> None:
    world, credential, who = setup(PHONE)  # F27
    ask(world, who)
    for typed in (SECOND, "ada@exampel.com"):
        assert refusal(world.kit.settings.not_me, link(world), typed, context=CONTEXT).reason is Reason.CONFIRMATION_WRONG
    with pytest.raises(InvalidIdentifier):
        world.kit.settings.not_me(link(world), "ada", context=CONTEXT)
    assert world.kit.sign_in.holds(who)
    world.kit.settings.not_me(link(world), "Ada@EXAMPLE.com", context=CONTEXT)
    assert journeys.fresh(world, credential).session_epoch == 1


def test_it_was_not_me_counts_once_when_it_is_said_again() -> None:
    world, credential, who = setup()
    ask(world, who)
    for _ in range(3):
        world.kit.settings.not_me(link(world), ADA, context=CONTEXT)
    assert journeys.fresh(world, credential).session_epoch == 1
    assert told(world, MessageKind.SESSIONS_ENDED) == [ADA]
    ask(world, session(world, credential))  # one of two


def test_it_was_not_me_never_goes_by_in_silence() -> None:
    spied = journeys.SpiedCredentials()
    world, credential, who = setup(credentials=spied)
    ask(world, who)
    spied.before_replace = [lambda n=n: spied.touch(credential.id, generation=f"other {n}") for n in range(ATTEMPTS)]  # type: ignore[misc]
    assert refusal(world.kit.settings.not_me, link(world), ADA, context=CONTEXT).reason is Reason.BUSY
    assert world.kit.sign_in.holds(who)
    world.kit.settings.not_me(link(world), ADA, context=CONTEXT)
    assert not world.kit.sign_in.holds(who)


def test_after_two_strangers_requests_that_session_may_ask_no_more_and_others_may() -> None:
    world, credential, who = setup()  # F27, AP-11
    thief = replace(who, session_key="thief")
    for _ in range(2):
        ask(world, thief)
        world.kit.settings.not_me(link(world), ADA, context=CONTEXT)
        thief = session(world, credential, "thief")
    refused = refusal(ask, world, thief)
    assert refused.reason is Reason.TOO_MANY_REQUESTS
    ask(world, session(world, credential, "browser"))
    world.clock.advance(refused.retry_after)
    ask(world, thief)


def test_denials_alone_never_stop_anybody_from_asking() -> None:
    world, _, who = setup()  # F27: a mail filter may press the button
    for _ in range(5):
        ask(world, who)
        world.kit.settings.deny(link(world), context=CONTEXT)
    ask(world, who)


def test_a_policy_may_freeze_after_it_was_not_me() -> None:
    span = timedelta(hours=2)
    world, credential, who = setup(policy=policy(freeze_after_not_me=span))
    grant = granted(world)
    ask(world, who)
    world.kit.settings.not_me(link(world), ADA, context=CONTEXT)
    who = session(world, credential)
    assert refusal(ask, world, who).reason is Reason.CHANGES_FROZEN
    assert refusal(world.kit.password.change, who, OLD, NEW, context=CONTEXT).reason is Reason.CHANGES_FROZEN
    assert refusal(world.kit.reset.complete, grant, NEW, context=CONTEXT).reason is Reason.GRANT_USED
    before = len(world.inbox.messages)
    world.clock.advance(span - MICROSECOND)
    world.kit.reset.begin(ADA, context=CONTEXT)
    assert world.inbox.messages[before:] == []
    world.clock.advance(MICROSECOND)
    ask(world, who)


# Edits --------------------------------------------------------------------------------------------------------------------


def test_a_new_identifier_is_added_once_its_code_has_come_back() -> None:
    world, credential, who = setup(PHONE)  # ID-15, ID-20
    window = opened(world, who)
    ticket = world.kit.settings.add_identifier(who, window, SECOND, context=CONTEXT)
    assert verified(world, credential) == [ADA, PHONE]
    assert last(world, MessageKind.IDENTIFIER_CODE).to == journeys.parsed(SECOND)
    changed = world.kit.settings.confirm_identifier(who, window, ticket, code_to(world, SECOND), context=CONTEXT)
    assert (verified(world, credential), changed.ended) == ([ADA, PHONE, SECOND], Ended.NONE)
    assert changed.session_epoch == who.session_epoch
    assert changed.credential.preferred == credential.preferred
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA, SECOND]
    assert signs_in(world, OLD, SECOND)
    assert world.kit.sign_in.holds(who)


def test_an_identifier_is_changed_once_the_new_one_has_proved_itself() -> None:
    world, credential, who = setup(PHONE)  # ID-20: the old one is in force until then
    window = opened(world, who)
    ticket = world.kit.settings.change_identifier(who, window, ADA, SECOND, context=CONTEXT)
    assert verified(world, credential) == [ADA, PHONE]
    assert signs_in(world, OLD, ADA)
    world.kit.settings.confirm_identifier(who, window, ticket, code_to(world, SECOND), context=CONTEXT)
    after = journeys.fresh(world, credential)
    assert (verified(world, credential), after.preferred) == ([SECOND, PHONE], journeys.parsed(SECOND))
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA, SECOND]
    assert (signs_in(world, OLD, SECOND), signs_in(world, OLD, ADA)) == (True, False)


def test_a_removed_identifier_is_told_and_signs_in_no_more() -> None:
    world, credential, who = setup(PHONE)
    world.kit.settings.remove_identifier(who, opened(world, who), ADA, context=CONTEXT)
    assert verified(world, credential) == [PHONE]
    assert journeys.fresh(world, credential).preferred == journeys.parsed(PHONE)
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA]
    assert (signs_in(world, OLD, PHONE), signs_in(world, OLD, ADA)) == (True, False)


def test_a_preferred_identifier_is_where_codes_go_from_then_on() -> None:
    world, credential, who = setup(PHONE)
    world.kit.settings.prefer(who, opened(world, who), PHONE_ENTERED, context=CONTEXT)
    assert journeys.fresh(world, credential).preferred == journeys.parsed(PHONE)
    begun(world, ADA)
    assert told(world, MessageKind.RESET_CODE) == [PHONE]
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA]


def test_a_password_is_set_without_the_current_one_and_ends_other_sessions() -> None:
    world, credential, who = setup(PHONE)
    other = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session
    changed = world.kit.settings.set_password(who, opened(world, who), NEW, context=CONTEXT)
    assert (changed.ended, changed.session_epoch) == (Ended.OTHERS, who.session_epoch + 1)
    assert not world.kit.sign_in.holds(other)
    assert world.kit.sign_in.holds(replace(who, session_epoch=changed.session_epoch))
    assert (signs_in(world, NEW), signs_in(world, OLD)) == (True, False)
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA]
    assert verified(world, credential) == [ADA, PHONE]


@pytest.mark.parametrize(("proposed", "kind"), [("short", FindingKind.TOO_SHORT), (OLD, FindingKind.CURRENT), (ADA, FindingKind.IDENTIFIER)])
def test_a_password_that_breaks_a_rule_is_refused_and_the_window_stays_open(proposed: str, kind: FindingKind) -> None:
    world, _, who = setup()
    window = opened(world, who)
    with pytest.raises(PasswordRefused) as refused:
        world.kit.settings.set_password(who, window, proposed, context=CONTEXT)
    assert kind in {finding.kind for finding in refused.value.findings}
    world.kit.settings.set_password(who, window, NEW, context=CONTEXT)


def test_a_password_of_before_is_refused_where_the_policy_remembers_it() -> None:
    world, _, who = setup(policy=Policy(password_history=2))
    window = opened(world, who)
    epoch = world.kit.settings.set_password(who, window, NEW, context=CONTEXT).session_epoch
    with pytest.raises(PasswordRefused) as refused:
        world.kit.settings.set_password(replace(who, session_epoch=epoch), window, OLD, context=CONTEXT)
    assert [finding.kind for finding in refused.value.findings] == [FindingKind.EARLIER]


def test_no_password_is_hashed_for_a_session_without_a_window() -> None:
    hasher = journeys.CountingHasher()
    world, _, who = setup(hasher=hasher)
    hasher.calls.clear()
    assert refusal(world.kit.settings.set_password, who, ask(world, who).text, NEW, context=CONTEXT).reason is Reason.APPROVAL_INVALID
    assert hasher.calls == []


def test_no_password_is_hashed_where_another_change_was_approved() -> None:
    hasher = journeys.CountingHasher()
    world, _, who = setup(hasher=hasher)
    window = opened(world, who, Prefer(ADA))
    hasher.calls.clear()
    assert refusal(world.kit.settings.set_password, who, window, NEW, context=CONTEXT).reason is Reason.EDIT_NOT_APPROVED
    assert hasher.calls == []


def test_a_step_belongs_to_the_session_that_is_signed_in_whatever_the_context_says() -> None:
    world, credential, who = setup()  # F23
    window, settings = opened(world, who), world.kit.settings
    ticket = settings.add_identifier(who, window, SECOND, context=Context(session_key="another"))
    settings.confirm_identifier(who, window, ticket, code_to(world, SECOND), context=CONTEXT)
    assert verified(world, credential) == [ADA, SECOND]


def test_the_page_lists_every_identifier_with_its_standing() -> None:
    world, credential, who = setup(PHONE)
    journeys.alter(world, credential, identifiers=(*credential.identifiers, journeys.registered(SECOND, Standing.UNVERIFIED)))
    view = world.kit.settings.view(who)
    assert [(v.identifier.canonical, v.standing, v.preferred) for v in view.identifiers] == [
        (ADA, Standing.VERIFIED, True),
        (PHONE, Standing.VERIFIED, False),
        (SECOND, Standing.UNVERIFIED, False),
    ]


@pytest.mark.parametrize("how", ["remove", "change", "prefer", "password", "add"])
def test_every_edit_ends_older_proofs(how: str) -> None:
    world, credential, who = setup(PHONE)  # REQ-D5c, F5
    other = session(world, credential, "phone")
    elsewhere = ask(world, other)
    approve(world, other, elsewhere)
    older = world.kit.settings.open(other, elsewhere, context=CONTEXT)
    grant, window = granted(world), opened(world, who)
    make(world, who, window, how)
    now = replace(other, session_epoch=journeys.fresh(world, credential).session_epoch)
    assert refused_with(world, now, older, own=journeys.fresh(world, credential).verified[0].canonical, spare=PHONE) <= {
        Reason.APPROVAL_OVER,
        *([Reason.IDENTIFIER_UNKNOWN, Reason.IDENTIFIER_LAST] if how == "remove" else []),
        *([Reason.IDENTIFIER_PRESENT] if how in {"add", "change"} else []),
    }
    assert refusal(world.kit.settings.prefer, now, older, ADA if how != "change" else THIRD, context=CONTEXT).reason is Reason.APPROVAL_OVER
    assert refusal(world.kit.reset.complete, grant, OTHER, context=CONTEXT).reason is Reason.GRANT_USED


def make(world: TestWorld, who: Session, window: EditWindow, how: str) -> int:
    """Make one edit of a kind; return the epoch there is then."""
    settings = world.kit.settings
    if how == "add":
        return add(world, who, window, THIRD).session_epoch
    if how == "change":
        return change(world, who, window, ADA, THIRD).session_epoch
    if how == "remove":
        return settings.remove_identifier(who, window, PHONE, context=CONTEXT).session_epoch
    if how == "prefer":
        return settings.prefer(who, window, PHONE, context=CONTEXT).session_epoch
    return settings.set_password(who, window, NEW, context=CONTEXT).session_epoch


EVERY_EDIT = ["add", "change", "remove", "prefer", "password"]


@pytest.mark.parametrize("how", EVERY_EDIT)
def test_a_request_that_was_approved_before_somebody_elses_change_is_over(how: str) -> None:
    world, credential, who = setup(PHONE)  # REQ-D6c
    window = opened(world, session(world, credential, "phone"))
    asked = ask(world, who)
    approve(world, who, asked)
    make(world, session(world, credential, "phone"), window, how)
    who = session(world, credential)
    assert refusal(world.kit.settings.open, who, asked, context=CONTEXT).reason is Reason.APPROVAL_OVER


@pytest.mark.parametrize("how", EVERY_EDIT)
def test_a_window_goes_on_after_its_own_edits(how: str) -> None:
    world, credential, who = setup(PHONE)
    window = opened(world, who)
    who = replace(who, session_epoch=make(world, who, window, how))
    add(world, who, window, SECOND)
    assert SECOND in verified(world, credential)


@pytest.mark.parametrize("by", ["reset", "password change", "undo", "marked", "not me"])
def test_a_window_dies_when_anybody_else_changes_the_sign_in(by: str) -> None:
    world, credential, who = setup(PHONE)
    window = opened(world, who)
    if by == "reset":
        world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    elif by == "password change":
        world.kit.password.change(who, OLD, NEW, context=CONTEXT)
    elif by == "marked":
        world.kit.admin.mark_compromised(credential.id, actor="support")
    elif by == "undo":
        world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
        world.kit.undo.complete(link(world, MessageKind.SETTINGS_CHANGED), password=OLD, context=CONTEXT)
    else:
        world.kit.settings.not_me(link(world), ADA, context=CONTEXT)
    who = session(world, credential)  # as if the host had signed it in again
    expected = Reason.APPROVAL_DENIED if by == "not me" else Reason.APPROVAL_OVER
    assert refused_with(world, who, window) == {expected}


def test_one_more_account_and_a_rehash_close_no_window() -> None:
    world, credential, who = setup()
    window = opened(world, who)
    world.kit.admin.link(credential.id, "second", actor="support")
    add(world, who, window, SECOND)


def test_the_last_verified_identifier_cannot_go() -> None:
    world, credential, who = setup()
    journeys.alter(world, credential, identifiers=(*credential.identifiers, journeys.registered(SECOND, Standing.UNVERIFIED)))
    window = opened(world, who)
    assert refusal(world.kit.settings.remove_identifier, who, window, ADA, context=CONTEXT).reason is Reason.IDENTIFIER_LAST
    world.kit.settings.remove_identifier(who, window, SECOND, context=CONTEXT)
    assert verified(world, credential) == [ADA]


def test_of_two_identifiers_both_cannot_go() -> None:
    world, credential, who = setup(PHONE)
    window = opened(world, who)
    world.kit.settings.remove_identifier(who, window, ADA, context=CONTEXT)
    assert refusal(world.kit.settings.remove_identifier, who, window, PHONE, context=CONTEXT).reason is Reason.IDENTIFIER_LAST
    assert verified(world, credential) == [PHONE]


def test_what_is_not_theirs_or_not_verified_is_refused() -> None:
    world, credential, who = setup()
    journeys.alter(world, credential, identifiers=(*credential.identifiers, journeys.registered(PHONE, Standing.UNVERIFIED)))
    window, settings = opened(world, who), world.kit.settings
    assert refusal(settings.remove_identifier, who, window, SECOND, context=CONTEXT).reason is Reason.IDENTIFIER_UNKNOWN
    assert refusal(settings.prefer, who, window, SECOND, context=CONTEXT).reason is Reason.IDENTIFIER_UNKNOWN
    assert refusal(settings.prefer, who, window, PHONE, context=CONTEXT).reason is Reason.IDENTIFIER_UNVERIFIED
    assert refusal(settings.change_identifier, who, window, SECOND, THIRD, context=CONTEXT).reason is Reason.IDENTIFIER_UNKNOWN
    assert refusal(settings.add_identifier, who, window, ADA, context=CONTEXT).reason is Reason.IDENTIFIER_PRESENT
    assert refusal(settings.change_identifier, who, window, PHONE, ADA, context=CONTEXT).reason is Reason.IDENTIFIER_PRESENT
    assert told(world, MessageKind.IDENTIFIER_CODE) == []


@pytest.mark.parametrize("call", ["add", "change", "remove", "prefer"])
def test_what_is_no_identifier_is_refused(call: str) -> None:
    world, _, who = setup()
    window, settings = opened(world, who), world.kit.settings
    calls: dict[str, Callable[[], object]] = {
        "add": lambda: settings.add_identifier(who, window, "nobody", context=CONTEXT),
        "change": lambda: settings.change_identifier(who, window, ADA, "nobody", context=CONTEXT),
        "remove": lambda: settings.remove_identifier(who, window, "nobody", context=CONTEXT),
        "prefer": lambda: settings.prefer(who, window, "nobody", context=CONTEXT),
    }
    with pytest.raises(InvalidIdentifier):
        calls[call]()


def test_an_identifier_that_was_only_claimed_is_verified_by_being_added() -> None:
    world, credential, who = setup()
    journeys.alter(world, credential, identifiers=(*credential.identifiers, journeys.registered(PHONE, Standing.UNVERIFIED)))
    add(world, who, opened(world, who), PHONE)
    assert [r.standing for r in journeys.fresh(world, credential).identifiers] == [Standing.VERIFIED, Standing.VERIFIED]


def test_an_identifier_that_is_changed_into_itself_is_verified_and_stays() -> None:
    world, credential, who = setup(SECOND)  # a person may type the same address twice: it must not be lost
    journeys.alter(world, credential, identifiers=(journeys.registered(ADA, Standing.CARRIED_OVER), journeys.verified(SECOND)))
    change(world, who, opened(world, who), ADA, ADA)
    assert verified(world, credential) == [ADA, SECOND]


def test_who_takes_an_identifier_first_is_decided_at_the_swap() -> None:
    world, credential, who = setup()  # SI-12
    window = opened(world, who)
    ticket = world.kit.settings.add_identifier(who, window, SECOND, context=CONTEXT)
    code = code_to(world, SECOND)
    world.clock.advance(MINUTES)
    world.add(SECOND, password=OTHER)
    refused = refusal(world.kit.settings.confirm_identifier, who, window, ticket, code, context=CONTEXT)
    assert refused.reason is Reason.IDENTIFIER_TAKEN
    assert verified(world, credential) == [ADA]
    assert told(world, MessageKind.SETTINGS_CHANGED) == []
    world.clock.advance(MINUTES * 2)
    world.kit.courier.run_due()
    assert told(world, MessageKind.SETTINGS_CHANGED) == []  # nothing was changed, so nobody is told so
    world.kit.settings.prefer(who, window, ADA, context=CONTEXT)


def test_asking_to_add_somebody_elses_identifier_tells_nothing() -> None:
    world, _, who = setup()
    world.add(BOB, password=OTHER)
    world.clock.advance(MINUTES)
    window = opened(world, who)
    taken = world.kit.settings.add_identifier(who, window, BOB, context=CONTEXT)
    free = world.kit.settings.add_identifier(who, window, SECOND, context=CONTEXT)
    assert set(taken.public()) == set(free.public())


def test_two_changes_at_once_never_confirm_each_other() -> None:
    world, credential, who = setup(PHONE)  # REQ-D6b
    window, settings = opened(world, who), world.kit.settings
    first = settings.change_identifier(who, window, ADA, SECOND, context=CONTEXT)
    second = settings.change_identifier(who, window, PHONE, THIRD, context=CONTEXT)
    to_first, to_second = code_to(world, SECOND), code_to(world, THIRD)
    assert refusal(settings.confirm_identifier, who, window, first, to_second, context=CONTEXT).reason is Reason.CODE_WRONG
    assert refusal(settings.confirm_identifier, who, window, second, to_first, context=CONTEXT).reason is Reason.CODE_WRONG
    assert verified(world, credential) == [ADA, PHONE]
    settings.confirm_identifier(who, window, second, to_second, context=CONTEXT)
    assert verified(world, credential) == [ADA, THIRD]
    settings.confirm_identifier(who, window, first, to_first, context=CONTEXT)
    assert verified(world, credential) == [SECOND, THIRD]


def test_two_changes_of_one_identifier_end_with_the_first_that_is_confirmed() -> None:
    world, credential, who = setup()
    window, settings = opened(world, who), world.kit.settings
    first = settings.change_identifier(who, window, ADA, SECOND, context=CONTEXT)
    second = settings.change_identifier(who, window, ADA, THIRD, context=CONTEXT)
    settings.confirm_identifier(who, window, second, code_to(world, THIRD), context=CONTEXT)
    refused = refusal(settings.confirm_identifier, who, window, first, code_to(world, SECOND), context=CONTEXT)
    assert refused.reason is Reason.IDENTIFIER_UNKNOWN
    assert verified(world, credential) == [THIRD]


def test_a_ticket_of_one_window_is_worth_nothing_in_another() -> None:
    world, credential, who = setup()  # REQ-D6b, REQ-D6d
    first, settings = opened(world, who), world.kit.settings
    ticket = settings.add_identifier(who, first, SECOND, context=CONTEXT)
    second = opened(world, who)
    for call, given in ((settings.confirm_identifier, (ticket, code_to(world, SECOND))), (settings.resend, (ticket,))):
        assert refusal(call, who, second, *given, context=CONTEXT).reason is Reason.TICKET_INVALID
    settings.confirm_identifier(who, first, ticket, code_to(world, SECOND), context=CONTEXT)
    assert verified(world, credential) == [ADA, SECOND]
    assert refusal(settings.prefer, who, second, SECOND, context=CONTEXT).reason is Reason.APPROVAL_OVER


def test_codes_for_a_new_identifier_are_worth_nothing_in_any_other_journey() -> None:
    world, _, who = setup()  # AP-18, REQ-D4b
    ticket = world.kit.settings.add_identifier(who, opened(world, who), SECOND, context=CONTEXT)
    code = code_to(world, SECOND)
    for verify in (world.kit.reset.verify, world.kit.sign_up.verify, world.kit.undo.verify):
        assert refusal(verify, ticket, code, context=CONTEXT).reason is Reason.TICKET_INVALID
    reset, other = begun(world)
    window = opened(world, who)
    assert refusal(world.kit.settings.confirm_identifier, who, window, reset, other, context=CONTEXT).reason is Reason.TICKET_INVALID


def test_wrong_codes_are_counted_and_the_last_ends_the_ticket() -> None:
    world, credential, who = setup()
    window, settings = opened(world, who), world.kit.settings
    ticket = settings.add_identifier(who, window, SECOND, context=CONTEXT)
    code = code_to(world, SECOND)
    bad = wrong(code)
    refused = [refusal(settings.confirm_identifier, who, window, ticket, bad, context=CONTEXT) for _ in range(ticket.tries_left)]
    assert [r.tries_left for r in refused] == list(range(ticket.tries_left - 1, -1, -1))
    assert [r.reason for r in refused] == [Reason.CODE_WRONG] * (ticket.tries_left - 1) + [Reason.CODE_EXHAUSTED]
    assert refusal(settings.confirm_identifier, who, window, ticket, code, context=CONTEXT).reason is Reason.CODE_EXHAUSTED
    assert verified(world, credential) == [ADA]


def test_guesses_at_codes_of_new_identifiers_count_with_all_others_of_the_sign_in() -> None:  # OT-09
    world, _, who = setup(policy=journeys.laddered(3, 20))
    window, settings = opened(world, who), world.kit.settings
    first = settings.add_identifier(who, window, SECOND, context=CONTEXT)
    code = code_to(world, SECOND)
    for _ in range(3):
        refusal(settings.confirm_identifier, who, window, first, wrong(code), context=CONTEXT)
    assert refusal(settings.confirm_identifier, who, window, first, code, context=CONTEXT).reason is Reason.CODE_WRONG
    world.clock.advance(MINUTES)
    settings.resend(who, window, first, context=CONTEXT)
    longer = code_to(world, SECOND)
    assert (len(code), len(longer)) == (8, 9)
    assert settings.confirm_identifier(who, window, first, longer, context=CONTEXT)


def test_a_code_is_sent_again_on_asking_but_not_too_soon() -> None:
    world, credential, who = setup()
    window, settings = opened(world, who), world.kit.settings
    ticket = settings.add_identifier(who, window, SECOND, context=CONTEXT)
    assert refusal(settings.resend, who, window, ticket, context=CONTEXT).reason is Reason.RESEND_TOO_SOON
    world.clock.advance(MINUTES)
    settings.resend(who, window, ticket, context=CONTEXT)
    assert told(world, MessageKind.IDENTIFIER_CODE) == [SECOND, SECOND]
    settings.confirm_identifier(who, window, ticket, code_to(world, SECOND), context=CONTEXT)
    assert verified(world, credential) == [ADA, SECOND]


def test_the_same_confirmation_repeated_says_the_same_and_is_told_once() -> None:
    world, _, who = setup()
    window, settings = opened(world, who), world.kit.settings
    ticket = settings.add_identifier(who, window, SECOND, context=CONTEXT)
    code = code_to(world, SECOND)
    first = settings.confirm_identifier(who, window, ticket, code, context=CONTEXT)
    assert settings.confirm_identifier(who, window, ticket, code, context=CONTEXT) == first
    assert told(world, MessageKind.SETTINGS_CHANGED) == [ADA, SECOND]
    world.clock.advance(MINUTES)
    assert refusal(settings.confirm_identifier, who, window, ticket, code, context=CONTEXT).reason is Reason.CODE_USED


def test_one_window_sends_codes_to_twenty_identifiers_at_most() -> None:
    world, _, who = setup(policy=Policy(limits=Limits(account_sends=replace(Limits().account_sends, count=100))))
    window = opened(world, who)
    for number in range(20):
        world.kit.settings.add_identifier(who, window, f"ada{number}@second.example", context=CONTEXT)
    refused = refusal(world.kit.settings.add_identifier, who, window, THIRD, context=CONTEXT)
    assert refused.reason is Reason.TOO_MANY_REQUESTS


def test_a_notice_tells_what_was_changed_masked_and_how_to_undo_it() -> None:
    world, _, who = setup(PHONE)  # NO-08, NO-09, NO-16
    window = opened(world, who)
    ticket = world.kit.settings.change_identifier(who, window, ADA, SECOND, context=CONTEXT)
    context = Context(device="Firefox on Linux", place="Oslo")
    world.kit.settings.confirm_identifier(who, window, ticket, code_to(world, SECOND), context=context)
    for to in (ADA, SECOND):
        text = last(world, MessageKind.SETTINGS_CHANGED, to).text
        for part in ("Firefox on Linux", "Oslo", "1 January 2026 at 12:01 UTC", "help@example.com", "https://example.com/security/undo#", "a***@example.com"):
            assert part in text, part
        assert SECOND not in text
    assert "https://example.com/security/undo#" in last(world, MessageKind.SETTINGS_CHANGED, PHONE).text


@pytest.mark.parametrize("how", ["change", "remove"])
def test_who_lost_control_of_an_old_identifier_gives_it_no_link(how: str) -> None:
    world, _, who = setup(PHONE)  # F24
    window = opened(world, who)
    if how == "change":
        change(world, who, window, ADA, SECOND, lost_control=True)
    else:
        world.kit.settings.remove_identifier(who, window, ADA, context=CONTEXT, lost_control=True)
    notices = {m.to.canonical: m.link for m in world.inbox.messages if m.kind is MessageKind.SETTINGS_CHANGED}
    assert notices[ADA] is None
    assert all(notices[other] is not None for other in notices if other != ADA)
    assert "tell us" in last(world, MessageKind.SETTINGS_CHANGED, ADA).text


# What was approved, and nothing else --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approved", "how"),
    [
        (AddIdentifier(THIRD), "add"),
        (ChangeIdentifier(ADA, THIRD), "change"),
        (RemoveIdentifier(PHONE_ENTERED), "remove"),
        (Prefer(PHONE), "prefer"),
        (SetPassword(), "password"),
    ],
)
def test_a_request_that_names_changes_allows_these_and_no_others(approved: Edit, how: str) -> None:
    world, credential, who = setup(PHONE)  # AP-01, AP-02, AP-04
    window = opened(world, who, approved)
    for other in EVERY_EDIT:
        if other != how:
            assert refusal(make, world, who, window, other).reason is Reason.EDIT_NOT_APPROVED, other
    assert refusal(world.kit.settings.authorize, who, window, "name", context=CONTEXT).reason is Reason.EDIT_NOT_APPROVED
    make(world, who, window, how)
    assert journeys.fresh(world, credential).generation.startswith(token(link(world)).partition(".")[0])


@pytest.mark.parametrize(
    "approved",
    [AddIdentifier(SECOND), ChangeIdentifier(PHONE, THIRD), ChangeIdentifier(ADA, SECOND), RemoveIdentifier(ADA), Prefer(ADA)],
)
def test_what_was_approved_with_other_values_was_not_approved(approved: Edit) -> None:
    world, credential, who = setup(PHONE)  # AP-01
    window = opened(world, who, approved)
    for how in EVERY_EDIT:
        assert refusal(make, world, who, window, how).reason is Reason.EDIT_NOT_APPROVED
    assert journeys.fresh(world, credential).generation == credential.generation


def test_an_identifier_that_was_approved_may_be_typed_in_another_way() -> None:
    world, credential, who = setup()
    window = opened(world, who, AddIdentifier(PHONE))
    ticket = world.kit.settings.add_identifier(who, window, PHONE_ENTERED, context=CONTEXT)
    world.kit.settings.confirm_identifier(who, window, ticket, code_to(world, PHONE), context=CONTEXT)
    assert verified(world, credential) == [ADA, PHONE]


def test_one_request_may_name_several_changes() -> None:
    world, credential, who = setup()
    window = opened(world, who, AddIdentifier(SECOND), Prefer(SECOND), RemoveIdentifier(ADA))
    add(world, who, window, SECOND)
    world.kit.settings.prefer(who, window, SECOND, context=CONTEXT)
    world.kit.settings.remove_identifier(who, window, ADA, context=CONTEXT)
    assert verified(world, credential) == [SECOND]


# What the host keeps ------------------------------------------------------------------------------------------------------


def test_a_change_of_the_hosts_own_is_allowed_and_told() -> None:
    world, credential, who = setup(PHONE)
    shown = HostChange("display name", "Ada", "Countess")
    allowed = world.kit.settings.authorize(who, opened(world, who), "display name", context=CONTEXT, shown=shown)
    assert (allowed.credential_id, allowed.accounts, allowed.name, allowed.at) == (credential.id, credential.accounts, "display name", world.clock.now())
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA]
    assert "display name: Ada to Countess" in last(world, MessageKind.SETTINGS_CHANGED, ADA).text
    assert journeys.fresh(world, credential).generation == credential.generation


def test_in_a_window_for_settings_in_general_no_value_was_approved() -> None:
    world, _, who = setup()
    allowed = world.kit.settings.authorize(who, opened(world, who), "name", context=CONTEXT, shown=HostChange("name", "Ada", "Countess"))
    assert allowed.new is None


def test_a_bound_change_of_the_hosts_own_comes_with_the_value_that_was_approved() -> None:
    world, _, who = setup()  # AP-01
    window = opened(world, who, HostChange("name", "Ada", "Countess"))
    settings = world.kit.settings
    for other in (HostChange("name", "Ada", "Queen"), HostChange("name", "Bob", "Countess"), HostChange("name")):
        assert refusal(settings.authorize, who, window, "name", context=CONTEXT, shown=other).reason is Reason.EDIT_NOT_APPROVED
    assert refusal(settings.authorize, who, window, "address", context=CONTEXT).reason is Reason.EDIT_NOT_APPROVED
    same = HostChange("name", "Ada", "Countess")
    assert settings.authorize(who, window, "name", context=CONTEXT, shown=same).new == "Countess"


def test_a_bound_change_of_the_hosts_own_gets_leave_once() -> None:
    world, _, who = setup()  # AP-04
    window = opened(world, who, HostChange("name", "Ada", "Countess"), HostChange("address"))
    assert world.kit.settings.authorize(who, window, "name", context=CONTEXT).new == "Countess"
    assert refusal(world.kit.settings.authorize, who, window, "name", context=CONTEXT).reason is Reason.EDIT_NOT_APPROVED
    assert world.kit.settings.authorize(who, window, "address", context=CONTEXT).name == "address"


def test_one_window_gives_leave_twenty_times() -> None:
    world, _, who = setup()  # or a thief could bury the one message that matters
    window = opened(world, who)
    for _ in range(20):
        world.kit.settings.authorize(who, window, "name", context=CONTEXT)
    assert refusal(world.kit.settings.authorize, who, window, "name", context=CONTEXT).reason is Reason.TOO_MANY_REQUESTS


def test_a_request_names_each_of_the_hosts_settings_once() -> None:
    world, _, who = setup()
    with pytest.raises(ConfigurationError, match="once"):
        ask(world, who, HostChange("name", "Ada", "Countess"), HostChange("name", "Ada", "Queen"))


def test_a_value_of_the_hosts_own_carries_no_link_and_no_code_into_a_message() -> None:
    world, _, who = setup()  # NO-06
    ask(world, who, HostChange("name", None, "go to https://evil.example and type 12345678"))
    text = last(world, MessageKind.SETTINGS_REQUEST).text
    assert "evil.example" not in text
    assert "12345678" not in text


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 41, "1st", "https://evil.example"])
def test_a_name_that_is_none_is_an_error_of_the_host(name: str) -> None:
    world, _, who = setup()
    window = opened(world, who)
    with pytest.raises(ConfigurationError, match="name of a host's change"):
        world.kit.settings.authorize(who, window, name, context=CONTEXT)


def test_what_is_told_is_what_is_allowed() -> None:
    world, _, who = setup()  # AP-01: else "role" could be changed and "nickname" be told
    window = opened(world, who)
    with pytest.raises(ConfigurationError, match="what is shown"):
        world.kit.settings.authorize(who, window, "role", context=CONTEXT, shown=HostChange("nickname", "Ada", "Countess"))
    assert told(world, MessageKind.SETTINGS_CHANGED) == []


# Keys and storage ---------------------------------------------------------------------------------------------------------


def test_a_request_made_with_an_older_key_works_while_that_is_on_the_ring() -> None:
    world, credential, who = setup(keys=journeys.ring("old"))
    asked = ask(world, who)
    code = match_code(world, who, asked)
    rotated = journeys.beside(world, keys=journeys.ring("new", "old"))
    assert match_code(rotated, who, asked) == code
    rotated.kit.settings.approve(link(world), code, context=CONTEXT)
    window = rotated.kit.settings.open(who, asked, context=CONTEXT)
    add(rotated, who, window, SECOND)
    assert verified(world, credential) == [ADA, SECOND]


def test_a_request_made_with_an_unknown_key_is_trouble_and_nothing_is_lost() -> None:
    world, _, who = setup(keys=journeys.ring("old"))
    asked = ask(world, who)
    code = match_code(world, who, asked)
    without = journeys.beside(world, keys=journeys.ring("new"))
    calls: list[Callable[[], object]] = [
        lambda: without.kit.settings.review(link(world)),
        lambda: without.kit.settings.approve(link(world), code, context=CONTEXT),
        lambda: without.kit.settings.deny(link(world), context=CONTEXT),
        lambda: without.kit.settings.status(who, asked),
    ]
    for call in calls:
        with pytest.raises(UnknownKey):
            call()
    assert world.kit.settings.approve(link(world), code, context=CONTEXT).tries_left == 3


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_a_flipped_byte_in_a_stored_request_makes_every_use_of_it_fail(place: float) -> None:
    world, credential, who = setup()  # AP-01
    asked, approval, window = handles(world, who)
    record = journeys.record_of(world, APPROVAL, asked.text)
    at = int((len(record.payload) - 1) * place)
    flipped = record.payload[:at] + bytes([record.payload[at] ^ 1]) + record.payload[at + 1 :]
    world.records.commit({}, [journeys.Write(key=record.key, expected_version=record.version, record=replace(record, payload=flipped))])
    settings = world.kit.settings
    calls: list[Callable[[], object]] = [
        lambda: settings.review(approval),
        lambda: settings.deny(approval, context=CONTEXT),
        lambda: settings.open(who, asked, context=CONTEXT),
        lambda: settings.prefer(who, window, ADA, context=CONTEXT),
    ]
    for call in calls:
        with pytest.raises(UnreadableRecord):
            call()
    assert journeys.fresh(world, credential).generation == credential.generation


# Stores and notifiers that fail -------------------------------------------------------------------------------------------


def test_a_notifier_that_comes_back_tells_of_a_change_that_was_made_meanwhile() -> None:
    world, _, who = setup(PHONE)
    window = opened(world, who)
    world.inbox.failing = OSError("the provider is away")
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    assert told(world, MessageKind.SETTINGS_CHANGED) == []
    world.inbox.failing = None
    world.clock.advance(hours=1)
    world.kit.courier.run_due()
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA]


@pytest.mark.parametrize(("lands", "expected"), [(False, []), (True, [PHONE, ADA])])
def test_an_edit_whose_swap_failed_is_told_exactly_when_it_was_made(lands: bool, expected: list[str]) -> None:
    spied = journeys.SpiedCredentials()  # F1
    world, credential, who = setup(PHONE, credentials=spied)
    window = opened(world, who)
    if lands:  # the reply is lost, and so is what is asked afterwards: as if the worker had died
        spied.before_replace = [lambda: (spied.touch(credential.id, **preferring(world, credential, window)), journeys.failing())]
    else:
        spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    world.clock.advance(minutes=2)
    world.kit.courier.run_due()
    assert told(world, MessageKind.SETTINGS_CHANGED) == expected
    assert journeys.waiting(world) == []


def preferring(world: TestWorld, credential: Credential, window: EditWindow) -> dict[str, Any]:
    """Return what the swap of the newest intent would have written."""
    current = journeys.fresh(world, credential)
    change_id = next(r.key.rpartition("/")[2] for r in journeys.waiting(world) if token(window.text).partition(".")[0] in r.key)
    after = current.with_preferred(journeys.parsed(PHONE), change_id=change_id, generation="of another reply", now=world.clock.now())
    return {"preferred": after.preferred, "marks": after.marks, "generation": after.generation}


def test_an_edit_whose_reply_was_lost_is_made_and_told_once() -> None:
    spied = journeys.SpiedCredentials()
    world, credential, who = setup(PHONE, credentials=spied)
    window = opened(world, who)
    spied.replies_lost = 1
    changed = world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    assert changed.credential == journeys.fresh(world, credential)
    assert told(world, MessageKind.SETTINGS_CHANGED) == [PHONE, ADA]


def test_an_edit_that_lost_to_a_rehash_is_tried_again() -> None:
    spied = journeys.SpiedCredentials()
    world, credential, who = setup(PHONE, credentials=spied)
    window = opened(world, who)
    spied.before_replace = [lambda: spied.touch(credential.id)]
    world.kit.settings.prefer(who, window, PHONE, context=CONTEXT)
    assert journeys.fresh(world, credential).preferred == journeys.parsed(PHONE)


def test_no_edit_lands_after_a_denial_has_returned() -> None:
    spied = journeys.SpiedCredentials()  # F2
    world, credential, who = setup(PHONE, credentials=spied)
    window = opened(world, who)
    spied.before_replace = [lambda: world.kit.settings.deny(link(world), context=CONTEXT)]
    refused = refusal(world.kit.settings.prefer, who, window, PHONE, context=CONTEXT)
    assert refused.reason is Reason.APPROVAL_DENIED
    assert journeys.fresh(world, credential).generation == credential.generation


def test_cookies_of_request_and_window_share_one_name() -> None:
    world, _, who = setup()
    asked, _, window = handles(world, who)
    settings = world.kit.settings
    assert {settings.cookie_name} == {asked.cookie()["key"], window.cookie()["key"], settings.ended_cookie()["key"]}
    assert asked.cookie()["value"] == asked.text == asked.public()["asked"]
    assert window.cookie()["value"] == window.text == window.public()["window"]
    assert (asked.cookie()["max_age"], window.cookie()["max_age"], settings.ended_cookie()["max_age"]) == (600, 900, 0)
