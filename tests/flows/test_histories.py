"""How long what is remembered of a sign-in's changes lies about, and that it stands in nobody's way once it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from credkit.context import Context, Session
from credkit.errors import Reason, Refused
from credkit.history import UndoPolicy
from credkit.keys import KeyRing
from credkit.kit import Credkit
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.stores.memory import MemoryStores
from credkit.testing import TestWorld, cheap_hasher, kit_for_tests
from credkit.testing.kits import site_for_tests
from credkit.tickets import Token

ADA, NEXT, OLD, NEW = "ada@example.com", "ada@next.example", "nine grey herons wade", "four loud kettles sing"
NOBODY = Context.none()


def ada_moves(world: TestWorld) -> Session:
    """Sign Ada up, let her change her address in a window, and return her session."""
    settings = world.kit.settings
    world.add(ADA, password=OLD)
    who = world.kit.sign_in.with_password(ADA, OLD, context=NOBODY).session
    asked = settings.request(who, context=NOBODY)
    link, match_code = world.inbox.messages[-1].link, settings.status(who, asked).match_code
    assert link is not None
    settings.approve(link.reveal(), match_code, context=NOBODY)
    window = settings.open(who, asked, context=NOBODY)
    step = settings.change_identifier(who, window, ADA, NEXT, context=NOBODY)
    settings.confirm_identifier(who, window, step, world.inbox.last_code(NEXT), context=NOBODY)
    settings.done(who, window)
    return who


def link_of(world: TestWorld, kind: MessageKind) -> str:
    """Return the newest link in a message of that kind to the address of before."""
    return next(m.link.reveal() for m in reversed(world.inbox.to(ADA)) if m.kind is kind and m.link is not None)


def with_other_keys(world: TestWorld) -> Credkit:
    """Return a kit over the same stores that has none of the keys of before."""
    return Credkit(
        site=site_for_tests(),
        keys=KeyRing({"next": bytes(range(32, 64))}),
        credentials=world.credentials,
        records=world.records,
        notifier=world.inbox,
        hasher=cheap_hasher(),
        clock=world.clock,
        deliver=lambda run: run(),
        allow_test_domains=True,
    )


def test_a_contest_link_is_forgotten_some_time_after_the_dispute() -> None:  # AU-10
    stores = MemoryStores()
    world = kit_for_tests(records=stores.records, credentials=stores.credentials)
    ada_moves(world)
    world.kit.undo.dispute(link_of(world, MessageKind.SETTINGS_CHANGED), ADA, context=NOBODY)
    contest = Token.in_link(link_of(world, MessageKind.UNDO_DISPUTED))
    assert contest is not None
    world.clock.advance(Policy().undo.dispute + timedelta(days=46))
    world.kit.purge()
    assert stores.records.load([f"main/undo/{contest.id}"]) == {}


def test_whoever_can_prove_it_after_all_may_do_so_for_as_long_as_a_dispute_runs() -> None:  # F24
    world = kit_for_tests(policy=Policy(undo=UndoPolicy(lifetime=timedelta(days=14))))
    who = ada_moves(world)
    link = link_of(world, MessageKind.SETTINGS_CHANGED)
    world.clock.advance(days=14, hours=-1)
    world.kit.undo.dispute(link, ADA, context=NOBODY)
    world.clock.advance(hours=2)
    world.kit.purge()
    world.kit.undo.complete(link, password=OLD, context=NOBODY)
    assert world.kit.sign_in.with_password(ADA, OLD, context=NOBODY).credential.id == who.credential_id


def test_a_key_may_be_dropped_45_days_after_the_last_change_although_nothing_was_purged() -> None:  # KE-04
    world = kit_for_tests()
    who = ada_moves(world)
    world.clock.advance(days=45)
    with_other_keys(world).password.change(who, OLD, NEW, context=NOBODY)


def test_a_request_of_long_ago_does_not_stand_in_the_way_of_a_new_one_after_its_key_was_dropped() -> None:  # KE-04
    world = kit_for_tests()
    who = ada_moves(world)
    world.clock.advance(days=45)
    with_other_keys(world).settings.request(who, context=NOBODY)


def test_a_link_of_long_ago_says_and_ends_nothing_although_nothing_was_purged() -> None:  # AU-10
    world = kit_for_tests()
    who = ada_moves(world)
    link = link_of(world, MessageKind.SETTINGS_REQUEST)
    world.clock.advance(days=2)
    for call in (lambda: world.kit.settings.review(link), lambda: world.kit.settings.not_me(link, ADA, context=NOBODY)):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.reason is Reason.APPROVAL_INVALID
    assert world.kit.sign_in.holds(who)
