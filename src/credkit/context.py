"""What the host knows of a request and of who is signed in: plain values, made harmless on the way in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from credkit.errors import ConfigurationError

__all__ = ["Context", "Session", "checked", "harmless"]

SHOWN_CHARACTERS: Final = 60
"""Most characters of `device` and `place` that may stand in a message (architecture section 11)."""

_LOCALE: Final = re.compile(r"(?=.{1,35}\Z)[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
"""The shape of a language tag; RFC 5646 section 4.4.1 asks for room for 35 characters. An underscore, as POSIX and gettext write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the host knows of the request. All of it is optional, but saying nothing takes a word: `Context.none()`.

    credkit never reads headers or addresses: `network_key` is whatever the host wants limits to count by (AU-11).

    Raises:
        ConfigurationError: A key or mark that is no text: passing it over would switch off a limit or a binding.
    """

    network_key: str | None = field(default=None, repr=False)
    """Opaque key of the network the request came from, for example a /64 prefix."""
    locale: str | None = None
    """Language of the person asking, as a BCP 47 tag; what does not look like one counts as none, because a browser says it."""
    device: str | None = None
    """What the person uses, for example ``Firefox on Linux``; cut to harmless characters, because strangers choose it."""
    place: str | None = None
    """Where, coarsely, for example ``Oslo, Norway``; cut in the same way."""
    region: str | None = None
    """ISO 3166 region of phone numbers typed in this call; the site's default otherwise."""
    session_key: str | None = field(default=None, repr=False)
    """Opaque, stable text of the host's own session. A journey begun with one can go on only with the same one (F23)."""
    device_mark: str | None = field(default=None, repr=False)
    """Opaque mark of a device the host knows."""

    def __post_init__(self) -> None:
        opaque = ("network_key", "session_key", "device_mark")
        problems = [f"context.{name} must be text" for name in opaque if not _is_text_or_none(getattr(self, name))]
        if problems:
            raise ConfigurationError(problems)
        object.__setattr__(self, "device", harmless(self.device))
        object.__setattr__(self, "place", harmless(self.place))
        object.__setattr__(self, "locale", _language(self.locale))

    @classmethod
    def none(cls) -> Context:
        """Return a context that says nothing, on purpose."""
        return cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, as the host's session remembers it."""

    credential_id: str
    session_epoch: int
    """The credential's epoch at sign-in; when they differ, the session has ended."""
    session_key: str | None = field(default=None, repr=False)


def checked(context: object) -> Context:
    """Return *context* if it is one.

    Raises:
        ConfigurationError: It is none.
    """
    if not isinstance(context, Context):
        raise ConfigurationError(["context must be a Context; a host that has nothing to say says Context.none()"])
    return context


def harmless(text: object) -> str | None:
    """Return *text* fit to stand in an official message although a stranger chose it; `None` if it is no text or nothing is left.

    No controls, no markup, no link (no dot before a letter) and no code (no run of five digits).
    """
    if not isinstance(text, str):
        return None
    # Numbers that are no decimal digits, such as circled ones, read as a code all the same.
    kept = "".join(c if c.isalpha() or c.isdecimal() or c in " .,()/-" else " " for c in text[: 4 * SHOWN_CHARACTERS])
    kept = re.sub(r"\d{5,}", "", kept)
    # Last, as what is left out above can bring a dot and a letter together.
    kept = re.sub(r"\.(?=[^\W\d_])", " ", kept)
    return " ".join(kept.split())[:SHOWN_CHARACTERS].strip() or None


def _language(tag: object) -> str | None:
    return tag if isinstance(tag, str) and _LOCALE.fullmatch(tag) else None


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)
