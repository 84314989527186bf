"""What guessing at codes can come to, at one sign-in and at many: arithmetic over a policy. It decides nothing, and asks nobody.

Codes are independent of each other, so only the number of comparisons matters, and not how it is spread over tickets, days, resends and
journeys (requirements 1). Whoever guesses well never types the same twice at one code: *c* guesses at a code of *K* are right with *c/K*
exactly, and *n* codes guessed at so are all missed with *(1 - c/K)^n*. Chances are kept as logarithms of missing, as 1 - 1e-18 is 1 in
floating point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from credkit.otp import ALPHABET, LETTERS
from credkit.policy import Policy

__all__ = ["Spray", "guess_probability", "log_of_missing", "spray_probability"]

_WINDOW: Final = 365
"""Days for which the failures of a sign-in are counted."""

_LETTERS: Final = len(ALPHABET) ** LETTERS
"""How many codes of letters there are, for which no failures are counted."""

_Guesses: TypeAlias = tuple[int, int]
"""(how many codes there are, how many guesses are compared with such)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spray:
    """What guessing at many sign-ins comes to."""

    guesses: int
    """Comparisons, over all sign-ins."""
    hits: float
    """How many of them are right on average."""
    chance: float
    """The chance that at least one is."""


def guess_probability(policy: Policy, *, days: int = 365) -> float:
    """Return the most that guessing at the codes of one sign-in can succeed with in *days*: at full speed, whatever the number of tickets (OT-01).

    The ladder compares *f1* guesses at the shortest codes, *f2 - f1* at the next and so on, in any 365 days; so a span holds them *ceil(days /
    365)* times. With *c* comparisons a ticket and *K = 10^digits* that misses with the product of *(1 - c/K)^(guesses / c)*, which is about 1 -
    *sum of guesses / K*. Codes of letters have no count: for them every message that a day allows is one more ticket, with *K = 32^12*.

    Raises:
        ValueError: *days* is under one.
    """
    windows = -(-_positive(days, "days") // _WINDOW)
    letters = (_LETTERS, days * policy.limits.account_sends.count * policy.otp.comparisons)
    return _chance(windows * _log_of_all(_ladder(policy), policy) + _log_of_all([letters], policy))


def spray_probability(policy: Policy, *, accounts: int, guesses_each: int = 1, days: int = 365, longer: bool = True) -> Spray:
    """Return what *guesses_each* at each of *accounts* sign-ins come to, where no count of one sign-in helps (requirements 1.2).

    Each sign-in is missed with the product of `guess_probability`, cut short after *guesses_each*; all of them, with that to the power of
    *accounts*. The mean is *accounts* times the sum of *guesses / K*. Of all guesses, spread over *days*, as many as keep the site below
    `Limits.site_failures` meet codes of the usual length, and the others codes one rung longer (OT-12); with ``longer=False`` all meet the usual
    length. Codes that are out already when the site is found to be sprayed keep their length for as long as they live, and are not in this.

    Raises:
        ValueError: *accounts*, *guesses_each* or *days* is under one.
    """
    each = _cut(_ladder(policy), _positive(guesses_each, "guesses_each"))
    guesses = _positive(accounts, "accounts") * guesses_each
    site = policy.limits.site_failures
    unnoticed = min(guesses, site.count * int(timedelta(days=_positive(days, "days")) / site.per)) if longer else guesses
    usual = accounts * unnoticed / guesses
    shares = ((usual, each), (accounts - usual, _one_rung_up(each)))
    return Spray(
        guesses=guesses,
        hits=math.fsum(share * count / codes for share, spent in shares for codes, count in spent),
        chance=_chance(math.fsum(share * _log_of_all(spent, policy) for share, spent in shares)),
    )


def log_of_missing(codes: int, guesses: int, *, each: int) -> float:
    """Return the logarithm of the chance that *guesses* at codes out of *codes* are all wrong, at most *each* of them at one code.

    *floor(guesses / each) * log(1 - each / codes) + log(1 - rest / codes)*; minus infinity where a code has no other value left.
    """
    whole, rest = divmod(guesses, each)
    return (whole * _log_of_one(codes, each) if whole else 0.0) + _log_of_one(codes, rest)


def _log_of_one(codes: int, guesses: int) -> float:
    return -math.inf if guesses >= codes else math.log1p(-guesses / codes)


def _log_of_all(guesses: Iterable[_Guesses], policy: Policy) -> float:
    return math.fsum(log_of_missing(codes, count, each=policy.otp.comparisons) for codes, count in guesses)


def _chance(log: float) -> float:
    return -math.expm1(log)


def _ladder(policy: Policy) -> Sequence[_Guesses]:
    """Return how many guesses are compared at each length of the ladder, in any 365 days."""
    below = 0
    found: list[_Guesses] = []
    for rung in policy.otp.rungs:
        found.append((10**rung.digits, rung.failures - below))
        below = rung.failures
    return found


def _cut(guesses: Sequence[_Guesses], most: int) -> Sequence[_Guesses]:
    """Return the first *most* of *guesses*; what is more than the ladder has is compared with letters."""
    found: list[_Guesses] = []
    for codes, count in (*guesses, (_LETTERS, most)):
        taken = min(count, most)
        found.append((codes, taken))
        most -= taken
    return found


def _one_rung_up(guesses: Sequence[_Guesses]) -> Sequence[_Guesses]:
    longer = [*(codes for codes, _ in guesses[1:]), _LETTERS]
    return [(codes, count) for codes, (_, count) in zip(longer, guesses, strict=True)]


def _positive(count: int, name: str) -> int:
    if count < 1:
        raise ValueError(f"{name} must be at least 1")
    return count
