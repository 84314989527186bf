"""Find a canary in anything that came out, also where somebody has encoded it on the way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from functools import cache
from urllib.parse import quote, quote_plus


@cache
def forms(canary: str | bytes) -> tuple[tuple[str, str], ...]:
    """Return the texts by which *canary* may show, each with its name.

    Base64 of a longer text holds the canary in one of three alignments, so each is looked for, without the characters at
    its ends that its neighbours have a part in.
    """
    data = canary if isinstance(canary, bytes) else canary.encode("utf-8", "surrogatepass")
    found = {
        "in clear": data.decode("latin-1"),
        "reversed": data.decode("latin-1")[::-1],
        "hex": data.hex(),
        "hex in capitals": data.hex().upper(),
        "as Python writes bytes": repr(data)[2:-1],
        "percent-encoded in full": "".join(f"%{byte:02X}" for byte in data),
        "percent-encoded": quote(data, safe=""),
        "as a form sends it": quote_plus(data),
    }
    if isinstance(canary, str):
        found |= {"as text": canary, "as text, reversed": canary[::-1], "as Python writes it": repr(canary)[1:-1], "as JSON": json.dumps(canary)[1:-1]}
    for skipped in range(3):
        encoded = base64.b64encode(bytes(skipped) + data).decode()
        whole = encoded[-(-skipped * 4 // 3) : len(encoded) - (4 if (skipped + len(data)) % 3 else 0)]
        found[f"base64, {skipped} off"] = whole
        found[f"base64 for URLs, {skipped} off"] = whole.replace("+", "-").replace("/", "_")
    return tuple((name, text) for name, text in found.items() if len(text) >= 6)  # fewer characters are found anywhere


def found_in(text: str | bytes, canaries: Mapping[str, str | bytes]) -> Iterator[str]:
    """Yield what of *canaries* is in *text*, and how."""
    haystack = text.decode("latin-1") if isinstance(text, bytes) else text
    for name, canary in canaries.items():
        for form, needle in forms(canary):
            if needle in haystack:
                yield f"{name}, {form}"
