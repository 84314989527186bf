"""How an offline corpus is laid out in its file; written by `building`, read by `corpus`.

A header of 64 bytes; an index; the entries, in the order of their SHA-1. All numbers are big-endian.

- An *entry* is 5 bytes of a SHA-1, and one more for how often the password occurs, if the file was built with counts.
- The first `prefix_bits` of a SHA-1 pick its *bucket*; the entry holds the 40 bits that follow. There are as many buckets as keep the average
  at 128 to 256 entries (one bucket if there are fewer), so a look-up reads one index entry and about a kilobyte, however long the list is.
- An *index entry* is 4 bytes for the number of the bucket's first entry and 4 for the CRC-32 of the bucket; one more marks the end. The check
  is made at every look-up, for about a microsecond. It finds damage, not malice: who may write the file may write the code, too.

A password that is not in the list is taken for one that is if its SHA-1 agrees in all the bits that decide: with a chance of
entries / 2^(prefix_bits + 40), which by the size of the buckets is at most 2^-32. A password in the list is always found.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from credkit.errors import ConfigurationError

__all__ = [
    "HEADER_BYTES",
    "INDEX",
    "INDEX_PAIR",
    "KEY_BYTES",
    "MOST_ENTRIES",
    "MOST_PREFIX_BITS",
    "CorpusFacts",
    "count_byte",
    "count_from",
    "facts_from",
    "prefix_bits_for",
]

KEY_BYTES: Final = 5

_BUCKET: Final = 256
"""Most entries in a bucket, on average: 2^8 of them among 2^40 keys are the promised 2^-32."""

MOST_PREFIX_BITS: Final = 24
MOST_ENTRIES: Final = (1 << 32) - 1
"""2^24 buckets of 256, and what 4 bytes of an index entry can count: four times what public lists hold."""

INDEX: Final = struct.Struct(">II")
INDEX_PAIR: Final = struct.Struct(">IIII")
"""A bucket's index entry, and the next one, which says where the bucket ends."""

_MAGIC: Final = b"credkit breaches"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">16sHBBB3xQQ20x")
_CHECKED: Final = struct.Struct(">I")
HEADER_BYTES: Final = _HEADER.size + _CHECKED.size

_FRACTION: Final = 3
"""Bits of a count that are kept behind its first: it is rounded down by less than an eighth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusFacts:
    """What a corpus file says of itself."""

    entries: int
    prefix_bits: int
    """How many bits of a SHA-1 pick a bucket."""
    counted: bool
    """Whether it tells how often a password occurs; otherwise a look-up says `at_least` for all that it has."""
    at_least: int
    """The fewest occurrences with which a password was taken in."""

    @property
    def buckets(self) -> int:
        """How many there are."""
        return 1 << self.prefix_bits

    @property
    def entry_bytes(self) -> int:
        """Of one entry, without its share of the index."""
        return KEY_BYTES + self.counted

    @property
    def entries_at(self) -> int:
        """Where the entries begin."""
        return HEADER_BYTES + INDEX.size * (self.buckets + 1)

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self.entries_at + self.entry_bytes * self.entries

    @property
    def false_positives(self) -> float:
        """The chance that a password that is not in the list is taken for one that is."""
        return self.entries / 2.0 ** (self.prefix_bits + 8 * KEY_BYTES)

    def header(self) -> bytes:
        """Return the file's first bytes."""
        head = _HEADER.pack(_MAGIC, _VERSION, self.prefix_bits, KEY_BYTES, int(self.counted), self.entries, self.at_least)
        return head + _CHECKED.pack(zlib.crc32(head))


def facts_from(head: bytes, size: int, path: Path) -> CorpusFacts:
    """Return what the first bytes of a file of that *size* say.

    Raises:
        ConfigurationError: They are not those of a corpus that this release reads, or the file is not as long as they say.
    """
    if not head or not head.startswith(_MAGIC[: len(head)]):
        raise ConfigurationError([f"{path} is no breach corpus; make one with `python -m credkit corpus build`"])
    if len(head) < HEADER_BYTES:
        raise ConfigurationError([f"{path} is cut off: it ends within its header"])
    _, version, prefix_bits, _, counted, entries, at_least = _HEADER.unpack_from(head)
    if version != _VERSION:
        raise ConfigurationError([f"{path} is a breach corpus of format {version}, and this release reads format {_VERSION}; build it again"])
    facts = CorpusFacts(entries=entries, prefix_bits=prefix_bits, counted=bool(counted), at_least=at_least)
    if head != facts.header():
        raise ConfigurationError([f"{path} is damaged: its header does not fit its checksum; build it again"])
    if size != facts.size:
        raise ConfigurationError([f"{path} is cut off or damaged: it should have {facts.size} bytes and has {size}; build it again"])
    return facts


def prefix_bits_for(entries: int) -> int:
    """Return how many bits pick the bucket: the fewest that keep the average at `_BUCKET` entries or less."""
    return max(0, (max(entries, 1) - 1).bit_length() - (_BUCKET - 1).bit_length())


def count_byte(count: int) -> int:
    """Return *count* in one byte: exact below 16, and above with its first four binary digits."""
    dropped = max(0, count.bit_length() - _FRACTION - 1)
    return min((dropped << _FRACTION) + (count >> dropped), 255)


def count_from(byte: int) -> int:
    """Return the count that a byte stands for: never more than it was."""
    dropped = max(0, (byte >> _FRACTION) - 1)
    return (byte - (dropped << _FRACTION)) << dropped
