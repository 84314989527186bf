"""The duties of password hashing as tests, written once as coroutines. Each says which hashing of `credkit.testing.broken` it catches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from credkit.hashing import InPlaceHashing
from credkit.passwords import Gate, PasswordHasher, Verification, normalize_password
from credkit.ports import AsyncHashing, Soon
from credkit.secret import Secret
from credkit.testing.contracts._driving import Contract, derived, require, require_same

__all__ = ["AsyncHashingContract", "HashingContract"]

_TEXT: Final = "nine grey herons wade"
_PASSWORD: Final = normalize_password(_TEXT)

_HARD: Final = (
    "\u4e2d\u6587\u5bc6\u7801 \U0001f600\U0001f600 \u00fc\u00df",
    "nul\x00in the middle of it",
    "x" * 1024,
    "\u00e9" * 1024,
    "$argon2id$ {0} %s ;--",
)
"""Passwords that are hard to hash: beyond the basic plane, with a NUL, the longest that are accepted, and such as look like code."""

_MALFORMED: Final = ("", "$", "garbage", "$argon2id$v=19$m=8,t=1,p=1$", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$", "$2b$12$", "\x00", "\u4e2d\u6587")
"""What may stand in a column and is no hash."""


async def _hash(hasher: AsyncHashing, password: Secret) -> str:
    place = hasher.reserve()
    try:
        return await place.hash(password)
    finally:
        place.release()


async def _verify(hasher: AsyncHashing, stored: str | None, password: Secret) -> Verification:
    place = hasher.reserve()
    try:
        return await place.verify(stored, password)
    finally:
        place.release()


class AsyncHashingContract(Contract):
    """What every `AsyncHashing` does. Subclass it, and give a fixture `hasher`. With real parameters it takes some seconds."""

    async def test_a_password_matches_its_own_hash(self, hasher: AsyncHashing) -> None:
        """Catches `MatchesNothing`: compares something else than it hashes."""
        found = await _verify(hasher, await _hash(hasher, _PASSWORD), _PASSWORD)
        require_same(found, Verification(matches=True), "a password matches its own hash, which is up to date and well formed")

    async def test_another_password_does_not_match(self, hasher: AsyncHashing) -> None:
        """Catches `IgnoresCase`: folds what it compares."""
        stored = await _hash(hasher, _PASSWORD)
        for other in ("nine grey herons wad", "nine grey herons wade ", "Nine grey herons wade", ""):
            found = await _verify(hasher, stored, Secret(other))
            require(not found.matches, "a password that differs in one character, a blank or a capital matches")

    async def test_passwords_that_are_hard_to_hash_match_their_own_hash_and_no_other(self, hasher: AsyncHashing) -> None:
        """Catches `CutsOff`: compares the first 72 bytes only, or up to a NUL, as bcrypt does."""
        for text in _HARD:
            stored = await _hash(hasher, Secret(text))
            require((await _verify(hasher, stored, Secret(text))).matches, f"a password of {len(text)} characters does not match its own hash")
            longer = Secret(text[:-1] + "?")
            require(not (await _verify(hasher, stored, longer)).matches, f"a password of {len(text)} characters matches one that differs in the last")

    async def test_two_hashes_of_one_password_differ(self, hasher: AsyncHashing) -> None:
        """Catches `HasNoSalt`: whoever has the table sees who has the same password."""
        require(await _hash(hasher, _PASSWORD) != await _hash(hasher, _PASSWORD), "two hashes of one password are equal: is there a salt, new for each?")

    async def test_a_hash_does_not_hold_the_password(self, hasher: AsyncHashing) -> None:
        """Catches `KeepsThePassword`: which a table of hashes must not tell."""
        stored = await _hash(hasher, _PASSWORD)
        require(_TEXT not in stored and _TEXT.encode().hex() not in stored, "a hash holds the password itself")

    async def test_nobody_matches_nothing(self, hasher: AsyncHashing) -> None:
        """Catches `MatchesNobody`: takes no hash for an empty password (PW-15)."""
        for password in (_PASSWORD, Secret("")):
            found = await _verify(hasher, None, password)
            require_same((found.matches, found.malformed), (False, False), "where there is no hash, nothing matches, and that is no trouble in the host's data")

    async def test_what_is_no_hash_is_told_and_matches_nothing(self, hasher: AsyncHashing) -> None:
        """Catches `RaisesForGarbage`: a person whose row is damaged could not even be refused (PW-17)."""
        for stored in _MALFORMED:
            try:
                found = await _verify(hasher, stored, _PASSWORD)
            except Exception as raised:
                raise AssertionError(f"what is no hash, {stored!a}, is an ordinary mismatch and marked as malformed; here it raised {raised!r}") from raised
            require_same((found.matches, found.malformed), (False, True), f"what is no hash, {stored!a}, is an ordinary mismatch and marked as malformed")

    async def test_a_place_can_hash_more_than_once_and_is_given_back(self, hasher: AsyncHashing) -> None:
        """Catches `KeepsItsPlaces`: after some hundred sign-ins nobody gets in any more."""
        for _ in range(300):
            hasher.reserve().release()
        place = hasher.reserve()
        try:
            stored = await place.hash(_PASSWORD)
            require((await place.verify(stored, _PASSWORD)).matches, "one place hashes and verifies, one after the other")
        finally:
            place.release()

    async def test_several_at_once_match_their_own(self, hasher: AsyncHashing) -> None:
        """Catches `SharesItsSalt`: keeps what it is working on where others can reach it."""
        passwords = [Secret(f"nine grey herons wade {number}") for number in range(4)]

        async def own(password: Secret) -> bool:
            stored = await _hash(hasher, password)
            await self._breathe()
            return (await _verify(hasher, stored, password)).matches

        results = await self._at_once([_later(own, password) for password in passwords])
        require_same(results, [True] * len(passwords), "each of several passwords hashed at once matches its own hash")


def _later(own: Callable[[Secret], Soon[bool]], password: Secret) -> Callable[[], Soon[bool]]:
    return lambda: own(password)


def _in_place(hasher: PasswordHasher) -> AsyncHashing:
    return InPlaceHashing(hasher, Gate(4))


@derived(AsyncHashingContract, _in_place, without=["test_a_place_can_hash_more_than_once_and_is_given_back"])  # the gate that gives places is credkit's own
class HashingContract(Contract):
    """What every hasher does that a blocking kit is given in the place of `PasswordHasher`. Subclass it, and give a fixture `hasher`."""
