"""Which hashing profile and which gate fit a machine: what hashes take is measured, and what follows is decided apart from that.

The decision prefers the second recommended option of RFC 9106. It goes above it only where more memory is allowed than that asks for, below it
only where the machine cannot bear it, and never below the OWASP table.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias

from credkit.errors import ConfigurationError
from credkit.passwords.gate import Gate
from credkit.passwords.hasher import OWASP_MINIMUM, RFC_9106_LOW_MEMORY, HashingProfile, PasswordHasher
from credkit.secret import Secret

__all__ = ["Measurement", "Proposal", "Run", "Target", "as_python", "candidates", "hash_for_real", "measure", "propose"]

_LEEWAY: Final = 1.2
"""How far above the target the recommended option may be: a fifth, which is what one measurement differs from the next by."""

_AS_GOOD: Final = 0.9
"""A smaller gate with this share of the best throughput is as good, and needs less memory."""

_BELOW: Final = (
    HashingProfile(memory_kib=65536, passes=1, lanes=4),
    HashingProfile(memory_kib=47104, passes=1, lanes=1),
    HashingProfile(memory_kib=32768, passes=2, lanes=2),
    OWASP_MINIMUM,
    HashingProfile(memory_kib=12288, passes=3, lanes=1),
    HashingProfile(memory_kib=9216, passes=4, lanes=1),
    HashingProfile(memory_kib=7168, passes=5, lanes=1),
)
"""What is weaker than the recommended option, the best first: the rows of the OWASP table, and two steps on the way there."""

_LARGEST_KIB: Final = 1 << 21
_PASSES: Final = (3, 4, 6, 8)
"""What may be proposed above the recommended option: up to the 2 GiB of the first recommended one, and up to 8 passes, all in four lanes."""

_ROUNDS: Final = 5
"""Hashes of each thread for one measurement."""

_NAMES: Final = {RFC_9106_LOW_MEMORY: "RFC_9106_LOW_MEMORY", OWASP_MINIMUM: "OWASP_MINIMUM"}

Run: TypeAlias = Callable[[HashingProfile, int], float]
"""Make hashes, so many at once, and return how many milliseconds one of them takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one hash may take.

    Raises:
        ConfigurationError: No profile of the OWASP table fits in the memory, or no time at all.
    """

    milliseconds: float = 100.0
    memory_mib: int = 64

    def __post_init__(self) -> None:
        least = min(profile.memory_kib for profile in _BELOW) // 1024
        if self.memory_mib < least or not self.milliseconds > 0:
            raise ConfigurationError([f"a hash needs {least} MiB at least, by the OWASP table, and some time"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one hash takes, with so many running at once."""

    profile: HashingProfile
    at_once: int
    milliseconds: float

    @property
    def per_second(self) -> float:
        """Hashes a second, all together."""
        return 1000 * self.at_once / self.milliseconds

    @property
    def memory_mib(self) -> float:
        """Memory of all of them."""
        return self.at_once * self.profile.memory_kib / 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A profile and a gate for a machine."""

    profile: HashingProfile
    gate: int
    alone: Measurement
    """One hash by itself: what a sign-in waits for when nothing else goes on."""
    full: Measurement
    """One hash with the gate full: throughput and memory at the most."""
    meets_the_target: bool
    """Whether it takes no longer than was asked for; if not, nothing that is strong enough does."""

    @property
    def name(self) -> str | None:
        """What credkit calls the profile, if it has a name."""
        return _NAMES.get(self.profile)


def candidates(target: Target, *, pace: float) -> tuple[HashingProfile, ...]:
    """Return the profiles to measure, on a machine that takes *pace* milliseconds for a MiB and a pass in four lanes: the best first."""
    above = [
        HashingProfile(memory_kib=memory_kib, passes=passes, lanes=RFC_9106_LOW_MEMORY.lanes)
        for memory_kib in _doublings(RFC_9106_LOW_MEMORY.memory_kib * 2, min(_LARGEST_KIB, target.memory_mib * 1024))
        for passes in _PASSES
        if pace * memory_kib * passes / 1024 <= target.milliseconds
    ]
    best = sorted(above, key=_strength, reverse=True)[:3]
    return (*best, *(profile for profile in (RFC_9106_LOW_MEMORY, *_BELOW) if profile.memory_kib <= target.memory_mib * 1024))


def measure(target: Target, run: Run, *, most_at_once: int | None = None) -> tuple[Measurement, ...]:
    """Measure each candidate alone, and the one that will be proposed also several at once: by default up to what a gate has."""
    pace = run(RFC_9106_LOW_MEMORY, 1) / _work(RFC_9106_LOW_MEMORY) if _allows_more(target) else 0.0
    alone = [Measurement(profile=profile, at_once=1, milliseconds=run(profile, 1)) for profile in candidates(target, pace=pace)]
    chosen, _ = _chosen(alone, target)
    sizes = range(2, (most_at_once or Gate().size) + 1)
    return (*alone, *(Measurement(profile=chosen.profile, at_once=size, milliseconds=run(chosen.profile, size)) for size in sizes))


def propose(measurements: Sequence[Measurement], target: Target) -> Proposal:
    """Return what follows from the measurements.

    Raises:
        ConfigurationError: Nothing that was measured fits in the memory.
    """
    alone, meets_the_target = _chosen([one for one in measurements if one.at_once == 1], target)
    several = sorted((one for one in measurements if one.profile == alone.profile), key=lambda one: one.at_once)
    best = max(one.per_second for one in several)
    full = next(one for one in several if one.per_second >= _AS_GOOD * best)
    return Proposal(profile=alone.profile, gate=full.at_once, alone=alone, full=full, meets_the_target=meets_the_target)


def as_python(proposal: Proposal) -> str:
    """Return the lines that make a kit hash like that."""
    profile, name = proposal.profile, proposal.name
    wanted = "HashingProfile" if name is None else name
    made = f"HashingProfile(memory_kib={profile.memory_kib}, passes={profile.passes}, lanes={profile.lanes})" if name is None else name
    return f"""\
from credkit import Policy
from credkit.passwords import {wanted}, PasswordHasher

hasher = PasswordHasher({made})
policy = Policy(gate={proposal.gate})  # Credkit(..., hasher=hasher, policy=policy)
"""


def hash_for_real(profile: HashingProfile, at_once: int) -> float:
    """Make real hashes, in threads as a gate does, and return the median of what one takes, in milliseconds.

    Raises:
        ConfigurationError: There is not enough memory for them.
    """
    hasher, taken, start = PasswordHasher(profile), list[float](), threading.Barrier(at_once)

    def work() -> None:
        start.wait()
        with suppress(Exception):  # what is missing in the end says enough
            for _ in range(_ROUNDS):
                began = time.perf_counter()
                hasher.hash(Secret("a password of usual length"))
                taken.append(1000 * (time.perf_counter() - began))

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) < at_once * _ROUNDS:
        raise ConfigurationError([f"{at_once} x {profile.memory_kib} KiB could not be had; give a lower memory"])
    return median(taken)


def _chosen(alone: Iterable[Measurement], target: Target) -> tuple[Measurement, bool]:
    fitting = sorted((one for one in alone if one.profile.memory_kib <= target.memory_mib * 1024), key=_rank)
    if not fitting:
        raise ConfigurationError(["nothing that was measured fits in the memory"])
    in_time = (one for one in fitting if one.milliseconds <= target.milliseconds * (_LEEWAY if one.profile == RFC_9106_LOW_MEMORY else 1))
    found = next(in_time, None)
    return (found, True) if found is not None else (min(fitting, key=lambda one: one.milliseconds), False)


def _rank(measurement: Measurement) -> tuple[int, tuple[int, int]]:
    """Return a profile's place, the best first: above the recommended option by strength, below it as listed."""
    memory, passes = _strength(measurement.profile)
    order = (RFC_9106_LOW_MEMORY, *_BELOW)
    return (1 + order.index(measurement.profile), (0, 0)) if measurement.profile in order else (0, (-memory, -passes))


def _strength(profile: HashingProfile) -> tuple[int, int]:
    """Return what a profile is compared by: memory first, as RFC 9106 section 4 says, then passes."""
    return profile.memory_kib, profile.passes


def _allows_more(target: Target) -> bool:
    return target.memory_mib * 1024 >= 2 * RFC_9106_LOW_MEMORY.memory_kib


def _work(profile: HashingProfile) -> float:
    return profile.memory_kib * profile.passes / 1024


def _doublings(first: int, last: int) -> Iterable[int]:
    while first <= last:
        yield first
        first *= 2
