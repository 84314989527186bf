"""What a person may want to change about a sign-in, as values; and how a change is shown to whoever has to approve it.

What is asked, what is stored, what is shown and what is carried out are one and the same value, so that nobody can approve
one thing and get another (AP-01, AP-03). Texts that come from outside are made plain here and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from credkit.context import harmless
from credkit.errors import ConfigurationError
from credkit.framing import frame
from credkit.identifiers import EmailAddress, Identifier
from credkit.identifiers._screening import INVISIBLE
from credkit.otp import identifier_fields, read_identifier
from credkit.payloads import Fields, Json, UnreadableRecord

__all__ = [
    "AddIdentifier",
    "ChangeIdentifier",
    "Edit",
    "HostChange",
    "Prefer",
    "RemoveIdentifier",
    "SetPassword",
    "Shown",
    "digest_of",
    "edit_fields",
    "parsed",
    "plain",
    "read_edit",
    "read_shown",
    "shown",
    "shown_fields",
    "told",
]

_Text: TypeAlias = Identifier | str

LONGEST_SHOWN: Final = 80
"""Characters; what is longer is shortened in the middle, with eight characters of its digest, so that two long values never look alike (AP-03)."""

LONGEST_HOST_VALUE: Final = 1000
"""Characters of a host's own value that a request may carry."""

_NO_PART_OF_A_NUMBER: Final = re.compile(r"[^0-9+]")

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _.-]{0,39}")


@dataclass(frozen=True, slots=True)
class AddIdentifier:
    """Add an email address or mobile number."""

    identifier: _Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangeIdentifier:
    """Put one identifier in the place of another."""

    old: _Text = field(repr=False)
    new: _Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoveIdentifier:
    """Take an identifier away."""

    identifier: _Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Prefer:
    """Make an identifier the verification method: where codes and approvals go."""

    identifier: _Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Set a new password, which nobody is shown."""


@dataclass(frozen=True, slots=True)
class HostChange:
    """Change something that the host keeps: a name, an address, whatever it calls *name*.

    Raises:
        ConfigurationError: The name is not 1 to 40 letters, digits, spaces, dots, dashes and underscores, or a value is too long.
    """

    name: str
    old: str | None = field(default=None, repr=False)
    """As the person knows it; shown, never interpreted."""
    new: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        problems = [] if _is_text(self.name) and _NAME.fullmatch(self.name) else ["the name of a host's change must be 1 to 40 plain characters"]
        if not all(value is None or (_is_text(value) and len(value) <= LONGEST_HOST_VALUE) for value in (self.old, self.new)):
            problems.append(f"the values of a host's change must be text of at most {LONGEST_HOST_VALUE} characters")
        if problems:
            raise ConfigurationError(problems)


Edit: TypeAlias = AddIdentifier | ChangeIdentifier | RemoveIdentifier | Prefer | SetPassword | HostChange
"""One change of settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One change, as a person reads it: plain text on one line each, to be escaped by the page like any other text."""

    what: str
    """``new email``, ``email`` where one takes the place of another, ``removed email``, the same with ``phone``, ``password``,
    ``verification method``, or the host's own name for it."""
    old: str | None = field(default=None, repr=False)
    new: str | None = field(default=None, repr=False)


def parsed(edit: Edit, parse: Callable[[_Text], Identifier]) -> Edit:
    """Return *edit* with its identifiers parsed.

    Raises:
        InvalidIdentifier: One of them is none.
    """
    match edit:
        case AddIdentifier(identifier):
            return AddIdentifier(parse(identifier))
        case ChangeIdentifier(old, new):
            return ChangeIdentifier(parse(old), parse(new))
        case RemoveIdentifier(identifier):
            return RemoveIdentifier(parse(identifier))
        case Prefer(identifier):
            return Prefer(parse(identifier))
        case SetPassword() | HostChange():
            return edit


def shown(edit: Edit) -> Shown:
    """Return how a parsed *edit* is shown to its owner: identifiers in full, because nobody should approve what they cannot read."""
    match edit:
        case AddIdentifier(identifier):
            return Shown(what=f"new {_kind(identifier)}", new=_entered(identifier))
        case ChangeIdentifier(old, new):
            return Shown(what=_kind(new), old=_entered(old), new=_entered(new))
        case RemoveIdentifier(identifier):
            return Shown(what=f"removed {_kind(identifier)}", old=_entered(identifier))
        case Prefer(identifier):
            return Shown(what="verification method", new=_entered(identifier))
        case SetPassword():
            return Shown(what="password")
        case HostChange(name, old, new):
            return Shown(what=name, old=None if old is None else plain(old), new=None if new is None else plain(new))


def told(edit: Edit, *, masked: bool) -> Shown:
    """Return how a parsed *edit* stands in a message: *masked* in a notice, which others may see on a locked screen (NO-16).

    What the host changes is made harmless as well: a stranger may have chosen it, and a message carries the site's name (NO-06).
    """
    if isinstance(edit, HostChange):
        return Shown(what=edit.name, old=harmless(edit.old), new=harmless(edit.new))
    return _masked(edit) if masked else shown(edit)


def plain(text: str) -> str:
    """Return *text* as one line without characters that hide or turn others; long text shortened in the middle (AP-03)."""
    line = " ".join("".join(c if c.isprintable() and not INVISIBLE.match(c) else " " for c in text).split())
    if len(line) <= LONGEST_SHOWN:
        return line
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{line[:40]} ... {line[-20:]} ({digest})"


def digest_of(edits: Sequence[Edit] | None) -> bytes:
    """Return the SHA-256 of what is asked for, which everything that proves an approval covers; `None` is "settings in general"."""
    parts = [] if edits is None else [part for edit in edits for part in _parts(edit)]
    return hashlib.sha256(frame("edits", None if edits is None else len(edits), *parts)).digest()


def edit_fields(edit: Edit) -> dict[str, Json]:
    """Return a parsed *edit* as a record holds it."""
    match edit:
        case AddIdentifier(identifier):
            return {"type": "add", "new": identifier_fields(_known(identifier))}
        case ChangeIdentifier(old, new):
            return {"type": "change", "old": identifier_fields(_known(old)), "new": identifier_fields(_known(new))}
        case RemoveIdentifier(identifier):
            return {"type": "remove", "old": identifier_fields(_known(identifier))}
        case Prefer(identifier):
            return {"type": "prefer", "new": identifier_fields(_known(identifier))}
        case SetPassword():
            return {"type": "password"}
        case HostChange(name, old, new):
            return {"type": "host", "name": name, "old": old, "new": new}


def read_edit(fields: Fields) -> Edit:
    """Return the edit that `edit_fields` made.

    Raises:
        UnreadableRecord: They are none that this release knows.
    """
    match fields.text("type"):
        case "add":
            return AddIdentifier(read_identifier(fields.part("new")))
        case "change":
            return ChangeIdentifier(read_identifier(fields.part("old")), read_identifier(fields.part("new")))
        case "remove":
            return RemoveIdentifier(read_identifier(fields.part("old")))
        case "prefer":
            return Prefer(read_identifier(fields.part("new")))
        case "password":
            return SetPassword()
        case "host":
            return _read_host_change(fields)
        case _:
            raise UnreadableRecord


def _read_host_change(fields: Fields) -> HostChange:
    try:
        return HostChange(fields.text("name"), fields.maybe_text("old"), fields.maybe_text("new"))
    except ConfigurationError:  # a newer release may allow more; nobody's configuration is to blame
        raise UnreadableRecord from None


def shown_fields(lines: Sequence[Shown]) -> list[Json]:
    """Return what is shown as a record holds it."""
    return [{"what": line.what, "old": line.old, "new": line.new} for line in lines]


def read_shown(items: Sequence[Json]) -> tuple[Shown, ...]:
    """Return what `shown_fields` made."""
    parts = [Fields(item) for item in items]
    return tuple(Shown(what=part.text("what"), old=part.maybe_text("old"), new=part.maybe_text("new")) for part in parts)


def _parts(edit: Edit) -> list[str | None]:
    match edit:
        case AddIdentifier(identifier):
            return ["add", _canonical(identifier)]
        case ChangeIdentifier(old, new):
            return ["change", _canonical(old), _canonical(new)]
        case RemoveIdentifier(identifier):
            return ["remove", _canonical(identifier)]
        case Prefer(identifier):
            return ["prefer", _canonical(identifier)]
        case SetPassword():
            return ["password"]
        case HostChange(name, old, new):
            return ["host", name, old, new]


def _masked(edit: Edit) -> Shown:
    line = shown(edit)
    match edit:
        case ChangeIdentifier(old, new):
            return replace(line, old=_known(old).masked, new=_known(new).masked)
        case AddIdentifier(identifier) | Prefer(identifier):
            return replace(line, new=_known(identifier).masked)
        case RemoveIdentifier(identifier):
            return replace(line, old=_known(identifier).masked)
        case SetPassword() | HostChange():
            return line


def _known(identifier: _Text) -> Identifier:
    if isinstance(identifier, str):
        raise ConfigurationError(["an edit must be parsed before it is used"])
    return identifier


def _canonical(identifier: _Text) -> str:
    known = _known(identifier)
    return f"{known.kind}:{known.canonical}"


def _kind(identifier: _Text) -> str:
    return "email" if isinstance(_known(identifier), EmailAddress) else "phone"


def _entered(identifier: _Text) -> str:
    """Return *identifier* as typed where that says which one it is, else as it is sent to.

    Whoever asked has chosen how it was typed: in letters of another script that look alike (ID-09), or without a country code, which their
    own region then supplied. Two different ones must never look alike to who approves (AP-03).
    """
    known = _known(identifier)
    typed = known.entered.lower() if isinstance(known, EmailAddress) else _NO_PART_OF_A_NUMBER.sub("", known.entered)
    return plain(known.entered if known.entered.isascii() and typed == known.canonical else known.address)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
