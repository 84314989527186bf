"""Fakes do as they are told, say what was there instead, and are loud where no test is running."""

from __future__ import annotations

import itertools
import subprocess
import sys
from datetime import timedelta

import pytest

from credkit import Context
from credkit.errors import Refused
from credkit.passwords import normalize_password
from credkit.testing import FrozenClock, Inbox, InstantHashing, ScriptedEntropy, SeededEntropy, kit_for_tests
from credkit.testing.fakes import START
from structure.source import package_folder

ADA, BOB = "ada@example.com", "bob@example.com"
PASSWORD = "nine grey herons wade"
CONTEXT = Context.none()


# Clock and chance ------------------------------------------------------------------------------------------------------


def test_a_frozen_clock_moves_when_told_and_not_otherwise() -> None:
    clock = FrozenClock()
    assert clock.now() == clock.now() == START
    assert clock.advance(minutes=2, microseconds=1) == clock.now() == START + timedelta(minutes=2, microseconds=1)
    assert clock.advance(timedelta(days=1)) == START + timedelta(days=1, minutes=2, microseconds=1)


def test_seeded_entropy_repeats_and_seeds_differ() -> None:
    one, same, other = SeededEntropy("a"), SeededEntropy("a"), SeededEntropy("b")
    assert [one.token(40), one.below(10)] == [same.token(40), same.below(10)]
    assert other.token(40) != SeededEntropy("a").token(40)


def test_scripted_codes_come_one_for_each_begin() -> None:
    world = kit_for_tests(entropy=ScriptedEntropy(["12345678", "00000007"]))
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    assert (world.inbox.last_code(ADA), world.inbox.last_code(BOB)) == ("12345678", "00000007")


def test_a_scripted_code_is_the_right_one_and_another_is_wrong() -> None:
    world = kit_for_tests(entropy=ScriptedEntropy(itertools.repeat("12345678")))
    world.add(ADA, password=PASSWORD)
    ticket = world.kit.reset.begin(ADA, context=CONTEXT)
    with pytest.raises(Refused):
        world.kit.reset.verify(ticket, "12345679", context=CONTEXT)
    assert world.kit.reset.verify(ticket, "12345678", context=CONTEXT).text


def test_adding_somebody_takes_no_code_of_the_script() -> None:
    world = kit_for_tests(entropy=ScriptedEntropy(["12345678"]))
    world.add(ADA, password=PASSWORD)
    world.kit.reset.begin(ADA, context=CONTEXT)
    assert world.inbox.last_code(ADA) == "12345678"


def test_after_the_script_chance_comes_from_the_rest() -> None:
    codes = []
    for _ in range(2):
        world = kit_for_tests(entropy=ScriptedEntropy(["12345678"], rest=SeededEntropy("rest")))
        for who in (ADA, BOB):
            world.kit.sign_up.begin(who, context=CONTEXT)
            codes.append(world.inbox.last_code(who))
    assert codes[0] == codes[2] == "12345678"
    assert codes[1] == codes[3] != "12345678"


@pytest.mark.parametrize("code", ["1234567", "123456789", "1234567a", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"])
def test_a_scripted_code_that_cannot_be_one_is_refused(code: str) -> None:
    world = kit_for_tests(entropy=ScriptedEntropy([code]))
    with pytest.raises(ValueError, match="codes here are 8 digits"):
        world.kit.sign_up.begin(ADA, context=CONTEXT)


# Inbox -----------------------------------------------------------------------------------------------------------------


def test_an_inbox_says_what_was_delivered_where_a_code_is_missing() -> None:
    world = kit_for_tests()
    world.kit.sign_up.begin(BOB, context=CONTEXT)
    with pytest.raises(AssertionError, match=r"no code was delivered there; delivered: sign_up_code to b\*\*\*@example.com"):
        world.inbox.last_code(ADA)
    with pytest.raises(AssertionError, match="delivered: nothing"):
        Inbox().last_code(ADA)


def test_the_last_code_is_the_newest() -> None:
    world = kit_for_tests(entropy=ScriptedEntropy(["11111111", "22222222"]))
    for _ in range(2):
        world.kit.sign_up.begin(ADA, context=CONTEXT)
        world.clock.advance(minutes=2)
    assert world.inbox.last_code(ADA) == "22222222"
    assert world.inbox.last_code("Ada@Example.com") == "22222222", "an address is the same however it is typed"


def test_what_was_sent_is_asserted_by_kind_recipient_and_number() -> None:
    world = kit_for_tests()
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    assert world.inbox.assert_sent("sign_up_code", to=ADA) is world.inbox.messages[0]
    for kind, to, times in (("reset_code", ADA, 1), ("sign_up_code", BOB, 1), ("sign_up_code", ADA, 2)):
        with pytest.raises(AssertionError, match=r"was to be delivered .* there, and was .*; delivered: sign_up_code to a\*\*\*@example.com"):
            world.inbox.assert_sent(kind, to=to, times=times)


def test_that_nothing_was_sent_is_asserted_for_one_or_for_all() -> None:
    world = kit_for_tests()
    world.inbox.assert_nothing_sent()
    world.kit.sign_up.begin(ADA, context=CONTEXT)
    world.inbox.assert_nothing_sent(to=BOB)
    with pytest.raises(AssertionError, match="nothing was to be delivered there; delivered: sign_up_code"):
        world.inbox.assert_nothing_sent(to=ADA)
    world.inbox.clear()
    world.inbox.assert_nothing_sent()


# Hashing -----------------------------------------------------------------------------------------------------------------


def quiet_or_loud(program: str) -> str:
    """Return what a fresh interpreter that runs no test warns of."""
    path = f"import sys; sys.path.insert(0, {str(package_folder().parent)!r})\n"
    done = subprocess.run([sys.executable, "-I", "-c", path + program], capture_output=True, text=True, timeout=60, check=True, env={})
    return done.stderr


@pytest.mark.parametrize(
    "program",
    [
        "from credkit.testing import cheap_hasher; cheap_hasher()",
        "from credkit.testing import InstantHashing, SeededEntropy; InstantHashing(SeededEntropy(), [])",
        "from credkit.testing import kit_for_tests; kit_for_tests()",
    ],
)
def test_hashing_for_tests_is_loud_where_no_test_is_running(program: str) -> None:
    assert "for tests only, and no test is running here" in quiet_or_loud(program)


def test_hashing_for_tests_is_quiet_under_unittest() -> None:
    program = """
import unittest
from credkit.testing import kit_for_tests

class Case(unittest.TestCase):
    def test_it(self): kit_for_tests()

unittest.main(argv=["x"], exit=False)
"""
    assert "no test is running" not in quiet_or_loud(program)


def test_instant_hashing_counts_what_it_does() -> None:
    from credkit.lifting import finish

    calls: list[str] = []
    hashing = InstantHashing(SeededEntropy(), calls)
    finish(hashing.verify(finish(hashing.hash(normalize_password(PASSWORD))), normalize_password(PASSWORD)))
    assert calls == ["hash", "verify"]
