"""What offline corpora cost: ``python tests/benchmarks/corpus.py [ENTRIES ...]``. It prints, and asserts nothing.

The list is generated and goes to the command through a pipe, as a download would, so that nothing is on the disk but what the builder puts
there: in a temporary folder, 15 bytes an entry at most. Entries are drawn at random from as many even slices of all SHA-1s as needed, each from
the slice's own seed, so that any of them can be drawn again to be looked up.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import credkit
from credkit.breaches import AsyncOfflineCorpus, Fingerprint, OfflineCorpus

SIZES = (100_000, 1_000_000, 10_000_000)
SLICE = 5_000
LOOK_UPS = 100_000
COLD_LOOK_UPS = 1_000
ROUNDS = 5

BUILDER = """
import re, sys, time
from pathlib import Path
from credkit.__main__ import main
before = time.process_time()
if main():
    raise SystemExit(1)
peak = re.search(r"VmHWM:\\s*([0-9]+)", Path("/proc/self/status").read_text()) if sys.platform == "linux" else None
print(time.process_time() - before, peak[1] if peak else 0)
"""
"""The command, and then what it took. Its memory as the system counts it for a child would be that of this process, from before it became the command."""


def drawn(number: int, entries: int) -> list[bytes]:
    """Return the entries of one slice, sorted."""
    slices = -(-entries // SLICE)
    low, high = (number << 160) // slices, ((number + 1) << 160) // slices
    chance = random.Random(number)  # noqa: S311  # the same again is the point
    size = min(SLICE, entries - number * SLICE)
    return [value.to_bytes(20, "big") for value in sorted(chance.randrange(low, high) for _ in range(size))]


def generate(entries: int) -> None:
    """Write a list as it is distributed."""
    for number in range(-(-entries // SLICE)):
        sys.stdout.buffer.write(b"".join(b"%b:%d\r\n" % (sha1.hex().upper().encode(), 1 + sha1[-1]) for sha1 in drawn(number, entries)))


def build(entries: int, corpus: Path, *more: str) -> tuple[float, float]:
    """Build a corpus by the command; return its processor time in seconds and its largest memory in MB."""
    environment = {**os.environ, "PYTHONPATH": str(Path(credkit.__path__[0]).parent)}
    with subprocess.Popen([sys.executable, __file__, "--generate", str(entries)], stdout=subprocess.PIPE, env=environment) as generator:
        command = [sys.executable, "-c", BUILDER, "corpus", "build", "-", str(corpus), *more]
        done = subprocess.run(command, stdin=generator.stdout, stdout=subprocess.PIPE, env=environment, text=True, check=True)
    seconds, kilobytes = done.stdout.splitlines()[-1].split()
    return float(seconds), int(kilobytes) / 1024


def hits(entries: int, wanted: int) -> list[Fingerprint]:
    """Return fingerprints of entries from all over the list."""
    chance = random.Random(entries)  # noqa: S311  # as above
    slices = -(-entries // SLICE)
    found = [sha1 for number in chance.sample(range(slices), min(slices, 200)) for sha1 in drawn(number, entries)]
    return [Fingerprint(sha1) for sha1 in chance.choices(found, k=wanted)]


def misses(wanted: int) -> list[Fingerprint]:
    return [Fingerprint(hashlib.sha1(b"%d" % number).digest()) for number in range(wanted)]  # noqa: S324  # what lists are keyed by


def microseconds(corpus: OfflineCorpus, asked: list[Fingerprint], *, found: bool) -> float:
    """Return what one look-up costs of processor time; what was found is counted, so that a fast wrong answer is seen."""
    started = time.process_time()
    right = sum((corpus.count(fingerprint) > 0) is found for fingerprint in asked)
    spent = time.process_time() - started
    if right != len(asked):
        print(f"  {len(asked) - right} of {len(asked)} answers are wrong")
    return spent / len(asked) * 1e6


async def awaited(corpus: AsyncOfflineCorpus, asked: list[Fingerprint]) -> float:
    """Return what one look-up costs async code, one after another."""
    started = time.perf_counter()
    for fingerprint in asked:
        await corpus.count(fingerprint)
    return (time.perf_counter() - started) / len(asked) * 1e6


def forget(path: Path) -> None:
    """Have the system drop the file from its memory; pages that are mapped somewhere stay."""
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def cold(path: Path) -> None:
    """Say what a look-up costs when the disk has to be asked, mapped and read."""
    sought = misses(COLD_LOOK_UPS)
    forget(path)
    corpus = OfflineCorpus(path)
    started = time.perf_counter()
    for fingerprint in sought:
        corpus.count(fingerprint)
    mapped = (time.perf_counter() - started) / len(sought) * 1e6
    del corpus
    forget(path)
    reading = AsyncOfflineCorpus(path)._opened.get()
    started = time.perf_counter()
    for fingerprint in sought:
        reading.count(fingerprint)
    read = (time.perf_counter() - started) / len(sought) * 1e6
    print(f"not in memory: {mapped:.0f} us mapped, {read:.0f} us read, on average of the first {len(sought)} look-ups")


def built(entries: int, corpus: Path, *more: str) -> None:
    """Build a corpus, and say what that took."""
    seconds, memory = build(entries, corpus, *more)
    facts = OfflineCorpus(corpus).facts()
    print(f"{entries:,} entries{''.join(f', {what}' for what in more)}: {facts.size / entries:.3f} bytes each, false positives {facts.false_positives:.1e}")
    print(f"  built in {seconds / entries * 1e6:.2f} s a million, {memory:.0f} MB of memory at most")


def asked(corpora: dict[int, Path]) -> None:
    """Say what look-ups cost: the best of some rounds, in turns, so that what else the machine does falls on all alike."""
    best: dict[tuple[int, str], float] = {}
    for entries, corpus in list(corpora.items()) * ROUNDS:
        blocking = OfflineCorpus(corpus)
        rounds = {
            "hit": microseconds(blocking, hits(entries, LOOK_UPS), found=True),
            "miss": microseconds(blocking, misses(LOOK_UPS), found=False),
            "awaited": asyncio.run(awaited(AsyncOfflineCorpus(corpus), misses(5_000))),
        }
        for name, cost in rounds.items():
            best[entries, name] = min(cost, best.get((entries, name), cost))
    for name in ("hit", "miss", "awaited"):
        costs = {entries: best[entries, name] for entries in corpora}
        print(f"{name}: {', '.join(f'{cost:.2f} us, {1e6 / cost:,.0f} a second at {entries:,}' for entries, cost in costs.items())}")
        print(f"  {costs[max(corpora)] / costs[min(corpora)]:.2f} times the cost at the most entries as at the fewest")


def main(sizes: Sequence[int]) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        corpora = {entries: Path(folder, str(entries)) for entries in sizes}
        for entries, corpus in corpora.items():
            built(entries, corpus)
        built(min(sizes), Path(folder, "counted"), "--counts")
        asked(corpora)
        if hasattr(os, "posix_fadvise"):
            cold(corpora[max(sizes)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", type=int, nargs="*", default=SIZES)
    parser.add_argument("--generate", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate is None:
        main(options.entries)
    else:
        generate(options.generate)
