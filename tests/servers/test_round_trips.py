"""What the documentation says a step costs is what it costs on a real PostgreSQL: one statement for each call, transaction control included."""

from __future__ import annotations

import re
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from sqlalchemy import delete

from credkit.stores.sqlalchemy import SqlStores
from credkit.stores.sqlalchemy.schema import TABLES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def steps(postgres_server: Any) -> dict[str, Any]:
    stores = SqlStores.from_url(postgres_server.url).create()
    for table in (TABLES.identifier, TABLES.credential, TABLES.record):
        stores._engines.transaction(lambda connection, table=table: connection.execute(delete(table)))
    measured: dict[str, Any] = run_path(str(DOCS / "round_trips.py"))["measured"](stores)
    stores.close()
    return measured


def test_every_call_is_one_statement(steps: dict[str, Any]) -> None:
    assert {name: step.statements for name, step in steps.items()} == {name: sum(step.calls.values()) for name, step in steps.items()}


def test_the_page_says_so(steps: dict[str, Any]) -> None:
    """Its table is counted on SQLite."""
    page = (DOCS / "stores.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| .+ \| (\d+) \| \d+ \|$", page, re.MULTILINE)
    assert {name: int(statements) for name, statements in rows} == {name: step.statements for name, step in steps.items()}


@pytest.mark.parametrize(
    ("step", "most"),
    [
        ("`sign_in.with_password`", 4),
        ("`reset.begin`", 2),
        ("`reset.verify`", 3),
        ("`reset.verify`, a wrong code", 5),  # 3, and 2 for the count of the site
        ("`reset.complete`, none typed that day", 5),
    ],
)
def test_a_step_costs_no_more_than_was_promised(steps: dict[str, Any], step: str, most: int) -> None:
    assert steps[step].statements <= most
