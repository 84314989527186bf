"""What the pages show works, what they point at exists, and every journey has its page."""
# ruff: noqa: D103  # a test's name states the behaviour

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credkit.testing import kit_for_tests

DOCS = Path(__file__).parent
README = DOCS.parent / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]

FENCES = {"python", "sh", "html", "text"}
"""python is run. sh is for a terminal, html for a browser; text says in its first line why it is not run."""


def fences(page: Path) -> list[tuple[str, str]]:
    """Return the language and the content of each block of a page."""
    return re.findall(r"^ *```(\S*)\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def anchor(heading: str) -> str:
    """Return a heading as links name it."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_of_a_page_runs(page: Path, run_page: Callable[[Path], int]) -> None:
    shown = [language for language, _ in fences(page)]
    assert run_page(page) == shown.count("python")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_that_is_not_run_says_why(page: Path) -> None:
    assert {language for language, _ in fences(page)} <= FENCES
    assert [content for language, content in fences(page) if language == "text" and not content.startswith("(")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost: list[str] = []
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, part = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE) if file.suffix == ".md" and file.exists() else []
        if not file.exists() or (part and part not in map(anchor, headings)):
            lost.append(target)
    assert lost == []


def _shown(name: str, call: str, what: object) -> str:
    return f"kit.{name}.{call}" + ("" if isinstance(what, property) else "(")


def test_every_journey_has_a_page_named_as_its_flow_and_each_call_is_on_it() -> None:
    kit = kit_for_tests().kit
    flows = {name: type(flow) for name, flow in vars(kit).items() if type(flow).__module__.startswith("credkit.flows.") and not name.startswith("_")}
    assert len(flows) >= 6
    missing = [
        f"{name}.{call}"
        for name, flow in flows.items()
        for call, what in vars(flow).items()
        if not call.startswith("_") and _shown(name, call, what) not in (DOCS / f"{flow.__module__.rpartition('.')[2]}.md").read_text(encoding="utf-8")
    ]
    assert missing == []


def test_the_index_leads_to_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if page.name != "index.md" and f"]({page.name})" not in index] == []


def test_forms_are_labelled_for_password_managers_and_phones() -> None:
    """PW-25, HO-08: what autofill looks for, and nothing that hinders it."""
    (form,) = [content for language, content in fences(DOCS / "web.md") if language == "html"]
    for label in ("username", "one-time-code", "current-password", "new-password"):
        assert f'autocomplete="{label}"' in form
    assert 'inputmode="numeric"' in form
    assert not re.search(r'type="number"|maxlength|pattern=|onpaste', form)


def test_a_whole_reset_is_tested_in_under_fifteen_lines() -> None:
    (shown,) = [content for language, content in fences(DOCS / "testing.md") if "def test_a_reset" in content]
    (function,) = [node for node in ast.parse(shown).body if isinstance(node, ast.FunctionDef)]
    assert (function.end_lineno or 0) - function.lineno + 1 < 15


def test_a_contract_test_of_a_host_has_under_ten_lines_and_runs(tmp_path: Path) -> None:
    (shown,) = [content for language, content in fences(DOCS / "testing.md") if "(RecordStoreContract)" in content]
    assert len([line for line in shown.splitlines() if line]) < 10
    (tmp_path / "test_host.py").write_text(shown, encoding="utf-8")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    program = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path / "test_host.py")]
    done = subprocess.run(  # noqa: S603  # this Python and this page
        program, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert re.search(r"52 passed, 3 skipped", done.stdout), done.stdout + done.stderr


def test_the_schedule_that_the_page_shows_is_the_one_that_is_printed(run_page: Callable[[Path], int], capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = [content for language, content in fences(DOCS / "testing.md") if content.startswith("(what the block above prints)")]
    run_page(DOCS / "testing.md")
    assert shown.partition("\n\n")[2] in capsys.readouterr().out
