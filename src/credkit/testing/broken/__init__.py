"""A gallery of stores and other ports that are broken on purpose, each in one way that real ones have been.

They show what a duty means, and they test the contracts: each test of a contract catches at least one of them, and one that lets a broken store
pass is no contract. All are in memory and written once, as coroutines but for observers; `Blocking...` makes blocking ones of them.
"""

from __future__ import annotations

from typing import Final

from credkit.testing.broken import breaches, credentials, hashing, notifiers, observers, records

__all__ = ["BROKEN"]


def _gallery(sound: type) -> tuple[type, ...]:
    kinds = [sound]
    for kind in kinds:  # which grows meanwhile
        kinds += kind.__subclasses__()
    return tuple(kind for kind in kinds[1:] if not kind.__name__.startswith("_"))


BROKEN: Final[dict[type, tuple[type, ...]]] = {
    sound: _gallery(sound)
    for sound in (
        records.SoundRecords,
        credentials.SoundCredentials,
        notifiers.SoundNotifier,
        hashing.SoundHashing,
        breaches.SoundBreaches,
        observers.SoundObserver,
    )
}
"""Every broken one, by the sound one that it is made of."""
