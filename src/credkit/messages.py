"""What a notifier is asked to send, as a typed value, with its wording. Plain English, for hosts to replace by kind.

Rules the wording keeps: the code is never in a subject line (NO-05, NO-16); a text message holds no link and ends in
the line ``@host #code`` that phones fill in by themselves (NO-02); a notice says what happened, when, what to do
if it was not you, and whom to ask (NO-09); no message holds a password or gives any power but the code it is for (NO-01).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from credkit.identifiers import Identifier
from credkit.secret import Secret
from credkit.site import Site

__all__ = ["Message", "MessageKind"]


class MessageKind(StrEnum):
    """What a message is for."""

    SIGN_UP_CODE = "sign_up_code"
    RESET_CODE = "reset_code"
    ALREADY_REGISTERED = "already_registered"
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_COMPROMISED = "password_compromised"
    SIGN_IN_NAMES = "sign_in_names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one address or number. A host's notifier sends `subject` and `text` to `to.address`, no more."""

    id: str
    """The same for every delivery of this message: a provider that is given it does not send twice (NO-10)."""
    kind: MessageKind
    to: Identifier
    """Where it goes: always an identifier as stored, never as typed (ID-04)."""
    site: Site
    at: datetime
    """When it was asked for, or when what it tells of happened."""
    expires_at: datetime | None = None
    """When it is not worth sending any more; none for a notice."""
    credential_id: str | None = None
    accounts: tuple[str, ...] = ()
    locale: str | None = None
    label: str | None = None
    device: str | None = None
    place: str | None = None
    code: Secret | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    """What the owner signs in with, masked; only where that is what was asked for (SI-06)."""

    @property
    def subject(self) -> str:
        """The subject line of an email; it says nothing that a locked screen should not show."""
        return _SUBJECTS[self.kind].format(site=self.site.name)

    @property
    def text(self) -> str:
        """The whole message in plain text: a letter for an email address, a line or two for a phone."""
        return _short(self) if self.to.kind == "phone" else _letter(self)


_SUBJECTS: Final = {
    MessageKind.SIGN_UP_CODE: "Your code for {site}",
    MessageKind.RESET_CODE: "Your code for {site}",
    MessageKind.ALREADY_REGISTERED: "Signing in to {site}",
    MessageKind.PASSWORD_RESET: "Your {site} password was reset",
    MessageKind.PASSWORD_CHANGED: "Your {site} password was changed",
    MessageKind.PASSWORD_COMPROMISED: "Choose a new {site} password",
    MessageKind.SIGN_IN_NAMES: "Signing in to {site}",
}

_USES: Final = {
    MessageKind.SIGN_UP_CODE: "to confirm this is yours",
    MessageKind.RESET_CODE: "to set a new password",
}

_LETTERS: Final = {
    MessageKind.ALREADY_REGISTERED: """\
Somebody asked to sign up at {site} with this email address on {when}{who}.

You already have a sign-in there, so nothing new was made. Sign in as usual; if you have forgotten the password,
ask for a new one on the sign-in page.

If that was not you, there is nothing to do. Questions: {support}""",
    MessageKind.PASSWORD_RESET: """\
The password of your sign-in at {site} was reset with a code on {when}{who}.
It works at once, and every device that was signed in has been signed out.

If that was not you, go to {site} yourself, reset the password again, and tell us: {support}""",
    MessageKind.PASSWORD_CHANGED: """\
The password of your sign-in at {site} was changed on {when}{who}.
It works at once, and every other device has been signed out.

If that was not you, go to {site} yourself, reset the password, and tell us: {support}""",
    MessageKind.PASSWORD_COMPROMISED: """\
The password of your sign-in at {site} was marked as known to others on {when}{who}.
Every device has been signed out, and the next sign-in will ask for a new password.

Go to {site} yourself, reset the password, and use the old one nowhere else.
Look at what was done there lately. If that was not you, tell us: {support}""",
    MessageKind.SIGN_IN_NAMES: """\
You sign in to {site} with any of these, of which only a part is shown:

    {names}

If you have forgotten the password, ask for a new one on the sign-in page.
Somebody asked for this list on {when}{who}.

If that was not you, there is nothing to do: nothing was changed. Questions: {support}""",
}

_CODE_LETTER: Final = """\
Your code {use} at {site} is

    {grouped}

It works for {span}, on the page that shows request {label}.
It was asked for on {when}{who}.

If that was not you, do nothing: without this code nothing changes.
Nobody from {site} will ever ask you for it. Questions: {support}"""

_SHORT: Final = {
    MessageKind.ALREADY_REGISTERED: "{site}: somebody asked to sign up with this number. You have a sign-in already. Not you? Do nothing. Questions: {support}",
    MessageKind.PASSWORD_RESET: "{site}: your password was reset on {when}. Not you? Reset it again on our site and contact {support}",
    MessageKind.PASSWORD_CHANGED: "{site}: your password was changed on {when}. Not you? Reset it on our site and contact {support}",
    MessageKind.PASSWORD_COMPROMISED: "{site}: others may know your password (marked on {when}). Reset it on our site. Questions: {support}",
    MessageKind.SIGN_IN_NAMES: "{site}: you sign in with {names}. Not you? Do nothing. Questions: {support}",
}

_ROOM_FOR_NAMES: Final = 46
"""Characters of the 160 of one text message."""

_CODE_SHORT: Final = "{site}: {code} is your code {use} (request {label}). Tell it to nobody.\n\n@{host} #{code}"


def _letter(message: Message) -> str:
    values = _values(message)
    if message.code is None:
        return _LETTERS[message.kind].format(**values, names="\n    ".join(message.names)) + f"\n\n{message.site.name}\n"
    seconds = ((message.expires_at or message.at) - message.at) // timedelta(seconds=1)
    span = f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"
    code = message.code.reveal()
    half = (len(code) + 1) // 2
    grouped = f"{code[:half]} {code[half:]}"  # by layout only, never by leaving values out (OT-19)
    return _CODE_LETTER.format(**values, use=_USES[message.kind], grouped=grouped, span=span, label=message.label) + f"\n\n{message.site.name}\n"


def _short(message: Message) -> str:
    values = _values(message)
    if message.code is None:
        return _SHORT[message.kind].format(**values, names=_few(message.names))
    return _CODE_SHORT.format(**values, use=_USES[message.kind], code=message.code.reveal(), label=message.label, host=message.site.host)


def _few(names: tuple[str, ...]) -> str:
    """Return as many of *names* as a text message has room for beside the rest, one at least."""
    shown = names[:1]
    for name in names[1:]:
        if len(", ".join((*shown, name))) <= _ROOM_FOR_NAMES:
            shown = (*shown, name)
    left = len(names) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")


def _values(message: Message) -> dict[str, str]:
    who = "".join(f", {text}" for text in (message.device and f"from {message.device}", message.place) if text)
    # No strftime: its month names follow the process's locale.
    when = f"{message.at.day} {_MONTHS[message.at.month - 1]} {message.at:%Y at %H:%M} UTC"
    return {"site": message.site.name, "support": message.site.support, "when": when, "who": who}


_MONTHS: Final = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
