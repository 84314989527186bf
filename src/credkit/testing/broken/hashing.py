"""Password hashing that is broken on purpose, each in one way that real hashing has been. All of it is as good as none: for tests of contracts only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from credkit.errors import Busy
from credkit.lifting import finish
from credkit.passwords import Verification
from credkit.ports import SystemEntropy
from credkit.secret import Secret
from credkit.testing.broken._gap import Gap

__all__ = [
    "BlockingHashing",
    "CutsOff",
    "HasNoSalt",
    "IgnoresCase",
    "KeepsItsPlaces",
    "KeepsThePassword",
    "MatchesNobody",
    "MatchesNothing",
    "RaisesForGarbage",
    "SharesItsSalt",
    "SoundHashing",
]


class SoundHashing:
    """Hashing that keeps every duty of its contract, for the others to break; what it lacks is cost."""

    def __init__(self) -> None:
        """Begin with every place free."""
        self._gap = Gap()
        self.in_threads: bool = False
        """Whether it is called from threads, without a loop."""

    def reserve(self) -> SoundHashing:
        """See `AsyncHashing.reserve`; there is always a place."""
        return self

    async def hash(self, password: Secret) -> str:
        """See `AsyncHashingPlace.hash`."""
        return self._made(SystemEntropy().token(8).hex(), password)

    async def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        """See `AsyncHashingPlace.verify`."""
        if stored is None:
            return Verification(matches=False)
        salt, sign, _ = stored.partition(":")
        if not sign:
            return Verification(matches=False, malformed=True)
        return Verification(matches=stored == self._made(salt, password))

    def release(self) -> None:
        """See `AsyncHashingPlace.release`."""

    def _made(self, salt: str, password: Secret) -> str:
        return f"{salt}:{hashlib.sha256(f'{salt}{self._seen(password.reveal())}'.encode()).hexdigest()}"

    def _seen(self, text: str) -> str:
        """Return what is hashed of a password."""
        return text


class MatchesNothing(SoundHashing):
    """Compares with a salt of its own."""

    async def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        """See `AsyncHashingPlace.verify`."""
        found = await super().verify(stored, password)
        return found if found.malformed else Verification(matches=stored == await self.hash(password))


class IgnoresCase(SoundHashing):
    """Folds a password."""

    def _seen(self, text: str) -> str:
        return text.casefold()


class CutsOff(SoundHashing):
    """Hashes the first 72 bytes, as bcrypt does."""

    def _seen(self, text: str) -> str:
        return text.encode()[:72].decode("utf-8", "replace")


class HasNoSalt(SoundHashing):
    """Makes the same hash of the same password."""

    async def hash(self, password: Secret) -> str:
        """See `AsyncHashingPlace.hash`."""
        return self._made("salt", password)


class KeepsThePassword(SoundHashing):
    """Encodes, and calls it hashing."""

    def _made(self, salt: str, password: Secret) -> str:
        return f"{salt}:{password.reveal().encode('utf-8', 'surrogatepass').hex()}"


class MatchesNobody(SoundHashing):
    """Takes no hash for that of an empty password."""

    async def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        """See `AsyncHashingPlace.verify`."""
        return Verification(matches=not password.reveal()) if stored is None else await super().verify(stored, password)


class RaisesForGarbage(SoundHashing):
    """Expects that whatever is stored can be read."""

    async def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        """See `AsyncHashingPlace.verify`."""
        found = await super().verify(stored, password)
        if found.malformed:
            raise ValueError("not a hash")
        return found


class KeepsItsPlaces(SoundHashing):
    """Has a hundred places, and takes none back."""

    def __init__(self) -> None:
        """Begin with every place free."""
        super().__init__()
        self._free = 100

    def reserve(self) -> SoundHashing:
        """See `AsyncHashing.reserve`."""
        if self._free == 0:
            raise Busy
        self._free -= 1
        return self


class SharesItsSalt(SoundHashing):
    """Keeps the salt that it is working with in itself."""

    async def hash(self, password: Secret) -> str:
        """See `AsyncHashingPlace.hash`."""
        self._working = password
        await self._gap.pass_through(in_threads=self.in_threads)
        return self._made(SystemEntropy().token(8).hex(), self._working)


@dataclass(frozen=True, slots=True)
class BlockingHashing:
    """One of the gallery as a blocking hasher, such as `PasswordHasher` is."""

    broken: SoundHashing
    places: list[SoundHashing] = field(default_factory=list[SoundHashing])

    def __post_init__(self) -> None:
        self.broken.in_threads = True

    def hash(self, password: Secret) -> str:
        """See `PasswordHasher.hash`."""
        return finish(self.broken.hash(password))

    def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        """See `PasswordHasher.verify`."""
        return finish(self.broken.verify(stored, password, typed=typed))
