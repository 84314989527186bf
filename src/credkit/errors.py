"""What can go wrong, in two trees that never mix: refusals, which a person can mend, and trouble, which they cannot.

`Refused` has one closed list of reasons, and one table says for each whose move is next, which form field it
belongs to, what HTTP status fits and how it reads in English. No text here ever holds what a user typed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

__all__ = [
    "AuditFailed",
    "Busy",
    "ConfigurationError",
    "CredkitError",
    "DeliveryFailed",
    "Field",
    "Finding",
    "FindingKind",
    "IdentifierTaken",
    "InsideTransaction",
    "InvalidIdentifier",
    "Next",
    "PasswordRefused",
    "Reason",
    "Refused",
    "SchemaError",
    "SendCheckFailed",
    "SeveralAccounts",
    "StoreError",
    "UnknownKey",
]


class Field(StrEnum):
    """The form field a refusal belongs to."""

    IDENTIFIER = "identifier"
    CODE = "code"
    PASSWORD = "password"
    CURRENT = "current"
    MATCH_CODE = "match_code"


class Next(StrEnum):
    """Whose move is next, and which."""

    RETRY = "retry"
    """Mend the field and send the same form again."""
    BEGIN_AGAIN = "begin_again"
    """This journey is over; start it from its first page."""
    WAIT = "wait"
    """Nothing is wrong with what was typed; try again after `retry_after`."""
    SUPPORT = "support"
    """Only the host's support can help."""
    GO_ON = "go_on"
    """What was typed was right, and one step is missing: show its page. The refusal carries what that page needs."""


class Reason(StrEnum):
    """Every reason a call is refused for. Closed: add, never rename."""

    IDENTIFIER_EMPTY = "identifier_empty"
    IDENTIFIER_TOO_LONG = "identifier_too_long"
    IDENTIFIER_UNSAFE = "identifier_unsafe"
    IDENTIFIER_SEVERAL = "identifier_several"
    IDENTIFIER_UNRECOGNISED = "identifier_unrecognised"
    IDENTIFIER_TAKEN = "identifier_taken"
    EMAIL_INVALID = "email_invalid"
    EMAIL_DOMAIN_INVALID = "email_domain_invalid"
    EMAIL_UNSUPPORTED = "email_unsupported"
    PHONE_INVALID = "phone_invalid"
    PHONE_EXTENSION = "phone_extension"
    PHONE_LETTERS = "phone_letters"
    PHONE_NOT_SUPPORTED = "phone_not_supported"
    MISSING_COUNTRY_CODE = "missing_country_code"
    PASSWORD_REFUSED = "password_refused"
    CURRENT_PASSWORD_WRONG = "current_password_wrong"
    CODE_MALFORMED = "code_malformed"
    CODE_WRONG = "code_wrong"
    CODE_EXPIRED = "code_expired"
    CODE_USED = "code_used"
    CODE_EXHAUSTED = "code_exhausted"
    TICKET_INVALID = "ticket_invalid"
    GRANT_INVALID = "grant_invalid"
    GRANT_EXPIRED = "grant_expired"
    GRANT_USED = "grant_used"
    GRANT_EXHAUSTED = "grant_exhausted"
    RESEND_TOO_SOON = "resend_too_soon"
    RESEND_EXHAUSTED = "resend_exhausted"
    SIGN_IN_FAILED = "sign_in_failed"
    PASSWORD_CHANGE_REQUIRED = "password_change_required"
    SESSION_ENDED = "session_ended"
    APPROVAL_INVALID = "approval_invalid"
    APPROVAL_PENDING = "approval_pending"
    APPROVAL_DECIDED = "approval_decided"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_OVER = "approval_over"
    APPROVAL_UNREACHABLE = "approval_unreachable"
    MATCH_CODE_REQUIRED = "match_code_required"
    MATCH_CODE_WRONG = "match_code_wrong"
    EDIT_NOT_APPROVED = "edit_not_approved"
    IDENTIFIER_PRESENT = "identifier_present"
    IDENTIFIER_UNKNOWN = "identifier_unknown"
    IDENTIFIER_UNVERIFIED = "identifier_unverified"
    IDENTIFIER_LAST = "identifier_last"
    CONFIRMATION_WRONG = "confirmation_wrong"
    UNDO_INVALID = "undo_invalid"
    UNDO_PROOF_REQUIRED = "undo_proof_required"
    CHANGES_FROZEN = "changes_frozen"
    TOO_MANY_TRIES = "too_many_tries"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_MANY_CHANGES = "too_many_changes"
    BUSY = "busy"

    @property
    def status(self) -> int:
        """The HTTP status that fits."""
        return _TABLE[self].status

    @property
    def next(self) -> Next:
        """Whose move is next."""
        return _TABLE[self].next

    @property
    def field(self) -> Field | None:
        """The form field, if the refusal belongs to one."""
        return _TABLE[self].field

    def text(self, locale: str | None = None) -> str:
        """Return a sentence for the person, in English whatever the *locale*; hosts translate by reason."""
        return _TABLE[self].text


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    next: Next
    field: Field | None
    text: str


_TABLE: Final[dict[Reason, _Row]] = {
    Reason.IDENTIFIER_EMPTY: _Row(422, Next.RETRY, Field.IDENTIFIER, "Enter your email address or mobile number."),
    Reason.IDENTIFIER_TOO_LONG: _Row(422, Next.RETRY, Field.IDENTIFIER, "That is too long to be an email address or a mobile number."),
    Reason.IDENTIFIER_UNSAFE: _Row(
        422, Next.RETRY, Field.IDENTIFIER, "That contains a character that cannot be part of an email address or a mobile number. Type it by hand."
    ),
    Reason.IDENTIFIER_SEVERAL: _Row(422, Next.RETRY, Field.IDENTIFIER, "Enter one email address or mobile number, not several."),
    Reason.IDENTIFIER_UNRECOGNISED: _Row(
        422, Next.RETRY, Field.IDENTIFIER, "That is neither an email address (name@example.com) nor a mobile number (+1 415 555 2671)."
    ),
    Reason.IDENTIFIER_TAKEN: _Row(409, Next.BEGIN_AGAIN, Field.IDENTIFIER, "That is already used to sign in. Sign in, or reset the password."),
    Reason.EMAIL_INVALID: _Row(422, Next.RETRY, Field.IDENTIFIER, "That email address is not complete or not valid. It should look like name@example.com."),
    Reason.EMAIL_DOMAIN_INVALID: _Row(422, Next.RETRY, Field.IDENTIFIER, "The part after the @ is not a valid mail domain. Check it for a typing error."),
    Reason.EMAIL_UNSUPPORTED: _Row(422, Next.RETRY, Field.IDENTIFIER, "We cannot send to that kind of email address. Use another one."),
    Reason.PHONE_INVALID: _Row(422, Next.RETRY, Field.IDENTIFIER, "That is not a valid mobile number. Check the digits."),
    Reason.PHONE_EXTENSION: _Row(422, Next.RETRY, Field.IDENTIFIER, "Enter the mobile number without an extension."),
    Reason.PHONE_LETTERS: _Row(422, Next.RETRY, Field.IDENTIFIER, "Enter the mobile number in digits."),
    Reason.PHONE_NOT_SUPPORTED: _Row(422, Next.RETRY, Field.IDENTIFIER, "We cannot send text messages to that number. Use an email address or another number."),
    Reason.MISSING_COUNTRY_CODE: _Row(
        422, Next.RETRY, Field.IDENTIFIER, "Enter the mobile number with its country code, starting with +, for example +1 415 555 2671."
    ),
    Reason.PASSWORD_REFUSED: _Row(422, Next.RETRY, Field.PASSWORD, "Choose a different password."),
    Reason.CURRENT_PASSWORD_WRONG: _Row(422, Next.RETRY, Field.CURRENT, "The current password is not right."),
    Reason.CODE_MALFORMED: _Row(422, Next.RETRY, Field.CODE, "That is not a code. Type the code from the message, nothing else."),
    Reason.CODE_WRONG: _Row(422, Next.RETRY, Field.CODE, "That code is not right."),
    Reason.CODE_EXPIRED: _Row(410, Next.BEGIN_AGAIN, Field.CODE, "That code has expired. Ask for a new one."),
    Reason.CODE_USED: _Row(410, Next.BEGIN_AGAIN, Field.CODE, "That code has been used. Ask for a new one."),
    Reason.CODE_EXHAUSTED: _Row(410, Next.BEGIN_AGAIN, Field.CODE, "Too many wrong codes. Start again to get a new one."),
    Reason.TICKET_INVALID: _Row(410, Next.BEGIN_AGAIN, None, "This page is out of date. Start again."),
    Reason.GRANT_INVALID: _Row(410, Next.BEGIN_AGAIN, None, "This page is out of date. Start again."),
    Reason.GRANT_EXPIRED: _Row(410, Next.BEGIN_AGAIN, None, "You took longer than we may wait. Start again."),
    Reason.GRANT_USED: _Row(410, Next.BEGIN_AGAIN, None, "This has been done already. Sign in with the new password."),
    Reason.GRANT_EXHAUSTED: _Row(410, Next.BEGIN_AGAIN, None, "Too many tries. Start again."),
    Reason.RESEND_TOO_SOON: _Row(429, Next.WAIT, None, "A code is on its way. Wait a little before you ask for it again."),
    Reason.RESEND_EXHAUSTED: _Row(410, Next.BEGIN_AGAIN, None, "No more codes can be sent on this page. Start again."),
    Reason.SIGN_IN_FAILED: _Row(
        422,
        Next.RETRY,
        None,
        "That email address or mobile number and that password do not belong together. Capital letters matter. You can reset the password.",
    ),
    Reason.PASSWORD_CHANGE_REQUIRED: _Row(403, Next.GO_ON, Field.PASSWORD, "Somebody else may know your password. Choose a new one to go on."),
    Reason.SESSION_ENDED: _Row(401, Next.BEGIN_AGAIN, None, "You have been signed out. Sign in again."),
    Reason.APPROVAL_INVALID: _Row(410, Next.BEGIN_AGAIN, None, "This page is out of date. Start again."),
    Reason.APPROVAL_PENDING: _Row(409, Next.WAIT, None, "This has not been approved yet. Open the link that was sent to you."),
    Reason.APPROVAL_DECIDED: _Row(409, Next.BEGIN_AGAIN, None, "This has been answered already."),
    Reason.APPROVAL_DENIED: _Row(410, Next.BEGIN_AGAIN, None, "This was denied. Nothing more can be changed with it."),
    Reason.APPROVAL_EXPIRED: _Row(410, Next.BEGIN_AGAIN, None, "Nobody went on in time. Start again."),
    Reason.APPROVAL_OVER: _Row(410, Next.BEGIN_AGAIN, None, "This is over. Start again to change more."),
    Reason.APPROVAL_UNREACHABLE: _Row(409, Next.SUPPORT, None, "No verified email address or mobile number of yours can be asked at this time. Ask support."),
    Reason.MATCH_CODE_REQUIRED: _Row(422, Next.RETRY, Field.MATCH_CODE, "Type the number that is shown where the change was asked for."),
    Reason.MATCH_CODE_WRONG: _Row(
        422, Next.RETRY, Field.MATCH_CODE, "That is not the number that is shown where the change was asked for. If you did not ask, deny it."
    ),
    Reason.EDIT_NOT_APPROVED: _Row(409, Next.BEGIN_AGAIN, None, "That is not what was approved. Ask for it first."),
    Reason.IDENTIFIER_PRESENT: _Row(422, Next.RETRY, Field.IDENTIFIER, "That is one of yours already."),
    Reason.IDENTIFIER_UNKNOWN: _Row(422, Next.RETRY, Field.IDENTIFIER, "That is none of yours."),
    Reason.IDENTIFIER_UNVERIFIED: _Row(422, Next.RETRY, Field.IDENTIFIER, "That has not been confirmed with a code, so codes cannot go there."),
    Reason.IDENTIFIER_LAST: _Row(422, Next.RETRY, Field.IDENTIFIER, "That is the last one you can be reached at. Add another one first."),
    Reason.CONFIRMATION_WRONG: _Row(422, Next.RETRY, Field.IDENTIFIER, "Type, in full, the email address or mobile number that the message was sent to."),
    Reason.UNDO_INVALID: _Row(410, Next.SUPPORT, None, "This link has ended, or the change has been undone already. Ask support."),
    Reason.UNDO_PROOF_REQUIRED: _Row(403, Next.GO_ON, None, "Prove that it is you: with a code, or with the password you had before the change."),
    Reason.CHANGES_FROZEN: _Row(409, Next.SUPPORT, None, "Nothing can be changed on this sign-in for now, because a change to it is in dispute. Ask support."),
    Reason.TOO_MANY_TRIES: _Row(429, Next.WAIT, None, "Too many tries. Wait before you try again."),
    Reason.TOO_MANY_REQUESTS: _Row(429, Next.WAIT, None, "Too many requests. Wait before you try again."),
    Reason.TOO_MANY_CHANGES: _Row(429, Next.SUPPORT, None, "This sign-in has been changed very often lately. Ask support."),
    Reason.BUSY: _Row(503, Next.WAIT, None, "We are busy. Try again in a moment."),
}


class FindingKind(StrEnum):
    """What is wrong with a proposed password."""

    EMPTY = "empty"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    FORBIDDEN_CHARACTER = "forbidden_character"
    COMMON = "common"
    REPEATED = "repeated"
    SEQUENCE = "sequence"
    IDENTIFIER = "identifier"
    SITE_WORD = "site_word"
    CURRENT = "current"
    EARLIER = "earlier"
    BREACHED = "breached"


_FINDINGS: Final[dict[FindingKind, str]] = {
    FindingKind.EMPTY: "Enter a password.",
    FindingKind.TOO_SHORT: "Use at least {limit} characters. Several words in a row are easy to remember.",
    FindingKind.TOO_LONG: "Use at most {limit} characters.",
    FindingKind.FORBIDDEN_CHARACTER: "It contains a control character, such as a line break. Type it by hand.",
    FindingKind.COMMON: "It is among the first that anyone would try. A digit or a sign more does not help; use words that only you would put together.",
    FindingKind.REPEATED: "It is one short piece again and again. More of it does not help; use words that only you would put together.",
    FindingKind.SEQUENCE: (
        "Most of it is a sequence: keys in a row, letters or numbers in order, a date. A longer one does not help; use words that only you would put together."
    ),
    FindingKind.IDENTIFIER: "It is made from your email address or mobile number. Use something that has nothing to do with you.",
    FindingKind.SITE_WORD: "It is made from the name of this site. Use something that has nothing to do with it.",
    FindingKind.CURRENT: "It is the password you have now. Choose a different one.",
    FindingKind.EARLIER: "It is a password you had before. Choose one that you have not used here.",
    FindingKind.BREACHED: "It is on lists of passwords that were stolen elsewhere, and those lists are tried first. Choose one that you use nowhere else.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a proposed password; it never holds the password or a part of it (PW-06)."""

    kind: FindingKind
    limit: int | None = None
    """For lengths: the bound, in code points."""

    def text(self, locale: str | None = None) -> str:
        """Return advice for the person, in English whatever the *locale*; hosts translate by kind."""
        return _FINDINGS[self.kind].format(limit=self.limit)


class _Travelling(Exception):
    """Base of exceptions whose `__init__` takes something else than what they say: they are copied and pickled by their state.

    An exception that cannot be read back takes a whole pool of worker processes with it.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), *self.args), self.__dict__


def _restored(kind: type[_Travelling], *said: object) -> _Travelling:
    return kind.__new__(kind, *said)


class Refused(_Travelling):
    """A call was refused for something the person can mend; nothing was changed or lost.

    Flow methods raise it, so that a refusal nobody handled can never pass for success.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        retry_after: timedelta | None = None,
        tries_left: int | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(str(reason))
        self.reason = reason
        """Why; stable, for translation and metrics."""
        self.retry_after = retry_after
        """How long to wait, if waiting helps."""
        self.tries_left = tries_left
        """How many tries this ticket has left, the same for strangers and owners (OT-16)."""
        self.findings: tuple[Finding, ...] = tuple(findings)
        """What is wrong with a password, all of it at once."""

    @property
    def field(self) -> Field | None:
        """The form field to mark."""
        return self.reason.field

    @property
    def next(self) -> Next:
        """Whose move is next."""
        return self.reason.next

    @property
    def status(self) -> int:
        """The HTTP status that fits."""
        return self.reason.status

    @property
    def retry_seconds(self) -> int | None:
        """`retry_after` in whole seconds, rounded up, for the Retry-After header."""
        return None if self.retry_after is None else math.ceil(self.retry_after.total_seconds())

    def text(self, locale: str | None = None) -> str:
        """Return what to show the person: the reason, then each finding."""
        return " ".join([self.reason.text(locale), *(finding.text(locale) for finding in self.findings)])

    def problem(self, locale: str | None = None) -> dict[str, Any]:
        """Return a problem document (RFC 9457), ready for JSON."""
        document: dict[str, Any] = {
            "type": f"urn:credkit:{self.reason}",
            "title": self.reason.text(locale),
            "status": self.status,
            "detail": self.text(locale),
            "reason": str(self.reason),
            "next": str(self.next),
        }
        optional = {
            "field": self.field and str(self.field),
            "retry_after": self.retry_seconds,
            "tries_left": self.tries_left,
            "findings": [_problem_of(finding, locale) for finding in self.findings] or None,
        }
        return document | {name: value for name, value in optional.items() if value is not None}


def _problem_of(finding: Finding, locale: str | None) -> dict[str, Any]:
    limit = {} if finding.limit is None else {"limit": finding.limit}
    return {"kind": str(finding.kind), **limit, "text": finding.text(locale)}


class InvalidIdentifier(Refused):
    """What was typed is not an email address or phone number that can be used; the reason says why and what to do."""


class PasswordRefused(Refused):
    """The proposed password breaks a rule; `findings` says which, all at once."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(Reason.PASSWORD_REFUSED, findings=findings)


class Busy(Refused):
    """Too much at once for this moment; nothing was counted."""

    def __init__(self) -> None:
        super().__init__(Reason.BUSY, retry_after=timedelta(seconds=1))


class CredkitError(_Travelling):
    """Base of all trouble: nothing the person typed can mend it. Never raised itself."""

    status: Final = 503


class ConfigurationError(CredkitError):
    """The host's settings cannot work; all that is wrong is listed at once (HO-05)."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems: tuple[str, ...] = tuple(problems)


class StoreError(CredkitError):
    """A store failed, and it is not known or not so that the change was made. Try again; nothing is half done."""


class InsideTransaction(StoreError):
    """A store found itself inside the caller's transaction, where nothing it says would be durable."""


class SchemaError(StoreError):
    """What a store holds is not laid out as this release needs it: a deployment is half done. Nothing was changed; the text says what to run."""


class SendCheckFailed(CredkitError):
    """The host's check of a message failed, so it is not known whether it may be sent. It was not sent, and stays due."""


class UnknownKey(CredkitError):
    """A stored value names a key that is not on the ring: a deployment is half done, or a key was dropped too soon."""


class AuditFailed(CredkitError):
    """The observer could not be told of a success, and `Policy.audit` is ``"required"``: nobody was signed in and nothing handed out.

    A change that had been made stands, its owner is told, and the courier tells the observer of it later.
    """


class SeveralAccounts(CredkitError):
    """This sign-in serves several accounts; let the person choose from `credential.accounts`."""


class IdentifierTaken(Exception):
    """Raised by a credential store: another credential holds the identifier. Flows turn it into a `Refused`."""


class DeliveryFailed(_Travelling):
    """Raised by a notifier that could not hand a message over.

    With ``permanent=True`` the message is given up; with any other exception it is tried again later (NO-10).
    """

    def __init__(self, *, permanent: bool = False) -> None:
        super().__init__("permanent" if permanent else "temporary")
        self.permanent = permanent
