"""What the host knows of a request and of who is signed in: plain values, made harmless on the way in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Context", "Session", "harmless"]

SHOWN_CHARACTERS: Final = 60
"""Most characters of `device` and `place` that may stand in a message (architecture section 11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the host knows of the request. All of it is optional, but saying nothing takes a word: `Context.none()`.

    credkit never reads headers or addresses: `network_key` is whatever the host wants limits to count by (AU-11).
    """

    network_key: str | None = field(default=None, repr=False)
    """Opaque key of the network the request came from, for example a /64 prefix."""
    locale: str | None = None
    """Language of the person asking, as a BCP 47 tag."""
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
        object.__setattr__(self, "device", harmless(self.device))
        object.__setattr__(self, "place", harmless(self.place))

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


def harmless(text: str | None) -> str | None:
    """Return *text* fit to stand in an official message although a stranger chose it; `None` if nothing is left.

    No controls, no markup, no link (no dot between letters) and no code (no run of five digits).
    """
    if text is None:
        return None
    kept = "".join(c if c.isalnum() or c in " .,()/-" else " " for c in text[: 4 * SHOWN_CHARACTERS])
    kept = re.sub(r"(?<=[^\W\d_])\.(?=[^\W\d_])", " ", kept)
    kept = re.sub(r"\d{5,}", "", kept)
    return " ".join(kept.split())[:SHOWN_CHARACTERS].strip() or None
