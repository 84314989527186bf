"""What the pages list is what there is: reasons, numbers, stored fields, dependencies."""
# ruff: noqa: D103  # a test's name states the behaviour

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from credkit import approvals, credential, edits, grants, history, identifiers, otp, outbox, ports
from credkit.budgets import Limit, Tally
from credkit.credential import MARK_LIFETIME, MARKS
from credkit.delivery import AT_ONCE, DRAIN_SECONDS, SWEEP_SECONDS
from credkit.errors import CredkitError, Reason
from credkit.flows.histories import MEMORY
from credkit.passwords import LONGEST_PASSWORD
from credkit.policy import Policy
from credkit.sms import SmsPolicy

DOCS = Path(__file__).parent
PYPROJECT = DOCS.parent / "pyproject.toml"
GENERATE = runpy.run_path(str(DOCS / "generate.py"))


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_the_tables_of_a_page_say_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert GENERATE["rewritten"](text) == text, f"{page.name} is out of date: run `python docs/generate.py`"


def test_every_table_stands_on_one_page() -> None:
    """One that stands nowhere would be checked by nothing."""
    found = [name for page in DOCS.glob("*.md") for name in re.findall(r"<!-- table: ([a-z-]+) -->", page.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(GENERATE["TABLES"])


def test_a_table_that_differs_is_put_right_and_nothing_else_is_touched() -> None:
    page = "before\n<!-- table: moves -->\nold\n<!-- end of table -->\nbetween\n<!-- table: chances --><!-- end of table -->\nafter\n"
    after = GENERATE["rewritten"](page)
    assert [line for line in after.splitlines() if line in {"before", "old", "between", "after"}] == ["before", "between", "after"]
    assert GENERATE["rewritten"](after) == after


def test_every_reason_is_listed_with_its_status() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| (\d{3}) \|", page, re.MULTILINE) == [(str(reason), str(reason.status)) for reason in Reason]


def test_every_kind_of_trouble_that_hosts_meet_is_listed() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    public = [kind.__name__ for kind in CredkitError.__subclasses__() if kind.__module__ == "credkit.errors"]
    assert [name for name in public if f"| `{name}` |" not in page] == []


def test_every_setting_of_the_policy_is_listed() -> None:
    """The default beside it is written from the policy itself, by the same run."""
    page = (DOCS / "numbers.md").read_text(encoding="utf-8")
    assert [path for path in settings_of(Policy(sms=SmsPolicy(regions="anywhere", per_day="uncapped")), "Policy") if f"| `{path}` |" not in page] == []


def settings_of(policy: Any, path: str) -> list[str]:
    """Return the paths of all settings, those of nested policies included."""
    found: list[str] = []
    for setting in fields(policy):
        value, name = getattr(policy, setting.name), f"{path}.{setting.name}"
        found += settings_of(value, name) if is_dataclass(value) and not isinstance(value, Limit) else [name]
    return found


def test_the_numbers_that_stand_in_sentences_are_today_s() -> None:
    """The pages of the journeys, the known limits and the quick start say these in words. Whoever changes one changes the sentences, too."""
    policy = Policy()
    otp, limits = policy.otp, policy.limits
    assert (otp.digits, otp.comparisons, otp.lifetime, otp.repeat) == (8, 5, timedelta(minutes=10), timedelta(seconds=30))
    assert [(rung.digits, rung.failures) for rung in otp.ladder] == [(6, 50), (8, 4000), (10, 100_000)]
    assert (otp.link_from, otp.link_lifetime, otp.site_alarm) == (4, timedelta(hours=24), 300)
    assert otp.resend_pauses == (timedelta(seconds=60), timedelta(seconds=120), timedelta(seconds=300))
    assert (policy.grant_lifetime, policy.grant_tries, policy.password.shortest, LONGEST_PASSWORD) == (timedelta(minutes=10), 10, 15, 1024)
    hour, day = timedelta(hours=1), timedelta(days=1)
    counted = {name: (getattr(limits, name).count, getattr(limits, name).per) for name in limits.__slots__}
    assert counted == {
        "begins": (30, day),
        "network_begins": (20, hour),
        "sends_hour": (5, hour),
        "sends_day": (10, day),
        "site_failures": (1200, hour),
        "account_sends": (20, day),
        "device_sends": (3, day),
        "password_guesses": (4, day),
        "password_failures": (100, 365 * day),
        "network_passwords": (100, hour),
        "approvals": (10, day),
        "strangers": (2, day),
    }
    asking, undo = policy.approvals, policy.undo
    assert (asking.lifetime, asking.approved, asking.window) == (timedelta(minutes=10), timedelta(minutes=10), timedelta(minutes=15))
    assert (asking.match_digits, asking.match_tries, asking.poll, asking.cooling_off) == (4, 3, timedelta(seconds=5), hour * 12)
    assert (undo.lifetime, undo.undelivered, undo.dispute, undo.after_undo) == (72 * hour, 14 * day, day, day)
    assert timedelta(days=45) == MEMORY
    assert (policy.courier.spread, policy.courier.lease, policy.courier.backoff(1)) == (timedelta(seconds=2), timedelta(seconds=30), timedelta(seconds=30))
    assert (64, 30 * day, 10, 2.0, 60.0) == (MARKS, MARK_LIFETIME, AT_ONCE, DRAIN_SECONDS, SWEEP_SECONDS)


def test_every_stored_value_has_its_purpose_and_retention() -> None:
    """AU-10: what has `to_payload` is stored by a record store; what a credential is made of, by a credential store."""
    modules = (approvals, edits, grants, history, otp, outbox, ports, credential, identifiers)
    payloads = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type) and hasattr(kind, "to_payload")}
    parts = {otp.Issue, otp.Link, otp.Binding, credential.Credential, credential.Registered, credential.Mark, identifiers.EmailAddress, ports.Record}
    parts |= {approvals.Step, edits.Shown, history.Entry, history.Hold, history.Dispute}
    assert set(GENERATE["INVENTORY"]) == payloads | parts | {Tally} == set(GENERATE["RETENTION"])


def test_a_new_stored_field_without_a_purpose_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    inventory: Mapping[type, Mapping[str, tuple[str, str]]] = GENERATE["INVENTORY"]
    shortened = {kind: {name: why for name, why in purposes.items() if name != "tries_left"} for kind, purposes in inventory.items()}
    monkeypatch.setitem(GENERATE["inventory"].__globals__, "INVENTORY", shortened)
    with pytest.raises(AssertionError, match="tries_left"):
        GENERATE["inventory"]()


def test_every_kind_of_record_is_listed() -> None:
    """A run through account settings and undo writes no small record that the inventory does not name; nor does the inventory name others."""
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    assert {kind.title() for kind in GENERATE["pointer_fields"]()} | {"Edit", "Seal"} == set(GENERATE["SMALL"])
    assert [name for name in GENERATE["SMALL"] if f"**{name}**, kept " not in page] == []


def test_a_small_record_that_changes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATE["SMALL"], "Undo", ({}, ""))
    with pytest.raises(AssertionError, match="credential_id"):
        GENERATE["inventory"]()


def test_every_edge_of_an_approval_stands_in_its_table() -> None:
    changes = len([after for (before, _), after in approvals.TRANSITIONS.items() if after is not before])
    shown = GENERATE["transitions"]()
    assert shown.count("**") == 2 * changes
    assert shown.count("stays ") == len(approvals.TRANSITIONS) - changes
    assert shown.count("refused: ") == len(approvals.State) * len(approvals.Event) - len(approvals.TRANSITIONS)


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(package for extra in project["optional-dependencies"].values() for package in extra)]
    names = {re.split(r"[^\w-]", package)[0] for package in asked} - {project["name"]}
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \| \S", page, re.MULTILINE)) == names
