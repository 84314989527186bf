"""Whether a password is known from breaches: one question, and two places to ask it.

A range service is told five characters of the password's SHA-1; an offline corpus is a file, and tells nobody anything. What follows
from an answer, or from none, is a policy. Importing this package costs next to nothing: what talks and maps is loaded by the first look-up.
"""

from __future__ import annotations

from credkit.breaches.building import UnusableSource, build_corpus
from credkit.breaches.checking import AsyncBreachList, BreachCheckFailed, BreachList, BreachPolicy, Fingerprint, OnFailure
from credkit.breaches.corpus import AsyncOfflineCorpus, CorpusFacts, OfflineCorpus, check_corpus
from credkit.breaches.range_service import PWNED_PASSWORDS, AsyncRangeService, RangeService, count_in_range

__all__ = [
    "PWNED_PASSWORDS",
    "AsyncBreachList",
    "AsyncOfflineCorpus",
    "AsyncRangeService",
    "BreachCheckFailed",
    "BreachList",
    "BreachPolicy",
    "CorpusFacts",
    "Fingerprint",
    "OfflineCorpus",
    "OnFailure",
    "RangeService",
    "UnusableSource",
    "build_corpus",
    "check_corpus",
    "count_in_range",
]
