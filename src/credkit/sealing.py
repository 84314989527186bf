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
    whole = {**fields, _KEY: keys.current}
    seal = _mac(to_payload(whole, carried), keys, keys.current, site, record_key)
    return to_payload({**whole, _SEAL: as_json(seal)}, carried)


def unsealed(payload: bytes, keys: KeyRing, *, site: str, record_key: str) -> Fields:
    """Return the fields of a sealed record.

    Raises:
        UnreadableRecord: A byte of it was changed, or it was moved here from another place.
        UnknownKey: It was sealed with a key that is not on the ring.
    """
    fields = from_payload(payload)
    seal, key_id = fields.data(_SEAL), fields.text(_KEY)
    rest = {name: value for name, value in fields.whole().items() if name != _SEAL}
    if not hmac.compare_digest(seal, _mac(to_payload(rest, {}), keys, key_id, site, record_key)):
        raise UnreadableRecord
    return fields


def _mac(payload: bytes, keys: KeyRing, key_id: str, site: str, record_key: str) -> bytes:
    keys.require(key_id)
    return keys.mac(key_id, "seal", site, record_key, payload)
