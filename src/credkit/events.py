"""What an observer is told, as values: which operation, how it ended, and the true reason where the answer hides it.

An event never holds a secret, a message or an identifier: whom it concerns stands in it as the host's own id, as a keyed pseudonym and as a
mask (AU-02, AU-06). It is made after the fact and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from credkit.errors import Reason
from credkit.messages import MessageKind

__all__ = ["OWASP_VOCABULARY", "Cause", "Event", "EventKind", "Outcome", "neutral", "owasp_name"]

_LONGEST_TEXT: Final = 200
"""Characters of a text from outside that an event keeps (AU-05): longer than any id or mask, and short enough for one line of a log."""


class EventKind(StrEnum):
    """Which operation an event tells of. Closed: add, never rename."""

    SIGN_IN = "sign_in"
    SIGN_IN_BEGIN = "sign_in_begin"
    SIGN_IN_RESEND = "sign_in_resend"
    SIGN_IN_VERIFY = "sign_in_verify"
    SIGN_UP_BEGIN = "sign_up_begin"
    SIGN_UP_RESEND = "sign_up_resend"
    SIGN_UP_VERIFY = "sign_up_verify"
    SIGN_UP = "sign_up"
    RESET_BEGIN = "reset_begin"
    RESET_RESEND = "reset_resend"
    RESET_VERIFY = "reset_verify"
    RESET_REDEEM = "reset_redeem"
    RESET_STOP = "reset_stop"
    RESET = "reset"
    PASSWORD_CHANGE = "password_change"
    SETTINGS_REQUEST = "settings_request"
    SETTINGS_CANCEL = "settings_cancel"
    SETTINGS_APPROVE = "settings_approve"
    SETTINGS_DENY = "settings_deny"
    SETTINGS_NOT_ME = "settings_not_me"
    SETTINGS_OPEN = "settings_open"
    SETTINGS_DONE = "settings_done"
    SETTINGS_AUTHORIZE = "settings_authorize"
    IDENTIFIER_ADD = "identifier_add"
    IDENTIFIER_CHANGE = "identifier_change"
    IDENTIFIER_RESEND = "identifier_resend"
    IDENTIFIER_CONFIRM = "identifier_confirm"
    IDENTIFIER_REMOVE = "identifier_remove"
    IDENTIFIER_PREFER = "identifier_prefer"
    PASSWORD_SET = "password_set"
    UNDO_BEGIN = "undo_begin"
    UNDO_RESEND = "undo_resend"
    UNDO_VERIFY = "undo_verify"
    UNDO = "undo"
    UNDO_DISPUTE = "undo_dispute"
    UNDO_CONTEST = "undo_contest"
    REMINDER = "reminder"
    ACCOUNT_LINK = "account_link"
    PASSWORD_COMPROMISED = "password_compromised"
    DISPUTE_SETTLE = "dispute_settle"
    MESSAGE = "message"
    """What became of one message; `message` of the event says of which kind."""
    CHANGE = "change"
    """A credential was changed. Told once more, and at least once, by the courier: its id is the id of the change (AU-09)."""
    BREACH_UNCHECKED = "breach_unchecked"
    """A new password was accepted although the list of breached ones did not answer (PW-09)."""
    IDENTIFIER_CONFUSABLE = "identifier_confusable"
    """A new identifier looks like one that somebody else has (ID-10). Nobody was refused for it."""
    SITE_ALARM = "site_alarm"
    """The site as a whole seems to be under attack; `cause` says how. Once an hour for each cause, and for each region (OT-12, AU-08)."""

    @property
    def call(self) -> str | None:
        """The call of the kit that tells it, such as ``sign_in.with_password``; `None` for what is found out on the way."""
        return _TABLE[self].call


class Outcome(StrEnum):
    """How it ended."""

    SUCCESS = "success"
    REFUSED = "refused"
    """The person, or whoever it was, was turned away; `reason` says what they were told. A message was not sent, on purpose."""
    FAILED = "failed"
    """Trouble: something of the host's did not work. Whether the operation took place may be unknown."""


class Cause(StrEnum):
    """The true reason, where `reason` hides it from strangers or there is none. Closed: add, never rename."""

    UNKNOWN_IDENTIFIER = "unknown_identifier"
    """Nobody signs in with what was typed."""
    WRONG_PASSWORD = "wrong_password"
    """It is not the password of that sign-in."""
    IMPOSSIBLE_PASSWORD = "impossible_password"
    """It cannot be anybody's, so nothing was compared."""
    UNVERIFIED = "unverified"
    """The identifier is somebody's, and its owner has not proved it, or not lately enough."""
    DISABLED = "disabled"
    """The host has disabled the sign-in."""
    WRONG_CODE = "wrong_code"
    """It is not the code that was sent."""
    NOBODYS_CODE = "nobodys_code"
    """The code was never sent to anybody, so none is right."""
    STOPPED = "stopped"
    """Whoever got the message has said that they did not ask for it, so no code of it is right any more."""
    CHANGED = "changed"
    """The sign-in has changed since the code was sent."""
    LIMIT_OF_CREDENTIAL = "limit_of_credential"
    """A silent limit of the credential, or of its stand-in, was used up: whatever was typed would have been wrong."""
    LIMIT_OF_DESTINATION = "limit_of_destination"
    """The address or number, the sign-in that it is of, or the site's cap on text messages has no room for one more."""
    TURNED_DOWN = "turned_down"
    """The host's `send_check` let it go nowhere."""
    OUT_OF_DATE = "out_of_date"
    """What the message was about is over, or was sent anew."""
    MANY_WRONG_CODES = "many_wrong_codes"
    """The whole site had more wrong codes in an hour than people make."""
    FEW_CODES_BACK = "few_codes_back"
    """Of the codes sent by text message to a region, which `about` names, too few came back: somebody may earn by having them sent."""
    REJECTED = "rejected"
    """The provider will not take the message, now or later."""
    DELIVERY_FAILED = "delivery_failed"
    """The provider did not take the message; it is tried again."""
    UNREADABLE = "unreadable"
    """A record is of another release, or was tampered with."""
    STORE_FAILED = "store_failed"
    """A store of the host's failed."""
    KEY_MISSING = "key_missing"
    """A stored value names a key that is not on the ring."""
    BREACH_LIST_FAILED = "breach_list_failed"
    """The list of breached passwords did not answer."""
    MISCONFIGURED = "misconfigured"
    """The host's settings, or its call, cannot work."""
    INTERRUPTED = "interrupted"
    """The call was cancelled, or its process is ending."""
    UNEXPECTED = "unexpected"
    """Any other exception."""


def neutral(text: str | None) -> str | None:
    """Return a text from outside with all that does not print replaced, and cut: no line break can forge a second line of a log (AU-05)."""
    return None if text is None else "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[:_LONGEST_TEXT])


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. Its texts are neutralised on the way in."""

    id: str
    """For de-duplication: the same event told twice has the same."""
    kind: EventKind
    """Which operation."""
    outcome: Outcome
    """How it ended."""
    at: datetime
    """When it ended, in UTC."""
    site: str
    """The id of the site."""
    reason: Reason | None = None
    """What the caller was told, if it was refused."""
    cause: Cause | None = None
    """The true reason. Never show it to whoever asked."""
    trouble: str | None = None
    """Of a failure: the name of the exception's class, and nothing that it says."""
    credential_id: str | None = None
    """Whom it concerns, where that was found out."""
    pseudonym: str | None = None
    """A keyed digest of the identifier that it was about: the same for the same identifier, until the index keys are rotated (AU-06)."""
    masked: str | None = None
    """The same identifier, masked."""
    channel: str | None = None
    """``email`` or ``phone``."""
    about: str | None = None
    """The id of the ticket, request, window, message or change, so that the events of one journey are found together. It opens nothing."""
    message: MessageKind | None = None
    """Of a message or an announced change: which."""
    actor: str | None = None
    """Who did it in the host's name."""
    network_key: str | None = field(default=None, repr=False)
    """As the host gave it in the context (AU-11)."""
    device: str | None = None
    """What the person uses, as the host says, made harmless."""
    place: str | None = None
    """Where, as the host says, made harmless."""

    def __post_init__(self) -> None:
        for name in ("id", "site", "trouble", "credential_id", "pseudonym", "masked", "channel", "about", "actor", "network_key", "device", "place"):
            object.__setattr__(self, name, neutral(getattr(self, name)))

    def facts(self, *, network: bool = False) -> dict[str, str]:
        """Return what there is of it, as texts by name, ready for JSON or the fields of a log; the network key only if asked for."""
        names = [name for name in self.__slots__ if name != "network_key" or network]
        present = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {name: value.isoformat() if isinstance(value, datetime) else str(value) for name, value in present.items()}


# The OWASP logging vocabulary (AU-04) ---------------------------------------------------------------------------------


OWASP_VOCABULARY: Final = frozenset(
    {
        *("authn_login_success", "authn_login_fail", "authn_login_fail_max", "authn_password_change", "authn_password_change_fail"),
        *("authn_token_created", "authn_token_revoked", "authn_token_reuse", "authz_fail", "authz_change", "authz_admin", "crypt_decrypt_fail"),
        *("excess_rate_limit_exceeded", "input_validation_fail", "malicious_direct_reference", "sequence_fail", "session_use_after_expire"),
        *("sys_crash", "user_created", "user_updated"),
    }
)
"""The words of https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html that are used here."""


@dataclass(frozen=True, slots=True)
class _Row:
    call: str | None
    success: str
    refused: str


_TABLE: Final[dict[EventKind, _Row]] = {
    EventKind.SIGN_IN: _Row("sign_in.with_password", "authn_login_success", "authn_login_fail"),
    EventKind.SIGN_IN_BEGIN: _Row("sign_in.begin", "authn_token_created", "input_validation_fail"),
    EventKind.SIGN_IN_RESEND: _Row("sign_in.resend", "authn_token_created", "sequence_fail"),
    EventKind.SIGN_IN_VERIFY: _Row("sign_in.verify", "authn_login_success", "authn_login_fail"),
    EventKind.SIGN_UP_BEGIN: _Row("sign_up.begin", "authn_token_created", "input_validation_fail"),
    EventKind.SIGN_UP_RESEND: _Row("sign_up.resend", "authn_token_created", "sequence_fail"),
    EventKind.SIGN_UP_VERIFY: _Row("sign_up.verify", "authn_token_created", "authn_login_fail"),
    EventKind.SIGN_UP: _Row("sign_up.complete", "user_created", "input_validation_fail"),
    EventKind.RESET_BEGIN: _Row("reset.begin", "authn_token_created", "input_validation_fail"),
    EventKind.RESET_RESEND: _Row("reset.resend", "authn_token_created", "sequence_fail"),
    EventKind.RESET_VERIFY: _Row("reset.verify", "authn_token_created", "authn_login_fail"),
    EventKind.RESET_REDEEM: _Row("reset.redeem", "authn_token_created", "authn_login_fail"),
    EventKind.RESET_STOP: _Row("reset.stop", "authn_token_revoked", "authz_fail"),
    EventKind.RESET: _Row("reset.complete", "authn_password_change", "authn_password_change_fail"),
    EventKind.PASSWORD_CHANGE: _Row("password.change", "authn_password_change", "authn_password_change_fail"),
    EventKind.SETTINGS_REQUEST: _Row("settings.request", "authn_token_created", "authz_fail"),
    EventKind.SETTINGS_CANCEL: _Row("settings.cancel", "authn_token_revoked", "sequence_fail"),
    EventKind.SETTINGS_APPROVE: _Row("settings.approve", "authz_change", "authz_fail"),
    EventKind.SETTINGS_DENY: _Row("settings.deny", "authn_token_revoked", "sequence_fail"),
    EventKind.SETTINGS_NOT_ME: _Row("settings.not_me", "authn_token_revoked", "authz_fail"),
    EventKind.SETTINGS_OPEN: _Row("settings.open", "authn_token_created", "sequence_fail"),
    EventKind.SETTINGS_DONE: _Row("settings.done", "authn_token_revoked", "sequence_fail"),
    EventKind.SETTINGS_AUTHORIZE: _Row("settings.authorize", "authz_change", "authz_fail"),
    EventKind.IDENTIFIER_ADD: _Row("settings.add_identifier", "authn_token_created", "input_validation_fail"),
    EventKind.IDENTIFIER_CHANGE: _Row("settings.change_identifier", "authn_token_created", "input_validation_fail"),
    EventKind.IDENTIFIER_RESEND: _Row("settings.resend", "authn_token_created", "sequence_fail"),
    EventKind.IDENTIFIER_CONFIRM: _Row("settings.confirm_identifier", "user_updated", "authn_login_fail"),
    EventKind.IDENTIFIER_REMOVE: _Row("settings.remove_identifier", "user_updated", "authz_fail"),
    EventKind.IDENTIFIER_PREFER: _Row("settings.prefer", "user_updated", "authz_fail"),
    EventKind.PASSWORD_SET: _Row("settings.set_password", "authn_password_change", "authn_password_change_fail"),
    EventKind.UNDO_BEGIN: _Row("undo.begin", "authn_token_created", "sequence_fail"),
    EventKind.UNDO_RESEND: _Row("undo.resend", "authn_token_created", "sequence_fail"),
    EventKind.UNDO_VERIFY: _Row("undo.verify", "authn_token_created", "authn_login_fail"),
    EventKind.UNDO: _Row("undo.complete", "user_updated", "authn_login_fail"),
    EventKind.UNDO_DISPUTE: _Row("undo.dispute", "authn_token_revoked", "authz_fail"),
    EventKind.UNDO_CONTEST: _Row("undo.contest", "authn_token_revoked", "authz_fail"),
    EventKind.REMINDER: _Row("reminder.send", "authn_token_created", "input_validation_fail"),
    EventKind.ACCOUNT_LINK: _Row("admin.link", "authz_admin", "authz_admin"),
    EventKind.PASSWORD_COMPROMISED: _Row("admin.mark_compromised", "authz_admin", "authz_admin"),
    EventKind.DISPUTE_SETTLE: _Row("admin.settle_dispute", "authz_admin", "authz_admin"),
    EventKind.MESSAGE: _Row(None, "authn_token_created", "excess_rate_limit_exceeded"),
    EventKind.CHANGE: _Row(None, "user_updated", "user_updated"),
    EventKind.BREACH_UNCHECKED: _Row(None, "input_validation_fail", "input_validation_fail"),
    EventKind.IDENTIFIER_CONFUSABLE: _Row(None, "malicious_direct_reference", "malicious_direct_reference"),
    EventKind.SITE_ALARM: _Row(None, "excess_rate_limit_exceeded", "excess_rate_limit_exceeded"),
}

_SAID_BY_THE_REASON: Final[dict[str, frozenset[Reason]]] = {
    "excess_rate_limit_exceeded": frozenset(
        {Reason.TOO_MANY_TRIES, Reason.TOO_MANY_REQUESTS, Reason.TOO_MANY_CHANGES, Reason.RESEND_TOO_SOON, Reason.RESEND_EXHAUSTED, Reason.BUSY}
    ),
    "authn_login_fail_max": frozenset({Reason.CODE_EXHAUSTED, Reason.GRANT_EXHAUSTED}),
    "authn_token_reuse": frozenset({Reason.CODE_USED, Reason.GRANT_USED}),
    "session_use_after_expire": frozenset({Reason.SESSION_ENDED, Reason.CODE_EXPIRED, Reason.GRANT_EXPIRED, Reason.APPROVAL_EXPIRED}),
    "sequence_fail": frozenset(
        {
            *(Reason.TICKET_INVALID, Reason.GRANT_INVALID, Reason.APPROVAL_INVALID, Reason.APPROVAL_PENDING, Reason.APPROVAL_DECIDED),
            *(Reason.APPROVAL_OVER, Reason.UNDO_INVALID, Reason.UNDO_PROOF_REQUIRED, Reason.EDIT_NOT_APPROVED),
        }
    ),
    "authz_fail": frozenset({Reason.APPROVAL_DENIED, Reason.APPROVAL_UNREACHABLE, Reason.CHANGES_FROZEN}),
    "input_validation_fail": frozenset(
        {
            *(Reason.IDENTIFIER_EMPTY, Reason.IDENTIFIER_TOO_LONG, Reason.IDENTIFIER_UNSAFE, Reason.IDENTIFIER_SEVERAL, Reason.IDENTIFIER_UNRECOGNISED),
            *(Reason.EMAIL_INVALID, Reason.EMAIL_DOMAIN_INVALID, Reason.EMAIL_UNSUPPORTED, Reason.PHONE_INVALID, Reason.PHONE_EXTENSION),
            *(Reason.PHONE_LETTERS, Reason.MISSING_COUNTRY_CODE, Reason.CODE_MALFORMED, Reason.MATCH_CODE_REQUIRED),
        }
    ),
}
"""Reasons that say more than the kind does. For the rest the kind has the word."""

_WORDS: Final = {reason: word for word, reasons in _SAID_BY_THE_REASON.items() for reason in reasons}


def owasp_name(event: Event) -> str:
    """Return the event's name in the OWASP logging vocabulary (AU-04).

    The vocabulary has no word for trouble that is not one of keys: it stands under ``sys_crash``, the nearest.
    """
    row = _TABLE[event.kind]
    if event.outcome is Outcome.FAILED:
        return "crypt_decrypt_fail" if event.cause is Cause.KEY_MISSING else "sys_crash"
    if event.outcome is Outcome.SUCCESS:
        return row.success
    return row.refused if event.reason is None else _WORDS.get(event.reason, row.refused)
