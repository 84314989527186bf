"""How credkit's own values become the bytes of a record, and back: canonical JSON with a format number.

A format is written one release after it can be read, and fields this release does not know are carried through
unchanged, so that old and new workers can share one store while a deployment is under way (F31). New fields go to the top level of a
record, because only there they are carried.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar, cast

from credkit.errors import CredkitError
from credkit.framing import from_microseconds, microseconds

__all__ = ["FORMAT", "Fields", "Json", "UnreadableRecord", "as_json", "from_payload", "to_payload"]

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"

_Choice = TypeVar("_Choice", bound=StrEnum)

FORMAT: Final = 1
"""The newest format this release reads; also the one it writes."""


class UnreadableRecord(CredkitError):
    """A record is not in a format this release reads: it is newer, damaged, or not credkit's. Nothing was changed."""


def as_json(value: str | bytes | datetime | int | None) -> Json:
    """Return *value* as JSON holds it: bytes as base64, moments as whole microseconds."""
    match value:
        case bytes():
            return base64.urlsafe_b64encode(value).decode("ascii")
        case datetime():
            return microseconds(value)
        case _:
            return value


def to_payload(fields: Mapping[str, Json], carried: Mapping[str, Json]) -> bytes:
    """Return the canonical bytes of *fields*, together with what was *carried* from a newer release."""
    whole = {**carried, **fields, "format": FORMAT}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def from_payload(payload: bytes) -> Fields:
    """Return the fields of a record's *payload*.

    Raises:
        UnreadableRecord: It is not canonical JSON with a format number that this release reads.
    """
    try:
        whole = json.loads(payload)
    except (ValueError, RecursionError):
        raise UnreadableRecord from None
    fields = Fields(whole)
    if not 1 <= fields.number("format") <= FORMAT:
        raise UnreadableRecord
    return fields


class Fields:
    """Typed reading of one JSON object; every mismatch is `UnreadableRecord`, and it never quotes what it saw."""

    __slots__ = ("_left", "_whole")

    def __init__(self, whole: object) -> None:
        if not isinstance(whole, dict):
            raise UnreadableRecord
        self._whole = cast("dict[str, Json]", whole)
        self._left = dict(self._whole)

    def _take(self, name: str) -> Json:
        self._left.pop(name, None)
        return self._whole.get(name)

    def maybe_text(self, name: str) -> str | None:
        """Return the text *name*, or `None`."""
        value = self._take(name)
        if value is not None and not isinstance(value, str):
            raise UnreadableRecord
        return value

    def text(self, name: str) -> str:
        """Return the text *name*."""
        value = self.maybe_text(name)
        if value is None:
            raise UnreadableRecord
        return value

    def choice(self, name: str, choices: type[_Choice]) -> _Choice:
        """Return the member of *choices* that *name* holds."""
        try:
            return choices(self.text(name))
        except ValueError:
            raise UnreadableRecord from None

    def number(self, name: str) -> int:
        """Return the whole number *name*."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise UnreadableRecord
        return value

    def flag(self, name: str) -> bool:
        """Return the truth value *name*."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise UnreadableRecord
        return value

    def maybe_flag(self, name: str) -> bool:
        """Return the truth value *name*; false where an older release did not write it."""
        return name in self._whole and self.flag(name)

    def data(self, name: str) -> bytes:
        """Return the bytes *name*."""
        try:
            return base64.b64decode(self.text(name), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise UnreadableRecord from None

    def maybe_data(self, name: str) -> bytes | None:
        """Return the bytes *name*, or `None`."""
        return None if self._take(name) is None else self.data(name)

    def moment(self, name: str) -> datetime:
        """Return the moment *name*."""
        try:
            return from_microseconds(self.number(name))
        except OverflowError:
            raise UnreadableRecord from None

    def maybe_moment(self, name: str) -> datetime | None:
        """Return the moment *name*, or `None`."""
        return None if self._take(name) is None else self.moment(name)

    def items(self, name: str) -> Sequence[Json]:
        """Return the list *name*."""
        value = self._take(name)
        if not isinstance(value, list):
            raise UnreadableRecord
        return cast("Sequence[Json]", value)

    def maybe_items(self, name: str) -> Sequence[Json] | None:
        """Return the list *name*, or `None`."""
        return None if self._take(name) is None else self.items(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the list of texts *name*."""
        items = self.items(name)
        if not all(isinstance(item, str) for item in items):
            raise UnreadableRecord
        return tuple(item for item in items if isinstance(item, str))

    def part(self, name: str) -> Fields:
        """Return the object *name*."""
        return Fields(self._take(name))

    def maybe_part(self, name: str) -> Fields | None:
        """Return the object *name*, or `None`."""
        return None if self._take(name) is None else self.part(name)

    def whole(self) -> Mapping[str, Json]:
        """Return everything, whether it has been read or not."""
        return self._whole

    def rest(self) -> Mapping[str, Json]:
        """Return what has not been read: fields of a newer release, to be carried through."""
        return {name: value for name, value in self._left.items() if name != "format"}
