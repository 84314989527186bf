"""The known limits that `security.md` owns up to are as it says: no better, so that the page is current, and no worse."""
# ruff: noqa: D103  # a test's name states the behaviour

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from credkit import Context, Credkit, KeyRing, Reason, Refused, Session
from credkit.approvals import State
from credkit.errors import UnknownKey
from credkit.identifiers import parse_identifier
from credkit.messages import MessageKind
from credkit.passwords import normalize_password
from credkit.policy import Policy
from credkit.ports import Committed, Record, RecordStore, Write
from credkit.stores.memory import MemoryStores
from credkit.testing import TestWorld, cheap_hasher, kit_for_tests
from credkit.testing.kits import site_for_tests
from credkit.tickets import EditWindow

ADA, RIGHT, NEW = "ada@example.com", "nine grey herons wade", "four loud kettles sing"
NOBODY = Context.none()


def world_with_ada(policy: Policy | None = None) -> TestWorld:
    """Return a world in which somebody has a sign-in, made long enough ago that nothing of it counts."""
    world = kit_for_tests(policy=policy)
    world.add(ADA, password=RIGHT)
    world.clock.advance(days=2)
    return world


def refusal(call: Callable[..., object], *given: object, context: Context = NOBODY) -> Refused | None:
    """Return what a call is refused with, if it is."""
    try:
        call(*given, context=context)
    except Refused as refused:
        return refused
    return None


def guess_codes(world: TestWorld, count: int) -> None:
    """Guess wrongly, as a stranger does, five times for each reset that is begun."""
    for _ in range(count // 5):
        ticket = world.kit.reset.begin(ADA, context=NOBODY)
        for _ in range(5):
            assert refusal(world.kit.reset.verify, ticket, "0000")


def guess_passwords(world: TestWorld, count: int) -> None:
    """Guess wrongly."""
    for _ in range(count):
        assert refusal(world.kit.sign_in.with_password, ADA, NEW)


def test_thirty_begins_shut_that_journey_for_up_to_25_hours_and_leave_the_other_open() -> None:
    world = world_with_ada()
    for _ in range(30):
        world.kit.reset.begin(ADA, context=NOBODY)
    refused = refusal(world.kit.reset.begin, ADA)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_REQUESTS
    assert timedelta(hours=24) < (refused.retry_after or timedelta()) <= timedelta(hours=25)
    assert refusal(world.kit.sign_up.begin, ADA) is None


def test_guesses_on_a_stranger_s_tickets_leave_the_owner_s_code_alone() -> None:
    world = world_with_ada()
    guess_codes(world, 50)
    world.clock.advance(hours=2)  # so that the owner's own code is sent
    ticket = world.kit.reset.begin(ADA, context=NOBODY)
    assert refusal(world.kit.reset.verify, ticket, world.inbox.last_code(ADA)) is None


def test_five_begins_in_an_hour_keep_the_owner_s_message_back_for_up_to_63_minutes() -> None:
    world = world_with_ada()
    for _ in range(5):
        world.kit.reset.begin(ADA, context=NOBODY)
        world.clock.advance(minutes=1)
        world.kit.courier.run_due()
    before = len(world.inbox.messages)
    world.kit.reset.begin(ADA, context=NOBODY)
    assert len(world.inbox.messages) == before
    world.clock.advance(minutes=63)
    world.kit.reset.begin(ADA, context=NOBODY)
    assert len(world.inbox.messages) == before + 1


def test_begins_of_other_journeys_leave_half_the_messages_for_a_reset() -> None:
    world = world_with_ada()
    for _ in range(10):
        world.kit.sign_up.begin(ADA, context=NOBODY)
        world.clock.advance(minutes=1)
        world.kit.courier.run_due()
    ticket = world.kit.reset.begin(ADA, context=NOBODY)
    assert refusal(world.kit.reset.verify, ticket, world.inbox.last_code(ADA)) is None


def test_four_wrong_passwords_shut_sign_in_for_30_seconds_and_more_for_up_to_an_hour_and_leave_the_reset_and_a_known_device_open() -> None:
    world = world_with_ada()
    known = Context(device_mark=world.kit.sign_in.with_password(ADA, RIGHT, context=NOBODY).device_mark.text)
    guess_passwords(world, 4)
    for wait in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        refused = refusal(world.kit.sign_in.with_password, ADA, RIGHT)
        assert refused is not None
        assert (refused.reason, refused.retry_after) == (Reason.TOO_MANY_TRIES, timedelta(seconds=wait))
        assert refusal(world.kit.sign_in.with_password, ADA, RIGHT, context=known) is None
        world.clock.advance(seconds=wait)
        guess_passwords(world, 1)
    ticket = world.kit.reset.begin(ADA, context=NOBODY)
    assert refusal(world.kit.reset.verify, ticket, world.inbox.last_code(ADA)) is None


@pytest.mark.parametrize("way", ["a reset", "a known device"])
def test_a_hundred_wrong_passwords_refuse_the_right_one_until_a_reset_or_a_sign_in_on_a_known_device(way: str) -> None:
    world = world_with_ada()
    known, began = Context(device_mark=world.kit.sign_in.with_password(ADA, RIGHT, context=NOBODY).device_mark.text), world.clock.now()
    for _ in range(100):
        refused = refusal(world.kit.sign_in.with_password, ADA, NEW)
        assert refused is not None
        if refused.reason is Reason.TOO_MANY_TRIES:
            world.clock.advance(refused.retry_after or timedelta())
            guess_passwords(world, 1)
    assert timedelta(days=3) < world.clock.now() - began < timedelta(days=5)
    world.clock.advance(days=2)
    refused = refusal(world.kit.sign_in.with_password, ADA, RIGHT)
    assert refused is not None
    assert refused.reason is Reason.SIGN_IN_FAILED
    if way == "a known device":
        assert refusal(world.kit.sign_in.with_password, ADA, RIGHT, context=known) is None
        assert refusal(world.kit.sign_in.with_password, ADA, RIGHT) is None
        return
    ticket = world.kit.reset.begin(ADA, context=NOBODY)
    grant = world.kit.reset.verify(ticket, world.inbox.last_code(ADA), context=NOBODY)
    world.kit.reset.complete(grant, NEW, context=NOBODY)
    assert refusal(world.kit.sign_in.with_password, ADA, NEW) is None


def test_a_network_key_slows_begins_and_wrong_passwords_of_one_network() -> None:
    world, context = world_with_ada(), Context(network_key="203.0.113.7")
    for number in range(20):
        world.kit.reset.begin(f"{number}@example.com", context=context)
    refused = refusal(world.kit.reset.begin, ADA, context=context)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_REQUESTS
    for number in range(100):
        refusal(world.kit.sign_in.with_password, f"{number}@example.com", NEW, context=context)
    refused = refusal(world.kit.sign_in.with_password, ADA, RIGHT, context=context)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_TRIES


# Account settings and undo ---------------------------------------------------------------------------------------------

NEXT, PHONE = "ada@next.example", "+14155552671"


def ada(world: TestWorld, password: str = RIGHT) -> Session:
    """Return a session of hers."""
    return world.kit.sign_in.with_password(ADA, password, context=NOBODY).session


def open_window(world: TestWorld, who: Session) -> EditWindow:
    """Ask, approve, open."""
    asked = world.kit.settings.request(who, context=NOBODY)
    link, match_code = world.inbox.messages[-1].link, world.kit.settings.status(who, asked).match_code
    assert link is not None
    world.kit.settings.approve(link.reveal(), match_code, context=NOBODY)
    return world.kit.settings.open(who, asked, context=NOBODY)


def ada_moves(world: TestWorld, *, password: str | None = None) -> str:
    """Let Ada replace the only address she has, and perhaps set a password; return the undo link at the old one."""
    settings, who = world.kit.settings, ada(world)
    window = open_window(world, who)
    step = settings.change_identifier(who, window, ADA, NEXT, context=NOBODY)
    settings.confirm_identifier(who, window, step, world.inbox.last_code(NEXT), context=NOBODY)
    link = world.inbox.to(ADA)[-1].link
    if password is not None:
        settings.set_password(who, window, password, context=NOBODY)
    assert link is not None
    return link.reveal()


def resets_sent(world: TestWorld, identifier: str) -> int:
    """Return how many codes a reset with that identifier leads to."""
    world.kit.courier.run_due(limit=100)  # so that a dispute that is over is settled
    before = len(world.inbox.messages)
    world.kit.reset.begin(identifier, context=NOBODY)
    return [message.kind for message in world.inbox.messages[before:]].count(MessageKind.RESET_CODE)


def test_ten_requests_of_a_stolen_session_shut_asking_for_up_to_25_hours() -> None:
    world = world_with_ada()
    thief, owner = (replace(ada(world), session_key=key) for key in ("thief's", "owner's"))
    for _ in range(10):
        world.kit.settings.request(thief, context=NOBODY)
    refused = refusal(world.kit.settings.request, owner)
    assert refused is not None
    assert refused.reason is Reason.TOO_MANY_REQUESTS
    assert (refused.retry_after or timedelta()) <= timedelta(hours=25)


def test_a_stolen_session_that_asks_cancels_the_owner_s_request() -> None:
    world = world_with_ada()
    thief, owner = (replace(ada(world), session_key=key) for key in ("thief's", "owner's"))
    asked = world.kit.settings.request(owner, context=NOBODY)
    world.kit.settings.request(thief, context=NOBODY)
    assert world.kit.settings.status(owner, asked).state is State.CANCELLED


def test_a_scanner_that_presses_deny_shuts_an_open_window() -> None:
    world = world_with_ada()
    who = ada(world)
    window = open_window(world, who)
    link = next(m.link for m in reversed(world.inbox.messages) if m.link is not None)
    world.kit.settings.deny(link.reveal(), context=NOBODY)
    refused = refusal(world.kit.settings.set_password, who, window, NEW)
    assert refused is not None
    assert refused.reason is Reason.APPROVAL_DENIED


def test_whoever_replaces_their_only_identifier_gets_no_reset_and_no_request_for_12_hours() -> None:
    world = world_with_ada()
    ada_moves(world)
    who = world.kit.sign_in.with_password(NEXT, RIGHT, context=NOBODY).session
    refused = refusal(world.kit.settings.request, who)
    assert refused is not None
    assert refused.reason is Reason.APPROVAL_UNREACHABLE
    assert resets_sent(world, NEXT) == 0
    world.clock.advance(hours=12)
    assert refusal(world.kit.settings.request, who) is None
    assert resets_sent(world, NEXT) == 1


@pytest.mark.parametrize("password", [None, NEW])
def test_after_an_undo_by_dispute_no_reset_goes_anywhere_for_24_hours_and_only_a_known_password_signs_in(password: str | None) -> None:
    world = world_with_ada()
    world.kit.undo.dispute(ada_moves(world, password=password), ADA, context=NOBODY)
    world.clock.advance(hours=24)
    assert resets_sent(world, ADA) == 0
    assert [refusal(world.kit.sign_in.with_password, ADA, tried) is None for tried in (RIGHT, NEW)] == [password is None, False]
    world.clock.advance(hours=24)
    assert resets_sent(world, ADA) == 1


def test_a_dispute_freezes_changes_and_resets_and_leaves_sign_in_open() -> None:
    world = world_with_ada()
    world.kit.undo.dispute(ada_moves(world), ADA, context=NOBODY)
    who = world.kit.sign_in.with_password(NEXT, RIGHT, context=NOBODY).session
    for call, given in ((world.kit.settings.request, (who,)), (world.kit.password.change, (who, RIGHT, NEW))):
        refused = refusal(call, *given)
        assert refused is not None
        assert refused.reason is Reason.CHANGES_FROZEN
    assert resets_sent(world, NEXT) == 0


def test_a_dispute_that_the_host_has_decided_against_cannot_be_opened_again() -> None:
    world = world_with_ada()
    link, who = ada_moves(world), world.kit.sign_in.with_password(NEXT, RIGHT, context=NOBODY).session
    world.kit.undo.dispute(link, ADA, context=NOBODY)
    world.kit.admin.settle_dispute(who.credential_id, restore=False, actor="support")
    refused = refusal(world.kit.undo.dispute, link, ADA)
    assert refused is not None
    assert refused.reason is Reason.UNDO_INVALID


def test_an_identifier_that_was_given_up_may_be_taken_and_the_undo_is_refused_then() -> None:
    world = world_with_ada()
    link = ada_moves(world)
    world.add(ADA, password=NEW)
    refused = refusal(partial(world.kit.undo.complete, password=RIGHT), link)
    assert refused is not None
    assert refused.reason is Reason.IDENTIFIER_TAKEN


def test_a_hash_that_was_renewed_since_counts_as_a_changed_password() -> None:
    world = world_with_ada()
    link = ada_moves(world)
    assert world.kit.undo.review(link).by_password
    (row,) = [found for found in [world.credentials.find(parse_identifier(NEXT))] if found is not None]
    renewed = cheap_hasher().hash(normalize_password(RIGHT))  # the same password under another salt, as any renewal makes it
    assert world.credentials.replace(row, replace(row, password_hash=renewed)) is not None
    assert not world.kit.undo.review(link).by_password


def test_dropping_a_leaked_key_stops_changes_of_settings_until_their_records_are_deleted_and_leaves_the_way_back_open() -> None:
    stores, notes = MemoryStores(), set[str]()
    world = kit_for_tests(records=Noting(stores.records, notes), credentials=stores.credentials)
    world.add(ADA, password=RIGHT)
    who = ada(world)
    window = open_window(world, who)
    who = replace(who, session_epoch=world.kit.settings.set_password(who, window, NEW, context=NOBODY).session_epoch)
    after = Credkit(
        site=site_for_tests(),
        keys=KeyRing({"next": bytes(range(32, 64))}),
        credentials=stores.credentials,
        records=stores.records,
        notifier=world.inbox,
        hasher=cheap_hasher(),
        clock=world.clock,
        deliver="manual",
        allow_test_domains=True,
    )
    changed = after.password.change(who, NEW, RIGHT, context=NOBODY)
    who = replace(who, session_epoch=changed.session_epoch)
    with pytest.raises(UnknownKey):
        after.settings.request(who, context=NOBODY)
    sealed = [record for record in stores.records.load(sorted(notes)).values() if record.kind.endswith(("/history", "/approval", "/asked"))]
    stores.records.commit({}, [Write(key=record.key, expected_version=record.version, record=None) for record in sealed])
    assert after.settings.request(who, context=NOBODY)


def test_an_old_record_that_is_put_back_opens_a_window_again_until_its_time_is_over() -> None:
    stores, notes = MemoryStores(), set[str]()
    world = kit_for_tests(records=Noting(stores.records, notes), credentials=stores.credentials)
    world.add(ADA, password=RIGHT)
    who = ada(world)
    window = open_window(world, who)
    (key,) = [key for key in notes if key.startswith("main/approval/")]
    genuine = stores.records.load([key])[key]
    world.kit.settings.done(who, window)
    assert refusal(world.kit.settings.set_password, who, window, NEW)
    now = stores.records.load([key])[key]
    stores.records.commit({}, [Write(key=key, expected_version=now.version, record=genuine)])
    assert refusal(world.kit.settings.set_password, who, window, NEW) is None


@dataclass(frozen=True)
class Noting:
    """A record store that notes what it was asked for."""

    store: RecordStore
    asked: set[str]

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        self.asked.update(keys)
        return self.store.load(keys)

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.store.commit(checks, writes)

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return self.store.due(kind, now, limit)

    def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return self.store.purge(now, limit)
