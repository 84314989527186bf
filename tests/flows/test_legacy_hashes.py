"""People who come with a hash of an older system: they sign in as ever, once, and from then on have one of today's (PW-13, PW-15, PW-16, PW-17)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from credkit.context import Context, Session
from credkit.credential import Credential, Standing
from credkit.errors import FindingKind, Reason, Refused
from credkit.kit import AsyncCredkit
from credkit.passwords import Bcrypt, HashFacts, LegacyHash, PasswordHasher, Pbkdf2, Scrypt
from credkit.stores.memory import AsyncMemoryStores
from credkit.testing import AsyncInbox, FrozenClock, TestWorld
from credkit.testing.kits import keys_for_tests, site_for_tests
from flows import journeys
from flows.journeys import ADA, CONTEXT, NEW, NOBODY, OLD, OTHER, granted, refusal, registered, signs_in

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "legacy_hashes.json").read_text(encoding="utf-8"))["hashes"]
ONE_OF_EACH = {vector["made_by"]: vector for vector in reversed(VECTORS) if vector["password"] == OLD}
NFD, NFC = "cafe\u0301 verdict olive", "caf\u00e9 verdict olive"
AS_TYPED = {vector["made_by"]: vector["stored"] for vector in VECTORS if vector["password"] == NFD}

VERIFIERS: tuple[LegacyHash, ...] = (
    Pbkdf2(iterations=1000, algorithm="sha1"),
    Pbkdf2(iterations=1000),
    Pbkdf2(iterations=1000, algorithm="sha512"),
    Scrypt(n=256, r=8, p=5),
    Bcrypt(cost=4),
)

BCRYPT = ONE_OF_EACH["passlib 1.7.4 bcrypt"]["stored"]


class Noting:
    """A verifier that notes what it is asked to compare with."""

    scheme = "noting"
    stand_in = "old$nobody"

    def __init__(self) -> None:
        self.calls: list[str] = []

    def recognises(self, stored: str) -> bool:
        return stored.startswith("old$")

    def verify(self, stored: str, password: bytes) -> bool:
        self.calls.append(stored)
        return stored == f"old${password.decode()}"


def hasher(*verifiers: LegacyHash, **parts: Any) -> PasswordHasher:
    return PasswordHasher(journeys.cheap_profile(), legacy=verifiers or VERIFIERS, **parts)


def world_with(stored: str | None, own: PasswordHasher | None = None, **parts: Any) -> tuple[TestWorld, Credential]:
    """Return a world in which Ada has been imported with the hash *stored*."""
    world = journeys.build(hasher=own or hasher(), **parts)
    return world, journeys.ada(world, password_hash=stored)


def sign_in(world: TestWorld, password: str = OLD, identifier: str = ADA) -> Any:
    return world.kit.sign_in.with_password(identifier, password, context=CONTEXT)


def facts(world: TestWorld, credential: Credential) -> HashFacts:
    return hasher().describe(journeys.fresh(world, credential).password_hash)


# Signing in -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_the_first_sign_in_leaves_a_hash_of_today(vector: dict[str, str]) -> None:
    world, credential = world_with(vector["stored"])
    assert facts(world, credential) == HashFacts(scheme=vector["scheme"])
    signed_in = sign_in(world)
    assert facts(world, credential) == HashFacts(scheme="argon2id", up_to_date=True)
    assert signed_in.credential == journeys.fresh(world, credential)
    without = journeys.beside(world)  # a kit that knows nothing of the older system
    assert signs_in(without, OLD)
    assert not signs_in(without, OTHER)


@pytest.mark.parametrize("vector", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_a_wrong_password_is_answered_as_ever_and_changes_nothing(vector: dict[str, str]) -> None:
    world, credential = world_with(vector["stored"])
    assert refusal(sign_in, world, OTHER).reason is Reason.SIGN_IN_FAILED
    assert journeys.fresh(world, credential) == credential


def test_an_upgrade_ends_no_session_and_no_proof_and_tells_nobody() -> None:
    world, _ = world_with(BCRYPT)
    grant = granted(world)
    world.inbox.messages.clear()
    sign_in(world)
    session = sign_in(world).session
    assert world.inbox.messages == []
    assert world.kit.sign_in.holds(session)
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT)


def test_an_upgrade_is_keyed_where_there_is_a_pepper() -> None:
    world, credential = world_with(BCRYPT, hasher(pepper=journeys.ring("2026")))
    sign_in(world)
    assert (journeys.fresh(world, credential).password_hash or "").startswith("keyed:2026:$argon2id$")


def test_a_password_set_during_an_upgrade_wins() -> None:
    spied = journeys.SpiedCredentials()
    world, _ = world_with(BCRYPT, credentials=spied)
    grant = granted(world)
    spied.before_replace = [lambda: world.kit.reset.complete(grant, NEW, context=CONTEXT)]
    sign_in(world)
    assert signs_in(world, NEW)
    assert not signs_in(world, OLD)


def test_an_upgrade_that_cannot_be_stored_does_not_fail_the_sign_in() -> None:
    spied = journeys.SpiedCredentials()
    world, credential = world_with(BCRYPT, credentials=spied)
    spied.before_replace = [journeys.failing]
    assert sign_in(world).credential == credential
    assert sign_in(world)
    assert facts(world, credential).up_to_date


@pytest.mark.parametrize("stored", AS_TYPED.values(), ids=AS_TYPED)
def test_a_password_that_was_hashed_as_typed_signs_in_as_typed_and_then_in_any_spelling(stored: str) -> None:
    world, credential = world_with(stored)
    assert not signs_in(world, NFC)  # nobody can find the old spelling from the new one
    assert signs_in(world, NFD)
    assert facts(world, credential).up_to_date
    assert signs_in(world, NFC)
    assert signs_in(world, NFD)


def test_a_password_that_was_hashed_normalised_signs_in_however_it_is_typed() -> None:
    world, _ = world_with(f"old${NFC}", hasher(Noting()))
    assert signs_in(world, NFD)


def test_what_bcrypt_did_not_look_at_becomes_part_of_the_password() -> None:
    long = "0123456789" * 7 + "ab"
    stored = next(vector["stored"] for vector in VECTORS if vector["password"].startswith(long) and vector["made_by"] == "passlib 1.7.4 bcrypt")
    world, _ = world_with(stored)
    assert not signs_in(world, long[:-1])
    assert signs_in(world, f"{long}, and more")
    assert signs_in(world, f"{long}, and more")
    assert not signs_in(world, f"{long}cdefgh")


@pytest.mark.parametrize("stored", ["md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", "!unusable", "$2b$31$" + "." * 53, f"pbkdf2_sha256${'9' * 8}$x$x"])
def test_a_hash_that_no_verifier_knows_or_that_is_planted_fails_like_a_wrong_password(stored: str) -> None:
    world, credential = world_with(stored)
    assert refusal(sign_in, world).reason is Reason.SIGN_IN_FAILED
    assert journeys.fresh(world, credential) == credential


def test_a_password_with_a_nul_is_nobodys_before_any_verifier_sees_it() -> None:
    verifier = Noting()
    world, _ = world_with("old$nine", hasher(verifier))
    assert refusal(sign_in, world, "nine\0 grey herons wade").reason is Reason.SIGN_IN_FAILED
    assert verifier.calls == []


# One cost for all (PW-15, REQ-D7a) --------------------------------------------------------------------------------------

KINDS: dict[str, Any] = {
    "of an older system": f"old${OLD}",
    "of today": None,
    "no password": None,
    "malformed": "$argon2id$",
    "unknown": None,
    "unverified": f"old${OLD}",
    "disabled": f"old${OLD}",
}


def count_argon2(patch: pytest.MonkeyPatch, runs: list[str]) -> None:
    run = PasswordHasher._run_argon2

    def counted(hasher: PasswordHasher, phc: str, material: bytes) -> bool | None:
        runs.append("run")
        return run(hasher, phc, material)

    patch.setattr(PasswordHasher, "_run_argon2", counted)


@pytest.mark.parametrize("typed", [OTHER, NFC, NFD], ids=["plain", "normalised", "otherwise"])
def test_whoever_it_is_a_sign_in_costs_the_same_comparisons_and_store_calls(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    traces: dict[str, object] = {}
    for kind, stored in KINDS.items():
        verifiers, spied, argon2 = (Noting(), Noting()), journeys.SpiedCredentials(), list[str]()
        world = journeys.build(hasher=hasher(*verifiers), credentials=spied)
        credential = world.add(ADA, password=OLD)
        if kind not in {"of today", "unknown"}:
            journeys.alter(world, credential, password_hash=stored)
        if kind == "disabled":
            journeys.alter(world, credential, disabled=True)
        if kind == "unverified":
            journeys.alter(world, credential, identifiers=(registered(ADA, Standing.UNVERIFIED),))
        for calls in (*(verifier.calls for verifier in verifiers), spied.calls):
            calls.clear()
        with monkeypatch.context() as patch:
            count_argon2(patch, argon2)
            assert refusal(sign_in, world, typed, NOBODY if kind == "unknown" else ADA).reason is Reason.SIGN_IN_FAILED
        traces[kind] = ([len(verifier.calls) for verifier in verifiers], spied.calls, argon2)
    times = 2 if typed == NFD else 1
    assert traces == dict.fromkeys(KINDS, ([times, times], ["find"], ["run"] * times))


# Changing and resetting -------------------------------------------------------------------------------------------------


def test_the_current_password_of_a_change_may_be_an_older_one() -> None:
    world, credential = world_with(BCRYPT)
    session = Session(credential_id=credential.id, session_epoch=0)
    world.kit.password.change(session, OLD, NEW, context=CONTEXT)
    assert signs_in(world, NEW)
    assert facts(world, credential).up_to_date


def test_a_change_that_is_refused_leaves_the_older_hash() -> None:
    world, credential = world_with(BCRYPT)
    session = Session(credential_id=credential.id, session_epoch=0)
    assert refusal(world.kit.password.change, session, OTHER, NEW, context=CONTEXT).reason is Reason.CURRENT_PASSWORD_WRONG
    assert refusal(world.kit.password.change, session, OLD, "short", context=CONTEXT).reason is Reason.PASSWORD_REFUSED
    assert journeys.fresh(world, credential) == credential


def test_the_current_password_of_a_change_may_have_been_hashed_as_typed() -> None:
    world, credential = world_with(AS_TYPED["Django 5.2.19 PBKDF2PasswordHasher"])
    session = Session(credential_id=credential.id, session_epoch=0)
    assert refusal(world.kit.password.change, session, NFC, NEW, context=CONTEXT).reason is Reason.CURRENT_PASSWORD_WRONG
    assert world.kit.password.change(session, NFD, NEW, context=CONTEXT)


@pytest.mark.parametrize(("stored", "proposed"), [(BCRYPT, OLD), (AS_TYPED["passlib 1.7.4 scrypt"], NFD)])
def test_a_reset_refuses_the_current_password_also_of_an_older_hash(stored: str, proposed: str) -> None:
    world, _ = world_with(stored)  # PW-21
    grant = granted(world)
    refused = refusal(world.kit.reset.complete, grant, proposed, context=CONTEXT)
    assert [finding.kind for finding in refused.findings] == [FindingKind.CURRENT]
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT)
    assert signs_in(world, NEW)


def test_without_verifiers_a_reset_is_the_way_in() -> None:
    world, credential = world_with(BCRYPT, PasswordHasher(journeys.cheap_profile()))
    assert not signs_in(world, OLD)
    world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    assert signs_in(world, NEW)
    assert facts(world, credential).up_to_date


# A pepper that is lost (KE-07) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [{"pepper": journeys.ring("new")}, {}], ids=["another key", "no key"])
def test_where_the_pepper_is_lost_a_reset_sets_a_password_all_the_same(own: dict[str, Any]) -> None:
    before = journeys.build(hasher=journeys.CountingHasher(pepper=journeys.ring("lost")))
    journeys.ada(before)
    world = journeys.beside(before, hasher=journeys.CountingHasher(**own))
    grant = granted(world)
    world.kit.reset.complete(grant, NEW, context=CONTEXT)
    assert signs_in(world, NEW)
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT)  # and says the same to a call whose reply was lost


# From async code --------------------------------------------------------------------------------------------------------


def test_the_async_journey() -> None:
    async def journey() -> None:
        stores, inbox = AsyncMemoryStores(), AsyncInbox()
        kit = AsyncCredkit(
            site=site_for_tests(),
            keys=keys_for_tests(),
            credentials=stores.credentials,
            records=stores.records,
            notifier=inbox,
            hasher=hasher(),
            clock=FrozenClock(),
            deliver=lambda run: run(),
        )
        ticket = await kit.sign_up.begin(ADA, context=Context.none())
        added = await kit.sign_up.complete(await kit.sign_up.verify(ticket, inbox.last_code(ADA), context=Context.none()), NEW, context=Context.none())
        imported = await stores.credentials.replace(added, replace(added, password_hash=AS_TYPED["passlib 1.7.4 bcrypt"]))
        assert imported is not None
        with pytest.raises(Refused):
            await kit.sign_in.with_password(ADA, NEW, context=Context.none())
        for spelling in (NFD, NFC):
            signed_in = await kit.sign_in.with_password(ADA, spelling, context=Context.none())
            assert hasher().describe(signed_in.credential.password_hash).up_to_date

    asyncio.run(journey())
