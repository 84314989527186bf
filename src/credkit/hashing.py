"""Password hashing as a port: in place for blocking kits, in the gate's threads for async ones, behind one bound (PW-23)."""

from __future__ import annotations

from dataclasses import dataclass

from credkit.passwords import Gate, PasswordHasher, Place, Verification
from credkit.secret import Secret

__all__ = ["InPlaceHashing", "ThreadHashing"]


@dataclass(frozen=True, slots=True)
class _InPlace:
    hasher: PasswordHasher
    place: Place

    async def hash(self, password: Secret) -> str:
        return self.place.run(lambda: self.hasher.hash(password))

    async def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        return self.place.run(lambda: self.hasher.verify(stored, password, typed=typed))

    def release(self) -> None:
        self.place.release()


@dataclass(frozen=True, slots=True)
class InPlaceHashing:
    """Hash in the calling thread, when the gate lets it; no call suspends."""

    hasher: PasswordHasher
    gate: Gate

    def reserve(self) -> _InPlace:
        """Return a place in the gate.

        Raises:
            Busy: The gate and its queue are full.
        """
        return _InPlace(self.hasher, self.gate.reserve())


@dataclass(frozen=True, slots=True)
class _InThread:
    hasher: PasswordHasher
    place: Place

    async def hash(self, password: Secret) -> str:
        return await self.place.run_in_thread(lambda: self.hasher.hash(password))

    async def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        return await self.place.run_in_thread(lambda: self.hasher.verify(stored, password, typed=typed))

    def release(self) -> None:
        self.place.release()


@dataclass(frozen=True, slots=True)
class ThreadHashing:
    """Hash in the gate's own threads, so that an event loop never waits (REQ-D13)."""

    hasher: PasswordHasher
    gate: Gate

    def reserve(self) -> _InThread:
        """Return a place in the gate.

        Raises:
            Busy: The gate and its queue are full.
        """
        return _InThread(self.hasher, self.gate.reserve())
