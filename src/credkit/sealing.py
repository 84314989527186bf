"""Records that nobody without a key can have written: their bytes, and a MAC over all of them and over the place they lie in.

Where a record decides what may happen, such as an approval, a store's word is not enough: whoever can write to the store but holds
no key must not be able to approve, to prolong, or to move one person's approval under another's name (AP-01, F19).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from credkit.keys import KeyRing
from credkit.payloads import Fields, Json, UnreadableRecord, as_json, from_payload, to_payload

__all__ = ["sealed", "unsealed"]

_SEAL: Final = "seal"
_KEY: Final = "seal_key"


def sealed(fields: Mapping[str, Json], carried: Mapping[str, Json], keys: KeyRing, *, site: str, record_key: str) -> bytes:
    """Return the bytes of a record that lies under *record_key*, sealed with the current key."""
    return _with_seal({**fields, _KEY: keys.current}, carried, keys, site, record_key)


def unsealed(payload: bytes, keys: KeyRing, *, site: str, record_key: str) -> Fields:
    """Return the fields of a sealed record.

    Raises:
        UnreadableRecord: A byte of it was changed, or it was moved here from another place.
        UnknownKey: It was sealed with a key that is not on the ring.
    """
    fields = from_payload(payload)
    keys.require(fields.text(_KEY))
    rest = {name: value for name, value in fields.whole().items() if name != _SEAL}
    # All bytes are compared and not the seal alone: the same JSON can be written in many ways, and the end of base64 in four.
    if not hmac.compare_digest(payload, _with_seal(rest, {}, keys, site, record_key)):
        raise UnreadableRecord
    fields.data(_SEAL)  # read, so that it is no field of a newer release to be carried through
    return fields


def _with_seal(fields: Mapping[str, Json], carried: Mapping[str, Json], keys: KeyRing, site: str, record_key: str) -> bytes:
    seal = keys.mac(str(fields[_KEY]), "seal", site, record_key, to_payload(fields, carried))
    return to_payload({**fields, _SEAL: as_json(seal)}, carried)
