"""Lists as they are distributed, made from passwords that are numbers."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

from credkit.breaches import CorpusFacts, Fingerprint, build_corpus


def sha1_of(number: int) -> bytes:
    """Return the SHA-1 of a number in digits."""
    return hashlib.sha1(b"%d" % number).digest()  # noqa: S324  # what lists are keyed by


def stored(amount: int) -> list[bytes]:
    """Return the SHA-1s of a list of that length, in its order."""
    return sorted(map(sha1_of, range(amount)))


def count_of(sha1: bytes) -> int:
    """Return how often a password occurs: anything from 1 to 100,000, and always the same."""
    return 1 + int.from_bytes(sha1[-3:], "big") % 100_000


def listed(sha1s: Iterable[bytes]) -> bytes:
    """Return the list."""
    return b"".join(b"%b:%d\r\n" % (sha1.hex().upper().encode(), count_of(sha1)) for sha1 in sha1s)


def made(path: Path, sha1s: Iterable[bytes], *, at_least: int = 1, counts: bool = False) -> CorpusFacts:
    """Build a corpus of them."""
    return build_corpus(io.BytesIO(listed(sha1s)), path, at_least=at_least, counts=counts)


def absent(amount: int) -> list[Fingerprint]:
    """Return fingerprints of passwords that are on no list here."""
    return [Fingerprint(sha1_of(-1 - number)) for number in range(amount)]
