"""The kit: what it refuses to be built of, that building it opens nothing, who delivers, siblings for other sites, forks, and its end."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.context import Context
from credkit.delivery import AT_ONCE
from credkit.errors import Busy, ConfigurationError, Reason, StoreError
from credkit.flows.courier import Delivered
from credkit.kit import AsyncCredkit, Credkit
from credkit.lifting import OffloadedCredentials, OffloadedRecords, finish
from credkit.passwords import PasswordHasher
from credkit.policy import CourierPolicy, Policy
from credkit.ports import AsyncioPause, SleepingPause, SystemClock, SystemEntropy
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.testing import AsyncInbox, Inbox, Recorder, cheap_hasher, kit_for_tests
from credkit.testing.kits import keys_for_tests, site_for_tests
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, NEW, OLD, OTHER, PAUSE, in_a_child, in_a_fresh_python, refusal, signs_in

NO_SPREAD = Policy(courier=CourierPolicy(spread=timedelta(0)))


def parts(**changes: Any) -> dict[str, Any]:
    """Return what a blocking kit is built of, at the least."""
    stores = MemoryStores()
    return {
        "site": site_for_tests(),
        "keys": keys_for_tests(),
        "credentials": stores.credentials,
        "records": stores.records,
        "notifier": Inbox(),
        **changes,
    }


def async_parts(**changes: Any) -> dict[str, Any]:
    """Return what an async kit is built of, at the least."""
    stores = AsyncMemoryStores()
    return {**parts(), "credentials": stores.credentials, "records": stores.records, "notifier": AsyncInbox(), **changes}


both = pytest.mark.parametrize(("kind", "needed"), [(Credkit, parts), (AsyncCredkit, async_parts)])


# Building ---------------------------------------------------------------------------------------------------------------


@both
def test_what_is_not_given_is_the_machines_own_and_the_default_policy(kind: Any, needed: Callable[..., dict[str, Any]]) -> None:
    kit = kind(**needed())
    assert kit.policy == Policy()
    assert (kit._shell.clock, kit._shell.entropy) == (SystemClock(), SystemEntropy())
    assert kit._shell.codes is kit._shell.index
    pause = kit._shell.pause
    assert pause == AsyncioPause() if kind is AsyncCredkit else pause.pause == SleepingPause()


@both
def test_a_hasher_and_a_pepper_are_one_too_many(kind: Any, needed: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ConfigurationError, match="either a hasher or a pepper"):
        kind(**needed(hasher=cheap_hasher(), pepper=journeys.ring("pepper")))


@both
@pytest.mark.parametrize("deliver", ["", "later", None, 1, True])
def test_a_way_to_deliver_that_is_none_is_refused(kind: Any, needed: Callable[..., dict[str, Any]], deliver: Any) -> None:
    with pytest.raises(ConfigurationError, match="deliver must be"):
        kind(**needed(deliver=deliver))


@pytest.mark.parametrize(("kind", "needed", "deliver"), [(Credkit, parts, "task"), (AsyncCredkit, async_parts, "thread")])
def test_the_other_colours_way_to_deliver_is_refused(kind: Any, needed: Callable[..., dict[str, Any]], deliver: Any) -> None:
    with pytest.raises(ConfigurationError, match="deliver must be"):
        kind(**needed(deliver=deliver))


@both
def test_a_pepper_keys_the_hashes_and_the_keys_do_not(kind: Any, needed: Callable[..., dict[str, Any]]) -> None:
    kit = kind(**needed(pepper=journeys.ring("pepper")))
    hasher = kit._shell.hashing.hasher
    assert isinstance(hasher, PasswordHasher)
    assert hasher._pepper.ids == ("pepper",)


@both
def test_building_starts_no_thread_and_makes_no_hash(kind: Any, needed: Callable[..., dict[str, Any]]) -> None:
    hasher, before = journeys.CountingHasher(), threading.active_count()  # F28
    kind(**needed(hasher=hasher))
    assert threading.active_count() == before
    assert hasher.calls == []
    assert "_argon2" not in vars(hasher)


@both
def test_an_audit_that_is_required_needs_an_observer(kind: Any, needed: Callable[..., dict[str, Any]]) -> None:
    policy = Policy(audit="required")
    with pytest.raises(ConfigurationError, match="needs an observer"):
        kind(**needed(policy=policy))
    assert kind(**needed(policy=policy, observer=Recorder())).policy is policy


@both
def test_an_observer_that_nobody_would_await_is_refused(kind: Any, needed: Callable[..., dict[str, Any]]) -> None:
    class Waiting:
        async def saw(self, event: object) -> None: ...

    with pytest.raises(ConfigurationError, match="no coroutine function"):
        kind(**needed(observer=Waiting()))


def test_a_sibling_tells_the_same_observer_of_its_own_site() -> None:
    world = kit_for_tests()
    sibling = world.kit.at(site_for_tests("other"), credentials=MemoryStores().credentials, notifier=Inbox())
    sibling.reminder.send(ADA, context=CONTEXT)
    assert {event.site for event in world.events.seen} == {"other"}


def test_building_opens_no_file_no_socket_and_no_database() -> None:
    program = """
import sys
from credkit.kit import AsyncCredkit, Credkit
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.testing import AsyncInbox, Inbox
from credkit.testing.kits import keys_for_tests, site_for_tests

seen, quiet = [], ("object.__getattr__", "object.__setattr__", "object.__delattr__", "code.__new__", "sys._getframe")
sys.addaudithook(lambda event, given: event in quiet or seen.append(event))
stores, site, keys = MemoryStores(), site_for_tests(), keys_for_tests()
Credkit(site=site, keys=keys, credentials=stores.credentials, records=stores.records, notifier=Inbox())
others = AsyncMemoryStores()
AsyncCredkit(site=site, keys=keys, credentials=others.credentials, records=others.records, notifier=AsyncInbox())
print(seen)
"""
    assert in_a_fresh_python(program) == "[]\n"


def test_test_domains_are_refused_unless_asked_for() -> None:
    kit = Credkit(**parts(deliver="manual"))
    assert refusal(kit.sign_up.begin, "ada@site.test", context=CONTEXT).reason is Reason.EMAIL_DOMAIN_INVALID
    assert Credkit(**parts(deliver="manual", allow_test_domains=True)).sign_up.begin("ada@site.test", context=CONTEXT)


def test_index_keys_name_the_records_and_keys_make_the_codes() -> None:
    world = journeys.build(keys=journeys.ring("codes"), index_keys=journeys.ring("index"))
    journeys.ada(world)
    ticket, code = journeys.begun(world)
    same_codes = journeys.beside(world, keys=journeys.ring("codes"), index_keys=journeys.ring("other"))
    assert same_codes.kit.reset.verify(ticket, code, context=CONTEXT)


# Who delivers -----------------------------------------------------------------------------------------------------------


def test_by_hand_nothing_is_delivered_until_it_is_asked_for() -> None:
    world = journeys.build(deliver="manual")
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    assert world.inbox.messages == []
    assert world.kit.courier.run_due() == Delivered(sent=1)


def test_by_a_callable_the_host_is_handed_a_run_for_its_own_worker() -> None:
    runs: list[Callable[[], Delivered]] = []
    world = journeys.build(deliver=runs.append)
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    assert world.inbox.messages == []
    assert [run() for run in runs] == [Delivered(sent=1)]


def test_a_run_handed_to_the_host_takes_some_overdue_messages_along() -> None:
    runs: list[Callable[[], Delivered]] = []
    world = journeys.build(deliver=runs.append)
    for number in range(AT_ONCE + 2):
        world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
    assert runs[0]() == Delivered(sent=AT_ONCE)


def test_a_run_handed_to_an_async_host_takes_some_overdue_messages_along() -> None:
    async def journey() -> Delivered:
        runs: list[Any] = []
        world = journeys.async_build(deliver=runs.append)
        for number in range(AT_ONCE + 2):
            await world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
        delivered: Delivered = await runs[0]()
        return delivered

    assert asyncio.run(journey()) == Delivered(sent=AT_ONCE)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what is reported and not raised."""
    collected: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", collected.append)
    return collected


def test_a_callable_that_fails_is_reported_and_does_not_change_the_answer(reported: list[Any]) -> None:
    world = journeys.build(deliver=lambda _: journeys.failing())  # REQ-D7b: the message is stored, and stays due
    assert world.kit.sign_up.begin(BOB, context=CONTEXT)
    assert [args.exc_type for args in reported] == [OSError]
    assert world.kit.courier.run_due() == Delivered(sent=1)


def test_an_async_callable_that_fails_is_reported_and_does_not_change_the_answer(reported: list[Any]) -> None:
    async def journey() -> None:
        for deliver in (lambda _: journeys.failing(), _fail_soon):
            world = journeys.async_build(deliver=deliver)
            assert await world.kit.sign_up.begin(BOB, context=CONTEXT)

    asyncio.run(journey())
    assert [args.exc_type for args in reported] == [OSError, OSError]


async def _fail_soon(run: Any) -> None:
    journeys.failing()


def test_an_async_kit_awaits_what_its_callable_returns_only_if_it_can() -> None:
    async def journey() -> tuple[int, int]:
        runs: list[Any] = []
        inline, handed = journeys.async_build(), journeys.async_build(deliver=runs.append)
        for world in (inline, handed):
            await world.kit.sign_up.begin(BOB, context=CONTEXT)
        counts = len(inline.inbox.messages), len(handed.inbox.messages)
        assert await runs[0]() == Delivered(sent=1)
        return counts

    assert asyncio.run(journey()) == (1, 0)


def test_in_a_thread_a_message_is_delivered_soon_and_closing_waits_for_it() -> None:
    world = journeys.build(deliver="thread", policy=NO_SPREAD)
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    world.kit.close()
    assert world.inbox.last_code(BOB)


def test_leaving_with_closes_the_kit() -> None:
    world = journeys.build(deliver="thread", policy=NO_SPREAD)
    with world.kit as kit:
        assert kit is world.kit
        kit.sign_up.begin(BOB, context=CONTEXT)
    assert world.inbox.last_code(BOB)
    assert "credkit-courier" not in {thread.name for thread in threading.enumerate()}


def test_in_tasks_a_message_is_delivered_soon_and_closing_waits_for_it() -> None:
    async def journey() -> None:
        world = journeys.async_build(deliver="task", policy=NO_SPREAD)
        async with world.kit as kit:
            assert kit is world.kit
            await kit.sign_up.begin(BOB, context=CONTEXT)
            assert world.inbox.messages == []
        assert world.inbox.last_code(BOB)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(journey())


@pytest.mark.parametrize("deliver", ["manual", journeys.at_once])
def test_closing_a_kit_that_delivers_elsewhere_does_nothing(deliver: Any) -> None:
    world = journeys.build(deliver=deliver)
    world.kit.close()
    world.kit.close()
    assert world.kit.sign_up.begin(BOB, context=CONTEXT)


def test_closing_an_async_kit_that_delivers_elsewhere_does_nothing() -> None:
    async def journey() -> None:
        for deliver in ("manual", journeys.at_once_async):
            world = journeys.async_build(deliver=deliver)
            await world.kit.close()
            assert await world.kit.sign_up.begin(BOB, context=CONTEXT)

    asyncio.run(journey())


@pytest.mark.parametrize(("deliver", "spread"), [("thread", True), ("manual", False), (journeys.at_once, False)])
def test_only_what_this_process_delivers_by_itself_starts_at_a_random_moment(deliver: Any, spread: bool) -> None:
    world = journeys.build(deliver=deliver)  # F18
    try:
        moments = {world.kit._shell.delivery_start(world.clock.now()) - world.clock.now() for _ in range(50)}
    finally:
        world.kit.close()
    assert (len(moments) > 1) is spread
    assert timedelta(0) <= min(moments) <= max(moments) < timedelta(seconds=2)


def test_one_async_kit_may_serve_one_loop_after_another() -> None:
    world = journeys.async_build(deliver="task", policy=NO_SPREAD)

    async def journey(identifier: str) -> None:
        ticket = await world.kit.sign_up.begin(identifier, context=CONTEXT)
        await world.kit.close()
        grant = await world.kit.sign_up.verify(ticket, world.inbox.last_code(identifier), context=CONTEXT)
        await world.kit.sign_up.complete(grant, NEW, context=CONTEXT)

    for identifier in (ADA, BOB):
        asyncio.run(journey(identifier))


# Ports of the other colour ----------------------------------------------------------------------------------------------


def _journey(kit: Any) -> None:
    kit.sign_up.begin(BOB, context=CONTEXT)
    kit.courier.run_due()
    kit.sign_in.with_password(BOB, OLD, context=CONTEXT)


@pytest.mark.parametrize("port", ["records", "credentials", "notifier"])
def test_a_blocking_kit_says_that_it_was_given_an_async_port(port: str) -> None:
    kit = Credkit(**parts(**{port: async_parts()[port]}, deliver="manual", hasher=cheap_hasher()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a coroutine that nobody awaits would be work that is silently not done
        with pytest.raises(ConfigurationError, match="a blocking kit was given an async port; use AsyncCredkit"):
            _journey(kit)


def test_a_blocking_kit_never_takes_a_message_for_sent_that_its_notifier_has_not_begun_to_send() -> None:
    world = journeys.build(deliver="manual")
    kit = Credkit(**parts(records=world.records, notifier=AsyncInbox(), deliver="manual"))
    kit.sign_up.begin(BOB, context=CONTEXT)
    with pytest.raises(ConfigurationError):
        kit.courier.run_due()
    assert len(journeys.waiting(world)) == 1


@pytest.mark.parametrize("port", ["records", "credentials", "notifier"])
def test_an_async_kit_says_that_it_was_given_a_blocking_port(port: str) -> None:
    async def journey() -> None:
        kit = AsyncCredkit(**async_parts(**{port: parts()[port]}, deliver="manual", hasher=cheap_hasher()))
        await kit.sign_up.begin(BOB, context=CONTEXT)
        await kit.courier.run_due()
        await kit.sign_in.with_password(BOB, OLD, context=CONTEXT)

    with pytest.raises(ConfigurationError, match="an async kit was given a blocking port"):
        asyncio.run(journey())


def test_a_blocking_kit_is_no_better_off_with_a_port_that_suspends() -> None:
    async def suspending() -> None:
        await asyncio.sleep(0)

    with pytest.raises(ConfigurationError, match="use AsyncCredkit"):
        finish(suspending())


def test_an_async_kit_works_over_blocking_stores_that_are_offloaded() -> None:
    async def journey() -> None:
        stores = MemoryStores()
        records, credentials = OffloadedRecords(stores.records), OffloadedCredentials(stores.credentials)
        world = journeys.async_build(records=records, credentials=credentials)
        credential = await world.add(ADA, password=OLD)
        signed_in = await world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
        await world.kit.password.change(signed_in.session, OLD, NEW, context=CONTEXT)
        assert stores.credentials.get(credential.id) is not None
        world.clock.advance(days=1)
        assert await world.kit.purge() > 0

    asyncio.run(journey())


# Siblings for other sites -----------------------------------------------------------------------------------------------


def test_a_sibling_has_users_and_messages_of_its_own() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    stores, inbox = MemoryStores(), Inbox()
    tenant = world.kit.at(journeys.other_site(), credentials=stores.credentials, notifier=inbox)
    assert (tenant.site, tenant.policy) == (journeys.other_site(), world.kit.policy)
    assert refusal(tenant.sign_in.with_password, ADA, OLD, context=CONTEXT).reason is Reason.SIGN_IN_FAILED
    ticket = tenant.sign_up.begin(ADA, context=CONTEXT)
    assert inbox.messages[-1].site == tenant.site
    grant = tenant.sign_up.verify(ticket, inbox.last_code(ADA), context=CONTEXT)
    tenant.sign_up.complete(grant, OTHER, context=CONTEXT)
    assert tenant.sign_in.with_password(ADA, OTHER, context=CONTEXT)
    assert (signs_in(world, OLD), signs_in(world, OTHER)) == (True, False)
    assert world.inbox.messages == []


def test_an_async_sibling_has_users_and_messages_of_its_own() -> None:
    async def journey() -> None:
        world = journeys.async_build()
        await world.add(ADA, password=OLD)
        stores, inbox = AsyncMemoryStores(), AsyncInbox()
        tenant = world.kit.at(journeys.other_site(), credentials=stores.credentials, notifier=inbox)
        ticket = await tenant.sign_up.begin(ADA, context=CONTEXT)
        grant = await tenant.sign_up.verify(ticket, inbox.last_code(ADA), context=CONTEXT)
        await tenant.sign_up.complete(grant, OTHER, context=CONTEXT)
        assert await tenant.sign_in.with_password(ADA, OTHER, context=CONTEXT)
        assert world.inbox.messages == []

    asyncio.run(journey())


@pytest.mark.parametrize("changes", [{}, {"name": "Another", "url": "https://example.org"}])
def test_a_siblings_site_needs_an_id_of_its_own(changes: dict[str, Any]) -> None:
    world = kit_for_tests()
    with pytest.raises(ConfigurationError, match="an id of its own"):
        world.kit.at(replace(world.kit.site, **changes), credentials=world.credentials, notifier=world.inbox)


def test_an_async_siblings_site_needs_an_id_of_its_own() -> None:
    world = journeys.async_build()
    with pytest.raises(ConfigurationError, match="an id of its own"):
        world.kit.at(world.kit.site, credentials=world.credentials, notifier=world.inbox)


def test_siblings_share_one_gate() -> None:
    world = kit_for_tests(policy=replace(Policy(), gate=1, gate_queue=0))
    tenant = world.kit.at(journeys.other_site(), credentials=MemoryStores().credentials, notifier=Inbox())
    place = world.kit._shell.hashing.reserve()
    with pytest.raises(Busy):
        tenant.sign_in.with_password(ADA, OLD, context=CONTEXT)
    place.release()


def test_a_session_of_one_site_does_not_hold_at_another() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    session = world.kit.sign_in.with_password(ADA, OLD, context=Context(session_key="own")).session
    tenant = world.kit.at(journeys.other_site(), credentials=MemoryStores().credentials, notifier=Inbox())
    assert not tenant.sign_in.holds(session)


def test_a_sibling_delivers_in_a_thread_of_its_own() -> None:
    world = journeys.build(deliver="thread", policy=NO_SPREAD)
    inbox = Inbox()
    with world.kit.at(journeys.other_site(), credentials=MemoryStores().credentials, notifier=inbox) as tenant:
        tenant.sign_up.begin(BOB, context=CONTEXT)
    assert inbox.last_code(BOB)
    assert world.inbox.messages == []


# Across a fork (F28) ----------------------------------------------------------------------------------------------------


def test_a_kit_built_before_a_fork_works_in_the_child_and_in_the_parent() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    assert in_a_child(lambda: [signs_in(world, OLD), signs_in(world, OTHER)]) == [True, False]
    assert signs_in(world, OLD)


def test_a_kit_used_before_a_fork_delivers_in_the_child() -> None:
    world = journeys.build(deliver="thread", policy=NO_SPREAD)
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    world.kit.close()
    world.kit.sign_up.begin("carol@example.com", context=CONTEXT)

    def journey() -> bool:
        ticket = world.kit.sign_up.begin(BOB, context=CONTEXT)
        world.kit.close()
        return bool(world.kit.sign_up.verify(ticket, world.inbox.last_code(BOB), context=CONTEXT))

    try:
        world.kit.close()
        assert in_a_child(journey) is True
    finally:
        world.kit.close()


def test_a_place_in_the_gate_that_was_taken_in_the_parent_is_free_in_the_child() -> None:
    world = kit_for_tests(policy=replace(Policy(), gate=1, gate_queue=0))
    journeys.ada(world)
    place = world.kit._shell.hashing.reserve()
    assert in_a_child(lambda: signs_in(world, OLD)) is True
    place.release()


# Purging ----------------------------------------------------------------------------------------------------------------


def test_purging_forgets_what_has_expired_and_says_how_much() -> None:
    world = kit_for_tests()
    for number in range(3):
        world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
    assert world.kit.purge() == 0
    world.clock.advance(minutes=40)
    assert world.kit.purge() == 3  # the challenges; counts are kept for as long as they count
    world.clock.advance(days=2)
    assert world.kit.purge() == len(["begins", "sends-hour", "sends-day"]) * 3
    assert journeys.stored(world, "budget") == []


def test_purging_stops_at_its_limit() -> None:
    world = kit_for_tests()
    for number in range(5):
        world.kit.sign_up.begin(f"new{number}@example.com", context=CONTEXT)
    world.clock.advance(days=2)
    assert [world.kit.purge(limit=8) for _ in range(4)] == [8, 8, 4, 0]


def test_a_store_that_fails_to_purge_is_trouble() -> None:
    class Failing(journeys.SpiedRecords):
        def purge(self, now: Any, limit: int) -> int:
            raise OSError("the database is away")

    with pytest.raises(StoreError):
        journeys.build(records=Failing()).kit.purge()
    with pytest.raises(StoreError):
        asyncio.run(journeys.async_build(records=OffloadedRecords(Failing())).kit.purge())


def test_purging_from_async_code() -> None:
    async def journey() -> int:
        world = journeys.async_build()
        await world.kit.sign_up.begin(BOB, context=CONTEXT)
        world.clock.advance(PAUSE * 60)
        return await world.kit.purge(limit=1)

    assert asyncio.run(journey()) == 1


# Keys -------------------------------------------------------------------------------------------------------------------


def test_kits_with_other_keys_know_nothing_of_each_others_counts() -> None:
    first = journeys.build(keys=journeys.ring("a"), policy=journeys.lowered(begins=1))
    second = journeys.beside(first, keys=journeys.ring("b"), policy=journeys.lowered(begins=1))
    first.kit.sign_up.begin(BOB, context=CONTEXT)
    assert second.kit.sign_up.begin(BOB, context=CONTEXT)
