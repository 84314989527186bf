"""Where a code goes, which changes are remembered, and what a new password moves."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from credkit.credential import MARK_LIFETIME, MARKS, Credential, Mark, NewCredential, Registered, Standing
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


# ID-04, ID-15, RS-07: the chosen method if it is verified, else the address that was typed if it may be used, else nowhere.
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
        (V, C, PHONE, PHONE, PHONE),
        (V, C, MAIL, PHONE, MAIL),
        (V, C, None, PHONE, PHONE),
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


@pytest.mark.parametrize("proved", [MAIL, EmailAddress.parse("ADA@example.com")])
def test_the_code_that_allowed_it_verifies_an_identifier_that_was_carried_over(proved: Identifier) -> None:
    after = changed(credential((MAIL, C), (WORK, C), (PHONE, U)), proved)
    assert after.identifiers == (
        Registered(identifier=MAIL, standing=V, verified_at=START),
        Registered(identifier=WORK, standing=C),
        Registered(identifier=PHONE, standing=U),
    )
    assert after.identifiers[0].identifier.entered == "Ada@example.com"


@pytest.mark.parametrize(("standing", "proved"), [(V, MAIL), (U, MAIL), (C, None), (C, STRANGER), (C, PHONE)])
def test_it_verifies_nothing_else(standing: Standing, proved: Identifier | None) -> None:
    before = credential((MAIL, standing))
    assert changed(before, proved).identifiers == before.identifiers


def test_what_a_credential_shows_holds_neither_hash_nor_address() -> None:
    shown = repr(credential((MAIL, V), (PHONE, V), preferred=MAIL, earlier_hashes=("older hash",)))
    assert not any(secret in shown for secret in ("old hash", "older hash", "Ada@", "ada@", "5552671", "v1"))


def test_a_new_credential_is_known_by_the_change_that_adds_it() -> None:
    new = NewCredential(
        identifiers=(Registered(identifier=MAIL, standing=V),), password_hash="hash", preferred=MAIL, generation="g1", marks=(Mark(change_id="m", at=START),)
    )
    assert new.change_id == "m"
    assert "hash=" not in repr(new)


def test_a_credential_is_in_force_unless_it_is_said_to_be_not() -> None:
    whole = credential((MAIL, V))
    assert (whole.disabled, whole.compromised, whole.earlier_hashes, whole.marks) == (False, False, (), ())
