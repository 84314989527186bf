"""Toll fraud and numbers that change hands: what is refused at once by what was typed, and what the courier does not send (ID-13, ID-14, ID-18)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import phonenumbers
import pytest

from credkit.context import Context
from credkit.credential import Credential, Registered, Standing
from credkit.errors import ConfigurationError, Reason, Refused, SendCheckFailed, StoreError
from credkit.identifiers import PhoneNumber
from credkit.identifiers.lines import LineKind, line_of
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.ports import Send
from credkit.sms import SmsPolicy
from credkit.stores.memory import MemoryCredentials, MemoryStores
from credkit.testing import Inbox, TestWorld, kit_for_tests
from credkit.testing.fakes import START
from credkit.testing.kits import sms_for_tests
from flows import journeys
from flows.journeys import ADA, CONTEXT, OLD, PHONE, refusal

CANADIAN, BRITON = "+15062345678", "+447400123456"
US = SmsPolicy(regions=frozenset({"US"}), per_day="uncapped")


class FailingReplace:
    """A credential store that writes nothing while it is down."""

    def __init__(self, within: MemoryCredentials) -> None:
        self.within, self.down = within, False
        self.find, self.get, self.add = within.find, within.get, within.add

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        if self.down:
            raise StoreError("down")
        return self.within.replace(old, new)


def world_with(sms: SmsPolicy | None) -> TestWorld:
    return kit_for_tests(policy=Policy(sms=sms))


def examples() -> list[tuple[str, str, LineKind]]:
    """Return the number, region and kind of an example of each kind of line of each region that can be typed at all."""
    found: list[tuple[str, str, LineKind]] = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in LineKind:
            number_type = getattr(phonenumbers.PhoneNumberType, kind.name)
            example = None if kind is LineKind.UNKNOWN else phonenumbers.example_number_for_type(region, number_type)
            if example is not None and phonenumbers.is_valid_number(example):
                e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                found.append((e164, phonenumbers.region_code_for_number(example), line_of(PhoneNumber.restore(e164, e164)).kind))
    return found


# What is told at once, by what was typed ---------------------------------------------------------------------------------


def test_sign_up_takes_a_mobile_number_of_each_region_and_no_other_line() -> None:
    """ID-13: one vector for each region and kind, at the door."""
    sign_up = world_with(SmsPolicy(regions="anywhere", per_day="uncapped")).kit.sign_up
    taken, told = examples(), set[tuple[bool, Reason | None]]()
    assert len(taken) > 1000
    for number, _, kind in taken:
        try:
            sign_up.begin(number, context=CONTEXT)
            reason = None
        except Refused as refused:
            reason = refused.reason
        told.add((kind in {LineKind.MOBILE, LineKind.FIXED_LINE_OR_MOBILE}, reason))
    assert told == {(True, None), (False, Reason.PHONE_NOT_SUPPORTED)}


@pytest.mark.parametrize(("sms", "number"), [(None, PHONE), (US, CANADIAN), (US, BRITON)])
def test_a_number_that_is_not_sent_to_is_refused_at_sign_up_and_nothing_is_stored(sms: SmsPolicy | None, number: str) -> None:
    world = world_with(sms)
    refused = refusal(world.kit.sign_up.begin, number, context=CONTEXT)
    assert (refused.reason, refused.field) == (Reason.PHONE_NOT_SUPPORTED, "identifier")
    assert journeys.stored(world, "budget") == journeys.stored(world, "challenge") == []


def test_the_verdict_is_the_same_whether_the_number_signs_somebody_in_or_not() -> None:
    """ID-14: and it is told before anybody is looked up."""
    known, unknown = world_with(US), world_with(US)
    credential = known.add(ADA, password=OLD)
    journeys.alter(known, credential, identifiers=(*credential.identifiers, journeys.verified(CANADIAN)))
    told = [refusal(world.kit.sign_up.begin, CANADIAN, context=CONTEXT).problem() for world in (known, unknown)]
    assert told[0] == told[1]


# What the courier does not send ------------------------------------------------------------------------------------------


def test_a_cap_is_used_to_the_last_message_and_never_passed() -> None:
    world = world_with(SmsPolicy(regions="anywhere", per_day=20))
    for number in range(30):
        world.kit.sign_up.begin(f"+1415555{2600 + number}", context=CONTEXT)
    assert len(world.inbox.messages) == 20
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    assert world.inbox.messages[-1].to == journeys.parsed(ADA)


def test_a_cap_opens_again_when_its_day_has_passed() -> None:
    world = world_with(SmsPolicy(regions="anywhere", per_day=1))
    for number in (PHONE, "+14155552672"):
        world.kit.sign_up.begin(number, context=CONTEXT)
    world.clock.advance(timedelta(hours=25))
    world.kit.sign_up.begin("+14155552673", context=CONTEXT)
    assert [message.to.canonical for message in world.inbox.messages] == [PHONE, "+14155552673"]


def test_the_answer_is_the_same_when_the_cap_is_used_up() -> None:
    world = world_with(SmsPolicy(regions="anywhere", per_day=1))
    world.kit.sign_up.begin(PHONE, context=CONTEXT)
    ticket = world.kit.sign_up.begin("+14155552672", context=CONTEXT)
    assert refusal(world.kit.sign_up.verify, ticket, journeys.WRONG, context=CONTEXT).reason is Reason.CODE_WRONG


def test_a_message_that_is_tried_again_counts_once_towards_the_cap() -> None:
    world = world_with(SmsPolicy(regions="anywhere", per_day=1))
    world.inbox.failing = ConnectionError()
    world.kit.sign_up.begin(PHONE, context=CONTEXT)
    world.inbox.failing = None
    world.clock.advance(timedelta(minutes=1))
    world.kit.courier.run_due()
    assert [message.to.canonical for message in world.inbox.messages] == [PHONE]


def test_what_is_kept_for_known_devices_is_no_way_past_the_cap() -> None:
    limits = replace(Policy().limits, sends_hour=replace(Policy().limits.sends_hour, count=1))
    world = kit_for_tests(policy=Policy(sms=SmsPolicy(regions="anywhere", per_day=2), limits=limits))
    journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    here = Context(device_mark=world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).device_mark.text)
    for context in (CONTEXT, CONTEXT, here, here):
        world.kit.reset.begin(PHONE, context=context)
        world.clock.advance(timedelta(minutes=2))
    assert [message.to.canonical for message in world.inbox.messages].count(PHONE) == 2


def test_notices_of_changes_are_neither_counted_nor_held_back() -> None:
    world = world_with(SmsPolicy(regions=frozenset({"US"}), per_day=1))
    credential = journeys.ada(world, PHONE, CANADIAN)
    world.kit.admin.mark_compromised(credential.id, actor="support")
    world.kit.sign_up.begin("+14155552672", context=CONTEXT)
    assert [message.to.canonical for message in world.inbox.messages] == [ADA, PHONE, CANADIAN, "+14155552672"]


@pytest.mark.parametrize("journey", ["reset", "reminder"])
def test_a_number_that_is_not_sent_to_any_more_gets_nothing_for_the_asking(journey: str) -> None:
    """Its owner had it before the list was shortened; the one who asks sees what anybody sees."""
    world = world_with(US)
    journeys.ada(world, identifiers=(journeys.verified(CANADIAN),), preferred=None)
    asked = world.kit.reset.begin if journey == "reset" else world.kit.reminder.send
    asked(CANADIAN, context=CONTEXT)
    assert world.inbox.messages == []
    assert journeys.stored(world, "outbox") == []


def test_where_the_cap_is_used_up_a_code_goes_to_the_next_destination() -> None:
    world = world_with(SmsPolicy(regions="anywhere", per_day=1))
    journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    world.kit.sign_up.begin("+14155552672", context=CONTEXT)
    world.kit.reset.begin(PHONE, context=CONTEXT)
    assert world.inbox.messages[-1].to == journeys.parsed(ADA)


def test_where_a_number_is_not_sent_to_a_code_goes_to_the_next_destination() -> None:
    world = world_with(US)
    journeys.ada(world, CANADIAN, preferred=journeys.parsed(CANADIAN))
    assert journeys.granted(world, CANADIAN)
    assert world.inbox.messages[-1].to == journeys.parsed(ADA)


# Numbers confirmed too long ago -------------------------------------------------------------------------------------------


def with_number(days_ago: float | None, standing: Standing = Standing.VERIFIED, *, alone: bool = False) -> tuple[TestWorld, Credential]:
    """Return a world in which Ada's verification method is a number that was confirmed so many days ago."""
    world = kit_for_tests()
    at = None if days_ago is None else START - timedelta(days=days_ago)
    number = Registered(identifier=journeys.parsed(PHONE), standing=standing, verified_at=at)
    credential = journeys.ada(world)
    others = () if alone else credential.identifiers
    return world, journeys.alter(world, credential, identifiers=(number, *others), preferred=number.identifier)


def sent_to(world: TestWorld) -> list[str]:
    return [message.to.canonical for message in world.inbox.messages]


@pytest.mark.parametrize(("days_ago", "to"), [(None, PHONE), (300, PHONE), (400, ADA)])
def test_a_code_asked_for_by_a_stale_number_goes_to_the_next_destination(days_ago: float | None, to: str) -> None:
    """ID-18."""
    world, _ = with_number(days_ago)
    world.kit.reset.begin(PHONE, context=CONTEXT)
    assert sent_to(world) == [to]


def test_a_stale_number_that_is_all_there_is_gets_nothing_and_the_answer_is_the_same() -> None:
    world, _ = with_number(400, alone=True)
    tickets = [world.kit.reset.begin(typed, context=CONTEXT) for typed in (PHONE, "+14155552672")]
    world.kit.reminder.send(PHONE, context=CONTEXT)
    assert sent_to(world) == []
    told = [refusal(world.kit.reset.verify, ticket, journeys.WRONG, context=CONTEXT).problem() for ticket in tickets]
    assert told[0] == told[1]


def test_a_stale_number_still_signs_in_with_the_password_and_is_told_of_changes() -> None:
    world, credential = with_number(400, alone=True)
    assert world.kit.sign_in.with_password(PHONE, OLD, context=CONTEXT).credential.id == credential.id
    world.kit.admin.mark_compromised(credential.id, actor="support")
    world.kit.courier.run_due()
    assert sent_to(world) == [PHONE]


def test_a_reset_by_a_code_that_a_number_got_says_anew_that_it_is_its_owner_s() -> None:
    world, credential = with_number(364, alone=True)
    world.kit.reset.complete(journeys.granted(world, PHONE), journeys.NEW, context=CONTEXT)
    world.inbox.messages.clear()
    world.clock.advance(timedelta(days=300))
    world.kit.reset.begin(PHONE, context=CONTEXT)
    assert sent_to(world) == [PHONE]
    assert journeys.fresh(world, credential).identifiers[0].verified_at == START + timedelta(minutes=1)


def test_a_number_that_signs_in_by_code_does_not_go_stale() -> None:
    world = kit_for_tests(policy=Policy(sign_in_by_code=True, sms=sms_for_tests()))
    credential = journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    for _ in range(3):
        world.clock.advance(days=200)
        ticket = world.kit.sign_in.begin(PHONE, context=CONTEXT)
        signed_in = world.kit.sign_in.verify(ticket, world.inbox.last_code(PHONE), context=CONTEXT)
        assert signed_in.credential == journeys.fresh(world, credential)
    assert world.kit.sign_in.holds(signed_in.session)


def test_a_sign_in_by_code_goes_on_if_the_date_cannot_be_stored() -> None:
    stores = MemoryStores()
    failing = FailingReplace(stores.credentials)
    world = journeys.build(stores=stores, credentials=failing, policy=Policy(sign_in_by_code=True, sms=sms_for_tests()))
    journeys.ada(world)
    world.clock.advance(days=200)
    ticket = world.kit.sign_in.begin(ADA, context=CONTEXT)
    failing.down = True
    assert world.kit.sign_in.verify(ticket, world.inbox.last_code(ADA), context=CONTEXT).factors == ("email_code",)


def test_an_imported_number_without_a_date_is_not_stale() -> None:
    world, _ = with_number(None, Standing.CARRIED_OVER, alone=True)
    world.kit.reset.begin(PHONE, context=CONTEXT)
    assert sent_to(world) == [PHONE]


@pytest.mark.parametrize(("days_ago", "to"), [(300, "phone"), (400, "email")])
def test_a_stale_number_is_not_asked_to_approve(days_ago: float, to: str) -> None:
    world, _ = with_number(days_ago)
    who = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session
    asked = world.kit.settings.request(who, context=CONTEXT)
    assert world.kit.settings.status(who, asked).sent_by == to


def test_where_only_a_stale_number_could_approve_nobody_is_asked() -> None:
    world, _ = with_number(400, alone=True)
    who = world.kit.sign_in.with_password(PHONE, OLD, context=CONTEXT).session
    assert refusal(world.kit.settings.request, who, context=CONTEXT).reason is Reason.APPROVAL_UNREACHABLE


# The host's check ---------------------------------------------------------------------------------------------------------


class Check:
    """A check that turns some numbers and addresses down, and remembers what it was asked."""

    def __init__(self, *turned_down: str) -> None:
        self.turned_down = tuple(map(journeys.parsed, turned_down))
        self.asked: list[Send] = []
        self.failing: Exception | None = None

    def allows(self, send: Send) -> bool:
        self.asked.append(send)
        if self.failing is not None:
            raise self.failing
        return send.to not in self.turned_down


def checked(check: Check, **parts: object) -> TestWorld:
    return journeys.build(send_check=check, **parts)


def test_the_check_is_told_what_is_sent_where_about_whom_and_nothing_secret() -> None:
    check = Check()
    world = checked(check)
    credential = journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    check.asked.clear()
    world.kit.reset.begin(ADA, context=journeys.Context(device="Firefox on Linux", place="Oslo", locale="nb"))
    expected = Send(
        kind=MessageKind.RESET_CODE, to=journeys.parsed(PHONE), region="US", credential_id=credential.id, device="Firefox on Linux", place="Oslo", locale="nb"
    )
    assert check.asked == [expected]


def test_a_code_that_is_turned_down_goes_to_the_next_destination_and_is_right_there() -> None:
    world = checked(Check(PHONE))
    journeys.ada(world, PHONE, preferred=journeys.parsed(PHONE))
    assert journeys.granted(world, PHONE)
    assert sent_to(world) == [ADA]


def test_a_code_that_is_turned_down_everywhere_is_dropped_and_the_answer_is_the_same() -> None:
    check = Check()
    world = checked(check)
    journeys.ada(world, PHONE)
    check.asked.clear()
    check.turned_down = (journeys.parsed(PHONE), journeys.parsed(ADA))
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    assert (sent_to(world), len(check.asked), journeys.stored(world, "outbox")) == ([], 2, [])
    assert journeys.challenge_of(world, ticket).binding is None
    assert refusal(world.kit.reset.verify, ticket, journeys.WRONG, context=CONTEXT).reason is Reason.CODE_WRONG


@pytest.mark.parametrize("journey", ["sign_up", "reminder", "request"])
def test_what_has_one_destination_is_dropped_if_it_is_turned_down(journey: str) -> None:
    check = Check()
    world = checked(check)
    journeys.ada(world)
    check.turned_down = (journeys.parsed(ADA), journeys.parsed("carol@example.com"))
    if journey == "sign_up":
        world.kit.sign_up.begin("carol@example.com", context=CONTEXT)
    elif journey == "reminder":
        world.kit.reminder.send(ADA, context=CONTEXT)
    else:
        world.kit.settings.request(world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session, context=CONTEXT)
    assert (sent_to(world), journeys.stored(world, "outbox")) == ([], [])


def test_a_check_that_fails_keeps_the_message_due_and_is_asked_again() -> None:
    check = Check()
    world = checked(check, deliver="manual")
    check.failing = ConnectionError("the gateway of " + PHONE)
    world.kit.sign_up.begin(PHONE, context=CONTEXT)
    with pytest.raises(SendCheckFailed) as trouble:
        world.kit.courier.run_due()
    assert PHONE not in str(trouble.value)
    assert (sent_to(world), len(journeys.stored(world, "outbox"))) == ([], 1)
    check.failing = None
    world.clock.advance(timedelta(minutes=1))
    world.kit.courier.run_due()
    assert sent_to(world) == [PHONE]


def test_notices_of_changes_are_not_asked_about() -> None:
    check = Check()
    world = checked(check)
    credential = journeys.ada(world)
    check.asked.clear()
    world.kit.admin.mark_compromised(credential.id, actor="support")
    world.kit.courier.run_due()
    assert (sent_to(world), check.asked) == ([ADA], [])


def test_a_message_that_another_courier_has_taken_over_meanwhile_is_left_to_it() -> None:
    check = Check()
    world = checked(check, deliver="manual")
    ticket = world.kit.sign_up.begin(ADA, context=CONTEXT)
    other = journeys.beside(world, inbox=Inbox(), deliver="manual")
    other.inbox.failing = ConnectionError()

    def overtaken(send: Send) -> bool:
        world.clock.advance(timedelta(minutes=1))
        other.kit.courier.run_due()
        return False

    check.allows = overtaken  # type: ignore[method-assign]
    world.kit.courier.run_due()
    other.inbox.failing = None
    world.clock.advance(timedelta(minutes=2))
    other.kit.courier.run_due()
    assert [message.to.canonical for message in other.inbox.messages] == [ADA]
    assert journeys.challenge_of(world, ticket).binding is not None


def test_a_blocking_kit_says_so_if_the_check_is_async() -> None:
    class Waiting:
        async def allows(self, send: Send) -> bool:
            return True

    world = journeys.build(send_check=Waiting(), deliver="manual")
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    with pytest.raises(ConfigurationError):
        world.kit.courier.run_due()
