"""The duties of a credential store as tests, written once as coroutines. Each says which store of `credkit.testing.broken` it catches."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import fields, replace
from functools import partial
from typing import Final

from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import IdentifierTaken
from credkit.identifiers import Identifier
from credkit.lifting import LiftedCredentials
from credkit.ports import AsyncCredentialStore, CredentialStore, Soon
from credkit.testing.contracts._driving import Contract, derived, left_out, require, require_same
from credkit.testing.contracts._samples import ADA, BOB, CAROL, CHANGES, LOOK_ALIKES, MOBILE, NOW, TICK, email, new, phone, require_equal, verified

__all__ = ["AsyncCredentialStoreContract", "CredentialStoreContract"]

_NO_OUTAGE: Final = "override break_off to have it tested: from then on the database takes no writes"

_NO_TRANSACTION: Final = "override callers_transaction to have it tested: it opens a transaction as the application does, and rolls it back"

_NO_FORGETTING: Final = "override forget to have it tested: it deletes a user as the application does, so that their id may be used again"


class AsyncCredentialStoreContract(Contract):
    """What every `AsyncCredentialStore` does. Subclass it, and give a fixture `store`: an empty store for each test.

    The tests are coroutines, so any plugin that runs those will do, on asyncio or on trio. No side door is needed: whom a test begins with is
    added. Five methods may be overridden, and make it stricter.
    """

    def another(self, store: AsyncCredentialStore) -> AsyncCredentialStore:
        """Return another handle on the same data, such as another worker has; as it stands, *store* itself."""
        return store

    def extra(self) -> object:
        """Return what `add` needs as *extra* to insert the application's own rows; as it stands, `None`. It is asked once for each `add`."""
        return None

    def forget(self, store: AsyncCredentialStore, credential_id: str) -> Soon[None]:
        """Delete a user as the application does, if it does; as it stands, the test about it is left out."""
        left_out(_NO_FORGETTING)

    def callers_transaction(self, store: AsyncCredentialStore) -> AbstractAsyncContextManager[object]:
        """Return what opens a transaction on the application's own connection, and rolls it back at the end; as it stands, the tests about it are left out."""
        left_out(_NO_TRANSACTION)

    def break_off(self, store: AsyncCredentialStore) -> None:
        """Keep the database from taking writes, as in an outage; as it stands, the test about it is left out."""
        left_out(_NO_OUTAGE)

    async def _add(self, store: AsyncCredentialStore, made: NewCredential) -> Credential:
        return await store.add(made, self.extra())

    async def _refused(self, call: Soon[object], why: str) -> None:
        """Go on only if *call* finds an identifier taken."""
        try:
            answer = await call
        except IdentifierTaken:
            return
        raise AssertionError(f"{why}: it is to raise IdentifierTaken, and has answered {answer!r}")

    # Look-ups -----------------------------------------------------------------------------------------------------------

    async def test_nobody_is_none(self, store: AsyncCredentialStore) -> None:
        """Catches `RaisesForNobody`: raises for what is not there."""
        require_same(await store.find(ADA), None, "an address that nobody has finds nobody")
        require_same(await store.find(MOBILE), None, "a number that nobody has finds nobody")
        require_same(await store.get("nobody"), None, "an id that nobody has gets nobody")

    async def test_a_credential_is_found_by_each_of_its_identifiers_and_by_its_id(self, store: AsyncCredentialStore) -> None:
        """Catches `FindsByTheFirstOnly`: or by the preferred identifier, or by one kind."""
        added = await self._add(store, new(ADA, MOBILE, BOB))
        for identifier in (ADA, MOBILE, BOB):
            require_equal(await store.find(identifier), added, f"a credential is found by each of its identifiers, also {identifier.canonical}")
        require_equal(await store.get(added.id), added, "a credential is found by its id")

    async def test_an_identifier_is_found_whatever_its_standing(self, store: AsyncCredentialStore) -> None:
        """Catches `FindsTheVerifiedOnly`: the flows must see the others to refuse them (ID-15)."""
        for number, standing in enumerate(Standing):
            named = email(f"{standing}@example.com")
            made = new(change_id=f"change-{number}", identifiers=(Registered(identifier=named, standing=standing),), preferred=None)
            added = await self._add(store, made)
            require_equal(await store.find(named), added, f"an identifier is found whatever its standing, also {standing}")

    async def test_an_identifier_is_found_by_its_canonical_text_only(self, store: AsyncCredentialStore) -> None:
        """Catches `FindsWhatWasTyped`: looks for the text as it was typed."""
        added = await self._add(store, new(email("ada@example.com", entered="Ada@Example.COM"), MOBILE))
        require_same(await store.find(email("ada@example.com", entered=" ADA@example.com")), added, "however an address is typed, it is found")
        require_same(await store.find(phone("+14155552671", entered="+1 415 555 2671")), added, "however a number is typed, it is found")
        require_same(await store.find(email("other@example.com", entered="Ada@Example.COM")), None, "another address is not found by how it was typed")
        require_same(await store.find(phone("+14155550000", entered="(415) 555-2671")), None, "another number is not found by how it was typed")

    async def test_identifiers_that_only_look_alike_are_different(self, store: AsyncCredentialStore) -> None:
        """Catches `FoldsIdentifiers`: folds case, trims, normalises or matches patterns, so that somebody is let in as somebody else (ST-04)."""
        texts = list(dict.fromkeys(text for pair in LOOK_ALIKES for text in pair))
        for number, text in enumerate(texts):
            found = await store.find(email(text))
            require(
                found is None, f"{text!a} is nobody's yet, and finds {found and found.identifiers[0].identifier.canonical!a}: is its column compared exactly?"
            )
            added = await self._add(store, new(email(text), change_id=f"change-{number}"))
            require_same(await store.find(email(text)), added, f"{text!a} was added, and is not found")
        found_by = [await store.find(email(text)) for text in texts]
        require_same(len({one.id for one in found_by if one is not None}), len(texts), "of identifiers that only look alike, two are one credential")
        require_same([one and one.identifiers[0].identifier.canonical for one in found_by], texts, "canonical texts come back as they were")

    # Add ----------------------------------------------------------------------------------------------------------------

    async def test_an_added_credential_comes_back_with_all_that_it_was_made_of(self, store: AsyncCredentialStore) -> None:
        """Catches `ForgetsWhenItWasVerified`: loses or swaps a field, or an order."""
        identifiers = (
            Registered(identifier=phone("+4790000000", "900 00 000"), standing=Standing.CARRIED_OVER),
            Registered(identifier=email("zoe@example.com", "Zoe@Example.com"), standing=Standing.VERIFIED, verified_at=NOW + TICK),
            Registered(identifier=email("ann@example.com", "ANN@example.com"), standing=Standing.UNVERIFIED),
            Registered(identifier=phone("+14155552671", "415-555-2671"), standing=Standing.VERIFIED, verified_at=NOW - TICK),
        )
        marks = (Mark(change_id="change", at=NOW + TICK), Mark(change_id="earlier", at=NOW - TICK))
        made = new(identifiers=identifiers, preferred=identifiers[3].identifier, locale="nb-NO", generation="g-1", marks=marks, password_hash="$x$\u00e9'\"")
        added = await self._add(store, made)
        require_equal(await store.get(added.id), added, "what `add` has returned is what is there")
        for field in fields(made):
            require_same(getattr(added, field.name), getattr(made, field.name), f"an added credential has the {field.name} that it was made of")
        typed = [entry.identifier.entered for entry in added.identifiers]
        require_same(typed, [entry.identifier.entered for entry in identifiers], "identifiers come back as they were typed")
        state = (added.session_epoch, added.disabled, added.compromised, added.earlier_hashes)
        require_same(state, (0, False, False, ()), "a new credential has an epoch of 0, is not disabled or compromised, and has no earlier hashes")

    async def test_what_is_left_out_comes_back_as_none(self, store: AsyncCredentialStore) -> None:
        """Catches `TakesNoneForEmpty`: turns "none" into empty text, or the other way round."""
        added = await self._add(store, new(password_hash=None, preferred=None, locale=None))
        found = await store.get(added.id)
        require(found is not None, "what was added is there")
        require_same(found and (found.password_hash, found.preferred, found.locale), (None, None, None), "what is left out comes back as None")

    async def test_the_store_chooses_an_id_and_a_version_for_each(self, store: AsyncCredentialStore) -> None:
        """Catches `MakesIdsOfIdentifiers`: or starts without a version."""
        added = [await self._add(store, new(email(f"{n}@example.com"), change_id=f"change-{n}")) for n in range(10)]
        require_same((len({one.id for one in added}), len({one.version for one in added})), (10, 10), "each credential has an id and a version of its own")
        require(all(one.id and one.version for one in added), "an id and a version are not empty")
        require(not any(f"{n}@example.com" in one.id for n, one in enumerate(added)), "an id is not made of the identifier, which may change hands")

    async def test_adding_a_taken_identifier_changes_nothing(self, store: AsyncCredentialStore) -> None:
        """Catches `TakesAnyIdentifier`: has no unique index, or holds what it could of the refused credential (ST-04)."""
        first = await self._add(store, new(ADA, MOBILE))
        taken: tuple[tuple[Identifier, Identifier], ...] = ((BOB, ADA), (ADA, BOB), (BOB, MOBILE))
        for number, identifiers in enumerate(taken):
            await self._refused(self._add(store, new(*identifiers, change_id=f"second-{number}")), "an added credential has an identifier of another")
        require_equal(await store.find(ADA), first, "a refused `add` changes nobody")
        require_equal(await store.find(MOBILE), first, "a refused `add` changes nobody")
        require_same(await store.find(BOB), None, "a refused `add` holds none of its identifiers")

    async def test_a_change_that_was_refused_may_be_tried_again(self, store: AsyncCredentialStore) -> None:
        """Catches `RemembersWhatItRefused`: takes a change for made although it refused it."""
        first = await self._add(store, new(ADA))
        await self._refused(self._add(store, new(ADA, change_id="second")), "an added credential has an identifier of another")
        await store.replace(first, replace(first, identifiers=(verified(CAROL),), preferred=CAROL))
        second = await self._add(store, new(ADA, change_id="second"))
        require_equal(await store.find(ADA), second, "a change that was refused may be tried again when the identifier is free")
        require(second.id != first.id, "a change that was refused was taken for one that was made")

    async def test_adding_with_the_same_change_again_returns_the_credential(self, store: AsyncCredentialStore) -> None:
        """Catches `SaysTakenToItsOwnChange`: when the reply to the first call was lost (F4)."""
        added = await self._add(store, new(ADA))
        try:
            again = await self._add(self.another(store), new(ADA, password_hash="another", generation="another"))
        except IdentifierTaken:
            raise AssertionError("a repeated `add` with one change_id returns what the first has made, and does not find itself in its own way") from None
        require_equal(again, added, "a repeated `add` with one change_id returns what the first has made")
        require_equal(await store.get(added.id), added, "a repeated `add` with one change_id changes nothing")

    async def test_adding_with_the_same_change_returns_the_credential_as_it_is_now(self, store: AsyncCredentialStore) -> None:
        """Catches `AnswersWithWhatWasAdded`: an old password would be told to be in force (F4)."""
        added = await self._add(store, new(ADA))
        now = await store.replace(added, replace(added, identifiers=(verified(BOB),), preferred=BOB, password_hash="later", marks=()))
        again = await self._add(store, new(ADA))
        require_equal(again, now, "a repeated `add` returns the credential as it is now, not as it was added; the change_id is remembered apart from the marks")
        require_same(await store.find(ADA), None, "a change that was made already held its identifier again")

    async def test_a_change_adds_one_credential_whatever_its_identifiers(self, store: AsyncCredentialStore) -> None:
        """Catches `AddsASecondTime`: does not look at the change id (F4), or only when the identifier collides."""
        added = await self._add(store, new(ADA))
        require_equal(await self._add(store, new(BOB)), added, "a change_id adds one credential, whatever the identifiers of the second call")
        require_same(await store.find(BOB), None, "a repeated `add` holds nothing")

    async def test_of_many_that_add_one_identifier_at_once_one_does(self, store: AsyncCredentialStore) -> None:
        """Catches `LooksAndThenAdds`: has a gap between the look and the insert (ST-03)."""
        other = self.another(store)
        results = await self._at_once([partial(self._add, other if n % 2 else store, new(ADA, change_id=f"change-{n}")) for n in range(12)])
        added = [result for result in results if isinstance(result, Credential)]
        require_same(len(added), 1, "of many that add one identifier at once, one does: is there a unique index?")
        others = sum(isinstance(result, IdentifierTaken) for result in results)
        require_same(others, 11, "the others raise IdentifierTaken")
        require_equal(await store.find(ADA), added[0], "the identifier is the one's that was told so")

    async def test_of_many_that_make_one_change_at_once_all_get_the_same_credential(self, store: AsyncCredentialStore) -> None:
        """Catches `LooksAndThenAdds`: the same, for the change id (F4)."""
        other = self.another(store)
        results = await self._at_once([partial(self._add, other if n % 2 else store, new(ADA, generation=f"g-{n}")) for n in range(12)])
        require_same([result for result in results if not isinstance(result, Credential)], [], "of many that make one change at once, none raises")
        made = {(one.id, one.version, one.generation) for one in results}
        require_same(len(made), 1, "of many that make one change at once, all get the same credential")

    # Replace ------------------------------------------------------------------------------------------------------------

    async def test_a_replaced_credential_is_new_in_every_field(self, store: AsyncCredentialStore) -> None:
        """Catches `ForgetsHowItWasTyped`: leaves a field of an existing credential as it was."""
        other = self.another(store)
        current = first = await self._add(store, new(ADA, MOBILE))
        for changes in CHANGES:
            after = replace(current, **changes)
            stored = await store.replace(current, after)
            require(stored is not None, f"a replace of the newest version is done; here it changed {', '.join(changes)}")
            why = f"a replaced credential is as it was given; here it changed {', '.join(changes)}"
            require_equal(stored and replace(stored, version=""), replace(after, version=""), why)
            require_equal(await other.get(first.id), stored, why)
            require_equal(await store.find(after.identifiers[0].identifier), stored, why)
            back = stored and await store.replace(stored, replace(first, version=stored.version))
            require(back is not None, f"a replace of the newest version is done; here it took back {', '.join(changes)}")
            current = back or current

    async def test_replacing_what_has_moved_on_returns_none_and_changes_nothing(self, store: AsyncCredentialStore) -> None:
        """Catches `ReplacesWhateverTheVersion`: loses updates."""
        added = await self._add(store, new(ADA))
        now = await self.another(store).replace(added, replace(added, generation="second"))
        late = await store.replace(added, replace(added, generation="third", identifiers=(verified(BOB),), preferred=BOB))
        require_same(late, None, "a replace of what has moved on returns None")
        require_equal(await store.get(added.id), now, "a replace that was too late has changed something")
        require_same(await store.find(BOB), None, "a replace that was too late holds an identifier")

    async def test_replacing_a_credential_that_is_gone_returns_none(self, store: AsyncCredentialStore) -> None:
        """Catches `ReplacesWhoIsNotThere`: inserts what it does not find."""
        added = await self._add(store, new(ADA))
        gone = replace(added, id="gone", identifiers=(verified(BOB),), preferred=BOB)
        require_same(await store.replace(gone, gone), None, "a replace of somebody who is not there returns None")
        require_same((await store.get("gone"), await store.find(BOB)), (None, None), "a replace of somebody who is not there makes nobody")

    async def test_replacing_a_credential_by_itself_gives_it_a_new_version(self, store: AsyncCredentialStore) -> None:
        """Catches `WritesOnlyWhatDiffersOfIt`: the courier's fence would fence nothing off (F1, F6)."""
        added = await self._add(store, new(ADA))
        fenced = await store.replace(added, added)
        require(fenced is not None, "a replace of the newest version is done, also by itself")
        require(fenced is None or fenced.version != added.version, "a replace gives a new version, also where nothing else is new")
        require_equal(fenced and replace(fenced, version=added.version), added, "a replace by itself changes nothing but the version")
        require_same(await store.replace(added, added), None, "the version before it is over")

    async def test_a_version_is_never_given_twice(self, store: AsyncCredentialStore) -> None:
        """Catches `MakesVersionsOfTheContent`: gives the same version to the same content: A, B, A (F6)."""
        current = first = await self._add(store, new(ADA))
        versions = {first.version}
        for turn in range(40):
            changed = replace(current, generation=f"g-{turn % 2}", identifiers=(verified((ADA, BOB)[turn % 2]),), preferred=None)
            stored = await store.replace(current, changed)
            require(stored is not None, "a replace of the newest version is done")
            current = stored or current
            require(current.version not in versions, "a version was given a second time: a state that came back is not the state that was")
            versions.add(current.version)
        require_same(await store.replace(first, first), None, "a replace by the first version of many is too late")

    async def test_the_version_is_the_stores_own(self, store: AsyncCredentialStore) -> None:
        """Catches `TakesTheVersionGiven`: takes the version from its caller."""
        added = await self._add(store, new(ADA))
        stored = await store.replace(added, replace(added, version="chosen"))
        require(stored is not None and stored.version not in {"chosen", added.version}, "the store chooses the version, whatever the new credential says")

    async def test_a_change_to_somebody_who_is_gone_lands_on_nobody_who_has_their_id(self, store: AsyncCredentialStore) -> None:
        """Catches `UsesIdsAgain`: counts ids and versions from what is there, so that a change to somebody who is gone lands on somebody else."""
        gone = await self._add(store, new(ADA))
        await self.forget(store, gone.id)
        require_same((await store.find(ADA), await store.get(gone.id)), (None, None), "who was deleted is found no more")
        newcomer = await self._add(store, new(BOB, change_id="newcomer"))
        require_same(
            await store.replace(gone, replace(gone, identifiers=(verified(CAROL),), preferred=CAROL)), None, "a change to somebody who is gone was made"
        )
        require_equal(await store.find(BOB), newcomer, "a change to somebody who is gone landed on somebody else: versions are never given twice")

    async def test_replacing_with_a_taken_identifier_changes_nothing(self, store: AsyncCredentialStore) -> None:
        """Catches `ReplacesHalfBeforeItFindsOut`: has no unique index, or has made half the change when it finds out (ST-04)."""
        ada, bob = await self._add(store, new(ADA)), await self._add(store, new(BOB, change_id="bob"))
        for identifiers in ((verified(CAROL), verified(BOB)), (verified(BOB), verified(CAROL))):
            changed = replace(ada, identifiers=identifiers, preferred=CAROL, password_hash="another")
            await self._refused(store.replace(ada, changed), "a replaced credential has an identifier of another")
            require_equal(await store.get(ada.id), ada, "a refused `replace` changes nothing")
            found = [await store.find(identifier) for identifier in (ADA, BOB, CAROL)]
            require_same(found, [ada, bob, None], "a refused `replace` holds none of its identifiers, and gives none up")
        require(await store.replace(ada, ada) is not None, "the version moved although nothing was changed")

    async def test_an_identifier_that_was_given_up_is_free(self, store: AsyncCredentialStore) -> None:
        """Catches `KeepsWhatWasGivenUp`: never gives an identifier free."""
        ada = await self._add(store, new(ADA, MOBILE))
        require(await store.replace(ada, replace(ada, identifiers=(verified(ADA),))) is not None, "a replace of the newest version is done")
        require_same(await store.find(MOBILE), None, "an identifier that was given up finds nobody")
        try:
            other = await self._add(store, new(MOBILE, change_id="other"))
        except IdentifierTaken:
            raise AssertionError("an identifier that was given up is free for others") from None
        require_equal(await store.find(MOBILE), other, "an identifier that was given up is another's now")

    async def test_credentials_do_not_touch_each_other(self, store: AsyncCredentialStore) -> None:
        """Catches `TouchesEverybody`: forgets to say whom it updates."""
        ada, bob = await self._add(store, new(ADA, MOBILE)), await self._add(store, new(BOB, change_id="bob"))
        await store.replace(ada, replace(ada, identifiers=(verified(CAROL),), preferred=CAROL, disabled=True))
        require_equal(await store.get(bob.id), bob, "a replace changes nobody else")
        require_equal(await store.find(BOB), bob, "a replace changes nobody else")

    async def test_of_many_that_replace_one_state_at_once_one_does(self, store: AsyncCredentialStore) -> None:
        """Catches `ComparesAndThenReplaces`: has a gap between compare and swap (ST-03)."""
        other = self.another(store)
        current = await self._add(store, new(ADA))
        for turn in range(5):
            flows = [partial((other if n % 2 else store).replace, current, replace(current, generation=f"{turn}-{n}")) for n in range(12)]
            stored = [result for result in await self._at_once(flows) if result is not None]
            require_same(len(stored), 1, "of many that replace one version at once, exactly one is told that it did, and the others get None")
            require_same(await store.get(current.id), stored[0], "what is there is what was told as stored")
            current = stored[0]

    async def test_of_many_that_take_one_identifier_at_once_one_does(self, store: AsyncCredentialStore) -> None:
        """Catches `ComparesAndThenReplaces`: the same, for two credentials that want one identifier."""
        other = self.another(store)
        people = [await self._add(store, new(email(f"{n}@example.com"), change_id=f"change-{n}")) for n in range(8)]
        flows = [
            partial((other if n % 2 else store).replace, one, replace(one, identifiers=(*one.identifiers, verified(MOBILE)))) for n, one in enumerate(people)
        ]
        results = await self._at_once(flows)
        stored = [result for result in results if isinstance(result, Credential)]
        require_same(len(stored), 1, "of many that take one identifier at once, one does: is there a unique index?")
        others = sum(isinstance(result, IdentifierTaken) for result in results)
        require_same(others, 7, "the others raise IdentifierTaken")
        require_equal(await store.find(MOBILE), stored[0], "the identifier is the one's that was told so")

    async def test_look_ups_see_the_newest_also_through_another_handle(self, store: AsyncCredentialStore) -> None:
        """Catches `AnswersFromAnOldCopy`: a replica, or a cache that does not hear of writes."""
        other = self.another(store)
        current = await self._add(store, new(ADA))
        for turn in range(20):
            stored = await (store if turn % 2 else other).replace(current, replace(current, session_epoch=turn))
            require(stored is not None, "a replace of the newest version is done")
            for reader in (store, other):  # both, so that each has something old to answer with
                require_equal(await reader.get(current.id), stored, "a look-up that begins after a replace has returned sees it: no replicas, no caches")
                require_equal(await reader.find(ADA), stored, "a look-up that begins after a replace has returned sees it: no replicas, no caches")
            current = stored or current

    # The caller's transaction -------------------------------------------------------------------------------------------

    async def test_an_added_credential_outlives_a_rollback_of_the_callers_own_transaction(self, store: AsyncCredentialStore) -> None:
        """Catches `WorksInTheCallersTransaction`: who was told that they have a sign-in has none (REQ-D3a)."""
        async with self.callers_transaction(store):
            try:
                added = await self._add(store, new(ADA))
            except Exception:  # noqa: BLE001  # a store may refuse there, with InsideTransaction: then nothing is told either
                return
        why = "a credential that was added went with the caller's own transaction: use a connection of your own, or raise InsideTransaction"
        require_equal(await self.another(store).get(added.id), added, why)

    async def test_a_replaced_credential_outlives_a_rollback_of_the_callers_own_transaction(self, store: AsyncCredentialStore) -> None:
        """Catches `WorksInTheCallersTransaction`: a password that was told as changed is the old one again (REQ-D3a)."""
        added = await self._add(store, new(ADA))
        async with self.callers_transaction(store):
            try:
                stored = await store.replace(added, replace(added, password_hash="another"))
            except Exception:  # noqa: BLE001  # as above
                return
        why = "a change that was told as made went with the caller's own transaction: use a connection of your own, or raise InsideTransaction"
        require(stored is not None, "a replace of the newest version is done, or raises")
        require_equal(await self.another(store).get(added.id), stored, why)

    async def test_a_change_that_cannot_be_made_raises(self, store: AsyncCredentialStore) -> None:
        """Catches `TakesFailuresForRefusals`: a failure passes for "somebody has that", or for "too late"."""
        added = await self._add(store, new(ADA))
        self.break_off(store)
        for call in (partial(self._add, store, new(BOB, change_id="other")), partial(store.replace, added, replace(added, password_hash="another"))):
            try:
                answer: object = await call()
            except IdentifierTaken:
                answer = "IdentifierTaken"
            except Exception:  # noqa: BLE001, S112  # whatever it is
                continue
            raise AssertionError(f"the database takes no writes; that is a failure, and neither an answer nor a refusal, and here it was {answer!r}")


@derived(AsyncCredentialStoreContract, LiftedCredentials)
class CredentialStoreContract(Contract):
    """What every `CredentialStore` does. Subclass it, and give a fixture `store`: an empty store for each test.

    Its tests are those of `AsyncCredentialStoreContract`, as plain functions; those that need several at once use threads.
    """

    def another(self, store: CredentialStore) -> CredentialStore:
        """Return another handle on the same data, such as another worker has; as it stands, *store* itself."""
        return store

    def extra(self) -> object:
        """Return what `add` needs as *extra* to insert the application's own rows; as it stands, `None`. It is asked once for each `add`."""
        return None

    def forget(self, store: CredentialStore, credential_id: str) -> None:
        """Delete a user as the application does, if it does; as it stands, the test about it is left out."""
        left_out(_NO_FORGETTING)

    def callers_transaction(self, store: CredentialStore) -> AbstractContextManager[object]:
        """Return what opens a transaction on the application's own connection, and rolls it back at the end; as it stands, the tests about it are left out."""
        left_out(_NO_TRANSACTION)

    def break_off(self, store: CredentialStore) -> None:
        """Keep the database from taking writes, as in an outage; as it stands, the test about it is left out."""
        left_out(_NO_OUTAGE)
