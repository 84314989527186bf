"""The steps that every journey with a one-time code shares: begin, resend, look, verify. Each test holds for sign-up and for reset."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.context import Context
from credkit.errors import Next, Reason, UnknownKey
from credkit.flows.challenges import CHALLENGE
from credkit.messages import MessageKind
from credkit.otp import code_of
from credkit.policy import Policy
from credkit.ports import Write
from credkit.testing import TestWorld, kit_for_tests
from credkit.testing.kits import keys_for_tests, site_for_tests
from credkit.tickets import Ticket, Token
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, MICROSECOND, NEW, NOBODY, PAUSE, WEIRD, WRONG, refusal

LIFE = Policy().otp.lifetime
TRIES = Policy().otp.comparisons

WHO = {"sign_up": BOB, "reset": ADA}
"""Whose code each journey is about: somebody new, and Ada, who has a sign-in."""

both = pytest.mark.parametrize("name", list(WHO))


class Journey:
    """One journey of one world, up to the grant."""

    def __init__(self, name: str, world: TestWorld | None = None) -> None:
        self.name, self.identifier = name, WHO[name]
        self.world = world or kit_for_tests()
        if self.world.credentials.find(journeys.parsed(ADA)) is None:
            journeys.ada(self.world)
        self.flow: Any = getattr(self.world.kit, name)
        self.context = CONTEXT

    def beside(self, **parts: Any) -> Journey:
        """Return the journey in another worker over the same stores."""
        return Journey(self.name, journeys.beside(self.world, **parts))

    def begin(self) -> tuple[Ticket, str]:
        ticket = self.flow.begin(self.identifier, context=self.context)
        return ticket, self.world.inbox.last_code(self.identifier)

    def resend(self, ticket: Any) -> Ticket:
        return self.flow.resend(ticket, context=self.context)

    def look(self, ticket: Any) -> Ticket:
        return self.flow.look(ticket, context=self.context)

    def verify(self, ticket: Any, code: Any) -> Any:
        return self.flow.verify(ticket, code, context=self.context)

    def complete(self, grant: Any) -> Any:
        return self.flow.complete(grant, NEW, context=self.context)

    def run_due(self) -> Any:
        return self.world.kit.courier.run_due()

    def tries_left(self, ticket: Ticket) -> int:
        return self.look(ticket).tries_left

    def wrong(self, ticket: Any, code: Any = WRONG) -> Reason:
        return refusal(self.verify, ticket, code).reason

    def wait(self, span: timedelta) -> None:
        self.world.clock.advance(span)


# The right code and the wrong ones --------------------------------------------------------------------------------------


@both
def test_the_right_code_gives_a_grant(name: str) -> None:
    journey = Journey(name)
    ticket, code = journey.begin()
    grant = journey.verify(ticket, code)
    assert grant.purpose is ticket.purpose
    assert grant.expires_at == journey.world.clock.now() + Policy().grant_lifetime


@both
def test_a_ticket_is_good_as_a_value_and_as_its_text(name: str) -> None:
    journey = Journey(name)
    ticket, code = journey.begin()
    assert journey.look(ticket.text) == journey.look(ticket)
    assert journey.verify(ticket.text, code).text == journey.verify(ticket, code).text


@both
def test_spaces_dashes_and_digits_of_another_script_are_forgiven(name: str) -> None:
    journey = Journey(name)  # OT-15
    ticket, code = journey.begin()
    arabic = "".join(chr(0x660 + int(digit)) for digit in code)
    assert journey.verify(ticket, f" {arabic[:4]}-{arabic[4:]}\u00a0").purpose is ticket.purpose


@both
def test_a_wrong_code_is_counted_and_the_tries_left_are_told(name: str) -> None:
    journey = Journey(name)
    ticket, _ = journey.begin()
    refused = refusal(journey.verify, ticket, WRONG)
    assert (refused.reason, refused.tries_left, refused.next) == (Reason.CODE_WRONG, TRIES - 1, Next.RETRY)
    assert journey.tries_left(ticket) == TRIES - 1


@both
def test_after_the_last_try_the_right_code_is_dead_too(name: str) -> None:
    journey = Journey(name)  # REQ-D1a, OT-04; REQ-D1d: nothing is known of a network here
    ticket, code = journey.begin()
    assert [journey.wrong(ticket) for _ in range(TRIES)] == [Reason.CODE_WRONG] * (TRIES - 1) + [Reason.CODE_EXHAUSTED]
    assert journey.wrong(ticket, code) is Reason.CODE_EXHAUSTED


@both
def test_a_strangers_wrong_guesses_leave_the_last_try_to_the_owner(name: str) -> None:
    journey = Journey(name)  # REQ-D5d
    ticket, code = journey.begin()
    for _ in range(TRIES - 1):
        journey.wrong(ticket)
    assert journey.verify(ticket, code)


@both
@pytest.mark.parametrize("guess", ["1234", "123456", "123456789012", "ABCDEFGHJKMN", "abcd"])
def test_whatever_could_be_a_code_of_some_length_is_a_comparison(name: str, guess: str) -> None:
    journey = Journey(name)  # F14: "malformed" would tell the length that is due
    ticket, _ = journey.begin()
    assert journey.wrong(ticket, guess) is Reason.CODE_WRONG
    assert journey.tries_left(ticket) == TRIES - 1


@both
@pytest.mark.parametrize("code", [*WEIRD, "123", "1234567890123", "1234567\u00b2", "ILOU"])
def test_what_cannot_be_a_code_is_refused_and_not_counted(name: str, code: object) -> None:
    journey = Journey(name)  # REQ-D4c
    ticket, _ = journey.begin()
    assert journey.wrong(ticket, code) is (Reason.CODE_WRONG if code == "12345678" else Reason.CODE_MALFORMED)
    assert journey.tries_left(ticket) == TRIES


# Once only --------------------------------------------------------------------------------------------------------------


@both
def test_the_right_code_again_within_half_a_minute_gives_the_same_grant(name: str) -> None:
    journey = Journey(name)
    ticket, code = journey.begin()
    first = journey.verify(ticket, code)
    journey.wait(Policy().otp.repeat - MICROSECOND)
    assert journey.verify(ticket, code).text == first.text


@both
def test_the_right_code_again_after_half_a_minute_is_used(name: str) -> None:
    journey = Journey(name)  # OT-04
    ticket, code = journey.begin()
    journey.verify(ticket, code)
    journey.wait(Policy().otp.repeat)
    assert journey.wrong(ticket, code) is Reason.CODE_USED


@both
def test_a_code_given_to_another_ticket_of_the_same_person_is_wrong_and_counted(name: str) -> None:
    journey = Journey(name)  # OT-05
    first, code = journey.begin()
    journey.wait(PAUSE)
    second, other = journey.begin()
    assert other != code
    assert journey.wrong(second, code) is Reason.CODE_WRONG
    assert (journey.tries_left(first), journey.tries_left(second)) == (TRIES, TRIES - 1)


@both
def test_a_new_begin_leaves_the_tickets_that_are_out_alive(name: str) -> None:
    journey = Journey(name)  # or a stranger could cancel the owner's code by asking for one
    first, code = journey.begin()
    journey.wait(PAUSE)
    second, other = journey.begin()
    assert journey.verify(first, code).text != journey.verify(second, other).text


def test_a_code_of_one_journey_is_wrong_in_another_and_counted() -> None:
    world = kit_for_tests()  # OT-05, REQ-D4b
    ticket = world.kit.sign_up.begin(BOB, context=CONTEXT)
    code = world.inbox.last_code(BOB)
    reset = world.kit.reset.begin(BOB, context=CONTEXT)
    refused = refusal(world.kit.reset.verify, reset, code, context=CONTEXT)
    assert (refused.reason, refused.tries_left) == (Reason.CODE_WRONG, TRIES - 1)
    assert world.kit.sign_up.verify(ticket, code, context=CONTEXT)


@pytest.mark.parametrize(("ticket_of", "used_in"), [("sign_up", "reset"), ("reset", "sign_up")])
def test_a_ticket_or_grant_of_one_journey_is_nothing_in_another(ticket_of: str, used_in: str) -> None:
    own = Journey(ticket_of)  # REQ-D4b
    other = Journey(used_in, own.world)
    ticket, code = own.begin()
    invalid = {refusal(call, ticket).reason for call in (other.look, other.resend, lambda t: other.verify(t, code))}
    assert invalid == {Reason.TICKET_INVALID}
    grant = own.verify(ticket, code)
    assert refusal(other.complete, grant).reason is Reason.GRANT_INVALID
    assert own.complete(grant)


# Tickets ----------------------------------------------------------------------------------------------------------------


@both
def test_a_ticket_has_an_id_of_128_and_a_secret_of_256_random_bits(name: str) -> None:
    journey = Journey(name)  # OT-17
    first, _ = journey.begin()
    journey.wait(PAUSE)
    second, _ = journey.begin()
    halves = [half for ticket in (first, second) for half in ticket.text.split(".")]
    assert [len(half) for half in halves] == [22, 43] * 2
    assert len(set(halves)) == 4


@both
def test_a_code_without_its_tickets_secret_is_refused_and_not_counted(name: str) -> None:
    journey = Journey(name)  # OT-17
    ticket, code = journey.begin()
    forged = f"{ticket.text.split('.')[0]}.{'A' * 43}"
    assert journey.wrong(forged, code) is Reason.TICKET_INVALID
    assert journey.tries_left(ticket) == TRIES


@both
def test_wrong_foreign_and_unknown_tickets_are_refused_alike(name: str) -> None:
    journey = Journey(name)  # OT-16
    ticket, _ = journey.begin()
    own_id = ticket.text.split(".")[0]
    for call in (journey.look, journey.resend, lambda t: journey.verify(t, WRONG)):
        unknown, foreign = (refusal(call, f"{half}.{'A' * 43}") for half in ("A" * 22, own_id))
        assert unknown.problem() == foreign.problem()


@both
@pytest.mark.parametrize("ticket", WEIRD)
def test_what_cannot_be_a_ticket_is_refused_like_an_unknown_one(name: str, ticket: object) -> None:
    journey = Journey(name)  # REQ-D4c
    for call in (journey.look, journey.resend, lambda t: journey.verify(t, WRONG)):
        assert refusal(call, ticket).reason is Reason.TICKET_INVALID


@both
def test_a_grant_is_no_ticket_and_a_ticket_is_no_grant(name: str) -> None:
    journey = Journey(name)  # REQ-D4a
    ticket, code = journey.begin()
    grant = journey.verify(ticket, code)
    assert refusal(journey.complete, ticket).reason is Reason.GRANT_INVALID
    assert refusal(journey.look, grant).reason is Reason.TICKET_INVALID


@both
def test_looking_tells_the_facts_and_counts_nothing(name: str) -> None:
    journey = Journey(name)
    ticket, _ = journey.begin()
    journey.wrong(ticket)
    before = journeys.stored(journey.world, CHALLENGE)
    looked = journey.look(ticket)
    assert (looked.label, looked.expires_at, looked.resend_at, looked.tries_left) == (ticket.label, ticket.expires_at, ticket.resend_at, TRIES - 1)
    assert journeys.stored(journey.world, CHALLENGE) == before


@both
def test_a_ticket_and_its_message_carry_the_same_label(name: str) -> None:
    journey = Journey(name)  # NO-15
    ticket, _ = journey.begin()
    message = journey.world.inbox.messages[-1]
    assert message.label == ticket.label
    assert (message.at, message.expires_at) == (journey.world.clock.now(), ticket.expires_at)


@both
def test_a_ticket_shows_what_was_typed_masked(name: str) -> None:
    journey = Journey(name)
    assert journey.begin()[0].masked == f"{journey.identifier[0]}***@example.com"


@both
def test_device_and_place_stand_in_the_message(name: str) -> None:
    journey = Journey(name)
    journey.context = Context(device="Firefox on Linux", place="Oslo, Norway", locale="nb")
    journey.begin()
    message = journey.world.inbox.messages[-1]
    assert (message.device, message.place, message.locale) == ("Firefox on Linux", "Oslo, Norway", "nb")


@both
def test_a_phone_number_is_read_by_the_region_of_the_site_or_of_the_request(name: str) -> None:
    journey = Journey(name)
    assert journey.flow.begin("(415) 555-2671", context=CONTEXT).masked == "***71"
    assert journey.flow.begin("01512 3456789", context=Context(region="DE")).masked == "***89"
    assert refusal(journey.flow.begin, "01512 3456789", context=CONTEXT).reason is Reason.PHONE_INVALID


@both
@pytest.mark.parametrize("identifier", WEIRD)
def test_what_cannot_be_an_identifier_is_refused_and_writes_nothing(name: str, identifier: Any) -> None:
    journey = Journey(name)
    before = journeys.stored(journey.world, "budget")
    assert str(refusal(journey.flow.begin, identifier, context=CONTEXT).field) == "identifier"
    assert journeys.stored(journey.world, "budget") == before


@both
@pytest.mark.parametrize("url", ["https://example.com", "http://localhost:8000"])
def test_a_journey_names_the_cookie_of_its_tickets_and_grants_and_ends_it(name: str, url: str) -> None:
    journey = Journey(name, journeys.build(site=replace(site_for_tests(), url=url)))
    ticket, code = journey.begin()
    cookies = [ticket.cookie(), journey.verify(ticket, code).cookie()]
    assert {cookie["key"] for cookie in cookies} == {journey.flow.cookie_name}
    ended = journey.flow.ended_cookie()
    assert ended == {**cookies[0], "value": "", "max_age": 0}


# Time -------------------------------------------------------------------------------------------------------------------


@both
def test_a_code_is_good_until_the_last_microsecond_of_its_life(name: str) -> None:
    journey = Journey(name)  # OT-03, REQ-D5a
    ticket, code = journey.begin()
    assert ticket.expires_at == journey.world.clock.now() + LIFE
    journey.wait(LIFE - MICROSECOND)
    assert journey.verify(ticket, code)


@both
def test_a_code_has_expired_at_the_end_of_its_life_and_is_not_compared(name: str) -> None:
    journey = Journey(name)  # OT-03, REQ-D5a
    ticket, code = journey.begin()
    journey.wait(LIFE)
    assert journey.wrong(ticket, code) is Reason.CODE_EXPIRED
    assert journey.wrong(ticket) is Reason.CODE_EXPIRED
    assert journey.tries_left(ticket) == TRIES


@both
def test_a_code_once_seen_expired_stays_so_when_the_clock_goes_back(name: str) -> None:
    journey = Journey(name)  # OT-03
    ticket, code = journey.begin()
    journey.wait(LIFE)
    journey.wrong(ticket, code)
    journey.wait(-timedelta(hours=1))
    assert journey.wrong(ticket, code) is Reason.CODE_EXPIRED


@both
def test_a_used_code_stays_used_when_it_has_expired_and_when_the_clock_goes_back(name: str) -> None:
    journey = Journey(name)  # OT-04
    ticket, code = journey.begin()
    journey.verify(ticket, code)
    journey.wait(LIFE)
    assert journey.wrong(ticket, code) is Reason.CODE_USED


@both
def test_purging_forgets_no_code_that_is_alive(name: str) -> None:
    journey = Journey(name)  # REQ-D5a
    ticket, code = journey.begin()
    journey.wait(LIFE - MICROSECOND)
    journey.world.kit.purge()
    assert journey.verify(ticket, code)


@both
def test_purging_changes_what_is_told_only_long_after_the_end(name: str) -> None:
    journey = Journey(name)
    ticket, code = journey.begin()
    journey.wait(LIFE)
    journey.world.kit.purge()
    assert journey.wrong(ticket, code) is Reason.CODE_EXPIRED
    journey.wait(timedelta(hours=1))
    journey.world.kit.purge()
    assert journey.wrong(ticket, code) is Reason.TICKET_INVALID


# Sending again ----------------------------------------------------------------------------------------------------------


@both
def test_a_resend_before_its_pause_is_over_is_told_how_long_to_wait(name: str) -> None:
    journey = Journey(name)
    ticket, _ = journey.begin()
    assert ticket.resend_at == journey.world.clock.now() + PAUSE
    journey.wait(PAUSE - MICROSECOND)
    refused = refusal(journey.resend, ticket)
    assert (refused.reason, refused.retry_after, refused.retry_seconds) == (Reason.RESEND_TOO_SOON, MICROSECOND, 1)


@both
def test_pauses_grow_and_resends_end(name: str) -> None:
    journey = Journey(name)
    ticket, _ = journey.begin()
    for pause in Policy().otp.resend_pauses:
        assert journey.look(ticket).resend_at - journey.world.clock.now() == pause
        journey.wait(pause)
        journey.resend(ticket)
    journey.wait(PAUSE)
    assert refusal(journey.resend, ticket).reason is Reason.RESEND_EXHAUSTED


@both
def test_a_resend_in_the_first_half_of_a_codes_life_repeats_the_code_and_its_end(name: str) -> None:
    journey = Journey(name)  # F22: message 1 may still be on its way
    ticket, code = journey.begin()
    journey.wait(LIFE / 2 - MICROSECOND)
    again = journey.resend(ticket)
    assert journey.world.inbox.last_code(journey.identifier) == code
    assert len(journey.world.inbox.to(journey.identifier)) == 2
    assert again.expires_at == ticket.expires_at
    assert journey.verify(ticket, code)


@both
def test_a_resend_in_the_second_half_makes_a_new_code_and_the_old_one_is_dead(name: str) -> None:
    journey = Journey(name)  # F22, OT-07
    ticket, old = journey.begin()
    journey.wait(LIFE / 2)
    again = journey.resend(ticket)
    new = journey.world.inbox.last_code(journey.identifier)
    assert again.expires_at == journey.world.clock.now() + LIFE
    assert journey.wrong(ticket, old) is Reason.CODE_WRONG
    assert journey.verify(ticket, new)


@both
def test_a_resend_after_the_end_of_the_code_makes_a_new_one(name: str) -> None:
    journey = Journey(name)
    ticket, _ = journey.begin()
    journey.wait(LIFE)
    journey.wrong(ticket)
    journey.resend(ticket)
    assert journey.verify(ticket, journey.world.inbox.last_code(journey.identifier))


@both
def test_a_code_seen_expired_is_not_repeated_when_the_clock_goes_back(name: str) -> None:
    journey = Journey(name)  # OT-03
    ticket, code = journey.begin()
    journey.wait(LIFE)
    journey.wrong(ticket)
    journey.wait(PAUSE - LIFE)
    journey.resend(ticket)
    assert journey.world.inbox.last_code(journey.identifier) != code


@both
def test_wrong_guesses_stay_counted_over_all_resends(name: str) -> None:
    journey = Journey(name)  # OT-07, REQ-D1b
    ticket, _ = journey.begin()
    for left, pause in zip((4, 3, 2), (timedelta(minutes=6), timedelta(minutes=6), timedelta(minutes=6)), strict=True):
        journey.wrong(ticket)
        journey.wait(pause)
        assert journey.resend(ticket).tries_left == left
    assert [journey.wrong(ticket) for _ in range(2)] == [Reason.CODE_WRONG, Reason.CODE_EXHAUSTED]
    assert journey.wrong(ticket, journey.world.inbox.last_code(journey.identifier)) is Reason.CODE_EXHAUSTED


@both
def test_nothing_is_sent_again_for_a_used_or_exhausted_ticket(name: str) -> None:
    journey = Journey(name)
    used, code = journey.begin()
    journey.verify(used, code)
    journey.wait(PAUSE)
    exhausted, _ = journey.begin()
    for _ in range(TRIES):
        journey.wrong(exhausted)
    journey.wait(PAUSE)
    assert refusal(journey.resend, used).reason is Reason.CODE_USED
    assert refusal(journey.resend, exhausted).reason is Reason.CODE_EXHAUSTED


@both
def test_a_superseded_code_is_not_sent(name: str) -> None:
    journey = Journey(name).beside(deliver="manual")  # F22
    ticket = journey.flow.begin(journey.identifier, context=CONTEXT)
    journey.wait(LIFE / 2)
    journey.resend(ticket)
    delivered = journey.run_due()
    assert (delivered.sent, delivered.dropped) == (1, 1)
    assert journey.verify(ticket, journeys.code_in(journey.world.inbox.messages))


# Beginning again --------------------------------------------------------------------------------------------------------


@both
def test_a_begin_too_soon_after_another_is_delivered_late_and_not_dropped(name: str) -> None:
    journey = Journey(name)  # F12
    journey.begin()
    journey.flow.begin(journey.identifier, context=CONTEXT)
    assert len(journey.world.inbox.to(journey.identifier)) == 1
    journey.wait(PAUSE - MICROSECOND)
    assert journey.run_due().sent == 0
    journey.wait(MICROSECOND)
    assert journey.run_due().sent == 1


@both
def test_a_clock_that_ran_ahead_defers_a_message_by_one_pause_at_the_most(name: str) -> None:
    journey = Journey(name)
    journey.wait(timedelta(hours=2))
    journey.begin()
    journey.wait(-timedelta(hours=2))
    journey.flow.begin(journey.identifier, context=CONTEXT)
    journey.wait(PAUSE)
    assert journey.run_due().sent == 1


# Sessions (F23) ---------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("elsewhere", [Context(session_key="thief"), CONTEXT])
def test_a_journey_begun_in_a_session_goes_on_in_no_other(name: str, elsewhere: Context) -> None:
    journey = Journey(name)
    journey.context = Context(session_key="own")
    ticket, code = journey.begin()
    grant = journey.verify(ticket, code)
    journey.context = elsewhere
    refused = [refusal(call, ticket) for call in (journey.look, journey.resend, lambda t: journey.verify(t, code))]
    assert {refused.reason for refused in refused} == {Reason.TICKET_INVALID}
    assert refusal(journey.complete, grant).reason is Reason.GRANT_INVALID


@both
def test_a_journey_begun_in_a_session_goes_on_there(name: str) -> None:
    journey = Journey(name)
    journey.context = Context(session_key="own")
    ticket, code = journey.begin()
    journey.wait(PAUSE)
    journey.resend(ticket)
    assert journey.complete(journey.verify(ticket, code))


@both
def test_a_journey_begun_without_a_session_may_go_on_in_one(name: str) -> None:
    journey = Journey(name)
    ticket, code = journey.begin()
    journey.context = Context(session_key="new")
    assert journey.complete(journey.verify(ticket, code))


@both
def test_a_guess_from_another_session_is_not_counted(name: str) -> None:
    journey = Journey(name)
    journey.context = Context(session_key="own")
    ticket, _ = journey.begin()
    refusal(journey.flow.verify, ticket, WRONG, context=Context(session_key="thief"))
    assert journey.tries_left(ticket) == TRIES


# Nobody's challenge -----------------------------------------------------------------------------------------------------


@both
def test_a_guess_before_the_courier_has_run_is_an_ordinary_wrong_one(name: str) -> None:
    journey = Journey(name).beside(deliver="manual")  # F17
    ticket = journey.flow.begin(journey.identifier, context=CONTEXT)
    assert journey.wrong(ticket) is Reason.CODE_WRONG
    journey.run_due()
    assert journey.verify(ticket, journey.world.inbox.last_code(journey.identifier))


@both
def test_not_even_the_text_an_unbound_challenge_derives_is_ever_right(name: str) -> None:
    journey = Journey(name).beside(deliver="manual")  # RS-02: never, not by luck either
    ticket = journey.flow.begin(journey.identifier, context=CONTEXT)
    challenge = journeys.challenge_of(journey.world, ticket)
    derived = code_of(challenge, keys_for_tests(), site="main", record_key=f"main/{CHALLENGE}/{challenge.id}").reveal()
    refused = refusal(journey.verify, ticket, derived)
    assert (refused.reason, refused.tries_left) == (Reason.CODE_WRONG, TRIES - 1)


def test_a_message_names_the_journey_it_is_for() -> None:
    kinds = []
    for name in WHO:
        journey = Journey(name)
        journey.begin()
        kinds.append(journey.world.inbox.messages[-1].kind)
    assert kinds == [MessageKind.SIGN_UP_CODE, MessageKind.RESET_CODE]


# Keys (F21, KE-04) ------------------------------------------------------------------------------------------------------


def _old(name: str) -> Journey:
    return Journey(name, journeys.build(keys=journeys.ring("old")))


@both
def test_a_code_made_before_a_rotation_is_good_after_it(name: str) -> None:
    old = _old(name)
    ticket, code = old.begin()
    new = old.beside(keys=journeys.ring("new", "old"))
    assert new.complete(new.verify(ticket, code))


@both
def test_a_grant_made_before_a_rotation_is_good_after_it(name: str) -> None:
    old = _old(name)
    grant = old.verify(*old.begin())
    assert old.beside(keys=journeys.ring("new", "old")).complete(grant)


@both
def test_after_a_rotation_new_codes_and_grants_use_the_new_key(name: str) -> None:
    old = _old(name)
    new = old.beside(keys=journeys.ring("new", "old"))
    ticket, code = new.begin()
    grant = new.verify(ticket, code)
    assert journeys.challenge_of(new.world, ticket).issue.key_id == "new"
    assert journeys.grant_of(new.world, grant).key_id == "new"


@both
def test_while_a_rotation_is_under_way_old_and_new_workers_read_each_others_codes(name: str) -> None:
    first = _old(name).beside(keys=journeys.ring("old", "new"))  # added last, deployed everywhere, then promoted
    second = first.beside(keys=journeys.ring("new", "old"))
    ticket, code = second.begin()
    assert first.complete(first.verify(ticket, code))


@both
def test_a_code_whose_key_was_dropped_is_trouble_and_not_counted(name: str) -> None:
    old = _old(name)
    ticket, code = old.begin()
    with pytest.raises(UnknownKey):
        old.beside(keys=journeys.ring("new")).verify(ticket, code)
    assert old.tries_left(ticket) == TRIES
    assert old.verify(ticket, code)


@both
def test_a_grant_whose_key_was_dropped_is_trouble_and_stays_good(name: str) -> None:
    old = _old(name)
    grant = old.verify(*old.begin())
    with pytest.raises(UnknownKey):
        old.beside(keys=journeys.ring("new")).complete(grant)
    assert journeys.grant_of(old.world, grant).tries_left == Policy().grant_tries
    assert old.complete(grant)


@both
def test_a_message_whose_key_this_worker_does_not_know_is_kept_for_another(name: str) -> None:
    old = _old(name).beside(keys=journeys.ring("old"), deliver="manual")
    old.flow.begin(old.identifier, context=CONTEXT)
    new = old.beside(keys=journeys.ring("new"), deliver="manual")
    assert new.run_due().kept == 1
    new.wait(timedelta(minutes=5))
    assert old.run_due().sent == 1


@both
def test_counts_of_a_typed_identifier_outlive_a_rotation_of_the_index_keys(name: str) -> None:
    policy = journeys.lowered(begins=2)  # F21: promoted keys would start every count at 0, and half a deployment would double it
    old = Journey(name, journeys.build(index_keys=journeys.ring("old"), policy=policy))
    before, after = (old.beside(index_keys=journeys.ring(*names), policy=policy) for names in (("old", "new"), ("new", "old")))
    before.flow.begin(before.identifier, context=CONTEXT)
    after.flow.begin(after.identifier, context=CONTEXT)
    for half in (before, after):
        assert refusal(half.flow.begin, half.identifier, context=CONTEXT).reason is Reason.TOO_MANY_REQUESTS


def test_codes_go_on_while_the_index_keys_rotate() -> None:
    old = Journey("reset", journeys.build(index_keys=journeys.ring("old")))
    ticket, code = old.begin()
    after = old.beside(index_keys=journeys.ring("new"))
    assert after.complete(after.verify(ticket, code))


# Sites ------------------------------------------------------------------------------------------------------------------


def _next_door(journey: Journey) -> Journey:
    """Return the journey at another site that shares even the users: whatever does not count there, does not because of the site."""
    other = object.__new__(Journey)
    kit = journey.world.kit.at(journeys.other_site(), credentials=journey.world.credentials, notifier=journey.world.inbox)
    other.name, other.identifier, other.context = journey.name, journey.identifier, CONTEXT
    other.world = TestWorld(kit=kit, inbox=journey.world.inbox, clock=journey.world.clock, records=journey.world.records, credentials=journey.world.credentials)
    other.flow = getattr(kit, journey.name)
    return other


@both
def test_a_ticket_of_one_site_is_unknown_at_another(name: str) -> None:
    journey = Journey(name)
    ticket, code = journey.begin()
    other = _next_door(journey)
    for call in (other.look, other.resend, lambda t: other.verify(t, code)):
        assert refusal(call, ticket).reason is Reason.TICKET_INVALID


@both
def test_a_code_of_one_site_is_wrong_at_another(name: str) -> None:
    journey = Journey(name)
    _, code = journey.begin()
    other = _next_door(journey)
    ticket, _ = other.begin()
    assert other.wrong(ticket, code) is Reason.CODE_WRONG


@both
def test_even_a_record_copied_to_another_site_yields_another_code(name: str) -> None:
    journey = Journey(name)
    ticket, _ = journey.begin()
    challenge = journeys.challenge_of(journey.world, ticket)
    codes = {code_of(challenge, keys_for_tests(), site=site, record_key=f"main/{CHALLENGE}/{challenge.id}").reveal() for site in ("main", "other")}
    assert len(codes) == 2


@both
def test_a_grant_of_one_site_is_nothing_at_another(name: str) -> None:
    journey = Journey(name)
    grant = journey.verify(*journey.begin())
    assert refusal(lambda: _next_door(journey).complete(grant)).reason is Reason.GRANT_INVALID
    assert journey.complete(grant)


@both
def test_counts_of_one_site_are_not_those_of_another(name: str) -> None:
    journey = Journey(name, journeys.build(policy=journeys.lowered(begins=1, network_begins=1)))
    journey.context = Context(network_key="net")
    journey.begin()
    assert refusal(journey.begin).reason is Reason.TOO_MANY_REQUESTS
    other = _next_door(journey)
    other.context = journey.context
    ticket, code = other.begin()
    assert other.verify(ticket, code)


@both
def test_a_message_of_one_site_is_delivered_by_that_sites_courier_only(name: str) -> None:
    journey = Journey(name).beside(deliver="manual")
    journey.flow.begin(journey.identifier, context=CONTEXT)
    assert _next_door(journey).run_due().sent == 0
    assert journey.run_due().sent == 1
    assert journey.world.inbox.messages[-1].site == journey.world.kit.site


def test_a_session_is_stored_differently_at_every_site() -> None:
    journey = Journey("reset")
    shells = [one.world.kit._shell for one in (journey, _next_door(journey))]
    assert len({shell.session_digest(Context(session_key="own")) for shell in shells}) == 2


# What is written --------------------------------------------------------------------------------------------------------


@both
def test_a_challenge_at_rest_holds_no_code_no_secret_and_no_session(name: str) -> None:
    journey = Journey(name)
    journey.context = Context(session_key="the session of this browser")
    ticket, code = journey.begin()
    token = Token.parse(ticket.text)
    assert token is not None
    grant = journey.verify(ticket, code)
    dump = b"\n".join(record.payload for kind in ("challenge", "grant", "outbox", "budget") for record in journeys.stored(journey.world, kind))
    for secret in (code, token.secret.reveal(), grant.text.split(".")[1], "the session of this browser"):
        assert secret.encode() not in dump


def test_a_repeated_code_whose_grant_is_gone_is_used() -> None:
    journey = Journey("reset")
    ticket, code = journey.begin()
    grant = journey.verify(ticket, code)
    key = f"main/grant/{grant.text.split('.')[0]}"
    journey.world.records.commit({}, [_deletion(journey.world, key)])
    assert journey.wrong(ticket, code) is Reason.CODE_USED


def _deletion(world: TestWorld, key: str) -> Any:
    return Write(key=key, expected_version=world.records.load([key])[key].version, record=None)


def test_the_steps_ask_no_store_of_users() -> None:
    spied = journeys.SpiedCredentials()  # F17
    world = journeys.build(credentials=spied, deliver="manual")
    for name in WHO:
        flow: Any = getattr(world.kit, name)
        ticket = flow.begin(NOBODY, context=CONTEXT)
        refusal(flow.verify, ticket, WRONG, context=CONTEXT)
        flow.look(ticket, context=CONTEXT)
        world.clock.advance(PAUSE)
        flow.resend(ticket, context=CONTEXT)
    assert spied.calls == []
