"""The walk by hand, on a real terminal: every mistake is answered with its reason, no password is shown, and leaving is always polite."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from credkit import demo
from credkit.kit import Credkit
from credkit.testing import FrozenClock, cheap_hasher
from demo.terminal import Terminal, newest_code

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

OLD, NEW, WRONG, WHOLE = "nine grey herons wade", "four loud kettles sing", "six brown otters swim", "adaadaadaada@example.com"
WHO, CODE, CHOOSE, AGAIN, PASSWORD = "Email or mobile number", "Code: ", "New password", "The same again", "Password (not shown"


def sign_up(terminal: Terminal, identifier: str) -> None:
    terminal.answer(WHO, identifier)
    terminal.expect(CODE)
    terminal.type(terminal.code())
    for prompt in (CHOOSE, AGAIN):
        terminal.answer(prompt, OLD)
    terminal.expect("You have signed up.")


def newest_link(screen: str) -> str:
    return re.findall(r"https://\S+#\S+", screen)[-1]


def number_in(screen: str) -> str:
    return re.findall(r"shows the number (\d{4})", screen)[-1]


def wrong(number: str) -> str:
    return f"{(int(number) + 1) % 10000:04}"


def change_settings(terminal: Terminal) -> None:
    terminal.expect("5. Change how you sign in")
    terminal.answer("New email or mobile number", "07400")
    terminal.expect("[phone_invalid]")
    terminal.answer("New email or mobile number", "+1 415 555 2671")
    terminal.answer("Link: ", "the wrong thing")
    terminal.expect("[approval_invalid]")
    terminal.answer("Link: ", newest_link(terminal.screen))
    terminal.expect("from this terminal: new phone +1 415 555 2671")
    terminal.answer("The number that is shown", wrong(number_in(terminal.screen)))
    terminal.expect("[match_code_wrong]")
    terminal.answer("The number that is shown", number_in(terminal.screen))
    terminal.expect("Approved.")
    terminal.expect("text message")
    terminal.answer(CODE, terminal.code())
    terminal.expect("You sign in with Ada@example.com and +1 415 555 2671 now")


def test_the_whole_walk_with_every_mistake_on_the_way() -> None:
    with Terminal("demo") as terminal:
        terminal.expect("1. Sign up")
        for typed, reason in (("", "identifier_empty"), ("ada", "identifier_unrecognised"), ("ada@", "email_invalid"), ("415 555", "phone_invalid")):
            terminal.answer(WHO, typed)
            terminal.expect(f"[{reason}]")
        terminal.answer(WHO, "Ada@example.com")
        terminal.expect("To: Ada@example.com")
        terminal.expect("If a***@example.com can get a code")
        for typed, reason in (("hello", "code_malformed"), ("0000 0000", "code_wrong"), ("", "resend_too_soon")):
            terminal.answer(CODE, typed)
            terminal.expect(f"[{reason}]")
        assert "(4 more tries.) [code_wrong]" in terminal.screen
        assert "seconds to wait.) [resend_too_soon]" in terminal.screen
        terminal.answer(CODE, terminal.code())
        terminal.expect("At least 15 characters")
        for first, second, said in (
            (OLD, WRONG, "The two are not the same."),
            ("ada@example.com", "ada@example.com", "[password_refused]"),
            (OLD, OLD, "signed up"),
        ):
            terminal.answer(CHOOSE, first)
            terminal.answer(AGAIN, second)
            terminal.expect(said)

        terminal.expect("2. Sign in")
        terminal.answer(f"{WHO} [Ada@example.com]", "")
        terminal.answer(PASSWORD, WRONG)
        terminal.expect("[sign_in_failed]")
        terminal.answer(WHO, " ADA@example.com ")
        terminal.answer(PASSWORD, OLD)
        terminal.expect("You are signed in.")

        terminal.expect("3. Suppose you have forgotten the password")
        terminal.answer(WHO, "")
        terminal.expect("Your code to set a new password")
        terminal.answer(CODE, terminal.code())
        for said in (OLD, NEW):
            terminal.answer(CHOOSE, said)
            terminal.answer(AGAIN, said)
        terminal.expect("Your Example password was reset")

        terminal.expect("4. Sign in with the new password")
        terminal.answer(WHO, "")
        terminal.answer(PASSWORD, OLD)
        terminal.expect("[sign_in_failed]")
        terminal.answer(WHO, "")
        terminal.answer(PASSWORD, NEW)

        change_settings(terminal)
        terminal.expect("Done. You are signed in to account")
        assert terminal.end() == 0
    assert [password for password in (OLD, NEW, WRONG) if password in terminal.screen] == []
    assert "Traceback" not in terminal.screen
    assert "Warning" not in terminal.screen


def test_a_mobile_number_gets_a_text_message_and_a_code_too_often_wrong_begins_the_step_again() -> None:
    with Terminal("demo", "--region", "gb") as terminal:
        terminal.answer(WHO, "07400 123456")
        terminal.expect("text message")
        terminal.expect("If ***56 can get a code")
        for _ in range(5):
            terminal.answer(CODE, "0000")
        terminal.expect("[code_exhausted]")
        terminal.answer(WHO, "(415) 555-2671")  # another country's, without its code
        terminal.expect("[phone_invalid]")
        terminal.answer(WHO, "+1 415 555 2671")
        terminal.expect(CODE)
        terminal.type(terminal.code())
        terminal.expect("That was right")
        terminal.expect(CHOOSE)
        assert terminal.leave() == 130


@pytest.mark.parametrize("prompt", [WHO, CODE, CHOOSE])
@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x04", 1)], ids=["Ctrl-C", "end of input"])
def test_leaving_is_polite_at_every_prompt(prompt: str, key: str, status: int) -> None:
    with Terminal("demo") as terminal:
        terminal.expect(WHO)
        if prompt != WHO:
            terminal.type("ada@example.com")
            terminal.expect(CODE)
        if prompt == CHOOSE:
            terminal.type(terminal.code())
            terminal.expect(CHOOSE)
        terminal.type("", key)
        terminal.expect("Stopped.")
        assert terminal.end() == status
    assert "Traceback" not in terminal.screen


def test_a_kept_file_is_found_again_by_the_next_walk(tmp_path: Path) -> None:
    kept = tmp_path / "kept.sqlite"
    with Terminal("demo", "--file", str(kept)) as terminal:
        sign_up(terminal, "ada@example.com")
        terminal.expect(WHO)
        assert terminal.leave() == 130
    assert (tmp_path / "kept.sqlite.keys").stat().st_mode & 0o777 == 0o600
    with Terminal("demo", "--file", str(kept)) as terminal:
        terminal.expect("This file is from an earlier walk.")
        terminal.answer(WHO, "bob@example.com")
        terminal.answer(CODE, "back")
        terminal.answer(WHO, "")
        terminal.expect("2. Sign in")
        terminal.answer(WHO, "ada@example.com")
        terminal.answer(PASSWORD, OLD)
        terminal.expect("You are signed in.")
        terminal.expect(WHO)
        assert terminal.leave() == 130


# In this process, with hashing that costs nothing and a clock that can be moved: the ways that take many tries or much time -----------


@dataclass
class Typist:
    """Types line by line what a person would; a callable among the lines gives the line when it is due. Ends with the end of input."""

    clock: FrozenClock
    lines: Iterator[str | Callable[[], str]]
    output: Callable[[], str]
    screen: str = ""

    def readline(self) -> str:
        """Be standard input."""
        self.screen += self.output() + "\n"
        line = next(self.lines, None)
        if line is None:
            return ""
        return (line if isinstance(line, str) else line()) + "\n"

    def hidden(self, prompt: str) -> str:
        self.screen += self.output() + prompt
        return self.readline().rstrip("\n")

    def code(self) -> str:
        return newest_code(self.screen)

    def a_minute_later(self) -> str:
        self.clock.advance(seconds=61)
        return ""


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return what walks with a typist, and returns the screen."""
    clock = FrozenClock()
    typist = Typist(clock, iter([]), lambda: capsys.readouterr().out)

    def cheap(**settings: object) -> Credkit:
        return Credkit(**settings, hasher=cheap_hasher(), clock=clock)  # type: ignore[arg-type]

    monkeypatch.setattr(demo, "Credkit", cheap)
    monkeypatch.setattr(sys, "stdin", typist)
    monkeypatch.setattr(getpass, "getpass", typist.hidden)

    def walk_with(lines: Callable[[Typist], list[str | Callable[[], str]]], file: Path | None = None) -> str:
        typist.lines, typist.screen = iter(lines(typist)), ""
        demo.walk(file, "US")
        return typist.screen + capsys.readouterr().out

    return walk_with


def test_wrong_passwords_do_not_end_the_walk(walk: Callable[..., str]) -> None:
    """Sign-in closes for a while, and the reset does not (F10). It lifts no limit that a stranger could see lifted (F13)."""
    guesses = ["", WRONG] * 5
    screen = walk(lambda typist: ["ada@example.com", typist.code, OLD, OLD, *guesses, "", typist.code, NEW, NEW, "", NEW])
    assert screen.count("[sign_in_failed]") == 4
    assert screen.count("[too_many_tries]") == 2
    assert "Wrong passwords never close the way back in, so let us go on." in screen
    assert screen.endswith("The new password is set all the same, and will work then.\n")


def test_a_walk_whose_end_is_closed_for_a_while_says_so_and_ends(walk: Callable[..., str]) -> None:
    guesses = ["", WRONG] * 11
    screen = walk(lambda typist: ["ada@example.com", typist.code, OLD, OLD, "", OLD, "", typist.code, NEW, NEW, *guesses])
    assert screen.count("[too_many_tries]") == 1
    assert screen.endswith("The new password is set all the same, and will work then.\n")


def test_an_address_that_nobody_has_leads_back_to_the_question(walk: Callable[..., str]) -> None:
    screen = walk(
        lambda typist: ["ada@example.com", typist.code, OLD, OLD, "", OLD, "bob@example.com", "0000 0000", " Back ", "", typist.code, NEW, NEW, "", NEW, ""]
    )
    assert "If b***@example.com can get a code" in screen
    assert "To: bob@example.com" not in screen
    assert "Done. You are signed in to account" in screen


def test_a_change_that_is_denied_on_the_other_device_changes_nothing(walk: Callable[..., str]) -> None:
    screen = walk(
        lambda typist: [
            *["ada@example.com", typist.code, OLD, OLD, "", OLD, "", typist.code, NEW, NEW, "", NEW],
            *["(415) 555-2671", lambda: f"deny {newest_link(typist.screen)}"],
        ]
    )
    assert "Denied. Nothing was changed" in screen
    assert "A change of your sign-in at Example was denied" in screen
    assert "You sign in with" not in screen
    assert "Done. You are signed in to account" in screen


def test_a_message_that_had_to_wait_comes_with_an_empty_line_a_minute_later(walk: Callable[..., str]) -> None:
    """Begun again with the same address, as after too many wrong codes: the second message is deferred, never dropped (F12)."""
    screen = walk(lambda typist: ["ada@example.com", "back", "ada@example.com", "", typist.a_minute_later, typist.code, OLD, OLD])
    assert screen.count("[resend_too_soon]") == 1
    assert screen.count("Your code to confirm this is yours") == 3
    assert "You have signed up." in screen


def test_who_has_signed_up_before_is_told_by_the_message_and_not_by_the_page(walk: Callable[..., str], tmp_path: Path) -> None:
    # SI-08
    kept = tmp_path / "kept.sqlite"
    walk(lambda typist: ["ada@example.com", typist.code, OLD, OLD], kept)
    screen = walk(lambda typist: ["ada@example.com", "", typist.a_minute_later, "back", "", "ada@example.com", OLD], kept)
    assert "You already have a sign-in there" in screen
    assert "If a***@example.com can get a code" in screen
    assert "You are signed in." in screen
