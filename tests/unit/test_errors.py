"""The table of refusals is whole and usable by a page, a program and a log; trouble is kept apart from it."""

from __future__ import annotations

import copy
import json
import pickle
import re
from datetime import timedelta

import pytest

from credkit import errors
from credkit.errors import (
    AuditFailed,
    Busy,
    ConfigurationError,
    CredkitError,
    DeliveryFailed,
    Field,
    Finding,
    FindingKind,
    IdentifierTaken,
    InsideTransaction,
    InvalidIdentifier,
    Next,
    PasswordRefused,
    Reason,
    Refused,
    SchemaError,
    SendCheckFailed,
    SeveralAccounts,
    StoreError,
    UnknownKey,
)

SENTENCE = re.compile(r"[A-Z][^{}\n]*\.")
REFUSALS = [
    *(Refused(reason) for reason in Reason),
    Refused(Reason.CODE_WRONG, tries_left=0),
    Refused(Reason.TOO_MANY_TRIES, retry_after=timedelta(0)),
    Refused(Reason.RESEND_TOO_SOON, retry_after=timedelta(seconds=59, microseconds=1)),
    InvalidIdentifier(Reason.PHONE_INVALID),
    PasswordRefused([Finding(kind=kind, limit=15) for kind in FindingKind]),
    PasswordRefused([Finding(kind=FindingKind.COMMON)]),
    Busy(),
]
TROUBLE = [
    ConfigurationError(["one thing", "another"]),
    StoreError("text"),
    SchemaError("text"),
    SendCheckFailed(),
    InsideTransaction(),
    UnknownKey(),
    SeveralAccounts(),
    AuditFailed(),
]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_row_in_the_table(reason: Reason) -> None:
    assert reason == reason.name.lower()
    assert SENTENCE.fullmatch(reason.text())
    assert reason.next in Next
    assert reason.field is None or reason.field in Field
    # 4xx says that the caller can do something about it, 503 that nobody did wrong; 401 where the sign-in has ended, 403 where it lacks a step.
    assert reason.status in {401, 403, 409, 410, 422, 429, 503}


@pytest.mark.parametrize("reason", Reason)
def test_what_a_reason_asks_for_agrees_with_its_status(reason: Reason) -> None:
    allowed = {Next.RETRY: {422}, Next.BEGIN_AGAIN: {401, 409, 410}, Next.WAIT: {409, 429, 503}, Next.SUPPORT: {409, 410, 429}, Next.GO_ON: {403}}
    assert reason.status in allowed[reason.next]
    assert reason.next is not Next.RETRY or reason.field is not None or reason is Reason.SIGN_IN_FAILED  # it must not say which half was wrong (SI-01)


def test_a_conflict_an_ended_sign_in_and_a_busy_moment_have_the_status_made_for_them() -> None:
    assert [reason.status for reason in (Reason.IDENTIFIER_TAKEN, Reason.SESSION_ENDED, Reason.BUSY)] == [409, 401, 503]


def test_reasons_that_begin_alike_mark_the_field_they_are_named_after() -> None:
    fields = {"identifier": Field.IDENTIFIER, "email": Field.IDENTIFIER, "phone": Field.IDENTIFIER, "code": Field.CODE, "password": Field.PASSWORD}
    for reason in Reason:
        expected = fields.get(reason.partition("_")[0])
        assert expected is None or reason.field is expected


@pytest.mark.parametrize("locale", [None, "en", "de-CH", "", "not a locale"])
def test_a_text_is_given_for_any_locale(locale: str | None) -> None:
    assert all(reason.text(locale) for reason in Reason)
    assert all(Finding(kind=kind, limit=15).text(locale) for kind in FindingKind)


@pytest.mark.parametrize("kind", FindingKind)
def test_every_finding_says_what_to_do(kind: FindingKind) -> None:  # PW-06
    text = Finding(kind=kind, limit=15).text()
    assert SENTENCE.match(text)
    assert text.endswith(".")
    assert ("15" in text) is (kind in {FindingKind.TOO_SHORT, FindingKind.TOO_LONG})


def test_a_refusal_has_what_its_reason_has() -> None:
    for reason in Reason:
        refused = Refused(reason)
        assert (refused.reason, refused.field, refused.next, refused.status) == (reason, reason.field, reason.next, reason.status)
        assert (str(refused), refused.text()) == (reason.value, reason.text())


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        (None, None),
        (timedelta(0), 0),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=59), 59),
        (timedelta(seconds=59, microseconds=1), 60),
        (timedelta(days=2), 172_800),
    ],
)
def test_a_wait_is_told_in_whole_seconds_and_never_too_short(wait: timedelta | None, seconds: int | None) -> None:
    assert Refused(Reason.TOO_MANY_TRIES, retry_after=wait).retry_seconds == seconds


# HO-02.
@pytest.mark.parametrize("refused", REFUSALS, ids=repr)
def test_a_problem_document_is_json_and_leaves_out_what_is_not_there(refused: Refused) -> None:
    problem = refused.problem()
    assert json.loads(json.dumps(problem)) == problem
    assert "null" not in json.dumps(problem)
    assert problem["type"] == f"urn:credkit:{refused.reason.value}"
    assert (problem["status"], problem["reason"], problem["next"]) == (refused.status, refused.reason.value, refused.next.value)
    assert (problem["title"], problem["detail"]) == (refused.reason.text(), refused.text())


def test_a_problem_document_holds_plain_text_and_no_enum() -> None:
    problem = PasswordRefused([Finding(kind=FindingKind.TOO_SHORT, limit=15)]).problem()
    assert {type(value) for name, value in problem.items() if name not in {"status", "findings"}} == {str}
    assert {type(value) for value in problem["findings"][0].values()} == {str, int}


def test_a_problem_document_tells_of_nothing_left_and_no_wait() -> None:
    problem = Refused(Reason.CODE_WRONG, tries_left=0, retry_after=timedelta(0)).problem()
    assert (problem["tries_left"], problem["retry_after"], problem["field"]) == (0, 0, "code")


def test_a_refused_password_comes_with_everything_that_is_wrong_with_it() -> None:
    findings = [Finding(kind=FindingKind.TOO_SHORT, limit=15), Finding(kind=FindingKind.COMMON)]
    refused = PasswordRefused(findings)
    assert refused.reason is Reason.PASSWORD_REFUSED
    assert refused.findings == tuple(findings)
    assert refused.text() == " ".join([Reason.PASSWORD_REFUSED.text(), *(finding.text() for finding in findings)])
    assert refused.problem()["findings"] == [
        {"kind": "too_short", "limit": 15, "text": findings[0].text()},
        {"kind": "common", "text": findings[1].text()},
    ]


def test_being_busy_is_a_refusal_that_says_how_long() -> None:
    assert (Busy().reason, Busy().retry_seconds, Busy().status) == (Reason.BUSY, 1, 503)


def test_refusals_and_trouble_never_mix() -> None:
    for error in REFUSALS:
        assert isinstance(error, Refused)
        assert not isinstance(error, CredkitError)
    for trouble in TROUBLE:
        assert isinstance(trouble, CredkitError)
        assert not isinstance(trouble, Refused)
        assert trouble.status == 503
    for foreign in (IdentifierTaken(), DeliveryFailed()):  # what stores and notifiers raise is for the flows, not for the host's handlers
        assert not isinstance(foreign, Refused | CredkitError)


def test_a_transaction_in_the_way_is_a_failure_of_the_store() -> None:
    assert issubclass(InsideTransaction, StoreError)


def test_a_configuration_error_lists_everything() -> None:
    error = ConfigurationError(["one thing", "another"])
    assert (error.problems, str(error)) == (("one thing", "another"), "one thing; another")


@pytest.mark.parametrize("permanent", [True, False])
def test_a_failed_delivery_says_whether_to_give_up(permanent: bool) -> None:
    assert DeliveryFailed(permanent=permanent).permanent is permanent
    assert str(DeliveryFailed(permanent=permanent)) == ("permanent" if permanent else "temporary")
    assert DeliveryFailed().permanent is False


# An exception that cannot come back from a worker process takes the whole pool with it.
@pytest.mark.parametrize("error", [*REFUSALS, *TROUBLE, IdentifierTaken(), DeliveryFailed(), DeliveryFailed(permanent=True)], ids=repr)
@pytest.mark.parametrize("travel", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])  # noqa: S301
def test_an_exception_travels_between_processes_whole(error: Exception, travel: object) -> None:
    arrived = travel(error)  # type: ignore[operator]
    assert type(arrived) is type(error)
    assert (str(arrived), repr(arrived), vars(arrived)) == (str(error), repr(error), vars(error))
    if isinstance(error, Refused):
        assert arrived.problem() == error.problem()


def test_every_exception_of_the_module_is_among_those_tried_here() -> None:
    offered = [getattr(errors, name) for name in errors.__all__]
    defined = {value for value in offered if issubclass(value, Exception)} - {CredkitError}
    assert defined == {type(error) for error in [*REFUSALS, *TROUBLE, IdentifierTaken(), DeliveryFailed()]}
