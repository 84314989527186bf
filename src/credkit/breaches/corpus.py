"""A breach list in one file, asked without telling anybody anything. How the file is laid out says `_layout`."""

from __future__ import annotations

import os
import weakref
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from credkit.breaches._layout import HEADER_BYTES, INDEX, INDEX_PAIR, KEY_BYTES, MOST_PREFIX_BITS, CorpusFacts, count_from, facts_from
from credkit.breaches.checking import BreachCheckFailed, Fingerprint
from credkit.errors import ConfigurationError
from credkit.per_process import PerProcess

__all__ = ["AsyncOfflineCorpus", "CorpusFacts", "OfflineCorpus", "check_corpus"]

_KEY_MASK: Final = (1 << 8 * KEY_BYTES) - 1

_Read: TypeAlias = Callable[[int, int], bytes]
"""Return the bytes from one place of the file up to another."""


class OfflineCorpus:
    """A `BreachList` in a file that `python -m credkit corpus build` has made, mapped into memory.

    Nothing is opened before the first look-up; each process maps the file for itself, and all of them share its pages. Safe for threads and
    forks. To renew the file, build to the same path: it is replaced in one step, and processes go on with the old one until they start anew.
    Never write into a file in use or cut it off: the system ends a process that touches a mapped page that is gone.
    """

    def __init__(self, path: str | Path) -> None:
        self._opened: Final = PerProcess(partial(_Opened, Path(path), _mapping))

    def count(self, fingerprint: Fingerprint) -> int:
        """Return how often the password occurs in known breaches, at least; see `BreachList.count`.

        Raises:
            ConfigurationError: There is no such file, or it is damaged, cut off, or of another format.
        """
        return self._opened.get().count(fingerprint)

    def facts(self) -> CorpusFacts:
        """Return what the file says of itself. Called at a host's start, it finds a file that cannot be used before anybody needs it.

        Raises:
            ConfigurationError: As for `count`.
        """
        return self._opened.get().facts


class AsyncOfflineCorpus:
    """`OfflineCorpus` for asyncio code: each look-up reads in a thread.

    A thread alone would not do. A page of a mapped file that has to come from the disk stops the whole process, event loop included,
    because the interpreter knows nothing of it. So this one reads instead of mapping, and while the disk is slow the loop runs on.
    """

    def __init__(self, path: str | Path) -> None:
        self._opened: Final = PerProcess(partial(_Opened, Path(path), _reading if hasattr(os, "pread") else _mapping))

    async def count(self, fingerprint: Fingerprint) -> int:
        """Return how often the password occurs in known breaches, at least; see `OfflineCorpus.count`."""
        import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

        return await asyncio.to_thread(lambda: self._opened.get().count(fingerprint))

    async def facts(self) -> CorpusFacts:
        """Return what the file says of itself; see `OfflineCorpus.facts`."""
        import asyncio  # noqa: PLC0415  # see above

        return await asyncio.to_thread(lambda: self._opened.get().facts)


def check_corpus(path: str | Path) -> CorpusFacts:
    """Read the whole file, compare every checksum, and return what the file says of itself.

    Raises:
        ConfigurationError: There is no such file, or it is damaged, cut off, or of another format.
    """
    opened = _Opened(Path(path), _mapping)
    opened.check()
    return opened.facts


class _Opened:
    """The file as one process has it."""

    def __init__(self, path: Path, access: Callable[[int, int], _Read]) -> None:
        self._path: Final = path
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            weakref.finalize(self, os.close, descriptor).atexit = False
            size = os.fstat(descriptor).st_size
            self.facts: Final = facts_from(os.read(descriptor, HEADER_BYTES), size, path)
            self._read: Final = access(descriptor, size)
        except OSError as unreadable:
            raise ConfigurationError([f"the breach corpus {path} cannot be read"]) from unreadable
        self._entries_at, self._width = self.facts.entries_at, self.facts.entry_bytes
        self._unused_bits = MOST_PREFIX_BITS - self.facts.prefix_bits

    def count(self, fingerprint: Fingerprint) -> int:
        """Return how often the password occurs. No local holds more of it than the bucket while anything can fail (PW-26)."""
        bucket = self._bucket(int.from_bytes(fingerprint.reveal()[:3], "big") >> self._unused_bits)
        return self._count_in(bucket, fingerprint)

    def check(self) -> None:
        """Read all that there is."""
        for number in range(self.facts.buckets):
            self._bucket(number)
        if self._bytes(self._entries_at - INDEX.size, self._entries_at) != INDEX.pack(self.facts.entries, 0):
            raise self._damaged()

    def _count_in(self, bucket: bytes, fingerprint: Fingerprint) -> int:
        """Return the count of the entry that *fingerprint* has in its bucket, or the highest if several agree in all the bits that are kept.

        In a bucket of a kilobyte nothing is as fast as a search for the bytes; where one is found across two entries it goes on.
        """
        key = (int.from_bytes(fingerprint.reveal()[:8], "big") >> self._unused_bits & _KEY_MASK).to_bytes(KEY_BYTES, "big")
        found, at = 0, bucket.find(key)
        while at >= 0:
            if at % self._width == 0:
                found = max(found, count_from(bucket[at + KEY_BYTES]) if self.facts.counted else self.facts.at_least)
            at = bucket.find(key, at + 1)
        return found

    def _bucket(self, number: int) -> bytes:
        start, end, checksum = self._place(number)
        if not start <= end <= self.facts.entries:
            raise self._damaged()
        bucket = self._bytes(self._entries_at + start * self._width, self._entries_at + end * self._width)
        if zlib.crc32(bucket) != checksum:
            raise self._damaged()
        return bucket

    def _place(self, number: int) -> tuple[int, int, int]:
        """Return a bucket's first entry, the one behind its last, and the checksum of what is between."""
        at = HEADER_BYTES + number * INDEX.size
        start, checksum, end, _ = INDEX_PAIR.unpack(self._bytes(at, at + INDEX_PAIR.size))
        return start, end, checksum

    def _bytes(self, start: int, end: int) -> bytes:
        try:
            found = self._read(start, end)
        except OSError as unreadable:
            raise BreachCheckFailed("the breach corpus cannot be read") from unreadable
        if len(found) != end - start:
            raise self._damaged()
        return found

    def _damaged(self) -> ConfigurationError:
        return ConfigurationError([f"the breach corpus {self._path} is damaged; build it again"])


def _mapping(descriptor: int, size: int) -> _Read:
    import mmap  # noqa: PLC0415  # for hosts that use it only

    mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)  # the pages around would be read in vain
    return lambda start, end: mapped[start:end]


def _reading(descriptor: int, size: int) -> _Read:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, size, os.POSIX_FADV_RANDOM)  # as above
    return lambda start, end: os.pread(descriptor, end - start, start)
