"""Which broken store each test of a contract catches, as its docstring says."""

from __future__ import annotations

import re

from credkit.testing.contracts._driving import duties

__all__ = ["kills"]


def kills(contract: type) -> dict[str, str]:
    """Return the name of the store of `credkit.testing.broken` that each test of *contract* catches, by test."""
    said = {name: re.match(r"Catches `(\w+)`", getattr(contract, name).__doc__ or "") for name in duties(contract)}
    return {name: "" if found is None else found[1] for name, found in said.items()}
