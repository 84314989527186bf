"""Four processes with fifty threads each on one SQLite file: limits hold, and once means once, whoever is first."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from credkit.budgets import Limit, Tally
from credkit.context import Context
from credkit.credential import Credential
from credkit.errors import Busy, Reason, Refused
from credkit.flows.shell import Subject
from credkit.otp import OtpPolicy, Rung
from credkit.policy import Limits, Policy
from credkit.stores.sqlite import AsyncSqliteStores, SqliteStores
from processes.crew import Crew, Outcome, at_once, outcome_of, share_out
from processes.kits import ADA, CONTEXT, NEW, OLD, Office, async_kit_on, kit_on, roomy

PROCESSES = 4


# What each process does ---------------------------------------------------------------------------------------------------


def guess(path: Path, policy: Policy, ticket: str, codes: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    return lambda: at_once([lambda code=code: kit.reset.verify(ticket, code, context=CONTEXT).text for code in codes])


def complete(path: Path, policy: Policy, grant: str, passwords: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    return lambda: at_once([lambda password=password: kit.reset.complete(grant, password, context=CONTEXT).session_epoch for password in passwords])


def join(path: Path, policy: Policy, grants: Sequence[str], passwords: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    pairs = list(zip(grants, passwords, strict=True))
    return lambda: at_once([lambda pair=pair: kit.sign_up.complete(*pair, context=CONTEXT).id for pair in pairs])


def sign_in(path: Path, policy: Policy, passwords: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    return lambda: at_once([lambda password=password: kit.sign_in.with_password(ADA, password, context=CONTEXT).account for password in passwords])


# What is asked of all of them ----------------------------------------------------------------------------------------------


def outcomes(what: str, results: Sequence[list[Outcome]]) -> list[Outcome]:
    """Return all outcomes, none of which is anything but a value or a refusal."""
    every = [outcome for result in results for outcome in result]
    trouble = [outcome.trouble for outcome in every if outcome.trouble is not None]
    print(f"\n{what}: {len(every)} calls, {dict(Counter(str(outcome.reason or 'done') for outcome in every))}")
    assert not trouble, f"{len(trouble)} calls ended in trouble, for example:\n{trouble[0]}"
    return every


def wrong_codes(count: int, right: str) -> list[str]:
    """Return so many codes that are not the right one."""
    return [code for code in (f"{n:08}" for n in range(count + 1)) if code != right][:count]


def different_passwords(count: int) -> list[str]:
    return [f"{n} quiet lamps above the water" for n in range(count)]


def counted(office: Office, limit: Limit, subject: Subject) -> int:
    """Return how many uses of a limit its record holds."""
    key = office.kit._shell.budget_keys(limit.name, subject)[0]
    return sum(uses for _, uses in Tally.from_payload(office.stores.records.load([key])[key].payload).buckets)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.open(tmp_path / "test.sqlite")


# Codes ---------------------------------------------------------------------------------------------------------------------


def test_of_200_wrong_codes_at_once_five_are_compared(office: Office, crew: Crew) -> None:
    """OT-06, OT-18: more than the fifth would be an attacker's gain from sending them together."""
    credential = office.sign_up()
    ticket, code = office.reset()
    policy = office.kit.policy
    results = crew.run(guess, *([office.path, policy, ticket, codes] for codes in share_out(wrong_codes(200, code), PROCESSES)))
    every = outcomes("200 wrong codes", results)
    assert sorted(outcome.tries_left for outcome in every if outcome.reason is Reason.CODE_WRONG) == [1, 2, 3, 4]
    assert {outcome.reason for outcome in every} <= {Reason.CODE_WRONG, Reason.CODE_EXHAUSTED, Reason.BUSY}
    assert {outcome.tries_left for outcome in every if outcome.reason is Reason.CODE_EXHAUSTED} == {0}
    assert office.challenge(ticket).tries_left == 0
    assert counted(office, policy.otp.failures, Subject.credential(credential.id)) == 5
    after = outcomes("the right code after them", crew.run(guess, [office.path, policy, ticket, [code]]))
    assert [outcome.reason for outcome in after] == [Reason.CODE_EXHAUSTED]


def test_tickets_share_one_limit_exactly(office: Office, crew: Crew) -> None:
    """F11: many tickets at once are no way around what a length of codes allows, whoever opened them."""
    credential = office.sign_up()
    policy = replace(office.kit.policy, otp=OtpPolicy(ladder=(Rung(digits=8, failures=50), Rung(digits=10, failures=51))))
    begun = [office.reset() for _ in range(PROCESSES * 4)]
    shares = []
    for process in range(PROCESSES):
        tickets = begun[process::PROCESSES]
        shares.append([office.path, policy, [ticket for ticket, _ in tickets for _ in range(5)]])
    every = outcomes("80 wrong codes on 16 tickets", crew.run(guess_on_each, *shares))
    told = [outcome for outcome in every if outcome.reason in {Reason.CODE_WRONG, Reason.CODE_EXHAUSTED}]
    used = sum(policy.otp.comparisons - office.challenge(ticket).tries_left for ticket, _ in begun)
    assert len(told) == used
    assert used + sum(outcome.reason is Reason.BUSY for outcome in every) == 80
    assert counted(office, policy.otp.failures, Subject.credential(credential.id)) == min(used, 51)


def guess_on_each(path: Path, policy: Policy, tickets: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    return lambda: at_once([lambda ticket=ticket: kit.reset.verify(ticket, "zzzz", context=CONTEXT).text for ticket in tickets])


def test_50_right_codes_at_once_give_one_grant(office: Office, crew: Crew) -> None:
    office.sign_up()
    ticket, code = office.reset()
    results = crew.run(guess, *([office.path, office.kit.policy, ticket, codes] for codes in share_out([code] * 50, PROCESSES)))
    every = outcomes("50 right codes", results)
    assert len({outcome.value for outcome in every if outcome.value is not None}) == 1
    assert {outcome.reason for outcome in every} <= {None, Reason.BUSY}
    assert len(grants_of(office)) == 2, "the grant of the sign-up, and one of the reset"


def sign_in_by_code(path: Path, policy: Policy, ticket: str, codes: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    return lambda: at_once([lambda code=code: kit.sign_in.verify(ticket, code, context=CONTEXT).session.credential_id for code in codes])


def test_50_right_codes_at_once_sign_in_once(tmp_path: Path, crew: Crew) -> None:
    """SI-03: one code is one sign-in, over four processes."""
    office = Office.open(tmp_path / "test.sqlite", roomy(sign_in_by_code=True))
    credential = office.sign_up()
    ticket, code = office.sign_in_code()
    results = crew.run(sign_in_by_code, *([office.path, office.kit.policy, ticket, codes] for codes in share_out([code] * 50, PROCESSES)))
    every = outcomes("50 right codes to sign in with", results)
    assert [outcome.value for outcome in every if outcome.reason is None] == [credential.id]
    assert {outcome.reason for outcome in every} <= {None, Reason.CODE_USED, Reason.BUSY}


def test_right_and_wrong_codes_at_once_give_one_grant_or_none(office: Office, crew: Crew) -> None:
    credential = office.sign_up()
    ticket, code = office.reset()
    codes = [one for wrong in wrong_codes(40, code) for one in (wrong, code)][:80]
    results = crew.run(guess, *([office.path, office.kit.policy, ticket, some] for some in share_out(codes, PROCESSES)))
    every = outcomes("40 right and 40 wrong codes", results)
    challenge = office.challenge(ticket)
    assert len({outcome.value for outcome in every if outcome.value is not None}) == (challenge.verified_at is not None)
    assert len([outcome for outcome in every if outcome.reason is Reason.CODE_WRONG]) <= 5 - challenge.tries_left
    assert counted(office, office.kit.policy.otp.failures, Subject.credential(credential.id)) == 5 - challenge.tries_left


def grants_of(office: Office) -> list[str]:
    with office.stores._connections.reading() as connection:
        return [key for (key,) in connection.execute("SELECT key FROM credkit_record WHERE kind = 'main/grant'")]


# Grants --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant_tries", [10, 100])
def test_of_50_passwords_set_at_once_with_one_grant_one_takes_effect(tmp_path: Path, crew: Crew, grant_tries: int) -> None:
    """RS-08, RS-09: the one that is told is the one that works."""
    office = Office.open(tmp_path / "test.sqlite", roomy(grant_tries=grant_tries))
    before = office.sign_up()
    grant, passwords = office.reset_grant(), different_passwords(50)
    shares = share_out(passwords, PROCESSES)
    results = crew.run(complete, *([office.path, office.kit.policy, grant, some] for some in shares))
    every = outcomes(f"50 passwords with one grant of {grant_tries} tries", results)
    asked = [password for some in shares for password in some]
    told = [password for password, outcome in zip(asked, every, strict=True) if outcome.reason is None]
    after = office.credential()
    assert [password for password in [OLD, *passwords] if office.signs_in(password)] == told
    assert len(told) == 1
    assert len(after.marks) == len(before.marks) + 1
    assert after.session_epoch == before.session_epoch + 1
    assert after.generation != before.generation
    assert len([outcome for outcome in every if outcome.reason in {None, Reason.GRANT_USED}]) <= grant_tries, "more passwords were tried than the grant allows"
    assert {outcome.reason for outcome in every} <= {None, Reason.GRANT_USED, Reason.GRANT_EXHAUSTED, Reason.BUSY}


def test_50_calls_with_one_password_and_one_grant_change_it_once_and_say_so(tmp_path: Path, crew: Crew) -> None:
    """F4: what a repeated call is told is what the first would have been told."""
    office = Office.open(tmp_path / "test.sqlite", roomy(grant_tries=100))
    before = office.sign_up()
    grant = office.reset_grant()
    results = crew.run(complete, *([office.path, office.kit.policy, grant, some] for some in share_out([NEW] * 50, PROCESSES)))
    every = outcomes("50 times the same password with one grant", results)
    after = office.credential()
    assert {outcome.reason for outcome in every} <= {None, Reason.BUSY}
    assert {outcome.value for outcome in every if outcome.reason is None} == {before.session_epoch + 1} == {after.session_epoch}
    assert len(after.marks) == len(before.marks) + 1
    assert office.signs_in(NEW)


@pytest.mark.parametrize("same", [False, True], ids=["50 passwords", "one password"])
def test_50_sign_ups_with_one_grant_add_one_credential(tmp_path: Path, crew: Crew, same: bool) -> None:
    office = Office.open(tmp_path / "test.sqlite", roomy(grant_tries=100))
    grant, passwords = office.sign_up_grant(), [NEW] * 50 if same else different_passwords(50)
    every = joined(office, crew, [grant] * 50, passwords, f"50 sign-ups with one grant, {'one password' if same else '50 passwords'}")
    assert len(credentials_of(office)) == 1
    told = [password for password, outcome in every if outcome.reason is None]
    assert {outcome.value for _, outcome in every if outcome.reason is None} == {office.credential().id}
    assert len(set(told)) == 1
    assert [password for password in dict.fromkeys(passwords) if office.signs_in(password)] == told[:1]
    assert {outcome.reason for _, outcome in every} <= {None, Reason.GRANT_USED, Reason.BUSY}


def test_50_sign_ups_with_grants_of_their_own_for_one_address_add_one_credential(tmp_path: Path, crew: Crew) -> None:
    office = Office.open(tmp_path / "test.sqlite", roomy(grant_lifetime=timedelta(hours=1)))
    grants = [office.sign_up_grant() for _ in range(50)]
    every = joined(office, crew, grants, different_passwords(50), "50 sign-ups with 50 grants for one address")
    assert len(credentials_of(office)) == 1
    assert Counter(outcome.reason for _, outcome in every if outcome.reason is not Reason.BUSY)[None] == 1
    assert {outcome.reason for _, outcome in every} <= {None, Reason.IDENTIFIER_TAKEN, Reason.BUSY}


def joined(office: Office, crew: Crew, grants: list[str], passwords: list[str], what: str) -> list[tuple[str, Outcome]]:
    shares = list(zip(share_out(grants, PROCESSES), share_out(passwords, PROCESSES), strict=True))
    every = outcomes(what, crew.run(join, *([office.path, office.kit.policy, *share] for share in shares)))
    return list(zip([password for _, some in shares for password in some], every, strict=True))


def credentials_of(office: Office) -> list[Credential | None]:
    with office.stores._connections.reading() as connection:
        ids: list[Any] = connection.execute("SELECT id FROM credkit_credential").fetchall()
    return [office.stores.credentials.get(credential_id) for (credential_id,) in ids]


# Passwords -----------------------------------------------------------------------------------------------------------------


def test_of_200_wrong_passwords_at_once_four_are_compared(tmp_path: Path, crew: Crew) -> None:
    """PW-18: the wait is exact, whoever asks at the same moment."""
    office = Office.open(tmp_path / "test.sqlite")
    credential = office.sign_up()
    limits = replace(office.kit.policy.limits, password_guesses=Limits().password_guesses)
    policy = replace(office.kit.policy, limits=limits)
    shares = share_out(different_passwords(200), PROCESSES)
    every = outcomes("200 wrong passwords", crew.run(sign_in, *([office.path, policy, some] for some in shares)))
    compared = sum(outcome.reason is Reason.SIGN_IN_FAILED for outcome in every)
    assert compared == limits.password_guesses.count
    assert {outcome.reason for outcome in every} <= {Reason.SIGN_IN_FAILED, Reason.TOO_MANY_TRIES, Reason.BUSY}
    assert counted(office, limits.password_failures, Subject.credential(credential.id)) == compared


def test_of_64_wrong_passwords_behind_one_network_key_40_are_compared(office: Office, crew: Crew) -> None:
    """REQ-D10: however the count of a busy network is kept, it holds to the last one; a caller who is told `Busy` tries again."""
    limits = replace(office.kit.policy.limits, network_passwords=replace(Limits().network_passwords, count=40))
    policy = replace(office.kit.policy, limits=limits)
    names = [f"person.{number}@example.com" for number in range(64)]
    every = outcomes("64 wrong passwords", crew.run(sign_in_from_one_network, *([office.path, policy, some] for some in share_out(names, PROCESSES))))
    assert Counter(outcome.reason for outcome in every) == {Reason.SIGN_IN_FAILED: 40, Reason.TOO_MANY_TRIES: 24}
    assert counted_in_all(office, limits.network_passwords) == 40


def sign_in_from_one_network(path: Path, policy: Policy, names: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit, context = kit_on(SqliteStores(path), policy=policy), Context(network_key="198.51.100.7")

    def patiently(name: str) -> None:
        while True:
            with suppress(Busy):
                kit.sign_in.with_password(name, NEW, context=context)

    return lambda: at_once([lambda name=name: patiently(name) for name in names])


def counted_in_all(office: Office, limit: Limit) -> int:
    """Return how many uses of a limit all its records hold together, those of its stripes included."""
    with office.stores._connections.reading() as connection:
        found = connection.execute("SELECT payload FROM credkit_record WHERE key LIKE ?", (f"main/budget/{limit.name}%",)).fetchall()
    return sum(uses for (payload,) in found for _, uses in Tally.from_payload(payload).buckets)


def test_right_passwords_leave_nothing_counted(office: Office, crew: Crew) -> None:
    """F9: each success takes back exactly its own charge, whoever charges meanwhile.

    Four at a time, so that none gives up: a charge that cannot be taken back stays counted.
    """
    credential = office.sign_up()
    every = outcomes("100 right passwords", crew.run(sign_in_in_a_row, *([office.path, office.kit.policy, some] for some in share_out([OLD] * 100, PROCESSES))))
    assert [outcome.reason for outcome in every] == [None] * 100
    assert counted(office, office.kit.policy.limits.password_failures, Subject.credential(credential.id)) == 0


def sign_in_in_a_row(path: Path, policy: Policy, passwords: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    return lambda: [outcome_of(lambda password=password: kit.sign_in.with_password(ADA, password, context=CONTEXT).account) for password in passwords]


# The other colour ----------------------------------------------------------------------------------------------------------


def test_of_200_wrong_codes_in_the_tasks_of_four_loops_five_are_compared(office: Office, crew: Crew) -> None:
    credential = office.sign_up()
    ticket, code = office.reset()
    results = crew.run(guess_in_tasks, *([office.path, office.kit.policy, ticket, codes] for codes in share_out(wrong_codes(200, code), PROCESSES)))
    every = outcomes("200 wrong codes in tasks", results)
    assert sorted(outcome.tries_left for outcome in every if outcome.reason is Reason.CODE_WRONG) == [1, 2, 3, 4]
    assert office.challenge(ticket).tries_left == 0
    assert counted(office, office.kit.policy.otp.failures, Subject.credential(credential.id)) == 5


def guess_in_tasks(path: Path, policy: Policy, ticket: str, codes: Sequence[str]) -> Callable[[], list[Outcome]]:
    kit = async_kit_on(AsyncSqliteStores(path), policy=policy)

    async def one(code: str) -> Outcome:
        try:
            return Outcome(value=(await kit.reset.verify(ticket, code, context=CONTEXT)).text)
        except Refused as refused:
            return Outcome(reason=refused.reason, tries_left=refused.tries_left)

    async def all_of_them() -> list[Outcome]:
        return await asyncio.gather(*map(one, codes))

    return lambda: asyncio.run(all_of_them())
