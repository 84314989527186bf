"""Four processes with many threads each on one database server, while some are killed and the server is: limits hold, and once means once."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import valkey as client_of
from sqlalchemy import delete

from credkit.budgets import Limit, Tally
from credkit.errors import Reason
from credkit.flows.shell import Subject
from credkit.policy import Policy
from credkit.stores.sqlalchemy import SqlStores
from credkit.stores.sqlalchemy.schema import TABLES
from credkit.stores.valkey import ValkeyRecords
from credkit.testing import FrozenClock, Inbox
from processes.crew import Crew, Outcome, at_once, outcome_of, share_out
from processes.kits import CONTEXT, OLD, Office, append, kit_on, lines_of, roomy
from servers import postgres, valkey

PROCESSES = 4


@dataclass(frozen=True)
class Stores:
    """What a kit is given."""

    records: Any
    credentials: Any
    close: Callable[[], None]


@dataclass(frozen=True)
class Place:
    """Where the stores are, in a form that goes to other processes."""

    sql: str
    valkey: str | None = None

    def open(self) -> Stores:
        sql = SqlStores.from_url(self.sql)
        if self.valkey is None:
            return Stores(sql.records, sql.credentials, sql.close)
        records = ValkeyRecords.from_url(self.valkey)
        return Stores(records, sql.credentials, lambda: (sql.close(), records.close())[0])

    def create(self) -> Stores:
        """Make an empty place of it."""
        sql = SqlStores.from_url(self.sql).create()
        for table in (TABLES.identifier, TABLES.credential, TABLES.record):
            sql._engines.transaction(lambda connection, table=table: connection.execute(delete(table)))
        sql.close()
        if self.valkey is not None:
            client = client_of.Valkey.from_url(self.valkey)
            client.flushall()
            client.close()
            ValkeyRecords.from_url(self.valkey).create().close()
        return self.open()


@pytest.fixture(params=["sqlite", "postgres", "mariadb", "valkey and sqlite", "valkey and postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    names = request.param.split(" and ")
    sql = f"sqlite:///{tmp_path / 'test.sqlite'}" if "sqlite" in names else request.getfixturevalue(f"{names[-1]}_server").url
    return Place(sql, request.getfixturevalue("valkey_server").url if "valkey" in names else None)


@pytest.fixture
def office(place: Place) -> Iterator[Office]:
    yield from opened(place)


def opened(place: Place) -> Iterator[Office]:
    stores, inbox, clock = place.create(), Inbox(), FrozenClock()
    kit = kit_on(stores, policy=roomy(grant_tries=100), clock=clock, notifier=inbox, deliver=lambda run: run())
    yield Office(place, stores, kit, inbox, clock)
    stores.close()


# What each process does ---------------------------------------------------------------------------------------------------


def calls_on(place: Place, policy: Policy, what: str, proof: str, values: Sequence[str]) -> list[Callable[[], Any]]:
    """Return the calls that one process makes."""
    kit = kit_on(place.open(), policy=policy)
    if what == "guess":
        return [lambda value=value: kit.reset.verify(proof, value, context=CONTEXT).text for value in values]
    return [lambda value=value: kit.reset.complete(proof, value, context=CONTEXT).session_epoch for value in values]


def live(*share: Any) -> Callable[[], list[Outcome]]:
    calls = calls_on(*share)
    return lambda: at_once(calls)


def live_and_die(told: Path, lives: int, *share: Any) -> Callable[[], int]:
    """Make the calls in several lives, all but the last of which end by a kill once three calls have been answered; return how many did."""
    *where, values = share

    def do() -> int:
        killed = 0
        for life, some in enumerate(share_out(values, lives)):
            pid = os.fork()
            if pid == 0:
                _one_life(told, [*where, some], dies_after=3 if life < lives - 1 else None)
            killed += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        return killed

    return do


def _one_life(told: Path, share: list[Any], dies_after: int | None) -> None:
    code, answered, lock = 1, [0], threading.Lock()
    try:
        values, calls = share[-1], calls_on(*share)

        def tell(value: str, call: Callable[[], Any]) -> None:
            outcome = outcome_of(call)
            append(told, given=value, value=outcome.value, reason=outcome.reason and str(outcome.reason), left=outcome.tries_left, trouble=outcome.trouble)
            with lock:
                answered[0] += 1
                if answered[0] == dies_after:
                    os.kill(os.getpid(), signal.SIGKILL)

        at_once([lambda value=value, call=call: tell(value, call) for value, call in zip(values, calls, strict=True)])
        code = 0
    finally:
        os._exit(code)


# What is asked of all of them ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What one call was answered, in this process or in one that was killed."""

    given: str
    value: Any
    reason: Reason | None
    left: int | None


def in_peace(crew: Crew, office: Office, what: str, proof: str, values: Sequence[str]) -> list[Told]:
    shares = [some for some in share_out(values, PROCESSES) if some]
    results = crew.run(live, *([office.path, office.kit.policy, what, proof, some] for some in shares))
    every = [outcome for result in results for outcome in result]
    assert [outcome.trouble for outcome in every if outcome.trouble is not None] == []
    given = [value for some in shares for value in some]
    return shown(what, [Told(value, one.value, one.reason, one.tries_left) for value, one in zip(given, every, strict=True)])


def amid_deaths(crew: Crew, office: Office, what: str, proof: str, values: Sequence[str], *, told: Path) -> list[Told]:
    """The same; in each process two lives end by `kill -9` in the middle of it."""
    killed = sum(crew.run(live_and_die, *([told, 3, office.path, office.kit.policy, what, proof, some] for some in share_out(values, PROCESSES))))
    assert killed == 2 * PROCESSES
    lines = list(lines_of(told))
    assert [line["trouble"] for line in lines if line["trouble"]] == []
    return shown(f"{what}, {killed} killed", [Told(one["given"], one["value"], one["reason"] and Reason(one["reason"]), one["left"]) for one in lines])


def shown(what: str, every: list[Told]) -> list[Told]:
    print(f"\n{what}: {len(every)} answers, {dict(Counter(str(told.reason or 'done') for told in every))}")
    return every


def wrong_codes(count: int, right: str) -> list[str]:
    return [code for code in (f"{n:08}" for n in range(count + 1)) if code != right][:count]


def counted(office: Office, limit: Limit, subject: Subject) -> int:
    """Return how many uses of a limit its record holds."""
    key = office.kit._shell.budget_keys(limit.name, subject)[0]
    record = office.stores.records.load([key]).get(key)
    return 0 if record is None else sum(uses for _, uses in Tally.from_payload(record.payload).buckets)


def compared(office: Office, ticket: str, every: list[Told]) -> int:
    """Return how many codes were compared, which all who know of it agree on."""
    left = office.challenge(ticket).tries_left
    told = [one.left for one in every if one.reason is Reason.CODE_WRONG]
    assert len(set(told)) == len(told), "two were told the same number of tries left"
    assert len(told) <= 5 - left
    assert {one.reason for one in every} <= {Reason.CODE_WRONG, Reason.CODE_EXHAUSTED, Reason.BUSY}
    assert counted(office, office.kit.policy.otp.failures, Subject.credential(office.credential().id)) == 5 - left
    return 5 - left


@pytest.mark.parametrize("deaths", [False, True], ids=["in peace", "amid deaths"])
def test_of_200_wrong_codes_at_once_five_are_compared(office: Office, crew: Crew, tmp_path: Path, deaths: bool) -> None:
    """OT-06, OT-18."""
    office.sign_up()
    ticket, code = office.reset()
    values = wrong_codes(200, code)
    every = amid_deaths(crew, office, "guess", ticket, values, told=tmp_path / "told") if deaths else in_peace(crew, office, "guess", ticket, values)
    assert compared(office, ticket, every) == 5
    after = in_peace(crew, office, "guess", ticket, [code])
    assert [told.reason for told in after] == [Reason.CODE_EXHAUSTED]


@pytest.mark.parametrize("deaths", [False, True], ids=["in peace", "amid deaths"])
def test_50_right_codes_at_once_give_one_grant(office: Office, crew: Crew, tmp_path: Path, deaths: bool) -> None:
    office.sign_up()
    ticket, code = office.reset()
    every = amid_deaths(crew, office, "guess", ticket, [code] * 50, told=tmp_path / "told") if deaths else in_peace(crew, office, "guess", ticket, [code] * 50)
    assert len({told.value for told in every if told.value is not None}) == 1
    assert {told.reason for told in every} <= {None, Reason.BUSY}


@pytest.mark.parametrize("deaths", [False, True], ids=["in peace", "amid deaths"])
def test_of_50_passwords_set_at_once_with_one_grant_one_takes_effect(office: Office, crew: Crew, tmp_path: Path, deaths: bool) -> None:
    """RS-08, RS-09: the one that is told is the one that works."""
    before = office.sign_up()
    grant, passwords = office.reset_grant(), [f"{n} quiet lamps above the water" for n in range(50)]
    every = amid_deaths(crew, office, "complete", grant, passwords, told=tmp_path / "told") if deaths else in_peace(crew, office, "complete", grant, passwords)
    if deaths and not [told for told in every if told.reason is None]:  # the one that took effect has died before it could say so, or none did yet
        every += in_peace(crew, office, "complete", grant, passwords)
    told = [one.given for one in every if one.reason is None]
    after = office.credential()
    assert [password for password in [OLD, *passwords] if office.signs_in(password)] == sorted(set(told), key=passwords.index)
    assert len(set(told)) == 1
    assert (len(after.marks), after.session_epoch) == (len(before.marks) + 1, before.session_epoch + 1)
    assert {one.reason for one in every} <= {None, Reason.GRANT_USED, Reason.GRANT_EXHAUSTED, Reason.BUSY}


# The server dies -------------------------------------------------------------------------------------------------------------


def guess_while_it_dies(crew: Crew, office: Office, die: Callable[[], None]) -> None:
    office.sign_up()
    ticket, code = office.reset()
    shares = [[office.path, office.kit.policy, "guess", ticket, some] for some in share_out(wrong_codes(200, code), PROCESSES)]
    results: list[Any] = []
    racing = threading.Thread(target=lambda: results.extend(crew.run(live, *shares)))
    racing.start()
    while racing.is_alive() and office.challenge(ticket).tries_left == 5:
        pass  # until the race has begun
    die()
    racing.join(60)
    every = [outcome for result in results for outcome in result]
    assert len(every) == 200
    trouble = [outcome.trouble for outcome in every if outcome.trouble is not None]
    assert [text for text in trouble if "StoreError" not in text] == []
    told = shown(f"guess, {len(trouble)} in trouble", [Told("", one.value, one.reason, one.tries_left) for one in every if one.trouble is None])
    assert compared(office, ticket, told) <= 5
    compared_after = in_peace(crew, office, "guess", ticket, wrong_codes(8, code))
    assert compared(office, ticket, [*told, *compared_after]) == 5


def test_limits_hold_while_postgres_is_killed_and_started_again(crew: Crew) -> None:
    with postgres.running() as server:
        for office in opened(Place(server.url)):
            guess_while_it_dies(crew, office, server.kill_and_restart)


def test_limits_hold_while_valkey_is_killed_and_started_again(crew: Crew, tmp_path: Path) -> None:
    with valkey.running() as server:

        def die() -> None:
            server.kill()
            server.start()

        for office in opened(Place(f"sqlite:///{tmp_path / 'test.sqlite'}", server.url)):
            guess_while_it_dies(crew, office, die)
