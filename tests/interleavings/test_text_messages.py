"""Every order of couriers that share a cap, find a mailbox gone, or are turned down by the host's check, with a fault at each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from credkit.credential import Registered, Standing
from credkit.errors import DeliveryFailed
from credkit.flows.courier import AsyncCourier
from credkit.flows.password_reset import AsyncPasswordReset
from credkit.flows.shell import Shell
from credkit.flows.sign_up import AsyncSignUp
from credkit.identifiers import Identifier, parse_identifier
from credkit.messages import Message, MessageKind
from credkit.policy import Policy
from credkit.ports import AsyncNotifier, Send
from credkit.sms import SmsPolicy
from credkit.stores.memory import MemoryStores
from credkit.testing import SeededEntropy, Shared
from credkit.testing.fakes import START
from credkit.testing.kits import sms_for_tests
from credkit.tickets import Grant
from interleavings import worlds
from interleavings.worlds import ADA, CONTEXT, Journey, Prepared, alone, courier, explore_journeys, verify

PHONE = parse_identifier("+14155552671")
SENDING = Policy(sms=sms_for_tests())


@dataclass(frozen=True)
class Bouncing:
    """A notifier for which Ada's mailbox is gone."""

    within: AsyncNotifier

    async def deliver(self, message: Message) -> None:
        if message.to == parse_identifier(ADA):
            raise DeliveryFailed(permanent=True)
        await self.within.deliver(message)


@dataclass(frozen=True)
class NoPhones:
    """A check that turns every phone down."""

    async def allows(self, send: Send) -> bool:
        return send.to.kind != "phone"


def bouncing() -> Journey:
    return lambda shell: AsyncCourier(replace(shell, notifier=Bouncing(shell.notifier))).run_due()


def without_phones() -> Journey:
    return lambda shell: AsyncCourier(replace(shell, send_check=NoPhones())).run_due()


@cache
def waiting_reset(preferred: str) -> Prepared:
    """Return a state in which Ada has a phone beside her address, and the code of a reset waits for the courier."""
    prepared = worlds.reset_begun(SENDING, delivered=False)
    old = prepared.credential
    phone = Registered(identifier=PHONE, standing=Standing.VERIFIED, verified_at=START)
    new = prepared.stores.credentials.replace(old, replace(old, identifiers=(*old.identifiers, phone), preferred=parse_identifier(preferred)))
    assert new is not None
    return replace(prepared, credential=new)


def test_no_order_of_couriers_passes_the_cap() -> None:
    policy = Policy(sms=SmsPolicy(regions="anywhere", per_day=1))
    shared = Shared(MemoryStores(SeededEntropy("prepared")), START)
    for number in range(2):
        typed = f"+1415555260{number}"
        alone(shared, lambda shell, typed=typed: AsyncSignUp(shell).begin(typed, context=CONTEXT), f"begin {number}", policy)
    some = worlds.signed_up(policy)
    prepared = Prepared(stores=shared.stores, policy=policy, credential=some.credential)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, policy)
        assert len({message.id for message in shared.sent}) == 1

    explore_journeys(prepared, [courier(), courier()], check, faults=1)


def test_a_mailbox_that_is_gone_is_unverified_once_and_its_owner_told_whatever_order_and_fault() -> None:
    prepared = waiting_reset(ADA)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        for number, span in enumerate((timedelta(0), timedelta(seconds=61), timedelta(hours=2), timedelta(hours=2))):
            shared.now += span
            alone(shared, bouncing(), f"drain-{number}", SENDING)
        credential = shared.stores.credentials.get(prepared.credential.id)
        assert credential is not None
        marks = [mark for mark in credential.marks if mark.change_id.endswith(".unreachable")]
        told = {message.id: message.to for message in shared.sent if message.kind is MessageKind.SETTINGS_CHANGED}
        assert ([entry.standing for entry in credential.identifiers], len(marks)) == ([Standing.UNVERIFIED, Standing.VERIFIED], 1)
        assert list(told.values()) == [PHONE]

    explore_journeys(prepared, [bouncing(), bouncing()], check, faults=1)


def test_a_code_that_is_turned_down_comes_to_the_other_destination_and_is_right_whatever_order_and_fault() -> None:
    prepared = waiting_reset(PHONE.canonical)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        for number, span in enumerate((timedelta(0), timedelta(seconds=61), timedelta(seconds=61))):
            shared.now += span
            alone(shared, without_phones(), f"drain-{number}", SENDING)
        codes: list[tuple[Identifier, str]] = [(message.to, message.code.reveal()) for message in shared.sent if message.code is not None]
        resets = [found for found in codes if found[0] in {PHONE, parse_identifier(ADA)}]
        assert {to for to, _ in resets} == {parse_identifier(ADA)}
        assert isinstance(alone(shared, verify(prepared, resets[-1][1]), "typed at last", SENDING), Grant)

    explore_journeys(prepared, [without_phones(), without_phones()], check, faults=1)


def test_a_resend_beside_a_courier_that_is_turned_down_leaves_one_code_that_is_right() -> None:
    prepared = waiting_reset(PHONE.canonical)
    later = replace(prepared, at=prepared.at + SENDING.otp.resend_pauses[0])

    def resent(shell: Shell) -> Any:
        return AsyncPasswordReset(shell).resend(prepared.ticket, context=CONTEXT)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        for number in range(3):
            alone(shared, without_phones(), f"drain-{number}", SENDING)
            shared.now += timedelta(seconds=61)
        newest = [message.code.reveal() for message in shared.sent if message.code is not None][-1]
        assert isinstance(alone(shared, verify(prepared, newest), "typed at last", SENDING), Grant)

    explore_journeys(later, [without_phones(), resent], check, faults=1)
