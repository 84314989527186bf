"""Worlds for tests: somebody to begin with, over any store, in both colours; what nobody uses is not imported."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from credkit import Context
from credkit.errors import PasswordRefused
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.stores.sqlite import SqliteStores
from credkit.testing import async_kit_for_tests, kit_for_tests
from credkit.testing.fixtures import async_credkit_world, credkit_world
from structure.source import package_folder

ADA, PASSWORD = "ada@example.com", "nine grey herons wade"
CONTEXT = Context.none()

worlds = (credkit_world, async_credkit_world)


def test_who_is_added_can_sign_in_and_has_no_mail() -> None:
    world = kit_for_tests()
    added = world.add(ADA, password=PASSWORD)
    assert world.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT).credential.id == added.id
    world.inbox.assert_nothing_sent()


def test_who_is_added_can_sign_in_in_async_code() -> None:
    async def sign_in() -> bool:
        world = async_kit_for_tests()
        added = await world.add(ADA, password=PASSWORD)
        signed_in = await world.kit.sign_in.with_password(ADA, PASSWORD, context=CONTEXT)
        return signed_in.credential.id == added.id and not world.inbox.messages

    assert asyncio.run(sign_in())


def test_a_phone_number_can_be_added() -> None:
    world = kit_for_tests()
    world.add("(415) 555-2671", password=PASSWORD)
    assert world.kit.sign_in.with_password("+1 415 555 2671", PASSWORD, context=CONTEXT)


def test_somebody_who_is_there_already_is_not_added_again() -> None:
    world = kit_for_tests()
    world.add(ADA, password=PASSWORD)
    with pytest.raises(AssertionError, match="that identifier is in use"):
        world.add(ADA, password=PASSWORD)


def test_a_weak_password_is_refused_as_it_would_be() -> None:
    with pytest.raises(PasswordRefused):
        kit_for_tests().add(ADA, password="password")


def test_adding_uses_up_no_limit() -> None:
    world = kit_for_tests()
    world.add(ADA, password=PASSWORD)
    assert not [record for record in world.records.dump() if record.key.startswith("main/")]  # where its counts would be


@pytest.mark.parametrize("part", ["records", "credentials", "both"])
def test_a_world_goes_on_over_a_store_of_the_hosts_own(part: str, tmp_path: Path) -> None:
    stores = SqliteStores(tmp_path / "host.sqlite").create()
    given: Any = {"records": stores.records, "credentials": stores.credentials, "both": stores}[part]
    before = kit_for_tests()
    world = before.using(given)
    assert (world.records is stores.records, world.credentials is stores.credentials) == (part != "credentials", part != "records")
    assert (world.inbox, world.clock) == (before.inbox, before.clock)
    world.add(ADA, password=PASSWORD)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    assert world.kit.reset.verify(ticket, before.inbox.last_code(ADA), context=CONTEXT)


def test_an_async_world_goes_on_over_other_stores() -> None:
    stores = AsyncMemoryStores()
    world = async_kit_for_tests().using(stores)
    asyncio.run(world.add(ADA, password=PASSWORD))
    assert len(stores.blocking.credentials.dump()) == 1


@pytest.mark.parametrize("wrong", [object(), MemoryStores, "host.sqlite"])
def test_what_is_no_store_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="that is no store"):
        kit_for_tests().using(wrong)


def test_the_fixtures_are_new_worlds(credkit_world: Any, async_credkit_world: Any) -> None:
    assert credkit_world.add(ADA, password=PASSWORD)
    assert asyncio.run(async_credkit_world.add(ADA, password=PASSWORD))


def loaded_by(statement: str) -> set[str]:
    program = f"import sys; sys.path.insert(0, {str(package_folder().parent)!r})\n{statement}\nimport json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", ["credkit.testing", "credkit.testing.contracts", "credkit.testing.broken", "credkit.testing.races"])
def test_importing_what_hosts_test_with_loads_no_test_runner_and_no_loop(module: str) -> None:
    assert loaded_by(f"import {module}") & {"pytest", "_pytest", "hypothesis", "trio", "anyio", "asyncio", "unittest"} == set()


def test_a_contract_is_as_strict_without_assertions_and_without_pytest() -> None:
    program = f"""
import sys; sys.path.insert(0, {str(package_folder().parent)!r})
from credkit.stores.memory import MemoryStores
from credkit.testing.broken.records import BlockingRecords, IgnoresChecks
from credkit.testing.contracts import RecordStoreContract, report
assert False, "python -O leaves this out"
print(report(RecordStoreContract, lambda: MemoryStores().records).holds)
print(report(RecordStoreContract, lambda: BlockingRecords(IgnoresChecks())).holds)
print("pytest" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-O", "-I", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "False", "False"]
