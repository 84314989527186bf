"""The breach check inside the journeys: asked about every new password that breaks no rule, and about nothing else (PW-09)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from credkit.breaches import BreachCheckFailed, BreachPolicy, Fingerprint
from credkit.errors import ConfigurationError, CredkitError, FindingKind, PasswordRefused, Refused
from credkit.passwords import normalize_password
from credkit.policy import Policy
from credkit.testing import TestWorld
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, NEW, OLD, OTHER, signs_in


class KnownPasswords:
    """A list of breached passwords that remembers how often it was asked."""

    def __init__(self, *known: str, failing: bool = False) -> None:
        self.known = {Fingerprint.of(normalize_password(password)).reveal() for password in known}
        self.failing = failing
        self.asked = 0

    def count(self, fingerprint: Fingerprint) -> int:
        self.asked += 1
        if self.failing:
            raise BreachCheckFailed("the list is away")
        return 7 if fingerprint.reveal() in self.known else 0


def world_with(breaches: Any, policy: BreachPolicy | None = None) -> TestWorld:
    """Return a world with Ada in it, whose kit asks the list from now on."""
    before = journeys.build()
    journeys.ada(before)
    return journeys.beside(before, breaches=breaches, policy=Policy(breaches=policy or BreachPolicy()))


def set_by_sign_up(world: TestWorld, password: str) -> None:
    ticket = world.kit.sign_up.begin(BOB, context=CONTEXT)
    world.kit.sign_up.complete(world.kit.sign_up.verify(ticket, world.inbox.last_code(BOB), context=CONTEXT), password, context=CONTEXT)


def set_by_reset(world: TestWorld, password: str) -> None:
    world.kit.reset.complete(journeys.granted(world), password, context=CONTEXT)


def set_by_change(world: TestWorld, password: str) -> None:
    world.kit.password.change(world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session, OLD, password, context=CONTEXT)


WAYS = pytest.mark.parametrize("way", [set_by_sign_up, set_by_reset, set_by_change], ids=lambda way: way.__name__)


@WAYS
def test_a_password_known_from_breaches_is_refused(way: Any) -> None:
    world = world_with(KnownPasswords(NEW))
    with pytest.raises(PasswordRefused) as refused:
        way(world, NEW)
    assert [finding.kind for finding in refused.value.findings] == [FindingKind.BREACHED]
    assert signs_in(world, OLD)


@WAYS
def test_a_password_that_no_list_has_is_set(way: Any) -> None:
    breaches = KnownPasswords(OTHER)
    way(world_with(breaches), NEW)
    assert breaches.asked == 1


def test_a_grant_stays_good_for_another_password() -> None:
    world = world_with(KnownPasswords(NEW))
    grant = journeys.granted(world)
    with pytest.raises(PasswordRefused):
        world.kit.reset.complete(grant, NEW, context=CONTEXT)
    world.kit.reset.complete(grant, OTHER, context=CONTEXT)
    assert signs_in(world, OTHER)


def test_a_password_that_breaks_a_rule_is_not_asked_about() -> None:
    breaches = KnownPasswords()
    with pytest.raises(PasswordRefused):
        set_by_reset(world_with(breaches), "password1")
    assert breaches.asked == 0


def test_neither_signing_in_nor_a_form_that_judges_while_one_types_asks() -> None:
    breaches = KnownPasswords()
    world = world_with(breaches)
    assert signs_in(world, OLD)
    assert world.kit.password.findings(NEW) == ()
    assert breaches.asked == 0


@WAYS
def test_a_list_that_does_not_answer_lets_the_password_through_and_that_is_reported(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    way(world_with(KnownPasswords(failing=True)), NEW)
    assert [report.exc_type for report in reported] == [BreachCheckFailed]


@WAYS
def test_where_the_policy_says_so_nothing_is_set_unchecked_and_nothing_is_lost(way: Any) -> None:
    breaches = KnownPasswords(failing=True)
    world = world_with(breaches, BreachPolicy(on_failure="refuse"))
    with pytest.raises(BreachCheckFailed):
        way(world, NEW)
    assert signs_in(world, OLD)


def test_a_count_under_the_policys_is_let_through() -> None:
    world = world_with(KnownPasswords(NEW), BreachPolicy(at_least=8))
    set_by_reset(world, NEW)
    assert signs_in(world, NEW)


def test_a_list_that_breaks_is_trouble_and_not_let_through() -> None:
    class Broken:
        def count(self, fingerprint: Fingerprint) -> int:
            raise ConfigurationError(["the corpus is damaged"])

    with pytest.raises(CredkitError):
        set_by_reset(world_with(Broken()), NEW)


def test_async_kits_await_their_list() -> None:
    class Known:
        async def count(self, fingerprint: Fingerprint) -> int:
            await asyncio.sleep(0)
            return 1

    async def sign_up() -> None:
        await journeys.async_build(breaches=Known()).add(ADA, password=OLD)

    with pytest.raises(Refused, match="password_refused"):
        asyncio.run(sign_up())
