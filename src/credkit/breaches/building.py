"""Make an offline corpus from a sorted list, however long: nothing is held but a piece at a time, and nothing is there until all of it is.

How the entries are laid out depends on how many there are, which is known at the end of the list only. So the list is read once, its SHA-1s
put aside by their first 8 bytes, and the file is written from those.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from credkit.breaches._layout import (
    INDEX,
    KEY_BYTES,
    MOST_ENTRIES,
    CorpusFacts,
    count_byte,
    prefix_bits_for,
)
from credkit.errors import ConfigurationError, CredkitError

__all__ = ["ByteSource", "UnusableSource", "build_corpus"]

_PIECE: Final = 1 << 16
"""Entries that are laid out at once: half a megabyte, and about as much again for each step."""

_READ: Final = 1 << 20
_LONGEST_LINE: Final = 128

_ROW: Final = re.compile(rb"([0-9A-Fa-f]{40})(?::([0-9]{1,15}))?\r?")

_PUT_ASIDE: Final = 8
"""Bytes of a SHA-1: as many as the layout can ever need, with the prefix of the longest list."""


class ByteSource(Protocol):
    """What a list is read from: a file opened for bytes, standard input's buffer, and the like."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; none means the end."""
        ...


class UnusableSource(CredkitError):
    """A list that no corpus can be built from; it says which line, and never what stands in it."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line} {problem}")
        self.line = line
        """Counted from 1."""


def build_corpus(source: ByteSource, destination: str | Path, *, at_least: int = 1, counts: bool = False) -> CorpusFacts:
    """Write to *destination* what `OfflineCorpus` reads, in one step and on to the disk, and return what it says of itself.

    *source* has a line for each password, in the order of the SHA-1: 40 hex characters, or 40 hex characters, a colon and how often it occurs.
    A line without a number counts as one occurrence, and lines of the same SHA-1 add up. Beside *destination* there must be room for 8
    bytes an entry, 9 with counts, until it is done.

    Args:
        source: The list.
        destination: A path; a file that is there is replaced.
        at_least: Leave out passwords that occur less often.
        counts: Keep how often each occurs, rounded down by less than an eighth, for one more byte an entry.

    Raises:
        UnusableSource: A line is malformed, or stands before the one above it.
        ConfigurationError: The list cannot be read, or the file not be written.
    """
    if at_least < 1:
        raise ConfigurationError(["at_least must be 1 or more"])
    import tempfile  # noqa: PLC0415  # for this only

    destination = Path(destination)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{destination.name}.", dir=destination.parent) as folder:
            made = Path(folder, "corpus")
            with Path(folder, "sha1").open("w+b") as aside, Path(folder, "counts").open("w+b") as counted:
                entries = _put_aside(_passwords(_lines(source)), at_least, aside, counted if counts else None)
                facts = CorpusFacts(entries=entries, prefix_bits=prefix_bits_for(entries), counted=counts, at_least=at_least)
                _lay_out(facts, made, aside, counted)
            _settle(made, destination)
    except (OSError, EOFError, zlib.error) as failed:
        raise ConfigurationError([f"the breach corpus {destination} cannot be built"]) from failed
    return facts


def _lines(source: ByteSource) -> Iterator[bytes]:
    """Yield the lines without what ends them; of one that is far too long, only as much as shows it."""
    rest = b""
    while piece := source.read(_READ):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            break
    if rest:
        yield rest


def _passwords(lines: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield each SHA-1 once, in order, with how often it occurs."""
    last, count = b"", 0
    for number, line in enumerate(lines, 1):
        row = _ROW.fullmatch(line)
        if row is None:
            raise UnusableSource(number, "is neither a SHA-1 in hex nor SHA-1:COUNT")
        sha1 = bytes.fromhex(row[1].decode())
        if sha1 < last:
            raise UnusableSource(number, "belongs before the one above it; sort the list by SHA-1 first (LC_ALL=C sort)")
        if sha1 > last and number > 1:
            yield last, count
            count = 0
        last, count = sha1, count + (int(row[2]) if row[2] else 1)
    if last:
        yield last, count


def _put_aside(passwords: Iterator[tuple[bytes, int]], at_least: int, aside: BinaryIO, counted: BinaryIO | None) -> int:
    """Write what is needed of each password that occurs often enough, and return how many there are."""
    entries = 0
    for sha1, count in passwords:
        if count < at_least:
            continue
        aside.write(sha1[:_PUT_ASIDE])
        if counted is not None:
            counted.write(bytes((count_byte(count),)))
        entries += 1
    if entries > MOST_ENTRIES:
        raise ConfigurationError([f"a breach corpus holds up to {MOST_ENTRIES} passwords; leave out the rare ones with at_least"])
    return entries


def _lay_out(facts: CorpusFacts, made: Path, aside: BinaryIO, counted: BinaryIO) -> None:
    """Write the whole file. Index and entries grow side by side, each at its place."""
    with made.open("wb") as index, made.open("r+b") as entries:
        index.write(facts.header())
        entries.seek(facts.entries_at)
        done, bucket, start, checksum = 0, 0, 0, 0
        for sha1s, counts in _pieces(aside, counted):
            numbers = _numbers(sha1s)
            packed = _packed(facts, sha1s, counts)
            at = 0
            while at < len(numbers):
                belongs = numbers[at] >> (8 * _PUT_ASIDE - facts.prefix_bits)
                while bucket < belongs:
                    index.write(INDEX.pack(start, checksum))
                    bucket, start, checksum = bucket + 1, done + at, 0
                end = bisect_left(numbers, (belongs + 1) << (8 * _PUT_ASIDE - facts.prefix_bits), at)
                checksum = zlib.crc32(packed[at * facts.entry_bytes : end * facts.entry_bytes], checksum)
                at = end
            entries.write(packed)
            done += len(numbers)
        while bucket < facts.buckets:
            index.write(INDEX.pack(start, checksum))
            bucket, start, checksum = bucket + 1, done, 0
        index.write(INDEX.pack(done, 0))


def _pieces(aside: BinaryIO, counted: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield what was put aside, in pieces: the beginnings of SHA-1s, and their counts if there are any."""
    aside.seek(0)
    counted.seek(0)
    while sha1s := aside.read(_PIECE * _PUT_ASIDE):
        yield sha1s, counted.read(_PIECE)


def _numbers(sha1s: bytes) -> array[int]:
    numbers = array("Q", sha1s)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _packed(facts: CorpusFacts, sha1s: bytes, counts: bytes) -> bytearray:
    """Return the entries: of each 8 bytes the 40 bits behind the prefix, and the count if there is one.

    All are shifted at once, as one long number, and their bytes then picked column by column: per entry that is a hundred times as fast.
    What the shift brings over from the next entry lands in the last byte, and no entry reaches that far unless nothing is shifted.
    """
    skipped, shift = divmod(facts.prefix_bits, 8)
    shifted = (int.from_bytes(sha1s, "big") << shift).to_bytes(len(sha1s) + 1, "big")[1:]
    packed = bytearray(facts.entry_bytes * (len(sha1s) // _PUT_ASIDE))
    for column in range(KEY_BYTES):
        packed[column :: facts.entry_bytes] = shifted[skipped + column :: _PUT_ASIDE]
    if facts.counted:
        packed[KEY_BYTES :: facts.entry_bytes] = counts
    return packed


def _settle(made: Path, destination: Path) -> None:
    """Put the file where it belongs, and have the disk keep first its bytes and then its name."""
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    made.replace(destination)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(destination.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
