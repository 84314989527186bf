"""What a notifier is asked to send, as a typed value, with its wording. Plain English, for hosts to replace by kind.

Rules the wording keeps: the code is never in a subject line (NO-05, NO-16); a text message with a code holds no link and ends in
the line ``@host #code`` that phones fill in by themselves (NO-02); a notice says what happened, when, what to do
if it was not you, and whom to ask (NO-09); no message holds a password, a match code, or more power than the one code or link it is for (NO-01).
A link leads to a page that only shows; what it may do is decided there (NO-12).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from credkit.edits import Shown
from credkit.identifiers import Identifier
from credkit.secret import Secret
from credkit.site import Site

__all__ = ["Message", "MessageKind"]


class MessageKind(StrEnum):
    """What a message is for."""

    SIGN_UP_CODE = "sign_up_code"
    RESET_CODE = "reset_code"
    SIGN_IN_CODE = "sign_in_code"
    ALREADY_REGISTERED = "already_registered"
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_COMPROMISED = "password_compromised"
    RESET_LINK = "reset_link"
    IDENTIFIER_CODE = "identifier_code"
    UNDO_CODE = "undo_code"
    SETTINGS_REQUEST = "settings_request"
    SETTINGS_APPROVED = "settings_approved"
    SETTINGS_DENIED = "settings_denied"
    SETTINGS_CHANGED = "settings_changed"
    SESSIONS_ENDED = "sessions_ended"
    CHANGES_UNDONE = "changes_undone"
    UNDO_DISPUTED = "undo_disputed"
    UNDO_CONTESTED = "undo_contested"
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
    link: Secret | None = field(default=None, repr=False)
    """A link with a token in it; the text holds it already."""
    link_until: datetime | None = None
    """Until when a link works that goes out beside a code."""
    stop_link: Secret | None = field(default=None, repr=False)
    """Where its addressee can say "I did not ask"; the text holds it already."""
    shown: tuple[Shown, ...] = ()
    """What is asked for, or what was changed."""
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
    MessageKind.SIGN_IN_CODE: "Your code for {site}",
    MessageKind.ALREADY_REGISTERED: "Signing in to {site}",
    MessageKind.PASSWORD_RESET: "Your {site} password was reset",
    MessageKind.PASSWORD_CHANGED: "Your {site} password was changed",
    MessageKind.PASSWORD_COMPROMISED: "Choose a new {site} password",
    MessageKind.RESET_LINK: "Setting a new {site} password",
    MessageKind.IDENTIFIER_CODE: "Your code for {site}",
    MessageKind.UNDO_CODE: "Your code for {site}",
    MessageKind.SETTINGS_REQUEST: "Approve or deny a change at {site}",
    MessageKind.SETTINGS_APPROVED: "A change at {site} was approved",
    MessageKind.SETTINGS_DENIED: "A change at {site} was denied",
    MessageKind.SETTINGS_CHANGED: "Your {site} sign-in was changed",
    MessageKind.SESSIONS_ENDED: "You were signed out of {site} everywhere",
    MessageKind.CHANGES_UNDONE: "Changes of your {site} sign-in were undone",
    MessageKind.UNDO_DISPUTED: "Somebody wants to undo a change of your {site} sign-in",
    MessageKind.UNDO_CONTESTED: "An objection about your {site} sign-in",
    MessageKind.SIGN_IN_NAMES: "Signing in to {site}",
}

_USES: Final = {
    MessageKind.SIGN_UP_CODE: "to confirm this is yours",
    MessageKind.RESET_CODE: "to set a new password",
    MessageKind.SIGN_IN_CODE: "to sign in now",
    MessageKind.IDENTIFIER_CODE: "to sign in with this",
    MessageKind.UNDO_CODE: "to undo a change",
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
    MessageKind.RESET_LINK: """\
Somebody asked to set a new password at {site} on {when}{who}. If that was you, go on here:

    {link}

It works once, for {span}; the page that was asked on shows request {label}.

If that was not you, do nothing: without this link nothing changes.{stop} Questions: {support}""",
    MessageKind.SETTINGS_REQUEST: """\
Somebody who is signed in to your account at {site} asks to change it (request {label}).
Asked for on {when}{who}:

{shown}

Look at it here, and approve or deny it within {span}. Opening the page decides nothing:

    {link}

To approve, type the number that is shown where you asked. If you did not ask, deny it; then nothing changes.
Nobody from {site} will ever ask you for that number or to approve anything. Questions: {support}""",
    MessageKind.SETTINGS_APPROVED: """\
You allowed a change of your sign-in at {site} on {when}{who}:

{shown}

If that was not you, open the link of the request again and deny it, then tell us: {support}""",
    MessageKind.SETTINGS_DENIED: """\
A change of your sign-in at {site} was denied on {when}{who}:

{shown}

Nothing more can be changed with it. If you never asked for it, somebody else may be signed in to your account:
open the link of the request again, say that it was not you, and tell us: {support}""",
    MessageKind.SETTINGS_CHANGED: """\
Your sign-in at {site} was changed on {when}{who}:

{shown}

If that was you, there is nothing to do.{undo}
Questions: {support}""",
    MessageKind.SESSIONS_ENDED: """\
You said on {when}{who} that a change asked for at {site} was not yours.
Every device has been signed out, and what was asked for has ended.

Sign in again, and change your password if somebody else may know it. Questions: {support}""",
    MessageKind.CHANGES_UNDONE: """\
Changes of your sign-in at {site} were undone on {when}{who}. It is again as it was before:

{shown}

Every device has been signed out. If that was not you, tell us: {support}""",
    MessageKind.UNDO_DISPUTED: """\
Somebody asked on {when}{who} to undo a change of a sign-in at {site}, and could not prove to be its owner:

{shown}

Every device has been signed out, and nothing can be changed until this is settled. If nobody objects within {span}, the change is undone.
If you object, say so here; then {site} decides:

    {link}

Questions: {support}""",
    MessageKind.UNDO_CONTESTED: """\
Somebody objected on {when}{who} to undoing a change of a sign-in at {site}.
Nothing can be changed until it is settled by hand. Please tell us what you know of it: {support}""",
    MessageKind.SIGN_IN_NAMES: """\
You sign in to {site} with any of these, of which only a part is shown:

    {names}

If you have forgotten the password, ask for a new one on the sign-in page.
Somebody asked for this list on {when}{who}.

If that was not you, there is nothing to do: nothing was changed. Questions: {support}""",
}

_UNDO: Final = """
If it was not you, undo it here; the page asks you to prove who you are:

    {link}
"""
_NO_UNDO: Final = " If it was not you, go to {site} yourself and tell us."

_BESIDE: Final = """
There were several such messages lately. If other people ask for them, you need not: this link does the same, once, within {link_span}:

    {link}
"""
_STOP: Final = """ To end that request, say so here:

    {stop_link}
"""

_CODE_LETTER: Final = """\
Your code {use} at {site} is

    {grouped}

It works for {span}, on the page that shows request {label}.
It was asked for on {when}{who}.
{beside}
If that was not you, do nothing: without this code nothing changes.{stop}
Nobody from {site} will ever ask you for it. Questions: {support}"""

_SHORT: Final = {
    MessageKind.ALREADY_REGISTERED: "{site}: somebody asked to sign up with this number. You have a sign-in already. Not you? Do nothing. Questions: {support}",
    MessageKind.PASSWORD_RESET: "{site}: your password was reset on {when}. Not you? Reset it again on our site and contact {support}",
    MessageKind.PASSWORD_CHANGED: "{site}: your password was changed on {when}. Not you? Reset it on our site and contact {support}",
    MessageKind.PASSWORD_COMPROMISED: "{site}: others may know your password (marked on {when}). Reset it on our site. Questions: {support}",
    MessageKind.RESET_LINK: "{site}: set a new password (request {label}): {link} Not you? Do nothing. Ask: {support}",
    MessageKind.SETTINGS_REQUEST: "{site}: approve or deny a change of your sign-in (request {label}): {link} Not you? Deny it. Ask: {support}",
    MessageKind.SETTINGS_APPROVED: "{site}: you allowed a change on {when}. Not you? Deny it with the same link. Ask: {support}",
    MessageKind.SETTINGS_DENIED: "{site}: a change was denied on {when}. Not you who asked? Contact {support}",
    MessageKind.SETTINGS_CHANGED: "{site}: your sign-in was changed on {when} ({brief}).{undo} {support}",
    MessageKind.SESSIONS_ENDED: "{site}: you were signed out everywhere on {when}, as a change was not yours. Ask: {support}",
    MessageKind.CHANGES_UNDONE: "{site}: changes were undone on {when}. Not you? Contact {support}",
    MessageKind.UNDO_DISPUTED: "{site}: somebody wants to undo a change of your sign-in ({brief}). You object? {link} Ask: {support}",
    MessageKind.UNDO_CONTESTED: "{site}: somebody objected on {when} to undoing a change. Contact {support}",
    MessageKind.SIGN_IN_NAMES: "{site}: you sign in with {names}. Not you? Do nothing. Questions: {support}",
}

_SHORT_UNDO: Final = " Not you? Undo it: {link} Ask:"
_SHORT_NO_UNDO: Final = " Not you? Tell us:"

_ROOM_FOR_NAMES: Final = 46
"""Characters of the 160 of one text message."""

_CODE_SHORT: Final = "{site}: {code} is your code {use} (request {label}). Tell it to nobody.\n\n@{host} #{code}"


def _letter(message: Message) -> str:
    values = _values(message)
    if message.code is None:
        undo = (_NO_UNDO if message.link is None else _UNDO).format(**values)
        names = "\n    ".join(message.names)
        return _LETTERS[message.kind].format(**values, undo=undo, names=names, stop=_stop(message)) + f"\n\n{message.site.name}\n"
    code = message.code.reveal()
    half = (len(code) + 1) // 2
    grouped = f"{code[:half]} {code[half:]}"  # by layout only, never by leaving values out (OT-19)
    beside = "" if message.link is None else _BESIDE.format(**values)
    return _CODE_LETTER.format(**values, use=_USES[message.kind], grouped=grouped, beside=beside, stop=_stop(message)) + f"\n\n{message.site.name}\n"


def _stop(message: Message) -> str:
    return "" if message.stop_link is None else _STOP.format(stop_link=message.stop_link.reveal())


def _short(message: Message) -> str:
    values = _values(message)
    if message.code is None:
        undo = (_SHORT_NO_UNDO if message.link is None else _SHORT_UNDO).format(**values)
        return _SHORT[message.kind].format(**values, undo=undo, names=_few(message.names))
    return _CODE_SHORT.format(**values, use=_USES[message.kind], code=message.code.reveal(), host=message.site.host)


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
    return {
        "site": message.site.name,
        "support": message.site.support,
        "when": when,
        "who": who,
        "label": message.label or "",
        "link": "" if message.link is None else message.link.reveal(),
        "shown": "\n".join(f"    {_line(line)}" for line in message.shown) or "    its settings in general",
        "brief": ", ".join(line.what for line in message.shown) or "settings",
        "span": _span((message.expires_at or message.at) - message.at),
        "link_span": _span((message.link_until or message.at) - message.at),
    }


def _line(line: Shown) -> str:
    """Return a change on one line: what, and from what to what."""
    change = " to ".join(filter(None, (line.old, line.new)))
    return f"{line.what}: {change}" if change else line.what


def _span(span: timedelta) -> str:
    seconds = span // timedelta(seconds=1)
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"


_MONTHS: Final = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
