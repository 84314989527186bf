"""Why somebody may be unable to sign in, judged from what they typed and what the page knows of their keyboard, and from nothing else.

Pure: nobody is looked up, so that known and unknown people get the same hints, and nothing is changed for anybody. A hint about a password
holds no part of it. What is suggested is for the person to accept; it is never used in silence.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from credkit.errors import Field, InvalidIdentifier, Reason
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber, parse_identifier
from credkit.identifiers._keyboards import layout_called
from credkit.identifiers._letters import scripts_of
from credkit.identifiers._screening import INVISIBLE
from credkit.identifiers._slips import caps_lock_is_likely, layout_is_likely_wrong, pad_is_likely_on
from credkit.identifiers.suggestions import Suggestion, suggest_email, suggest_phone
from credkit.secret import PasswordInput, text_of
from credkit.site import Site

__all__ = ["Hint", "HintKind", "Keyboard", "NextStep", "SignInHelp"]

_LONGEST_PASSWORD: Final = 1024
"""Code points; what is longer is no password (PW-02), and nothing is said about it."""

_FEWEST_DIGITS: Final = 7
"""With fewer a phone number is not even begun."""

_JOINING: Final = frozenset("\u200c\u200d\ufe0e\ufe0f")
"""Joiners and variation selectors: invisible, and at home inside emoji and the words of several scripts, behind what is no ASCII."""


class HintKind(StrEnum):
    """What may be wrong. Closed: add, never rename."""

    IDENTIFIER_FORMAT = "identifier_format"
    EMAIL_FORMAT = "email_format"
    EMAIL_DOMAIN = "email_domain"
    PHONE_FORMAT = "phone_format"
    PHONE_PREFIX = "phone_prefix"
    COUNTRY_CODE_MISSING = "country_code_missing"
    COUNTRY_CODE_DOUBLED = "country_code_doubled"
    COUNTRY_CODE_ASSUMED = "country_code_assumed"
    SEVERAL = "several"
    SPACES = "spaces"
    INVISIBLE = "invisible"
    CAPS_LOCK = "caps_lock"
    NUM_LOCK = "num_lock"
    KEYBOARD_LAYOUT = "keyboard_layout"
    CASE_MATTERS = "case_matters"
    USE_RESET = "use_reset"


class NextStep(StrEnum):
    """What the person should do."""

    TAKE_SUGGESTION = "take_suggestion"
    """Look at the suggestion, and take it if it is right."""
    TYPE_AGAIN = "type_again"
    """Correct the field, or empty it and type it by hand."""
    CHECK_KEYBOARD = "check_keyboard"
    """Look at a key or a setting of the keyboard, then type the field again."""
    RESET = "reset"
    """Choose a new password by a code."""


_TEXTS: Final[dict[HintKind, str]] = {
    HintKind.IDENTIFIER_FORMAT: "Enter your email address (name@example.com) or your mobile number (+1 415 555 2671).",
    HintKind.EMAIL_FORMAT: "The email address is not written as one. It should look like name@example.com; correct it and try again.",
    HintKind.EMAIL_DOMAIN: "The part after the @ looks like a typing error. Check it, and correct it if it is one.",
    HintKind.PHONE_FORMAT: "The mobile number has signs that are no digits. Type it in digits.",
    HintKind.PHONE_PREFIX: "The mobile number has a prefix too many, or lacks one, for its country. Write it as one calls it from abroad, starting with +.",
    HintKind.COUNTRY_CODE_MISSING: "The country code of the mobile number is missing, or the + before it. Write both in front of the number.",
    HintKind.COUNTRY_CODE_DOUBLED: "The mobile number has its country code twice. Leave one of them out.",
    HintKind.COUNTRY_CODE_ASSUMED: "The mobile number has no country code, so it was read as one of this site's country. If it belongs to "
    "another, write + and its country code in front.",
    HintKind.SEVERAL: "There is more than one address or number in the field. Enter the one that you sign in with.",
    HintKind.SPACES: "There is a space or line break inside the email address or mobile number. Take it out and try again.",
    HintKind.INVISIBLE: "There is a character in the field that cannot be seen, perhaps from copying. Empty the field and type it by hand.",
    HintKind.CAPS_LOCK: "Caps Lock seems to be on. Turn it off and type the password again.",
    HintKind.NUM_LOCK: "Check Num Lock, and type it again: with it on, some laptops write digits for letters; with it off, a number pad writes none.",
    HintKind.KEYBOARD_LAYOUT: "The keyboard seems to be set to another language or layout than you typed in. Switch it and type it again.",
    HintKind.CASE_MATTERS: "Capital and small letters are different in a password. Show what you typed, and check it letter by letter.",
    HintKind.USE_RESET: "If it still does not work, use the reset: we send a code with which you choose a new password.",
}

_PASSWORD_TEXTS: Final[dict[HintKind, str]] = {
    HintKind.SPACES: "The password begins or ends with a space, perhaps from copying. If that space is not part of it, take it out and try again.",
    HintKind.INVISIBLE: "The password has a character that cannot be seen, perhaps from copying. Empty the field and type it by hand.",
}

_KEYBOARD_KINDS: Final = frozenset({HintKind.CAPS_LOCK, HintKind.NUM_LOCK, HintKind.KEYBOARD_LAYOUT})

_KINDS: Final = {
    Reason.IDENTIFIER_SEVERAL: HintKind.SEVERAL,
    Reason.IDENTIFIER_UNSAFE: HintKind.INVISIBLE,
    Reason.EMAIL_INVALID: HintKind.EMAIL_FORMAT,
    Reason.EMAIL_DOMAIN_INVALID: HintKind.EMAIL_FORMAT,
    Reason.EMAIL_UNSUPPORTED: HintKind.EMAIL_FORMAT,
    Reason.PHONE_INVALID: HintKind.PHONE_FORMAT,
    Reason.PHONE_EXTENSION: HintKind.PHONE_FORMAT,
    Reason.PHONE_LETTERS: HintKind.PHONE_FORMAT,
    Reason.MISSING_COUNTRY_CODE: HintKind.COUNTRY_CODE_MISSING,
}
"""What a refusal of the identifier is about; all others are about its format."""

_ABOUT_PHONES: Final = frozenset({Reason.PHONE_INVALID, Reason.PHONE_EXTENSION, Reason.PHONE_LETTERS, Reason.MISSING_COUNTRY_CODE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyboard:
    """What a page may know of the keyboard; `None` is what it does not know, and anything else that is no answer counts as that."""

    caps_lock: bool | None = None
    """`getModifierState("CapsLock")` of the last key event in the password field."""
    num_lock: bool | None = None
    """`getModifierState("NumLock")`."""
    layout: str | None = None
    """What the keyboard is set to: ``qwerty``, ``azerty``, ``qwertz``, or a language such as ``de``; others count as not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One thing that may be wrong, and what to do about it."""

    kind: HintKind
    field: Field | None
    """The form field it belongs to."""
    reason: Reason | None = None
    """Why the identifier would be refused as it stands, where nothing better can be said."""
    suggestion: str | None = dataclasses.field(default=None, repr=False)
    """What may have been meant: an address or number that would be accepted. It is personal, like what was typed. A password has none."""

    @property
    def next(self) -> NextStep:
        """What the person should do."""
        if self.kind is HintKind.USE_RESET:
            return NextStep.RESET
        if self.suggestion is not None:
            return NextStep.TAKE_SUGGESTION
        return NextStep.CHECK_KEYBOARD if self.kind in _KEYBOARD_KINDS else NextStep.TYPE_AGAIN

    def text(self, locale: str | None = None) -> str:
        """Return one or two sentences for the person, in English whatever the *locale*; hosts translate by kind, field and reason.

        They hold nothing that was typed.
        """
        if self.reason is not None:
            return self.reason.text(locale)
        if self.field is Field.PASSWORD and self.kind in _PASSWORD_TEXTS:
            return _PASSWORD_TEXTS[self.kind]
        return _TEXTS[self.kind]

    def public(self, locale: str | None = None) -> dict[str, str]:
        """Return the hint ready for JSON, for the browser of the person who typed."""
        optional = {"field": self.field, "reason": self.reason, "suggestion": self.suggestion}
        given = {name: str(value) for name, value in optional.items() if value is not None}
        return {"kind": str(self.kind), "next": str(self.next), "text": self.text(locale), **given}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInHelp:
    """Sign-in help for one site: `kit.help`. The same for blocking and async code, as it does no input or output."""

    site: Site
    allow_test_domains: bool = False
    smtputf8: bool = False

    def hints(
        self,
        *,
        identifier: str | Identifier | None = None,
        password: PasswordInput | None = None,
        keyboard: Keyboard | None = None,
        region: str | None = None,
    ) -> tuple[Hint, ...]:
        """Return what may be wrong, the likeliest first; the way to a reset is always there, and last.

        It never raises for what was typed, and takes about as long whatever that was.

        Args:
            identifier: What stands in the field, as typed.
            password: What stands in the field, as typed; leave it out where the page has not sent it.
            keyboard: What the page knows of the keyboard.
            region: ISO 3166 region of numbers without a country code; the site's default otherwise.
        """
        keys = keyboard or Keyboard()
        how = _Reading(region=region or self.site.default_region, allow_test_domains=self.allow_test_domains, smtputf8=self.smtputf8)
        typed = _identifier_hints(identifier, keys, how)
        secret = _password_hints(text_of(password), keys, switched=any(hint.kind is HintKind.KEYBOARD_LAYOUT for hint in typed))
        return (*typed, *secret, Hint(kind=HintKind.USE_RESET, field=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How an identifier is read."""

    region: str | None
    allow_test_domains: bool
    smtputf8: bool


def _identifier_hints(identifier: object, keys: Keyboard, how: _Reading) -> list[Hint]:
    if identifier is None:
        return []
    text = identifier.entered if isinstance(identifier, EmailAddress | PhoneNumber) else identifier
    if not isinstance(text, str):
        return [_about_identifier(HintKind.IDENTIFIER_FORMAT, reason=Reason.IDENTIFIER_UNRECOGNISED)]
    found = _read(text, how)
    suggestion = _suggested(text, found, how)
    if suggestion is not None:
        return [_about_identifier(HintKind(suggestion.slip.value), suggestion=suggestion.text)]
    if not isinstance(found, Reason):
        return []
    hint = _refused(text, found)
    is_number = found in _ABOUT_PHONES or text.strip().startswith("+")
    pad_is_off = keys.num_lock is False and is_number and sum(map(str.isdecimal, text)) < _FEWEST_DIGITS
    return [hint, _about_identifier(HintKind.NUM_LOCK)] if pad_is_off else [hint]


def _about_identifier(kind: HintKind, *, reason: Reason | None = None, suggestion: str | None = None) -> Hint:
    return Hint(kind=kind, field=Field.IDENTIFIER, reason=reason, suggestion=suggestion)


def _read(text: str, how: _Reading) -> Identifier | Reason:
    """Return what *text* is, or why it is refused."""
    try:
        return parse_identifier(text, region=how.region, allow_test_domains=how.allow_test_domains, smtputf8=how.smtputf8)
    except InvalidIdentifier as refused:
        return refused.reason


def _suggested(text: str, found: Identifier | Reason, how: _Reading) -> Suggestion | None:
    if isinstance(found, EmailAddress):
        return suggest_email(text, allow_test_domains=how.allow_test_domains, smtputf8=how.smtputf8)
    if isinstance(found, PhoneNumber):
        return suggest_phone(text, region=how.region)
    number = suggest_phone(text, region=how.region) if "@" not in text and sum(map(str.isdecimal, text)) >= _FEWEST_DIGITS else None
    return number or suggest_email(text, allow_test_domains=how.allow_test_domains, smtputf8=how.smtputf8)


def _refused(text: str, reason: Reason) -> Hint:
    """Return the hint for an identifier that is refused, where nothing can be suggested."""
    scripts = scripts_of(text)
    if reason is Reason.EMAIL_UNSUPPORTED and len(scripts) > 1:  # perhaps letters that look alike; which are wrong, nobody can tell
        return _about_identifier(HintKind.KEYBOARD_LAYOUT)
    if reason is Reason.EMAIL_INVALID and any(map(str.isspace, text.strip())):
        return _about_identifier(HintKind.SPACES)
    if reason is Reason.IDENTIFIER_UNSAFE and _has_hidden(text.strip()):
        return _about_identifier(HintKind.INVISIBLE)
    kind = HintKind.IDENTIFIER_FORMAT if reason is Reason.IDENTIFIER_UNSAFE else _KINDS.get(reason, HintKind.IDENTIFIER_FORMAT)
    return _about_identifier(kind, reason=reason)


def _password_hints(text: str | None, keys: Keyboard, *, switched: bool) -> list[Hint]:
    """Return the hints about a password; *switched*: the identifier was typed with the keyboard set to another layout."""
    kinds = _password_kinds(text or "", keys, switched=switched)
    return [Hint(kind=kind, field=Field.PASSWORD) for kind in kinds]


def _password_kinds(text: str, keys: Keyboard, *, switched: bool) -> Iterator[HintKind]:
    if len(text) > _LONGEST_PASSWORD:
        return
    has_case = text.lower() != text.upper()
    if text != text.strip():
        yield HintKind.SPACES
    if _has_hidden(text.strip()):
        yield HintKind.INVISIBLE
    caps_lock = keys.caps_lock is not False and ((keys.caps_lock is True and (has_case or not text)) or caps_lock_is_likely(text))
    if caps_lock:
        yield HintKind.CAPS_LOCK
    if text and (switched or layout_is_likely_wrong(text, told=layout_called(keys.layout))):
        yield HintKind.KEYBOARD_LAYOUT
    if keys.num_lock is not False and pad_is_likely_on(text, told=keys.num_lock is True):
        yield HintKind.NUM_LOCK
    if has_case and not caps_lock:
        yield HintKind.CASE_MATTERS


def _has_hidden(text: str) -> bool:
    """Return whether *text* holds what nobody sees and no script or emoji needs where it stands."""
    return any(
        _is_hidden(sign) and not (place and not text[place - 1].isascii() and (sign in _JOINING or sign >= "\U000e0020")) for place, sign in enumerate(text)
    )


def _is_hidden(sign: str) -> bool:
    return INVISIBLE.match(sign) is not None or unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"}
