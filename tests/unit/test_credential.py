"""Where a code goes, which changes are remembered, and what a new password moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from credkit.credential import CONFIRMED_FOR, MARK_LIFETIME, MARKS, Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import Reason, Refused
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.testing.fakes import START

MAIL = EmailAddress.parse("Ada@example.com")
WORK = EmailAddress.parse("ada@work.example.org")
PHONE = PhoneNumber.parse("+1 415 555 2671")
STRANGER = EmailAddress.parse("eve@example.com")
TICK = timedelta(microseconds=1)

V, C, U = Standing.VERIFIED, Standing.CARRIED_OVER, Standing.UNVERIFIED


def credential(*held: tuple[Identifier, Standing], preferred: Identifier | None = None, **changes: object) -> Credential:
    whole = Credential(
        id="c1",
        identifiers=tuple(Registered(identifier=identifier, standing=standing) for identifier, standing in held),
        password_hash="old hash",
        preferred=preferred,
        accounts=("account 1", "account 2"),
        session_epoch=3,
        generation="g1",
        version="v1",
        locale="fr",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


# ID-04, ID-15, ID-16, RS-07: the chosen method if it is verified, else what was typed if that is or nothing else is verified, else nowhere.
@pytest.mark.parametrize(
    ("mail", "phone", "preferred", "typed", "goes_to"),
    [
        (V, V, PHONE, MAIL, PHONE),
        (V, V, PHONE, PHONE, PHONE),
        (V, V, MAIL, PHONE, MAIL),
        (V, V, None, MAIL, MAIL),
        (V, V, None, PHONE, PHONE),
        (V, V, WORK, MAIL, MAIL),
        (V, C, PHONE, MAIL, MAIL),
        (V, C, PHONE, PHONE, MAIL),
        (V, C, MAIL, PHONE, MAIL),
        (V, C, None, PHONE, MAIL),
        (V, U, PHONE, MAIL, MAIL),
        (V, U, PHONE, PHONE, None),
        (V, U, MAIL, PHONE, None),
        (V, U, None, PHONE, None),
        (C, C, PHONE, MAIL, MAIL),
        (C, C, MAIL, MAIL, MAIL),
        (C, C, None, PHONE, PHONE),
        (C, U, PHONE, MAIL, MAIL),
        (C, U, MAIL, PHONE, None),
        (U, U, MAIL, MAIL, None),
        (U, U, None, PHONE, None),
        (U, V, PHONE, MAIL, None),
        (U, V, MAIL, PHONE, PHONE),
        (V, V, MAIL, STRANGER, None),
        (V, V, None, STRANGER, None),
    ],
)
def test_a_code_goes_to_the_chosen_method_or_to_what_was_typed_or_nowhere(
    mail: Standing, phone: Standing, preferred: Identifier | None, typed: Identifier, goes_to: Identifier | None
) -> None:
    whole = credential((MAIL, mail), (PHONE, phone), preferred=preferred)
    assert whole.destination(typed) == goes_to
    assert replace(whole, disabled=True).destination(typed) is None


@pytest.mark.parametrize("preferred", [None, EmailAddress.parse("aDa@EXAMPLE.com")])
def test_a_code_goes_to_the_address_as_it_is_stored(preferred: Identifier | None) -> None:
    # ID-04: the spelling that was typed is nobody's proof; nor is the one the choice was made with.
    goes_to = credential((MAIL, V), preferred=preferred).destination(EmailAddress.parse("ADA@Example.COM"))
    assert goes_to is not None
    assert goes_to.entered == "Ada@example.com"


def test_without_identifiers_no_code_goes_anywhere() -> None:
    assert credential(preferred=MAIL).destination(MAIL) is None


@pytest.mark.parametrize(("standing", "usable"), [(V, True), (C, True), (U, False)])
def test_only_an_unverified_identifier_is_good_for_nothing(standing: Standing, usable: bool) -> None:
    assert Registered(identifier=MAIL, standing=standing).usable is usable


def test_notices_go_to_every_verified_identifier_and_no_other() -> None:
    # NO-08.
    for whole, told in [(credential((MAIL, C), (WORK, V), (PHONE, U)), (WORK,)), (credential((PHONE, V), (MAIL, V)), (PHONE, MAIL))]:
        assert whole.verified == whole.told == told


def test_where_none_is_verified_notices_go_to_what_was_carried_over() -> None:
    whole = credential((MAIL, C), (WORK, U), (PHONE, C))
    assert (whole.verified, whole.told) == ((), (MAIL, PHONE))
    assert credential((MAIL, U)).told == credential().told == ()


def test_an_identifier_is_found_however_it_is_spelled_and_no_other_is() -> None:
    whole = credential((MAIL, V), (PHONE, U))
    assert whole.registered(EmailAddress.parse("ADA@example.com")) == whole.identifiers[0]
    assert whole.registered(STRANGER) is None


def marked(*ages: timedelta) -> Credential:
    return credential((MAIL, V), marks=tuple(Mark(change_id=f"change {number}", at=START - age) for number, age in enumerate(ages)))


def test_a_change_is_remembered_by_its_id() -> None:
    marks = credential().with_mark("change", START)
    assert marks == (Mark(change_id="change", at=START),)
    assert credential(marks=marks).has_mark("change")
    assert not credential(marks=marks).has_mark("another")


def test_a_change_is_remembered_for_thirty_days() -> None:
    # F1, F25: as long as its notice may wait; the bounds are what the docs say.
    assert timedelta(days=30) == MARK_LIFETIME
    kept = marked(timedelta(days=60), MARK_LIFETIME, MARK_LIFETIME - TICK, timedelta(0)).with_mark("new", START)
    assert [mark.change_id for mark in kept] == ["change 2", "change 3", "new"]


def test_a_change_of_a_clock_that_ran_ahead_is_remembered() -> None:
    assert [mark.change_id for mark in marked(timedelta(days=-400)).with_mark("new", START)] == ["change 0", "new"]


def test_the_sixty_fourth_change_is_made_and_the_next_is_refused() -> None:
    assert MARKS == 64
    assert len(marked(*[timedelta(days=1)] * 63).with_mark("new", START)) == 64
    with pytest.raises(Refused) as caught:
        marked(*[timedelta(days=1)] * 64).with_mark("new", START)
    assert caught.value.reason is Reason.TOO_MANY_CHANGES


def test_a_change_that_is_forgotten_makes_room() -> None:
    assert len(marked(MARK_LIFETIME, *[timedelta(days=1)] * 63).with_mark("new", START)) == 64


def changed(whole: Credential, proved: Identifier | None = None) -> Credential:
    return whole.with_password("new hash", change_id="change", generation="g2", now=START, proved=proved)


def test_a_new_password_moves_hash_epoch_generation_and_marks_and_nothing_else() -> None:
    before = credential((MAIL, V), (PHONE, C), preferred=MAIL)
    after = changed(before)
    moved = {field.name for field in fields(Credential) if getattr(before, field.name) != getattr(after, field.name)}
    assert moved == {"password_hash", "session_epoch", "generation", "marks"}
    assert (after.password_hash, after.session_epoch, after.generation) == ("new hash", 4, "g2")
    assert after.has_mark("change")


def test_a_new_password_after_too_many_changes_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        changed(marked(*[timedelta(0)] * 64))
    assert caught.value.reason is Reason.TOO_MANY_CHANGES


def test_a_new_password_by_a_code_is_set_however_many_changes_there_were() -> None:
    after = changed(marked(*[timedelta(0)] * 64), MAIL)
    assert (len(after.marks), after.marks[-1].change_id) == (64, "change")


@pytest.mark.parametrize("proved", [MAIL, EmailAddress.parse("ADA@example.com")])
def test_the_code_that_allowed_it_verifies_an_identifier_that_was_carried_over(proved: Identifier) -> None:
    after = changed(credential((MAIL, C), (WORK, C)), proved)
    assert after.identifiers == (Registered(identifier=MAIL, standing=V, verified_at=START), Registered(identifier=WORK, standing=C))
    assert after.identifiers[0].identifier.entered == "Ada@example.com"


@pytest.mark.parametrize(("standing", "proved"), [(C, None), (U, None), (C, STRANGER), (C, PHONE)])
def test_it_verifies_nothing_else(standing: Standing, proved: Identifier | None) -> None:
    before = credential((MAIL, standing))
    assert changed(before, proved).identifiers == before.identifiers


def test_a_code_says_anew_that_the_identifier_is_its_owner_s() -> None:
    """ID-18: a number is as old as the last code that came back from it."""
    before = credential((PHONE, V))
    assert changed(before, PHONE).identifiers == (Registered(identifier=PHONE, standing=V, verified_at=START),)
    assert changed(before).identifiers == before.identifiers


def dated(age: timedelta | None, standing: Standing = V) -> Credential:
    at = None if age is None else START - age
    return credential(identifiers=(Registered(identifier=PHONE, standing=standing, verified_at=at),))


@pytest.mark.parametrize("age", [CONFIRMED_FOR, timedelta(days=400)])
def test_a_verified_identifier_is_dated_anew_after_a_while_and_nothing_else_changes(age: timedelta | None) -> None:
    before = dated(age)
    assert before.confirmed(PHONE, START) == dated(timedelta(0))
    assert before.confirmed(MAIL, START) is before


@pytest.mark.parametrize("before", [dated(CONFIRMED_FOR - TICK), dated(None), dated(timedelta(days=400), C), dated(timedelta(days=400), U)])
def test_one_that_was_dated_lately_or_is_not_verified_stays_as_it_is(before: Credential) -> None:
    assert before.confirmed(PHONE, START) is before


def test_what_nobody_has_shown_to_be_theirs_goes_with_a_reset_by_code_and_stays_with_a_change_by_password() -> None:
    """ID-16, REQ-D11: somebody else may have put it there."""
    before = credential((MAIL, V), (WORK, U), (PHONE, U))
    assert [entry.identifier for entry in changed(before, MAIL).identifiers] == [MAIL]
    assert changed(before).identifiers == before.identifiers


@pytest.mark.parametrize(("preferred", "after"), [(None, MAIL), (MAIL, MAIL), (WORK, MAIL), (PHONE, MAIL), (STRANGER, MAIL)])
def test_the_identifier_that_proved_itself_is_the_verification_method_where_that_was_none_verified(preferred: Identifier | None, after: Identifier) -> None:
    """ID-16: or codes would go on going to whatever an import says."""
    assert changed(credential((MAIL, C), (WORK, C), (PHONE, U), preferred=preferred), MAIL).preferred == after


@pytest.mark.parametrize(("preferred", "after"), [(MAIL, PHONE), (PHONE, PHONE), (None, None)])
def test_an_identifier_that_cannot_be_reached_is_unverified_and_another_takes_over(preferred: Identifier | None, after: Identifier | None) -> None:
    """ID-19."""
    before = credential((MAIL, V), (WORK, C), (PHONE, V), preferred=preferred)
    changed = before.without_proof_of(MAIL, change_id="change", generation="g2", now=START)
    assert [(entry.standing, entry.verified_at) for entry in changed.identifiers] == [(U, None), (C, None), (V, None)]
    assert (changed.preferred, changed.generation, changed.session_epoch, changed.has_mark("change")) == (after, "g2", 3, True)


def test_the_last_verified_identifier_stays_verified_whether_it_can_be_reached_or_not() -> None:
    with pytest.raises(Refused) as caught:
        credential((MAIL, V), (WORK, C)).without_proof_of(MAIL, change_id="change", generation="g2", now=START)
    assert caught.value.reason is Reason.IDENTIFIER_LAST


def test_a_verified_verification_method_stays_whatever_has_proved_itself() -> None:
    assert changed(credential((MAIL, V), (PHONE, V), preferred=PHONE), MAIL).preferred == PHONE
    assert changed(credential((MAIL, C), preferred=WORK)).preferred == WORK


def test_what_a_credential_shows_holds_neither_hash_nor_address() -> None:
    shown = repr(credential((MAIL, V), (PHONE, V), preferred=MAIL, earlier_hashes=("older hash",)))
    assert not any(secret in shown for secret in ("old hash", "older hash", "Ada@", "ada@", "5552671", "v1"))


def test_a_new_credential_is_known_by_the_change_that_adds_it() -> None:
    new = NewCredential(
        identifiers=(Registered(identifier=MAIL, standing=V),), password_hash="hash", preferred=MAIL, generation="g1", marks=(Mark(change_id="m", at=START),)
    )
    assert new.change_id == "m"
    assert "hash=" not in repr(new)


# ------------------------------------------------------------------------------------------------------- changes of settings


def held(whole: Credential) -> dict[Identifier, Standing]:
    return {entry.identifier: entry.standing for entry in whole.identifiers}


def moved(before: Credential, after: Credential) -> set[str]:
    return {field.name for field in fields(Credential) if getattr(before, field.name) != getattr(after, field.name)}


def added(whole: Credential, new: Identifier, *, replaces: Identifier | None = None) -> Credential:
    return whole.with_identifier(new, replaces=replaces, change_id="change", generation="g2", now=START)


def removed(whole: Credential, gone: Identifier) -> Credential:
    return whole.without_identifier(gone, change_id="change", generation="g2", now=START)


def preferring(whole: Credential, chosen: Identifier) -> Credential:
    return whole.with_preferred(chosen, change_id="change", generation="g2", now=START)


def ended(whole: Credential) -> Credential:
    return whole.with_sessions_ended(change_id="change", generation="g2", now=START)


def test_sessions_are_ended_however_many_changes_there_were() -> None:
    after = ended(marked(*[timedelta(0)] * 64))
    assert (len(after.marks), after.marks[-1].change_id) == (64, "change")


def refusal(act: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.reason


BOTH = credential((MAIL, V), (PHONE, V), preferred=MAIL, earlier_hashes=("older",), compromised=True)


@pytest.mark.parametrize(
    ("after", "also"),
    [
        (added(BOTH, WORK), {"identifiers"}),
        (added(BOTH, WORK, replaces=PHONE), {"identifiers"}),
        (added(BOTH, WORK, replaces=MAIL), {"identifiers", "preferred"}),
        (removed(BOTH, PHONE), {"identifiers"}),
        (removed(BOTH, MAIL), {"identifiers", "preferred"}),
        (preferring(BOTH, PHONE), {"preferred"}),
        (preferring(BOTH, MAIL), set[str]()),
        (ended(BOTH), {"session_epoch"}),
    ],
    ids=["added", "replaced", "replaced method", "removed", "removed method", "preferred", "preferred again", "sessions ended"],
)
def test_a_change_of_settings_moves_generation_and_marks_and_what_it_says_and_nothing_else(after: Credential, also: set[str]) -> None:  # F5
    assert moved(BOTH, after) == {"generation", "marks"} | also
    assert after.generation == "g2"
    assert after.has_mark("change")


def test_a_new_identifier_comes_last_and_is_verified_now() -> None:
    after = added(BOTH, WORK)
    assert after.identifiers == (*BOTH.identifiers, Registered(identifier=WORK, standing=V, verified_at=START))
    assert after.preferred == MAIL


def test_the_first_identifier_of_a_credential_without_a_method_becomes_it() -> None:
    assert added(credential(), WORK).preferred == WORK
    assert added(credential((MAIL, V)), WORK).preferred == WORK


@pytest.mark.parametrize("standing", [C, U])
def test_one_that_stood_there_unverified_is_verified_and_not_held_twice(standing: Standing) -> None:  # REQ-D6a
    after = added(credential((MAIL, V), (WORK, standing)), EmailAddress.parse("ADA@work.example.org"))
    assert [(entry.identifier.entered, entry.standing) for entry in after.identifiers] == [("Ada@example.com", V), ("ADA@work.example.org", V)]


def test_a_new_identifier_takes_the_place_of_the_old_one_and_its_being_the_method() -> None:  # ID-20
    after = added(BOTH, WORK, replaces=MAIL)
    assert after.identifiers == (Registered(identifier=WORK, standing=V, verified_at=START), BOTH.identifiers[1])
    assert after.preferred == WORK


def test_replacing_another_one_leaves_the_method_alone() -> None:
    after = added(BOTH, WORK, replaces=PHONE)
    assert (held(after), after.preferred) == ({MAIL: V, WORK: V}, MAIL)
    assert added(credential((MAIL, V), (PHONE, V)), WORK, replaces=PHONE).preferred is None


def test_replacing_by_one_that_stood_there_unverified_leaves_one_of_it() -> None:
    after = added(credential((WORK, U), (MAIL, V), preferred=MAIL), WORK, replaces=MAIL)
    assert (held(after), len(after.identifiers), after.preferred) == ({WORK: V}, 1, WORK)


@pytest.mark.parametrize("standing", [C, U])
def test_one_that_was_never_verified_may_be_replaced_by_itself_proved(standing: Standing) -> None:
    after = added(credential((MAIL, standing), (PHONE, V), preferred=MAIL), MAIL, replaces=MAIL)
    assert (held(after), after.preferred) == ({MAIL: V, PHONE: V}, MAIL)


@pytest.mark.parametrize("replaces", [None, PHONE, MAIL, STRANGER])
def test_one_that_is_verified_here_already_is_refused(replaces: Identifier | None) -> None:
    assert refusal(lambda: added(BOTH, EmailAddress.parse("ADA@example.com"), replaces=replaces)) is Reason.IDENTIFIER_PRESENT


def test_one_that_is_not_here_cannot_be_replaced_removed_or_chosen() -> None:
    for act in (lambda: added(BOTH, WORK, replaces=STRANGER), lambda: removed(BOTH, STRANGER), lambda: preferring(BOTH, STRANGER)):
        assert refusal(act) is Reason.IDENTIFIER_UNKNOWN


@pytest.mark.parametrize(
    ("whole", "gone", "preferred"),
    [
        (credential((MAIL, V), (PHONE, V), preferred=MAIL), MAIL, PHONE),
        (credential((MAIL, V), (PHONE, V), preferred=MAIL), PHONE, MAIL),
        (credential((MAIL, V), (PHONE, V)), MAIL, None),
        (credential((MAIL, V), (WORK, C), (PHONE, V), preferred=MAIL), MAIL, PHONE),
        (credential((MAIL, V), (PHONE, C), preferred=MAIL), PHONE, MAIL),
        (credential((MAIL, V), (PHONE, U), preferred=MAIL), PHONE, MAIL),
        (credential((MAIL, C), (PHONE, C), preferred=MAIL), MAIL, PHONE),
        (credential((MAIL, C), (WORK, U), (PHONE, C), preferred=MAIL), MAIL, PHONE),
    ],
)
def test_without_an_identifier_another_verified_one_is_the_method(whole: Credential, gone: Identifier, preferred: Identifier | None) -> None:
    after = removed(whole, gone)
    assert gone not in held(after)
    assert len(after.identifiers) == len(whole.identifiers) - 1
    assert after.preferred == preferred


@pytest.mark.parametrize(
    ("whole", "gone"),
    [
        (credential((MAIL, V)), MAIL),
        (credential((MAIL, V), (PHONE, U)), MAIL),
        (credential((MAIL, V), (PHONE, C)), MAIL),
        (credential((MAIL, C)), MAIL),
        (credential((MAIL, C), (PHONE, U)), MAIL),
        (credential((MAIL, U)), MAIL),
    ],
)
def test_the_last_one_its_owner_can_be_reached_at_stays(whole: Credential, gone: Identifier) -> None:
    assert refusal(lambda: removed(whole, gone)) is Reason.IDENTIFIER_LAST


def test_the_method_is_held_as_it_is_stored() -> None:  # ID-04
    after = preferring(BOTH, EmailAddress.parse("ADA@example.com"))
    assert after.preferred is not None
    assert after.preferred.entered == "Ada@example.com"


@pytest.mark.parametrize("standing", [C, U])
def test_one_that_is_not_verified_is_no_method(standing: Standing) -> None:
    assert refusal(lambda: preferring(credential((MAIL, V), (PHONE, standing)), PHONE)) is Reason.IDENTIFIER_UNVERIFIED


def test_ending_sessions_moves_the_epoch_by_one() -> None:
    assert ended(BOTH).session_epoch == BOTH.session_epoch + 1


CHANGES: list[Callable[[Credential], Credential]] = [
    lambda whole: added(whole, WORK),
    lambda whole: added(whole, WORK, replaces=MAIL),
    lambda whole: removed(whole, PHONE),
    lambda whole: preferring(whole, PHONE),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_settings_after_too_many_is_refused(change: Callable[[Credential], Credential]) -> None:  # F1
    full = replace(BOTH, marks=marked(*[timedelta(0)] * MARKS).marks)
    assert refusal(lambda: change(full)) is Reason.TOO_MANY_CHANGES


def test_a_credential_is_in_force_unless_it_is_said_to_be_not() -> None:
    whole = credential((MAIL, V))
    assert (whole.disabled, whole.compromised, whole.earlier_hashes, whole.marks) == (False, False, (), ())
