"""Credential stores that are broken on purpose, each in one way that real stores have been."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from credkit.credential import Credential, NewCredential, Standing
from credkit.errors import IdentifierTaken, StoreError
from credkit.identifiers import Identifier
from credkit.lifting import finish
from credkit.stores.memory import MemoryCredentials
from credkit.testing.broken._gap import Gap

__all__ = [
    "AddsASecondTime",
    "AnswersFromAnOldCopy",
    "AnswersWithWhatWasAdded",
    "BlockingCredentials",
    "ComparesAndThenReplaces",
    "FindsByTheFirstOnly",
    "FindsTheVerifiedOnly",
    "FindsWhatWasTyped",
    "FoldsIdentifiers",
    "ForgetsHowItWasTyped",
    "ForgetsWhenItWasVerified",
    "KeepsWhatWasGivenUp",
    "LooksAndThenAdds",
    "MakesIdsOfIdentifiers",
    "MakesVersionsOfTheContent",
    "RaisesForNobody",
    "RemembersWhatItRefused",
    "ReplacesHalfBeforeItFindsOut",
    "ReplacesWhateverTheVersion",
    "ReplacesWhoIsNotThere",
    "SaysTakenToItsOwnChange",
    "SoundCredentials",
    "TakesAnyIdentifier",
    "TakesFailuresForRefusals",
    "TakesNoneForEmpty",
    "TakesTheVersionGiven",
    "TouchesEverybody",
    "UsesIdsAgain",
    "WorksInTheCallersTransaction",
    "WritesOnlyWhatDiffersOfIt",
]


class _Open(MemoryCredentials):
    """A sound store whose insides can be reached."""

    @property
    def people(self) -> dict[str, Credential]:
        return self._credentials

    @property
    def holders(self) -> dict[tuple[str, str], str]:
        return self._holders

    @property
    def added(self) -> dict[str, str]:
        return self._added

    def take_from(self, other: _Open) -> None:
        """Become as *other* is."""
        self._credentials, self._holders, self._added = dict(other.people), dict(other.holders), dict(other.added)

    def renamed(self, credential: Credential, name: str, version: str) -> Credential:
        """Give somebody another id and version."""
        self._holders = {held: name if holder == credential.id else holder for held, holder in self._holders.items()}
        self._added = {change: name if holder == credential.id else holder for change, holder in self._added.items()}
        del self._credentials[credential.id]
        return self._credentials.setdefault(name, replace(credential, id=name, version=version))


class SoundCredentials:
    """A credential store that keeps every duty, for the others to break."""

    def __init__(self, sound: _Open | None = None) -> None:
        """Begin empty, or as another handle on the same people."""
        self._sound = sound or _Open()
        self._gap = Gap()
        self._is_down = False
        self.in_threads: bool = False
        """Whether it is called from threads, without a loop."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return self._sound.find(identifier)

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return self._sound.get(credential_id)

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        self._require_a_database()
        return self._sound.add(new, extra)

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        self._require_a_database()
        return self._sound.replace(old, new)

    def another(self) -> SoundCredentials:
        """Return another handle on the same people."""
        return self

    def break_off(self) -> None:
        """Take no writes from now on."""
        self._is_down = True

    def _require_a_database(self) -> None:
        if self._is_down:
            raise StoreError("the database is down")

    async def forget(self, credential_id: str) -> None:
        """Delete somebody, as an application does."""
        gone = self._sound.people.pop(credential_id)
        for entry in gone.identifiers:
            self._sound.holders.pop((entry.identifier.kind, entry.identifier.canonical), None)

    @asynccontextmanager
    async def callers_transaction(self) -> AsyncGenerator[None, None]:
        """Open a transaction of the application's own, and roll it back at the end."""
        yield

    async def _later(self) -> None:
        """Let others do something in between."""
        await self._gap.pass_through(in_threads=self.in_threads)

    def _give_free(self, credential: Credential | NewCredential) -> None:
        """Have nobody hold its identifiers."""
        for entry in credential.identifiers:
            self._sound.holders.pop((entry.identifier.kind, entry.identifier.canonical), None)


class RaisesForNobody(SoundCredentials):
    """Raises for who is not there."""

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return self._sound.people[credential_id]


class FindsByTheFirstOnly(SoundCredentials):
    """Has one column for an identifier."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found = self._sound.find(identifier)
        return found if found is not None and found.identifiers[0].identifier == identifier else None


class FindsTheVerifiedOnly(SoundCredentials):
    """Hides whose identifier is not verified."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found = self._sound.find(identifier)
        held = found and found.registered(identifier)
        return found if held and held.standing is Standing.VERIFIED else None


class FindsWhatWasTyped(SoundCredentials):
    """Looks for the text as it was typed."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return next((one for one in self._sound.dump() if any(entry.identifier.entered == identifier.entered for entry in one.identifiers)), None)


class FoldsIdentifiers(SoundCredentials):
    """Finds by folded text, as a database's default collation does."""

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        wanted = identifier.canonical.casefold()
        return next((one for one in self._sound.dump() if any(entry.identifier.canonical.casefold() == wanted for entry in one.identifiers)), None)


class ForgetsWhenItWasVerified(SoundCredentials):
    """Has no column for the moment."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return self._sound.add(replace(new, identifiers=tuple(replace(entry, verified_at=None) for entry in new.identifiers)), extra)


class TakesNoneForEmpty(SoundCredentials):
    """Has columns that are never null."""

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        found = self._sound.get(credential_id)
        return found and replace(found, password_hash=found.password_hash or "", locale=found.locale or "")


class MakesIdsOfIdentifiers(SoundCredentials):
    """Has the address for a key."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        is_new = new.change_id not in self._sound.added
        added = self._sound.add(new, extra)
        return self._sound.renamed(added, new.identifiers[0].identifier.canonical, added.version) if is_new else added


class TakesAnyIdentifier(SoundCredentials):
    """Has no unique index."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        if new.change_id not in self._sound.added:
            self._give_free(new)
        return self._sound.add(new, extra)


class RemembersWhatItRefused(SoundCredentials):
    """Notes a change before it finds the identifier taken."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        try:
            return self._sound.add(new, extra)
        except IdentifierTaken:
            self._sound.added[new.change_id] = next(iter(self._sound.people))
            raise


class SaysTakenToItsOwnChange(SoundCredentials):
    """Finds a repeated call's own credential in its way."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        if new.change_id in self._sound.added:
            raise IdentifierTaken
        return self._sound.add(new, extra)


class AnswersWithWhatWasAdded(SoundCredentials):
    """Returns a repeated call's credential as it was, not as it is."""

    def __init__(self, sound: _Open | None = None) -> None:
        """Begin empty."""
        super().__init__(sound)
        self._answers: dict[str, Credential] = {}

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return self._answers.setdefault(new.change_id, self._sound.add(new, extra))


class AddsASecondTime(SoundCredentials):
    """Does not look at the change id."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        self._sound.added.clear()
        return self._sound.add(new, extra)


class LooksAndThenAdds(SoundCredentials):
    """Looks whether it may add, and adds a moment later, whatever has come meanwhile."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        if new.change_id in self._sound.added:
            return self._sound.people[self._sound.added[new.change_id]]
        if any(self._sound.find(entry.identifier) for entry in new.identifiers):
            raise IdentifierTaken
        await self._later()
        self._sound.added.pop(new.change_id, None)
        self._give_free(new)
        return self._sound.add(new, extra)


class TakesFailuresForRefusals(SoundCredentials):
    """Takes whatever its database raises for a broken constraint."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        try:
            return await super().add(new, extra)
        except StoreError:
            raise IdentifierTaken from None


class ForgetsHowItWasTyped(SoundCredentials):
    """Updates identifiers where their canonical text is new, and not otherwise."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return self._sound.replace(old, replace(new, identifiers=old.identifiers) if new.identifiers == old.identifiers else new)


class ReplacesWhateverTheVersion(SoundCredentials):
    """Loses updates."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return self._sound.replace(self._sound.get(old.id) or old, new)


class ReplacesWhoIsNotThere(SoundCredentials):
    """Writes with "insert or replace"."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        self._sound.people.setdefault(old.id, old)
        return self._sound.replace(old, new)


class WritesOnlyWhatDiffersOfIt(SoundCredentials):
    """Leaves a row alone where nothing would be new."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        current = self._sound.get(old.id)
        return current if current is not None and current == old == new else self._sound.replace(old, new)


class MakesVersionsOfTheContent(SoundCredentials):
    """Gives the same version to the same content: A, B, A."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        return stored and self._sound.renamed(stored, stored.id, repr(replace(stored, version="")))


class TakesTheVersionGiven(SoundCredentials):
    """Takes the version of the new credential for the new version."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        return stored and self._sound.renamed(stored, stored.id, stored.version if new.version == old.version else new.version)


class UsesIdsAgain(SoundCredentials):
    """Counts ids from who is there, and versions from 1, so that a newcomer looks like who is gone."""

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        is_new = new.change_id not in self._sound.added
        added = self._sound.add(new, extra)
        return self._sound.renamed(added, str(len(self._sound.people)), "1") if is_new else added

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        return stored and self._sound.renamed(stored, stored.id, str(int(old.version) + 1))


class ReplacesHalfBeforeItFindsOut(SoundCredentials):
    """Notices that an identifier is taken when it has given up the old ones."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        try:
            return self._sound.replace(old, new)
        except IdentifierTaken:
            self._give_free(old)
            raise


class KeepsWhatWasGivenUp(SoundCredentials):
    """Never gives an identifier free."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        kept = {name: holder for name, holder in self._sound.holders.items() if holder == old.id}
        try:
            return self._sound.replace(old, new)
        finally:
            self._sound.holders.update(kept)


class TouchesEverybody(SoundCredentials):
    """Forgets to say whom it updates."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = self._sound.replace(old, new)
        if stored is not None:
            self._sound.people.update({one.id: replace(one, disabled=stored.disabled) for one in self._sound.dump()})
        return stored


class ComparesAndThenReplaces(SoundCredentials):
    """Compares, and stores a moment later, whatever has come meanwhile."""

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        current = self._sound.get(old.id)
        if current is None or current.version != old.version:
            return None
        others = [self._sound.find(entry.identifier) for entry in new.identifiers]
        if any(other is not None and other.id != old.id for other in others):
            raise IdentifierTaken
        await self._later()
        self._give_free(new)
        return self._sound.replace(self._sound.people[old.id], new)


class AnswersFromAnOldCopy(SoundCredentials):
    """Reads from a replica that is told of what its own handle writes, and of nothing else."""

    _copy: _Open | None = None

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return self._replica().find(identifier)

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return self._replica().get(credential_id)

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        self._copy = None
        return self._sound.add(new, extra)

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        self._copy = None
        return self._sound.replace(old, new)

    def another(self) -> SoundCredentials:
        """Return another handle on the same people, which reads from a replica of its own."""
        return AnswersFromAnOldCopy(self._sound)

    def _replica(self) -> _Open:
        if self._copy is None:
            self._copy = _Open()
            self._copy.take_from(self._sound)
        return self._copy


class WorksInTheCallersTransaction(SoundCredentials):
    """Uses the connection of the request, and goes with it."""

    @asynccontextmanager
    async def callers_transaction(self) -> AsyncGenerator[None, None]:
        """Open a transaction of the application's own, and roll it back at the end."""
        before = _Open()
        before.take_from(self._sound)
        yield
        self._sound.take_from(before)


@dataclass(frozen=True, slots=True)
class BlockingCredentials:
    """One of the gallery as a blocking store."""

    broken: SoundCredentials

    def __post_init__(self) -> None:
        self.broken.in_threads = True

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return finish(self.broken.find(identifier))

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return finish(self.broken.get(credential_id))

    def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return finish(self.broken.add(new, extra))

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return finish(self.broken.replace(old, new))
