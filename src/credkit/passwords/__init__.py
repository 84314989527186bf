"""Passwords: one form for every spelling, the rules for a new one, and what is stored instead of them.

Importing this package costs the standard library only: `argon2` is loaded by the first hash.
"""

from __future__ import annotations

from credkit.passwords.gate import Gate, Place
from credkit.passwords.hasher import OWASP_MINIMUM, RFC_9106_LOW_MEMORY, HashFacts, HashingProfile, PasswordHasher, Verification
from credkit.passwords.legacy import Bcrypt, LegacyHash, Pbkdf2, Scrypt
from credkit.passwords.normalization import LONGEST_PASSWORD, normalize_password
from credkit.passwords.rules import PasswordRules
from credkit.passwords.strength import HIGHEST_SCORE, Strength

__all__ = [
    "HIGHEST_SCORE",
    "LONGEST_PASSWORD",
    "OWASP_MINIMUM",
    "RFC_9106_LOW_MEMORY",
    "Bcrypt",
    "Gate",
    "HashFacts",
    "HashingProfile",
    "LegacyHash",
    "PasswordHasher",
    "PasswordRules",
    "Pbkdf2",
    "Place",
    "Scrypt",
    "Strength",
    "Verification",
    "normalize_password",
]
