"""How a credential is changed: the intent first, then the swap, and what is found out when either goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from credkit.context import Context
from credkit.credential import Credential, Standing
from credkit.errors import Busy, StoreError
from credkit.flows.changes import change_credential, intent_of
from credkit.flows.courier import FOREVER
from credkit.flows.transaction import ATTEMPTS
from credkit.lifting import finish
from credkit.messages import MessageKind
from credkit.outbox import Intent, read_outbox_item
from credkit.testing import TestWorld
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, OLD, PHONE, registered, verified

CHANGE = "the change"


@dataclass
class Setting:
    """Ada's sign-in, and a store of users that can be told what to do."""

    spied: journeys.SpiedCredentials = field(default_factory=journeys.SpiedCredentials)
    world: TestWorld = field(init=False)
    before: Credential = field(init=False)

    def __post_init__(self) -> None:
        self.world = journeys.build(credentials=self.spied)
        journeys.ada(self.world)
        self.world = journeys.beside(self.world, deliver=self._dispatched)
        self.before = self.now()
        self.dispatched = 0
        self.spied.calls.clear()

    def _dispatched(self, run: Callable[[], object]) -> None:
        self.dispatched += 1

    def now(self) -> Credential:
        found = self.world.credentials.find(journeys.parsed(ADA))
        assert found is not None
        return found

    def change(self, before: Credential | None = None) -> Credential | None:
        return finish(
            change_credential(
                self.world.kit._shell,
                before or self.before,
                intent=lambda current: intent_of(MessageKind.PASSWORD_CHANGED, CHANGE, current, context=CONTEXT, now=self.world.clock.now()),
                change=lambda current: current.with_password("new hash", change_id=CHANGE, generation="new generation", now=self.world.clock.now()),
            )
        )

    def intents(self) -> list[Any]:
        return [read_outbox_item(record.payload) for record in journeys.waiting(self.world)]


def test_a_change_is_swapped_in_and_the_courier_is_called() -> None:
    setting = Setting()
    stored = setting.change()
    assert stored == setting.now()
    assert (stored.password_hash, stored.generation, stored.has_mark(CHANGE)) == ("new hash", "new generation", True)
    assert setting.dispatched == 1


def test_the_intent_is_written_before_the_swap() -> None:
    setting = Setting()  # F1
    found: list[list[Any]] = []
    setting.spied.before_replace = [lambda: found.append(setting.intents())]
    setting.change()
    assert [[intent.id for intent in intents] for intents in found] == [[CHANGE]]


def test_an_intent_is_kept_and_due_at_once() -> None:
    setting = Setting()
    setting.change()
    (record,) = journeys.waiting(setting.world)
    now = setting.world.clock.now()
    assert (record.due_at, record.expires_at) == (now, now + FOREVER)


def test_one_change_has_one_intent_however_often_it_is_tried() -> None:
    setting = Setting()
    setting.spied.before_replace = [lambda: setting.spied.touch(setting.before.id)] * 3
    assert setting.change() == setting.now()
    assert [intent.id for intent in setting.intents()] == [CHANGE]
    assert setting.spied.calls == ["replace", "get"] * 3 + ["replace", "find"]


def test_an_intent_is_written_anew_for_each_swap() -> None:
    setting = Setting()  # F1: or the courier could drop it between a lost swap and the next
    versions: list[int] = []

    def lose() -> None:
        versions.append(journeys.waiting(setting.world)[0].version)
        setting.spied.touch(setting.before.id)

    setting.spied.before_replace = [lose] * 3
    setting.change()
    versions.append(journeys.waiting(setting.world)[0].version)
    assert len(set(versions)) == 4


def test_a_swap_tried_again_is_made_of_the_newest_credential() -> None:
    setting = Setting()
    setting.spied.before_replace = [lambda: setting.spied.touch(setting.before.id, accounts=("linked",))]
    stored = setting.change()
    assert stored is not None
    assert stored.accounts == ("linked",)
    assert [intent.accounts for intent in setting.intents()] == [("linked",)]


def test_a_swap_that_lost_to_a_newer_generation_is_given_up() -> None:
    setting = Setting()  # F5
    setting.spied.before_replace = [lambda: setting.spied.touch(setting.before.id, generation="moved")]
    assert setting.change() is None
    assert setting.now().password_hash == setting.before.password_hash
    assert setting.dispatched == 0


def test_a_swap_that_lost_to_the_same_change_is_given_up() -> None:
    setting = Setting()
    marks = setting.before.with_mark(CHANGE, setting.world.clock.now())
    setting.spied.before_replace = [lambda: setting.spied.touch(setting.before.id, marks=marks)]
    assert setting.change() is None


def test_a_change_of_a_sign_in_that_is_gone_is_given_up() -> None:
    setting = Setting()
    emptied = journeys.SpiedCredentials()
    setting.world = journeys.beside(setting.world, credentials=emptied)
    assert setting.change(setting.before) is None


def test_a_swap_that_always_loses_is_busy() -> None:
    setting = Setting()
    setting.spied.before_replace = [lambda: setting.spied.touch(setting.before.id)] * ATTEMPTS
    with pytest.raises(Busy):
        setting.change()
    assert setting.spied.calls.count("replace") == ATTEMPTS
    assert setting.dispatched == 0


def test_a_swap_whose_reply_was_lost_is_told_as_done() -> None:
    setting = Setting()  # F4
    setting.spied.replies_lost = 1
    assert setting.change() == setting.now()
    assert setting.dispatched == 1


def test_a_swap_that_failed_is_trouble() -> None:
    setting = Setting()
    setting.spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        setting.change()
    assert setting.now() == setting.before


@pytest.mark.parametrize(("password_hash", "generation"), [("another's", "another's"), ("new hash", "another's"), ("another's", "new generation")])
def test_a_swap_that_failed_while_another_password_was_set_is_trouble_and_no_success(password_hash: str, generation: str) -> None:
    setting = Setting()

    def fail() -> None:
        setting.spied.touch(setting.before.id, password_hash=password_hash, generation=generation)
        raise OSError("the database is away")

    setting.spied.before_replace = [fail]
    with pytest.raises(StoreError):
        setting.change()


def test_a_change_whose_intent_cannot_be_written_is_not_made() -> None:
    setting = Setting()  # F1: a change without its intent would leave the owner untold

    class Failing(journeys.SpiedRecords):
        def load(self, keys: Any) -> Any:
            raise OSError("the database is away")

        def commit(self, checks: Any, writes: Any) -> Any:
            raise OSError("the database is away")

    setting.world = journeys.beside(setting.world, records=Failing())
    with pytest.raises(StoreError):
        setting.change()
    assert setting.spied.calls == []


# Whom an intent tells ---------------------------------------------------------------------------------------------------


def told(credential: Credential, **named: Any) -> tuple[str, ...]:
    intent = intent_of(MessageKind.PASSWORD_RESET, CHANGE, credential, context=CONTEXT, now=Setting().world.clock.now(), **named)
    return tuple(destination.canonical for destination in intent.destinations)


def test_an_intent_tells_those_carried_over_where_none_is_verified() -> None:
    setting = Setting()
    entries = (registered(ADA, Standing.CARRIED_OVER), registered(BOB, Standing.CARRIED_OVER), registered(PHONE, Standing.UNVERIFIED))
    assert told(journeys.alter(setting.world, setting.before, identifiers=entries)) == (ADA, BOB)


def a_credential() -> Credential:
    setting = Setting()
    entries = (verified(ADA), registered(BOB, Standing.CARRIED_OVER), registered("carol@example.com", Standing.UNVERIFIED), verified(PHONE))
    return journeys.alter(setting.world, setting.before, identifiers=entries)


def test_an_intent_tells_every_verified_identifier_and_no_other() -> None:
    assert told(a_credential()) == (ADA, PHONE)


def test_an_intent_tells_the_identifier_that_the_change_verifies_too() -> None:
    assert told(a_credential(), proved=journeys.parsed(BOB)) == (ADA, PHONE, BOB)


def test_an_intent_tells_nobody_twice() -> None:
    assert told(a_credential(), proved=journeys.parsed(ADA)) == (ADA, PHONE)


def test_an_intent_says_what_when_and_from_where() -> None:
    setting = Setting()
    context = Context(device="Firefox on Linux", place="Oslo, Norway", locale="de")
    credential = journeys.alter(setting.world, setting.before, locale="nb", accounts=("first", "second"))
    intent = intent_of(MessageKind.PASSWORD_RESET, CHANGE, credential, context=context, now=setting.world.clock.now())
    assert intent == Intent(
        id=CHANGE,
        at=setting.world.clock.now(),
        device="Firefox on Linux",
        place="Oslo, Norway",
        locale="nb",
        kind=MessageKind.PASSWORD_RESET,
        credential_id=credential.id,
        accounts=("first", "second"),
        destinations=(journeys.parsed(ADA),),
    )
    assert OLD not in intent.to_payload().decode()
