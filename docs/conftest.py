"""How these pages are run: each from its first block to its last, in one namespace, in an empty folder, as a reader would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

PYTHON = Sybil(parsers=[PythonCodeBlockParser()])


@pytest.fixture
def run_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path], int]:
    """Return what runs a page and says how many blocks it has.

    A page is one test and not one test a block, because blocks build on each other and pytest-xdist hands tests out one by one.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREDKIT_KEYS", "docs:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")

    def run(page: Path) -> int:
        examples = list(PYTHON.parse(page))
        for example in examples:
            example.evaluate()
        return len(examples)

    return run
