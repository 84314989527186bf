"""What parsing an identifier costs beside the bare libraries: ``python tests/benchmarks/parsing.py``. Goal: at least 0.8 of their throughput.

The same texts go to both, by turns, so that what the machine does meanwhile hits both alike; the ratio is taken within a round, and of the ratios the
median. The bare calls are those that a host would make for the same answer: the normal form of an address that mail can be sent to, or of a number that exists.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import phonenumbers
from email_validator import validate_email

from credkit.identifiers import EmailAddress, PhoneNumber

ADDRESSES: Final = (
    "ada@example.com", "grace.hopper+lists@gmail.com", "Alan.Turing@mail.example.org", "o'brien@example.co.uk", "x@b\u00fccher.example.com",
)  # fmt: skip
NUMBERS: Final = ("+1 415 555 2671", "+44 20 7183 8750", "+49 30 901820", "+39 06 6982 1234", "+33 6 12 34 56 78", "+55 11 96123-4567", "+91 98765 43210")


def bare_number(text: str) -> str | None:
    """Parse, judge and write by the library alone."""
    number = phonenumbers.parse(text, None)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def taken(call: Callable[[str], object], texts: tuple[str, ...], times: int) -> float:
    """Return the processor time of one call, in microseconds."""
    before = time.process_time()
    for _ in range(times):
        for text in texts:
            call(text)
    return 1e6 * (time.process_time() - before) / times / len(texts)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    bare_address = partial(validate_email, check_deliverability=False)
    pairs: dict[str, tuple[Callable[[str], object], Callable[[str], object], tuple[str, ...]]] = {
        "EmailAddress.parse": (EmailAddress.parse, bare_address, ADDRESSES),
        "PhoneNumber.parse": (PhoneNumber.parse, bare_number, NUMBERS),
    }
    for name, (ours, theirs, texts) in pairs.items():
        taken(ours, texts, 1), taken(theirs, texts, 1)
        figures = [(taken(ours, texts, 100), taken(theirs, texts, 100)) for _ in range(rounds)]
        own, bare = (statistics.median(one[which] for one in figures) for which in (0, 1))
        ratio = statistics.median(theirs / ours for ours, theirs in figures)
        print(f"{name:24}{own:8.1f} us, the bare library {bare:8.1f} us, {ratio:.2f} of its throughput")


if __name__ == "__main__":
    main()
