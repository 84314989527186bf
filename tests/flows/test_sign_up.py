"""Sign-up: what a proved identifier and a password make, and what the owner of a taken one hears. The steps up to the grant: `test_challenges`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from credkit.context import Context
from credkit.credential import Credential, Mark, Standing
from credkit.errors import Busy, FindingKind, Next, PasswordRefused, Reason, Refused, StoreError
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.stores.memory import AsyncMemoryStores
from credkit.testing import AsyncInbox, Inbox, TestWorld, async_kit_for_tests, kit_for_tests
from credkit.tickets import Grant
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, MICROSECOND, NEW, OLD, OTHER, PAUSE, PHONE, PHONE_ENTERED, WEIRD, WRONG, refusal, registered, signs_in, verified


def proved(world: TestWorld, identifier: str = BOB, context: Context = CONTEXT) -> Grant:
    """Begin and type the right code; return the grant."""
    ticket = world.kit.sign_up.begin(identifier, context=context)
    return world.kit.sign_up.verify(ticket, world.inbox.last_code(journeys.parsed(identifier)), context=context)


def complete(world: TestWorld, grant: Any, password: Any = NEW, context: Context = CONTEXT, **named: Any) -> Credential:
    return world.kit.sign_up.complete(grant, password, context=context, **named)


# The whole journey ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "later"), [("Bob@Example.com", BOB), (PHONE_ENTERED, PHONE)])
def test_a_proved_identifier_and_a_password_make_a_sign_in(typed: str, later: str) -> None:
    world = kit_for_tests()
    credential = complete(world, proved(world, typed))
    assert credential == journeys.fresh(world, credential)
    assert world.kit.sign_in.with_password(later, NEW, context=CONTEXT).credential == credential


def test_the_new_sign_in_holds_what_was_proved_and_nothing_else() -> None:
    world = kit_for_tests()
    grant = proved(world, "Bob@Example.com")
    credential = complete(world, grant, context=Context(locale="nb"))
    (entry,) = credential.identifiers
    assert (entry.identifier.entered, entry.standing, entry.verified_at) == ("Bob@Example.com", Standing.VERIFIED, world.clock.now())
    assert credential.preferred == entry.identifier
    assert (credential.session_epoch, credential.locale, credential.disabled) == (0, "nb", False)
    assert credential.marks == (Mark(change_id=grant.text.split(".")[0], at=world.clock.now()),)


def test_the_hosts_own_rows_go_to_its_store_unseen() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    rows = object()
    complete(world, proved(world), extra=rows)
    assert spied.extras == [rows]


# The identifier is in use (SI-08) ---------------------------------------------------------------------------------------


def test_a_taken_identifier_is_answered_like_a_new_one() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    taken, new = (world.kit.sign_up.begin(identifier, context=CONTEXT) for identifier in (ADA, "abc@example.com"))
    assert replace(taken, secret_text=new.secret_text, label=new.label) == new
    assert len(taken.text) == len(new.text)
    wrong = [refusal(world.kit.sign_up.verify, ticket, WRONG, context=CONTEXT).problem() for ticket in (taken, new)]
    assert wrong[0] == wrong[1]


def test_the_owner_of_a_taken_identifier_hears_of_it_and_gets_no_code() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, locale="nb")
    world.kit.sign_up.begin(ADA, context=Context(device="Firefox on Linux", place="Oslo, Norway"))
    (message,) = world.inbox.messages
    assert (message.kind, message.code, message.locale) == (MessageKind.ALREADY_REGISTERED, None, "nb")
    assert (message.credential_id, message.accounts) == (credential.id, (credential.id,))
    assert (message.device, message.place, message.at) == ("Firefox on Linux", "Oslo, Norway", world.clock.now())


def test_word_to_the_owner_goes_to_the_stored_spelling() -> None:
    world = kit_for_tests()  # ID-04, REQ-D4f
    world.add("Ada@example.com", password=OLD)
    world.clock.advance(PAUSE)
    world.kit.sign_up.begin("aDA@EXAMPLE.com", context=CONTEXT)
    assert [message.to.entered for message in world.inbox.messages] == ["Ada@example.com"]


def test_word_to_the_owner_goes_to_the_identifier_in_use_and_not_to_the_preferred_one() -> None:
    world = kit_for_tests()
    journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    assert [message.to.canonical for message in world.inbox.messages] == [ADA]


def test_an_identifier_carried_over_is_in_use() -> None:
    world = kit_for_tests()
    journeys.ada(world, identifiers=(registered(ADA, Standing.CARRIED_OVER),))
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    assert [message.kind for message in world.inbox.messages] == [MessageKind.ALREADY_REGISTERED]


@pytest.mark.parametrize("changes", [{"identifiers": (verified(BOB), registered(ADA, Standing.UNVERIFIED))}, {"disabled": True}])
def test_of_an_identifier_unverified_or_disabled_nobody_hears_anything(changes: dict[str, Any]) -> None:
    world = kit_for_tests()  # ID-15, RS-17
    journeys.ada(world, **changes)
    ticket = world.kit.sign_up.begin(ADA, context=CONTEXT)
    assert world.inbox.messages == []
    assert refusal(world.kit.sign_up.verify, ticket, WRONG, context=CONTEXT).reason is Reason.CODE_WRONG


def test_word_to_the_owner_waits_for_a_notifier_however_long() -> None:
    world = kit_for_tests()  # a notice is never dropped for its age
    journeys.ada(world)
    world.inbox.failing = OSError("no mail today")
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    world.inbox.failing = None
    world.clock.advance(days=1)
    world.kit.purge()
    world.kit.courier.run_due()
    assert [message.kind for message in world.inbox.messages] == [MessageKind.ALREADY_REGISTERED]


def test_an_identifier_taken_while_its_code_was_on_the_way_is_told_to_whom_proved_it() -> None:
    world = kit_for_tests()
    first = proved(world)
    world.clock.advance(PAUSE)
    second = proved(world)
    complete(world, first, NEW)
    refused = refusal(complete, world, second, OTHER)
    assert (refused.reason, refused.next) == (Reason.IDENTIFIER_TAKEN, Next.BEGIN_AGAIN)
    assert (signs_in(world, NEW, BOB), signs_in(world, OTHER, BOB)) == (True, False)


# Grants -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", [*WEIRD, f"{'A' * 22}.{'A' * 43}"])
def test_no_sign_in_is_made_without_a_grant(grant: Any) -> None:
    spied = journeys.SpiedCredentials()  # REQ-D4a, REQ-D4c
    assert refusal(complete, journeys.build(credentials=spied), grant).reason is Reason.GRANT_INVALID
    assert spied.calls == []


def test_complete_again_with_the_same_password_says_the_same() -> None:
    world = kit_for_tests()  # F4
    grant = proved(world)
    assert complete(world, grant) == complete(world, grant)


def test_complete_again_with_another_password_is_used() -> None:
    world = kit_for_tests()
    grant = proved(world)
    complete(world, grant, NEW)
    assert refusal(complete, world, grant, OTHER).reason is Reason.GRANT_USED
    assert (signs_in(world, NEW, BOB), signs_in(world, OTHER, BOB)) == (True, False)


def test_a_grant_makes_no_second_sign_in_when_the_first_has_another_identifier_now() -> None:
    world = kit_for_tests()  # F4c
    grant = proved(world)
    credential = complete(world, grant)
    journeys.alter(world, credential, identifiers=(verified(ADA),))
    assert complete(world, grant).id == credential.id
    assert world.credentials.find(journeys.parsed(BOB)) is None


def test_a_lost_reply_of_the_store_is_made_good_by_the_same_call_again() -> None:
    spied = journeys.SpiedCredentials()  # F4b: or they would hear that their own new sign-in is taken
    world = journeys.build(credentials=spied)
    grant = proved(world)
    spied.replies_lost = 1
    with pytest.raises(StoreError):
        complete(world, grant)
    assert complete(world, grant) == world.credentials.find(journeys.parsed(BOB))


def test_a_grant_is_good_until_the_last_microsecond_of_its_life() -> None:
    world = kit_for_tests()  # REQ-D5a
    grant = proved(world)
    world.clock.advance(Policy().grant_lifetime - MICROSECOND)
    assert complete(world, grant)


def test_a_grant_has_expired_at_the_end_of_its_life() -> None:
    world = kit_for_tests()
    grant = proved(world)
    world.clock.advance(Policy().grant_lifetime)
    assert refusal(complete, world, grant).reason is Reason.GRANT_EXPIRED
    assert not signs_in(world, NEW, BOB)


def test_a_refused_password_leaves_the_grant_good_for_another() -> None:
    world = kit_for_tests()  # RS-09
    grant = proved(world)
    for proposed in ("short", "", None, "passwordpassword", "bob.bob.bob.bob.bob", "example.com example"):
        with pytest.raises(PasswordRefused):
            complete(world, grant, proposed)
    assert complete(world, grant)


def test_all_that_is_wrong_with_a_password_is_told_at_once() -> None:
    world = kit_for_tests()
    with pytest.raises(PasswordRefused) as caught:
        complete(world, proved(world), "password1")
    assert [finding.kind for finding in caught.value.findings] == [FindingKind.TOO_SHORT, FindingKind.COMMON]
    assert caught.value.field == "password"


def test_a_password_made_of_the_identifier_is_refused() -> None:
    world = kit_for_tests()  # PW-10
    with pytest.raises(PasswordRefused) as caught:
        complete(world, proved(world, "quibbleton@example.org"), "quibbleton 2026!!")
    assert [finding.kind for finding in caught.value.findings] == [FindingKind.IDENTIFIER]


def test_a_grant_allows_so_many_passwords_and_no_more() -> None:
    world = kit_for_tests(policy=replace(Policy(), grant_tries=3))
    grant = proved(world)
    for _ in range(3):
        with pytest.raises(PasswordRefused):
            complete(world, grant, "short")
    assert refusal(complete, world, grant).reason is Reason.GRANT_EXHAUSTED
    assert not signs_in(world, NEW, BOB)


def test_a_full_gate_is_busy_and_costs_the_grant_nothing() -> None:
    world = kit_for_tests(policy=replace(Policy(), gate=1, gate_queue=0))
    grant = proved(world)
    place = world.kit._shell.hashing.reserve()
    with pytest.raises(Busy):
        complete(world, grant)
    place.release()
    assert journeys.grant_of(world, grant).tries_left == Policy().grant_tries
    assert complete(world, grant)


def test_every_end_of_the_call_gives_its_place_in_the_gate_back() -> None:
    world = kit_for_tests(policy=replace(Policy(), gate=1, gate_queue=0))
    grant = proved(world)
    for _ in range(2):
        refusal(complete, world, grant, "short")
        refusal(complete, world, f"{'A' * 22}.{'A' * 43}")
    assert complete(world, grant)
    assert complete(world, grant)


# From async code --------------------------------------------------------------------------------------------------------


def test_the_async_journey_from_begin_to_the_sign_in() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        kit = world.kit
        ticket = await kit.sign_up.begin(BOB, context=CONTEXT)
        world.clock.advance(PAUSE)
        assert (await kit.sign_up.resend(ticket, context=CONTEXT)).expires_at == ticket.expires_at
        with pytest.raises(Refused):
            await kit.sign_up.verify(ticket, WRONG, context=CONTEXT)
        assert (await kit.sign_up.look(ticket, context=CONTEXT)).tries_left == Policy().otp.comparisons - 1
        grant = await kit.sign_up.verify(ticket, world.inbox.last_code(BOB), context=CONTEXT)
        with pytest.raises(PasswordRefused):
            await kit.sign_up.complete(grant, "short", context=CONTEXT)
        credential = await kit.sign_up.complete(grant, NEW, context=CONTEXT, extra="row")
        assert await kit.sign_up.complete(grant, NEW, context=CONTEXT) == credential
        assert (await kit.sign_in.with_password(BOB, NEW, context=CONTEXT)).credential == credential
        world.clock.advance(PAUSE)
        await kit.sign_up.begin(BOB, context=CONTEXT)
        assert world.inbox.messages[-1].kind is MessageKind.ALREADY_REGISTERED

    asyncio.run(journey())


def test_fifty_sign_ups_completed_at_once_make_one_sign_in() -> None:
    async def journey() -> list[object]:
        world = async_kit_for_tests(policy=replace(Policy(), grant_tries=50))
        ticket = await world.kit.sign_up.begin(BOB, context=CONTEXT)
        grant = await world.kit.sign_up.verify(ticket, world.inbox.last_code(BOB), context=CONTEXT)
        passwords = [f"{NEW} {number}" for number in range(50)]
        return await asyncio.gather(*(world.kit.sign_up.complete(grant, password, context=CONTEXT) for password in passwords), return_exceptions=True)

    results = asyncio.run(journey())
    assert sum(isinstance(result, Credential) for result in results) == 1
    assert sum(isinstance(result, Refused) and result.reason is Reason.GRANT_USED for result in results) == 49


# ID-09: accepted only where the notifier says that it can send to it; each site of a kit has a notifier of its own.


def test_an_address_beyond_ascii_is_accepted_where_the_notifier_takes_it_and_nowhere_else() -> None:
    address = "\u0438\u0432\u0430\u043d@example.com"
    able, unable = journeys.build(inbox=Inbox(smtputf8=True)), journeys.build()
    assert journeys.refusal(unable.kit.sign_up.begin, address, context=CONTEXT).reason is Reason.EMAIL_UNSUPPORTED
    credential = able.add(address, password=journeys.OLD)
    assert [entry.identifier.canonical for entry in credential.identifiers] == [address]
    assert able.kit.sign_in.with_password(address, journeys.OLD, context=CONTEXT).session.credential_id == credential.id

    sibling = able.kit.at(journeys.other_site(), credentials=able.credentials, notifier=Inbox())
    assert journeys.refusal(sibling.sign_up.begin, address, context=CONTEXT).reason is Reason.EMAIL_UNSUPPORTED
    back = unable.kit.at(journeys.other_site(), credentials=unable.credentials, notifier=Inbox(smtputf8=True))
    assert back.sign_up.begin(address, context=CONTEXT)
    assert back.help.smtputf8


@pytest.mark.parametrize("said", [None, 1, "yes", False])
def test_only_a_plain_yes_is_taken_for_one(said: object) -> None:
    inbox = Inbox()
    inbox.smtputf8 = said  # type: ignore[attr-defined]
    assert not journeys.build(inbox=inbox).kit.help.smtputf8


def test_an_async_kit_asks_its_notifier_likewise() -> None:
    inbox = AsyncInbox()
    inbox.smtputf8 = True  # type: ignore[attr-defined]
    kit = journeys.async_build(inbox=inbox).kit
    assert kit.help.smtputf8
    stores = AsyncMemoryStores()
    assert not kit.at(journeys.other_site(), credentials=stores.credentials, notifier=AsyncInbox()).help.smtputf8
