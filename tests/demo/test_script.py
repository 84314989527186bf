"""The scripted walk: it shows what it must show, ends with 0, and ends with 1 as soon as a step does not do what it should."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from credkit import demo
from credkit.__main__ import main
from credkit.credential import Credential
from credkit.errors import Busy
from credkit.flows import challenges
from credkit.flows.account_settings import AccountSettings
from credkit.flows.admin import Admin
from credkit.flows.approvals import Approvals
from credkit.flows.changes import Changed, Ended
from credkit.flows.courier import Courier
from credkit.flows.password_change import PasswordChange
from credkit.flows.password_reset import PasswordReset
from credkit.flows.sign_in import SignIn
from credkit.identifiers import parse_identifier
from credkit.kit import Credkit
from credkit.otp import Challenge, Decision, Verdict
from credkit.testing import cheap_hasher
from demo.terminal import environment

FACTS = [
    'ok: refused: a password that is too short and too common: "',
    "ok: the sign-in serves two accounts",
    "ok: refused: the sign-up's code on the reset's ticket: \"That code is not right.\"",
    "ok: it holds for both accounts",
    "ok: the same call again, as after a lost reply, says the same and changes nothing",
    'ok: refused: the spent grant with another password: "',
    'ok: refused: the old password: "',
    "ok: the session from before the reset has ended",
    "ok: the new password signs in to account second-shop",
    'ok: refused: opening before she has approved: "',
    "ok: looking decides nothing",
    "ok: the number is hers once its code has come back",
    'ok: refused: one more edit after Done: "',
    "the page behind the link shows: email Ada.Lovelace@example.com to ada@lovelace.example.com",
    'ok: refused: going on after she has denied it: "',
    'ok: refused: the link alone: "',
    "ok: with a code to the number, which nothing has touched, the address is back",
    "ok: every session has ended",
    'ok: refused: the same link again: "',
    'ok: refused: any change meanwhile: "',
    "ok: she objects by text message, the shop decides for her, and the number stays",
    "ok: nothing was sent",
    "All steps did what they should.",
]
"""What the script must show, in this order."""


def test_the_script_shows_every_fact_and_ends_with_0() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "credkit", "demo", "--script"],
        capture_output=True,
        text=True,
        env=environment(),
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    place = 0
    for fact in FACTS:
        place = done.stdout.find(fact, place)
        assert place >= 0, f"{fact!r} is missing, or not where it should be"
    assert done.stdout.count("ok: the new password signs in to account") == 2
    for password in ("nine grey herons wade", "four loud kettles sing", "six brown otters swim"):
        assert password not in done.stdout


@pytest.fixture
def cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make hashing cost nothing: in this process it is the steps that count."""
    monkeypatch.setattr(demo, "Credkit", lambda **settings: Credkit(**settings, hasher=cheap_hasher()))


def accept_any_code(challenge: Challenge, *_: object, now: datetime, grant_id: str, **_rest: object) -> Decision:
    return Decision(Verdict.RIGHT, replace(challenge, verified_at=now, grant_id=grant_id))


def change_nothing(flow: PasswordReset, *_: object, **_rest: object) -> Changed:
    credential = flow._flow._shell.credentials.store.find(parse_identifier("ada.lovelace@example.com"))  # type: ignore[attr-defined]
    return Changed(credential=credential, session_epoch=credential.session_epoch, ended=Ended.ALL)


def link_nothing(admin: Admin, credential_id: str, account: str, *, actor: str) -> Credential:
    credential: Credential = admin._flow._shell.credentials.store.get(credential_id)  # type: ignore[attr-defined]
    return credential


def say_yes(*_: object, **_rest: object) -> bool:
    return True


async def nothing(*_: object, **_rest: object) -> None:
    """Do nothing."""


def refuse(*_: object, **_rest: object) -> None:
    raise Busy


BROKEN: dict[str, tuple[Any, str, Any, str]] = {
    "any code is right": (challenges, "judge", accept_any_code, "the sign-up's code on the reset's ticket was not refused; code_wrong was due"),
    "a reset changes nothing": (PasswordReset, "complete", change_nothing, "the current password as the new one was not refused; password_refused was due"),
    "sessions never end": (SignIn, "holds", say_yes, "it should be that the session from before the reset has ended"),
    "linking does nothing": (Admin, "link", link_nothing, "it should be that the sign-in serves two accounts"),
    "no message comes": (Courier, "run_due", say_yes, "no message with a code came"),
    "a window stays open": (Approvals, "done", nothing, "one more edit after Done was not refused; approval_over was due"),
    "a denial denies nothing": (AccountSettings, "deny", say_yes, "going on after she has denied it was refused as approval_pending; approval_denied was due"),
    "a step is refused": (PasswordChange, "change", refuse, "refused, which was not due: We are busy. Try again in a moment. [busy]"),
}
"""What is broken, by what, and what the script then says."""


@pytest.mark.usefixtures("cheaply")
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_step_ends_the_script_with_1(broken: tuple[Any, str, Any, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    owner, name, replacement, said = broken
    monkeypatch.setattr(owner, name, replacement)
    assert main(["demo", "--script"]) == 1
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == f"    FAILED: {said}"
    assert "All steps" not in shown


@pytest.mark.usefixtures("cheaply")
def test_the_script_leaves_a_file_that_is_there_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.sqlite"
    assert main(["demo", "--script", "--file", str(kept)]) == 0
    before = kept.read_bytes()
    assert main(["demo", "--script", "--file", str(kept)]) == 1
    assert "name a file that is not there yet" in capsys.readouterr().out
    assert kept.read_bytes() == before


def test_a_file_that_cannot_be_made_is_said_with_its_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--script", "--file", str(tmp_path / "nowhere" / "kept.sqlite")]) == 1
    assert "unable to open database file" in capsys.readouterr().err
