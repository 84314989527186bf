"""Faults put into the source on purpose, one at a time: each must make an exploration fail, and its schedule is printed.

This is what shows that the explorations above can fail. A mutant is a piece of the source and what stands there instead;
the module is compiled anew and takes the place of the real one everywhere, until the test is over.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, ModuleType

import pytest

from credkit.testing import BadSchedule
from interleavings import (
    test_account_settings,
    test_limits,
    test_links,
    test_password_reset,
    test_sign_in,
    test_sign_in_by_code,
    test_sign_up,
    test_transaction,
)


@dataclass(frozen=True)
class Mutant:
    """One fault, and the exploration that must find it."""

    name: str
    module: str
    original: str
    instead: str
    found_by: Callable[[], None]


BY_CODE, RESET, SIGN_IN, SIGN_UP, SETTINGS = test_sign_in_by_code, test_password_reset, test_sign_in, test_sign_up, test_account_settings
LIMITS, LINKS = test_limits, test_links

MUTANTS = (
    Mutant(
        "commit without checks of what was read",
        "credkit.flows.transaction",
        "return {key: _version(record) for key, record in self.seen.items() if key not in self.writes}",
        "return {}",
        lambda: test_transaction.test_two_decisions_that_read_what_the_other_writes_never_both_land(0),
    ),
    Mutant(
        "the result of a commit is ignored",
        "credkit.flows.transaction",
        "return None if committed.done else committed.current",
        "return None",
        lambda: RESET.test_two_guesses_are_never_told_before_they_are_counted("wrong", "wrong", 2),
    ),
    Mutant(
        "a commit that raised is told as done",
        "credkit.flows.transaction",
        "return await _resolve(transaction, failures)",
        "return None",
        lambda: RESET.test_two_guesses_are_never_told_before_they_are_counted("wrong", "wrong", 2),
    ),
    Mutant(
        "a lost reply is taken for a lost commit and counted again",
        "credkit.flows.transaction",
        "    if transaction.landed(current):\n        return None\n",
        "    if transaction.landed(current):\n        return current\n",
        lambda: test_transaction.test_calls_that_count_are_told_what_they_counted(2, 1),
    ),
    Mutant(
        "blind write: a commit does not ask what it overwrites",
        "credkit.stores.memory",
        "if any((current[key].version if key in current else 0) != version for key, version in expected.items()):",
        "if False:",
        lambda: RESET.test_two_guesses_are_never_told_before_they_are_counted("wrong", "wrong", 2),
    ),
    Mutant(
        "tell before commit: a wrong guess is told before it is counted",
        "credkit.flows.challenges",
        "            if decision.compared:\n",
        "            if decision.verdict is Verdict.WRONG:\n                raise Refused(Reason.CODE_WRONG)\n            if decision.compared:\n",
        lambda: RESET.test_two_guesses_are_never_told_before_they_are_counted("wrong", "wrong", 2),
    ),
    Mutant(
        "exhaustion is not looked at",
        "credkit.otp",
        "if challenge.tries_left <= 0:",
        "if False:",
        lambda: RESET.test_two_guesses_are_never_told_before_they_are_counted("wrong", "wrong", 1),
    ),
    Mutant(
        "a repeated right code gives a second grant",
        "credkit.otp",
        "if right and challenge.verified_at is not None:",
        "if False:",
        lambda: RESET.test_two_guesses_are_never_told_before_they_are_counted("right", "right", 2),
    ),
    Mutant(
        "complete does not compare the generation",
        "credkit.flows.password_reset",
        "if credential.has_mark(grant.id) or credential.generation != grant.generation:",
        "if credential.has_mark(grant.id):",
        RESET.test_a_guess_and_a_complete_of_an_older_grant,
    ),
    Mutant(
        "a lost swap is tried again over a newer generation",
        "credkit.flows.changes",
        "if fresh is None or fresh.generation != before.generation or fresh.has_mark(announced.id):",
        "if fresh is None:",
        RESET.test_a_complete_and_a_password_change,
    ),
    Mutant(
        "the notice is written after the change instead of the intent before it",
        "credkit.flows.changes",
        "        due_at = await _write_intent(shell, announced, current, within, presumes)\n        stored = await _replace(shell, current, after)\n",
        "        stored = await _replace(shell, current, after)\n        due_at = await _write_intent(shell, announced, current, within, presumes)\n",
        RESET.test_a_complete_and_the_courier,
    ),
    Mutant(
        "no fence before an intent is forgotten",
        "credkit.flows.courier",
        "if credential is not None and await shell.replace(credential, credential) is None:",
        "if False:",
        RESET.test_a_complete_and_a_courier_that_comes_when_the_intent_is_overdue,
    ),
    Mutant(
        "an intent that was written anew is forgotten with the old one",
        "credkit.flows.courier",
        "if record is None or record.version != unsettled.version:",
        "if record is None:",
        RESET.test_a_complete_and_a_courier_that_comes_when_the_intent_is_overdue,
    ),
    Mutant(
        "an intent is announced whether its change was made or not",
        "credkit.flows.courier",
        "if credential is not None and credential.has_mark(intent.id):",
        "if credential is not None:",
        RESET.test_a_complete_and_the_courier,
    ),
    Mutant(
        "the credential store swaps whatever is there",
        "credkit.stores.memory",
        "if current is None or current.version != old.version:",
        "if current is None:",
        RESET.test_a_complete_and_a_password_change,
    ),
    Mutant(
        "a session takes the epoch of after the comparison",
        "credkit.flows.sign_in",
        'return self._signed_in(credential, current, "password"',
        'return self._signed_in(await shell.get(credential.id), current, "password"',
        RESET.test_a_complete_and_a_sign_in_with_the_old_password,
    ),
    Mutant(
        "a password change does not end sessions",
        "credkit.credential",
        "            session_epoch=self.session_epoch + 1,",
        "            session_epoch=self.session_epoch,",
        RESET.test_a_complete_and_the_courier,
    ),
    Mutant(
        "a failed sign-in takes its charge back",
        "credkit.flows.sign_in",
        "            # Whatever is missing or forbidden",
        "            await succeed(shell, tried.charges)\n            # Whatever is missing or forbidden",
        SIGN_IN.test_three_wrong_passwords_never_exceed_the_limit,
    ),
    Mutant(
        "a limit lets one more through",
        "credkit.budgets",
        "for tally in tallies) >= self.count",
        "for tally in tallies) > self.count",
        lambda: LIMITS.test_no_order_of_three_calls_exceeds_the_limit_by_one("begins"),
    ),
    Mutant(
        "a device is known after a reset",
        "credkit.devices",
        "(credential.id, credential.session_epoch) == (self.credential_id, self.session_epoch)",
        "credential.id == self.credential_id",
        SIGN_IN.test_a_device_of_before_a_reset_is_held_up_like_any_other,
    ),
    Mutant(
        "the stripes of a limit hold more than the limit",
        "credkit.budgets",
        "count=share + (number < rest)",
        "count=share + 1",
        lambda: LIMITS.test_no_order_of_three_calls_exceeds_the_limit_by_one("network_passwords"),
    ),
    Mutant(
        "a wait between passwords begins one failure late",
        "credkit.budgets",
        "        return self.retry_after(tallies, now) > timedelta(0)\n",
        "        return sum(self.used(tally, now) for tally in tallies) > self.count\n",
        lambda: LIMITS.test_no_order_of_three_calls_exceeds_the_limit_by_one("password_guesses"),
    ),
    Mutant(
        "a refund takes back everything",
        "credkit.budgets",
        "(number, count - 1 if number == newest else count)",
        "(number, 0 if number == newest else count)",
        SIGN_IN.test_a_right_and_a_wrong_password_leave_exactly_one_charge,
    ),
    Mutant(
        "one identifier may have two owners",
        "credkit.stores.memory",
        "if any(self._holders.get(name, credential_id) != credential_id for name in wanted):",
        "if False:",
        SIGN_UP.test_two_grants_for_one_identifier_add_one_credential,
    ),
    Mutant(
        "sign-up does not ask whose password a repeated call has",
        "credkit.flows.sign_up",
        "if stored.password_hash != new.password_hash and not (await place.verify(stored.password_hash, password)).matches:",
        "if False:",
        SIGN_UP.test_two_completes_of_one_grant_add_one_credential,
    ),
    Mutant(
        "Done does not fence",
        "credkit.flows.approvals",
        "await self._end(who, token, Event.DONE)\n        await fence(self.shell, credential.id)",
        "await self._end(who, token, Event.DONE)",
        lambda: SETTINGS.explore_calls(SETTINGS.opened(), ("prefer", "done"), faults=0),
    ),
    Mutant(
        "a denial does not fence",
        "credkit.flows.approvals",
        "        await fence(shell, denied.credential_id)\n",
        "",
        lambda: SETTINGS.explore_calls(SETTINGS.opened(), ("confirm", "deny"), faults=0),
    ),
    Mutant(
        "the fence comes before the window is closed",
        "credkit.flows.approvals",
        "await self._end(who, token, Event.CANCEL)\n        await fence(self.shell, credential.id)",
        "await fence(self.shell, credential.id)\n        await self._end(who, token, Event.CANCEL)",
        lambda: SETTINGS.explore_calls(SETTINGS.opened(), ("remove", "cancel"), faults=0),
    ),
    Mutant(
        "an edit does not ask whether its window is open",
        "credkit.flows.approvals",
        "        if approval.state_at(now) is not State.OPEN:\n",
        "        if False:\n",
        lambda: SETTINGS.explore_calls(SETTINGS.opened(), ("password", "done"), faults=0),
    ),
    Mutant(
        "an undo ends neither sessions nor older proofs",
        "credkit.history",
        "        session_epoch=credential.session_epoch + 1,\n        generation=generation,\n",
        "",
        lambda: SETTINGS.explore_calls(SETTINGS.opened(), ("password", "undo"), faults=0),
    ),
    Mutant(
        "an approved request cannot be denied any more",
        "credkit.approvals",
        "    (State.APPROVED, Event.DENY): State.DENIED,\n",
        "",
        SETTINGS.test_approve_and_deny_end_in_denied_whatever_their_order,
    ),
    Mutant(
        "a window opens without an approval",
        "credkit.approvals",
        "    (State.APPROVED, Event.OPEN): State.OPEN,\n",
        "    (State.APPROVED, Event.OPEN): State.OPEN,\n    (State.PENDING, Event.OPEN): State.OPEN,\n",
        lambda: SETTINGS.explore_calls(SETTINGS.asked(), ("open",), faults=0),
    ),
    Mutant(
        "a wrong match code is told before it is counted",
        "credkit.flows.approvals",
        "            self._put(transaction, after)\n            return after, self._queue",
        "            if after.tries_left < before.tries_left:\n"
        "                raise Refused(Reason.MATCH_CODE_WRONG, tries_left=after.tries_left)\n"
        "            self._put(transaction, after)\n            return after, self._queue",
        lambda: SETTINGS.explore_calls(SETTINGS.asked(), ("mistake", "mistake"), faults=0),
    ),
    Mutant(
        "an edit is announced to nobody when its reply is lost",
        "credkit.flows.changes",
        "        due_at = await _write_intent(shell, announced, current, within, presumes)\n        stored = await _replace(shell, current, after)\n",
        "        stored = await _replace(shell, current, after)\n        due_at = await _write_intent(shell, announced, current, within, presumes)\n",
        lambda: SETTINGS.explore_calls(SETTINGS.opened(), ("prefer", "courier"), faults=1),
    ),
    Mutant(
        "a rung lets one more through",
        "credkit.otp",
        "failures < _most(rung, by_day=by_day) for rung",
        "failures <= _most(rung, by_day=by_day) for rung",
        lambda: LIMITS.test_in_no_order_is_a_code_compared_once_its_length_has_been_guessed_at_enough(LIMITS.LADDER[0], 1),
    ),
    Mutant(
        "a code is compared while any length has room, and not its own",
        "credkit.otp",
        "any(rung.digits == issue.digits and failures <",
        "any(failures <",
        lambda: LIMITS.test_in_no_order_is_a_code_compared_once_its_length_has_been_guessed_at_enough(LIMITS.LADDER[0], 1),
    ),
    Mutant(
        "a wrong code is not counted on the ladder",
        "credkit.flows.challenges",
        "                failures.charge(transaction, now)\n",
        "                pass\n",
        lambda: LIMITS.test_in_no_order_is_a_code_compared_once_its_length_has_been_guessed_at_enough(LIMITS.LADDER[1], 1),
    ),
    Mutant(
        "a destination gets one message more than its limit",
        "credkit.flows.sending",
        "any(meter.used(now) >= (",
        "any(meter.used(now) > (",
        lambda: LIMITS.test_no_order_of_three_calls_exceeds_the_limit_by_one("sends_hour"),
    ),
    Mutant(
        "messages that lead nobody back in leave none for those that do",
        "credkit.flows.sending",
        "(-(-meter.limit.count // 2) if sparing else meter.limit.count)",
        "meter.limit.count",
        LIMITS.test_in_no_order_do_reminders_take_what_is_left_for_the_way_back,
    ),
    Mutant(
        "a resend takes a lasting link away",
        "credkit.flows.challenges",
        "resends=challenge.resends + 1, resend_at=now + pause)",
        "resends=challenge.resends + 1, resend_at=now + pause, link=None)",
        lambda: LINKS.test_neither_a_resend_nor_wrong_codes_take_a_lasting_link_away(5),
    ),
    Mutant(
        "wrong codes take a lasting link away",
        "credkit.flows.challenges",
        "            decision = judge_link(",
        "            if challenge.tries_left <= 0:\n                raise Refused(Reason.CODE_EXHAUSTED)\n            decision = judge_link(",
        lambda: LINKS.test_neither_a_resend_nor_wrong_codes_take_a_lasting_link_away(1),
    ),
    Mutant(
        "the code beside a link earns a second grant",
        "credkit.otp",
        "    if challenge.verified_at is not None:\n        return Decision(Verdict.REPEATED if",
        "    if False:\n        return Decision(Verdict.REPEATED if",
        LINKS.test_a_link_and_the_code_beside_it_earn_one_grant,
    ),
    Mutant(
        "a code is right although its addressee did not ask",
        "credkit.flows.challenges",
        "allowed = not challenge.stopped and shell",
        "allowed = shell",
        lambda: LINKS.test_once_its_addressee_did_not_ask_a_reset_earns_nothing("code"),
    ),
    Mutant(
        "a link is good although its addressee did not ask",
        "credkit.flows.challenges",
        "stopped=True, link=None)",
        "stopped=True)",
        lambda: LINKS.test_once_its_addressee_did_not_ask_a_reset_earns_nothing("link"),
    ),
    Mutant(
        "one code signs in as often as a grant may be tried",
        "credkit.flows.challenges",
        "1 if self.purpose is Purpose.SIGN_IN else self.shell.policy.grant_tries",
        "self.shell.policy.grant_tries",
        BY_CODE.test_two_right_codes_sign_in_exactly_once,
    ),
    Mutant(
        "a code signs in although a reset has come between",
        "credkit.flows.sign_in",
        "credential.generation != proved.generation or ",
        "",
        lambda: BY_CODE.explore_together(("verify", "complete"), faults=0),
    ),
    Mutant(
        "the stop of strangers holds for a known device",
        "credkit.flows.sign_in",
        "device is not None or not silent.full(now)",
        "not silent.full(now)",
        SIGN_IN.test_an_owner_on_a_known_device_signs_in_whatever_two_strangers_do_at_that_moment,
    ),
    Mutant(
        "each stripe of a limit allows what the whole does",
        "credkit.budgets",
        "count=share + (number < rest)",
        "count=self.count",
        lambda: LIMITS.test_no_order_of_three_calls_exceeds_the_limit_by_one("network_passwords"),
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_exploration_finds(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in(mutant, monkeypatch)
    with pytest.raises(BadSchedule) as found:
        mutant.found_by()
    assert "  flow " in str(found.value), "the schedule is not shown"
    print(f"\n{mutant.name}: {found.value}")


def put_in(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile the module with the fault in it, and let it take the real one's place wherever its names have been imported."""
    module = importlib.import_module(mutant.module)
    source = inspect.getsource(module)
    assert source.count(mutant.original) == 1, "the source has moved on; say anew where the fault goes"
    changed = ModuleType(module.__name__)
    changed.__dict__.update({name: value for name, value in module.__dict__.items() if name.startswith("__")})
    # Dataclasses look their module up by its name while they are made.
    monkeypatch.setitem(sys.modules, module.__name__, changed)
    exec(compile(source.replace(mutant.original, mutant.instead), f"<{mutant.name}>", "exec"), changed.__dict__)  # noqa: S102  # our own source
    monkeypatch.setitem(sys.modules, module.__name__, module)

    made_anew = {id(value): getattr(changed, name) for name, value in vars(module).items() if _is_made_by(value, module)}
    for other in [m for name, m in sys.modules.items() if name.startswith(("credkit", "interleavings"))]:
        for name, value in list(vars(other).items()):
            if id(value) in made_anew:
                monkeypatch.setattr(other, name, made_anew[id(value)])


def _is_made_by(value: object, module: ModuleType) -> bool:
    return isinstance(value, type | FunctionType) and value.__module__ == module.__name__
