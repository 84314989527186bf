"""A process that is killed at any moment leaves no password half changed, no owner untold, no guess uncounted (ST-05, HO-07).

`kill -9` gives no `finally` a chance. What was committed stays, what was not is gone; what the dead process had yet to say, the next
courier says. Two ways to choose the moment: before each statement of SQL that a journey makes, one after the other; and at
random moments of real time, in the middle of whatever it is.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from credkit.context import Session
from credkit.credential import Credential, Standing
from credkit.errors import Reason, Refused
from credkit.kit import Credkit, Deliver
from credkit.stores.sqlite import SqliteStores
from credkit.testing import FrozenClock, Inbox, SeededEntropy
from processes.crew import Crew
from processes.kits import ADA, CONTEXT, NEW, OLD, Office, Posted, append, kit_on, line_of, lines_of, moment, roomy

MORE = (("+14155552671", Standing.VERIFIED), ("countess@example.com", Standing.VERIFIED), ("babbage@example.com", Standing.UNVERIFIED))
VERIFIED = ("ada@example.com", "+14155552671", "countess@example.com")

MOST_CHANGES = 10
"""A victim of chance has made up to so many changes and is in the middle of another, however fast the machine is."""


@dataclass(frozen=True)
class Scene:
    """A file, and beside it what its process has sent and told; all of it survives the process."""

    path: Path

    @property
    def posted(self) -> Path:
        return self.path.with_suffix(".posted")

    @property
    def told(self) -> Path:
        return self.path.with_suffix(".told")

    @property
    def grant(self) -> Path:
        return self.path.with_suffix(".grant")

    def copy_to(self, path: Path) -> Scene:
        copy = Scene(path)
        shutil.copy(self.path, copy.path)
        if self.grant.exists():
            shutil.copy(self.grant, copy.grant)
        return copy


# What the victim does ----------------------------------------------------------------------------------------------------------


def at_once_and_in_place(run: Callable[[], Any]) -> None:
    run()


class Victim:
    """A process's kit; it delivers at once, so that it may also die in the middle of that."""

    def __init__(self, scene: Scene, deliver: Deliver = at_once_and_in_place) -> None:
        self.scene, self.clock = scene, FrozenClock(moment(minutes=5))
        self.stores, self.notifier = SqliteStores(scene.path), Posted(scene.posted)
        self.kit: Credkit = kit_on(self.stores, clock=self.clock, notifier=self.notifier, deliver=deliver)

    def credential(self) -> Credential:
        found = self.stores.credentials.find(self.kit._shell.parse(ADA, CONTEXT))
        assert found is not None
        return found

    def change(self, current: str, new: str) -> None:
        credential = self.credential()
        who = Session(credential_id=credential.id, session_epoch=credential.session_epoch)
        self.saying(new, lambda: self.kit.password.change(who, current, new, context=CONTEXT))

    def reset(self, new: str) -> None:
        self.clock.advance(seconds=61)
        ticket = self.kit.reset.begin(ADA, context=CONTEXT)
        code = self.notifier.messages[-1].code
        assert code is not None
        grant = self.kit.reset.verify(ticket, code.reveal(), context=CONTEXT)
        self.saying(new, lambda: self.kit.reset.complete(grant, new, context=CONTEXT))

    def saying(self, new: str, change: Callable[[], Any]) -> None:
        """Write down what is tried, and when it is done that it is."""
        append(self.scene.told, tries=new)
        change()
        append(self.scene.told, done=new)


def complete_once(scene: Scene) -> None:
    victim = Victim(scene)
    grant = scene.grant.read_text()
    victim.saying(NEW, lambda: victim.kit.reset.complete(grant, NEW, context=CONTEXT))


def complete_once_and_deliver_nothing(scene: Scene) -> None:
    grant = scene.grant.read_text()
    Victim(scene, deliver="manual").kit.reset.complete(grant, NEW, context=CONTEXT)
    append(scene.told, tries=NEW)


def join_once(scene: Scene) -> None:
    added = Victim(scene).kit.sign_up.complete(scene.grant.read_text(), NEW, context=CONTEXT)
    append(scene.told, id=added.id)


def change_once(scene: Scene) -> None:
    Victim(scene).change(OLD, NEW)


def change_and_reset_for_ever(scene: Scene, begin: int) -> None:
    """Say at each change that it begins; go on as long as there is room for marks: 64 changes."""
    victim, current = Victim(scene), OLD
    for turn in range(60):
        os.write(begin, b".")
        new = f"{turn} quiet lamps above the water"
        if turn % 2:
            victim.change(current, new)
        else:
            victim.reset(new)
        current = new


def guess(scene: Scene) -> None:
    """Guess wrong until there are no tries left, and write down what is told."""
    victim = Victim(scene)
    ticket = scene.grant.read_text()
    for _ in range(6):
        try:
            victim.kit.reset.verify(ticket, "zzzz", context=CONTEXT)
        except Refused as refused:
            append(scene.told, reason=str(refused.reason), tries_left=refused.tries_left)


# How it dies: in a process of the crew, which has one thread and so may fork ------------------------------------------------------


def forked(victim: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        victim()
        os._exit(0)
    finally:
        os._exit(1)


def died(pid: int) -> bool:
    """Return whether the victim was killed; one that was not must have ended well."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in {0, -signal.SIGKILL}, f"the victim ended by itself, with {status}"
    return status != 0


def kill_before_each_statement(template: Scene, folder: Path, live: Callable[[Scene], None]) -> Callable[[], list[Scene]]:
    """Let a victim live on a copy of *template* up to its first statement, another up to its second, and so on to the end."""

    def do() -> list[Scene]:
        scenes: list[Scene] = []
        while True:
            scene = template.copy_to(folder / f"{len(scenes):03}.sqlite")
            if not died(forked(partial(_live_so_long, scene, live, len(scenes)))):
                return [*scenes, scene]
            scenes.append(scene)

    return do


class _Hasty(sqlite3.Connection):
    """Does not wait for the disk: a kill takes nothing from the system that was handed over to it, and a hundred deaths are soon over."""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return super().execute(statement.replace("synchronous=FULL", "synchronous=OFF"), *values)


def _live_so_long(scene: Scene, live: Callable[[Scene], None], statements: int) -> None:
    """Live; end before the statement of that number."""
    left = [statements]

    def count(_: str) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    opened = sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = opened(*args, factory=_Hasty, **options)
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = traced  # in this child only
    live(scene)


def kill_at_random(template: Scene, folder: Path, seed: str, kills: int) -> Callable[[], tuple[list[Scene], int]]:
    """Kill so many victims, each on a copy of *template*; return the copies, and how many victims had ended before."""

    def do() -> tuple[list[Scene], int]:
        entropy, scenes, survivors = SeededEntropy(seed), [], 0
        for number in range(kills):
            scene = template.copy_to(folder / f"{number:03}.sqlite")
            begun, begin = os.pipe()
            pid = forked(partial(change_and_reset_for_ever, scene, begin))
            os.read(begun, 1)
            changes, since = 1 + entropy.below(MOST_CHANGES), time.monotonic()
            for _ in range(changes):
                os.read(begun, 1)
            each = (time.monotonic() - since) / changes
            time.sleep(each * entropy.below(1000) / 1000)  # the moment is the test's subject: nothing waits for anything here
            os.kill(pid, signal.SIGKILL)
            survivors += not died(pid)
            os.close(begun)
            os.close(begin)
            scenes.append(scene)
        return scenes, survivors

    return do


# What must hold afterwards ---------------------------------------------------------------------------------------------------------


@dataclass
class Account:
    """What a fresh process finds, once its courier has settled everything."""

    changes: int = 0
    told: int = 0
    untried: int = 0
    notices: int = 0
    twice: int = 0


def settle(scene: Scene) -> Account:
    """Let a courier of another process run until nothing is left, a day later; then compare what was changed with what was told."""
    stores, clock, inbox = SqliteStores(scene.path), FrozenClock(moment(days=1)), Inbox()
    stores._connections.get().execute("PRAGMA synchronous=OFF")  # nobody dies any more, and waiting for the disk is all that takes time here
    kit = kit_on(stores, clock=clock, notifier=inbox)
    for _ in range(5):
        kit.courier.run_due()
        clock.advance(hours=2)
    with closing(sqlite3.connect(scene.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT key FROM credkit_record WHERE kind = 'main/outbox'").fetchall() == [], "something is never delivered"
    credential = stores.credentials.find(kit._shell.parse(ADA, CONTEXT))
    assert credential is not None
    account = _account(scene, kit, credential, inbox)
    stores._connections.close()
    return account


def _account(scene: Scene, kit: Credkit, credential: Credential, inbox: Inbox) -> Account:
    changes = [mark.change_id for mark in credential.marks[1:]]  # the first is the sign-up
    messages = [*lines_of(scene.posted), *map(line_of, inbox.messages)]
    sent = Counter((line["id"], line["to"]) for line in messages if line["kind"] in {"password_reset", "password_changed"})
    due = {(f"{change}.{place}", to) for change in changes for place, to in enumerate(VERIFIED)}
    assert set(sent) >= due, f"a change was made and its owner is untold: {due - set(sent)}"
    assert set(sent) <= due, f"a change was announced that was never made: {set(sent) - due}"
    tried = [line["tries"] for line in lines_of(scene.told) if "tries" in line]
    done = [line["done"] for line in lines_of(scene.told) if "done" in line]
    assert len(done) <= len(changes) <= len(tried), "a change was told and is not there, or is there and was never tried"
    assert credential.session_epoch == len(changes), "a change did not end the sessions"
    in_force = [OLD, *tried][len(changes)]
    assert _signs_in(kit, in_force), "the password that the newest change set does not work"
    assert not any(_signs_in(kit, password) for password in {OLD, *tried} - {in_force}), "two passwords work"
    return Account(len(changes), len(done), len(tried) - len(changes), sum(sent.values()), sum(sent.values()) - len(sent))


def _signs_in(kit: Credkit, password: str) -> bool:
    try:
        kit.sign_in.with_password(ADA, password, context=CONTEXT)
    except Refused as refused:
        if refused.reason is not Reason.SIGN_IN_FAILED:
            raise
        return False
    return True


def total(accounts: list[Account]) -> str:
    names = ("changes", "told", "untried", "notices", "twice")
    made, told, untried, notices, twice = (sum(getattr(account, name) for account in accounts) for name in names)
    return f"{made} changes made, {told} told, {untried} tried and not made; {notices} notices, {twice} of them a second time"


@pytest.fixture
def template(tmp_path: Path) -> Scene:
    """Ada has a sign-in with three verified identifiers and one that is not."""
    office = Office.open(tmp_path / "template.sqlite")
    office.give(office.sign_up(), *MORE)
    return _closed(office)


def _closed(office: Office) -> Scene:
    office.stores._connections.close()
    gc.collect()
    assert not office.path.with_name(office.path.name + "-wal").exists(), "the file is not whole"
    return Scene(office.path)


def test_a_reset_that_dies_before_any_of_its_statements(tmp_path: Path, crew: Crew) -> None:
    office = Office.open(tmp_path / "template.sqlite")
    office.give(office.sign_up(), *MORE)
    grant = office.reset_grant()
    template = _closed(office)
    template.grant.write_text(grant)
    scenes = crew.run(kill_before_each_statement, [template, tmp_path, complete_once])[0]
    accounts = [settle(scene) for scene in scenes]
    print(f"\nreset.complete killed before each of its {len(scenes) - 1} statements: {total(accounts)}")
    assert (accounts[0].changes, accounts[-1].changes) == (0, 1)
    assert [account.changes for account in accounts] == sorted(account.changes for account in accounts)
    assert accounts[-1].told == 1


def test_a_reset_that_died_anywhere_can_be_repeated(tmp_path: Path, crew: Crew) -> None:
    """F4: the person sends the form again, and is told what they would have been told; one change has been made, and announced."""
    office = Office.open(tmp_path / "template.sqlite")
    office.give(office.sign_up(), *MORE)
    grant = office.reset_grant()
    template = _closed(office)
    template.grant.write_text(grant)
    scenes = crew.run(kill_before_each_statement, [template, tmp_path, complete_once_and_deliver_nothing])[0]
    for scene in scenes:
        complete_once_and_deliver_nothing(scene)
        assert settle(scene).changes == 1
    print(f"\nreset.complete killed before each of its {len(scenes) - 1} statements and repeated: one change each")


def test_a_sign_up_that_died_anywhere_can_be_repeated(tmp_path: Path, crew: Crew) -> None:
    office = Office.open(tmp_path / "template.sqlite")
    grant = office.sign_up_grant()
    template = _closed(office)
    template.grant.write_text(grant)
    scenes = crew.run(kill_before_each_statement, [template, tmp_path, join_once])[0]
    for scene in scenes:
        before = [line["id"] for line in lines_of(scene.told)]
        join_once(scene)
        told = [line["id"] for line in lines_of(scene.told)]
        with closing(sqlite3.connect(scene.path)) as connection:
            assert connection.execute("SELECT id FROM credkit_credential").fetchall() == [(told[-1],)]
        assert told == [*before, told[-1]]
        assert len(set(told)) == 1, "the repeated call was told of another credential"
    print(f"\nsign_up.complete killed before each of its {len(scenes) - 1} statements and repeated: one credential each")


def test_a_password_change_that_dies_before_any_of_its_statements(template: Scene, tmp_path: Path, crew: Crew) -> None:
    scenes = crew.run(kill_before_each_statement, [template, tmp_path, change_once])[0]
    accounts = [settle(scene) for scene in scenes]
    print(f"\npassword.change killed before each of its {len(scenes) - 1} statements: {total(accounts)}")
    assert (accounts[0].changes, accounts[-1].changes) == (0, 1)
    assert [account.changes for account in accounts] == sorted(account.changes for account in accounts)
    assert accounts[-1].told == 1


def test_guesses_that_die_before_any_of_their_statements_are_counted_before_they_are_told(tmp_path: Path, crew: Crew) -> None:
    """OT-06: whoever could kill the process, or only pull its plug, would get no guess more."""
    office = Office.open(tmp_path / "template.sqlite")
    office.sign_up()
    ticket, _ = office.reset()
    template = _closed(office)
    template.grant.write_text(ticket)
    scenes = crew.run(kill_before_each_statement, [template, tmp_path, guess])[0]
    for scene in scenes:
        told = [line["reason"] for line in lines_of(scene.told)]
        counted = 5 - Office(scene.path, SqliteStores(scene.path), office.kit, office.inbox, office.clock).challenge(ticket).tries_left
        assert min(len(told), 5) <= counted <= min(len(told) + 1, 5)
    print(f"\nsix guesses killed before each of their {len(scenes) - 1} statements: never one told that is not counted")


def killed_at_random(template: Scene, folder: Path, crew: Crew, kills: int, seed: str) -> None:
    scenes, survivors = crew.run(kill_at_random, [template, folder, seed, kills])[0]
    accounts = [settle(scene) for scene in scenes]
    print(f"\n{kills} kills at random moments ({survivors} came too late): {total(accounts)}")
    assert survivors == 0, "some victims end before they are killed"
    assert sum(account.changes for account in accounts) > kills, "hardly anything was changed: the test would say little"


def test_kills_at_random_moments_leave_no_owner_untold(template: Scene, tmp_path: Path, crew: Crew) -> None:
    killed_at_random(template, tmp_path, crew, 20, "twenty")


@pytest.mark.long
def test_200_kills_at_random_moments_leave_no_owner_untold(template: Scene, tmp_path: Path, crew: Crew) -> None:
    for part in range(4):
        folder = tmp_path / str(part)
        folder.mkdir()
        killed_at_random(template, folder, crew, 50, f"part {part}")


def test_a_day_is_enough_for_any_intent_to_settle() -> None:
    """What `settle` rests on."""
    assert roomy().courier.settles < timedelta(hours=12)
    assert roomy().courier.lease < timedelta(hours=2)
