"""One unambiguous way to turn several values into bytes, for everything that is hashed or keyed.

Two different sequences of parts never share an encoding (KE-03): each part says its type and its length
before it says its content, and the whole starts with a version, so that a later layout can never be
mistaken for this one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

__all__ = ["EPOCH", "Part", "frame", "from_microseconds", "microseconds"]

Part: TypeAlias = str | bytes | int | None

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_VERSION: Final = b"\x01"


def frame(*parts: Part) -> bytes:
    """Return the bytes of *parts*; different parts give different bytes."""
    return _VERSION + b"".join(_encode(part) for part in parts)


def _encode(part: Part) -> bytes:
    match part:
        case None:
            tag, body = b"n", b""
        case bytes():
            tag, body = b"b", part
        case str():
            # A lone surrogate cannot be UTF-8; it is refused at the edge, and must not raise here.
            tag, body = b"s", part.encode("utf-8", "surrogatepass")
        case _:
            tag, body = b"i", str(int(part)).encode("ascii")
    return tag + len(body).to_bytes(8, "big") + body


def microseconds(moment: datetime) -> int:
    """Return *moment* (aware) as whole microseconds since 1970 in UTC: exact, where a float is not."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_microseconds(count: int) -> datetime:
    """Return the moment *count* microseconds after 1970 in UTC."""
    return EPOCH + timedelta(microseconds=count)
