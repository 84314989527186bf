"""Whatever is done in whatever order, our stores answer as a few lines of dictionary do; broken ones do not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.stores.sqlite import AsyncSqliteStores, SqliteStores
from credkit.testing.broken import BROKEN
from credkit.testing.broken.credentials import BlockingCredentials, SoundCredentials
from credkit.testing.broken.records import BlockingRecords, SoundRecords
from credkit.testing.machine import async_credential_store_machine, async_record_store_machine, credential_store_machine, record_store_machine

FOLDER = tempfile.TemporaryDirectory()  # examples are made one after another, outside of any fixture's reach
QUICK = settings(max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Files:
    made = 0

    @classmethod
    def path(cls) -> Path:
        cls.made += 1
        return Path(FOLDER.name) / f"{cls.made}.sqlite"


async def sqlite_records() -> Any:
    return (await AsyncSqliteStores(Files.path()).create()).records


async def sqlite_credentials() -> Any:
    return (await AsyncSqliteStores(Files.path()).create()).credentials


OURS: dict[str, Callable[[], type[RuleBasedStateMachine]]] = {
    "memory records": lambda: record_store_machine(lambda: MemoryStores().records),
    "memory credentials": lambda: credential_store_machine(lambda: MemoryStores().credentials),
    "async memory records": lambda: async_record_store_machine(lambda: AsyncMemoryStores().records),
    "async memory credentials": lambda: async_credential_store_machine(lambda: AsyncMemoryStores().credentials),
    "sqlite records": lambda: record_store_machine(lambda: SqliteStores(Files.path()).create().records),
    "sqlite credentials": lambda: credential_store_machine(lambda: SqliteStores(Files.path()).create().credentials, extra=lambda: "Ada"),
    "async sqlite records": lambda: async_record_store_machine(sqlite_records),
    "async sqlite credentials": lambda: async_credential_store_machine(sqlite_credentials),
}


@pytest.mark.parametrize("ours", OURS)
def test_a_store_answers_as_the_model_does(ours: str) -> None:
    run_state_machine_as_test(OURS[ours](), settings=settings(QUICK, max_examples=12) if "sqlite" in ours else QUICK)


FOUND = [
    "IgnoresExpectedVersions",
    "TakesZeroForAnything",
    "IgnoresChecks",
    "FoldsKeys",
    "WritesHalfOfALosingCommit",
    "KeepsAnOldIndex",
    "ForgetsWhatIsDue",
    "ReplacesThePayloadOnly",
    "FoldsIdentifiers",
    "AddsASecondTime",
    "AnswersWithWhatWasAdded",
    "KeepsWhatWasGivenUp",
    "ReplacesWhateverTheVersion",
    "WritesOnlyWhatDiffersOfIt",
]


@pytest.mark.parametrize("name", FOUND)
def test_a_broken_store_does_not(name: str) -> None:
    (broken,) = [kind for sound in (SoundRecords, SoundCredentials) for kind in BROKEN[sound] if kind.__name__ == name]
    with pytest.raises(Exception):  # noqa: B017, PT011  # one that raises is caught as well as one that answers wrongly
        run_state_machine_as_test(machine_for(broken), settings=settings(QUICK, max_examples=200, phases=[Phase.generate]))


def machine_for(broken: Any) -> type[RuleBasedStateMachine]:
    if issubclass(broken, SoundRecords):
        return record_store_machine(lambda: BlockingRecords(broken()))
    return credential_store_machine(lambda: BlockingCredentials(broken()))


def test_a_machine_is_a_test_case_for_a_host() -> None:
    case = record_store_machine(lambda: MemoryStores().records).TestCase
    assert hasattr(case, "runTest")
