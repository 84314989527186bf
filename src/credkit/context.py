"""What the host knows of a request and of who is signed in: plain values, made harmless on the way in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from credkit.errors import ConfigurationError

__all__ = ["Context", "Session", "checked", "folded", "harmless"]

SHOWN_CHARACTERS: Final = 60
"""Most characters of `device` and `place` that may stand in a message (architecture section 11)."""

_LOCALE: Final = re.compile(r"(?=.{1,35}\Z)[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
"""The shape of a language tag; RFC 5646 section 4.4.1 asks for room for 35 characters. An underscore, as POSIX and gettext write it."""

_CARRIES_IPV4: Final = frozenset({0xFFFF, 0x0064_FF9B << 64})
"""The first 96 bits of ``::ffff:0:0/96`` and ``64:ff9b::/96``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the host knows of the request. All of it is optional, but saying nothing takes a word: `Context.none()`.

    credkit never reads headers: `network_key` is whatever the host wants limits to count by (AU-11). An IP address is folded to what one
    subscriber has: see `folded`.

    Raises:
        ConfigurationError: A key or mark that is no text: passing it over would switch off a limit or a binding.
    """

    network_key: str | None = field(default=None, repr=False)
    """Key of the network the request came from: the client's IP address, or any text of the host's, taken as it is."""
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
    """The text of the mark of a known device, as a sign-in gave it (`SignedIn.device_mark`); anything else counts as none."""

    def __post_init__(self) -> None:
        opaque = ("network_key", "session_key", "device_mark")
        problems = [f"context.{name} must be text" for name in opaque if not _is_text_or_none(getattr(self, name))]
        if problems:
            raise ConfigurationError(problems)
        if self.network_key is not None:
            object.__setattr__(self, "network_key", folded(self.network_key))
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


def folded(network_key: str) -> str:
    """Return the network that an IP address stands for, one spelling for each; any other text as it is (REQ-D10).

    An IPv6 address is cut to its first 64 bits, as whoever has one has the other 2^64 - 1. One that carries an IPv4 address, mapped
    (RFC 4291 section 2.5.5.2) or translated (RFC 6052 section 2.1), is that address: otherwise one machine would be two, or all be one.
    """
    from ipaddress import IPv4Address, IPv6Network, ip_address  # noqa: PLC0415  # only hosts that give an address pay for it

    try:
        address = ip_address(network_key)
    except ValueError:
        return network_key
    if isinstance(address, IPv4Address):
        return str(address)
    if int(address) >> 32 in _CARRIES_IPV4:
        return str(IPv4Address(int(address) & 0xFFFF_FFFF))
    return str(IPv6Network((int(address), 64), strict=False))


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
