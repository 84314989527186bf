"""Imports go down only, in no circle, and nothing heavy is loaded by importing credkit. The floors are drawn here."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from structure.source import PACKAGE, graph, imports, modules, package_folder

FLOORS: dict[int, tuple[str, ...]] = {
    0: ("context", "errors", "framing", "keys", "payloads", "per_process", "sealing", "secret", "site"),
    1: ("budgets", "identifiers", "passwords"),
    2: (
        "approvals",
        "breaches",
        "chances",
        "credential",
        "devices",
        "edits",
        "events",
        "grants",
        "history",
        "messages",
        "otp",
        "outbox",
        "policy",
        "sign_in_help",
        "sms",
        "tickets",
    ),
    3: ("delivery", "hashing", "lifting", "ports", "records"),
    4: ("flows", "notifiers", "observers", "stores"),
    5: ("kit",),
    6: ("__init__", "__main__", "demo", "testing"),
}
"""Each module or package directly under credkit, by floor; a package brings all that is in it."""

REQUIRED = ("argon2", "email_validator", "phonenumbers")
"""What credkit depends on, and imports on first use only."""

HEAVY = ("asyncio", "concurrent.futures", "sqlite3")
"""Parts of the standard library that cost tens of milliseconds, or that a blocking host never needs."""

EAGER: dict[tuple[str, str], str] = {
    ("credkit.stores.sqlite", "sqlite3"): "the module is about nothing else, and nothing imports it for the host",
    ("credkit.testing.fixtures", "pytest"): "the module is about nothing else, and nothing imports it for the host",
    ("credkit.testing.machine", "hypothesis"): "the module is about nothing else, and nothing imports it for the host",
    ("credkit.testing.strategies", "hypothesis"): "the module is about nothing else, and nothing imports it for the host",
    ("credkit.stores.sqlalchemy", "sqlalchemy"): "as above",
    ("credkit.stores.sqlalchemy.credentials", "sqlalchemy"): "as above",
    ("credkit.stores.sqlalchemy.engines", "sqlalchemy"): "as above",
    ("credkit.stores.sqlalchemy.records", "sqlalchemy"): "as above",
    ("credkit.stores.sqlalchemy.schema", "sqlalchemy"): "as above",
    ("credkit.stores.valkey", "valkey"): "as above",
}
"""(module, what it imports at once): why it may."""


def floor_of(module: str) -> int | None:
    """Return the floor that the module stands on, or `None` if nobody has put it on one."""
    top = "__init__" if module == PACKAGE else module.split(".")[1]
    return next((floor for floor, names in FLOORS.items() if top in names), None)


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def climbing(edges: dict[str, dict[str, int]]) -> list[str]:
    """Return every import that goes up."""
    problems: list[str] = []
    for module, targets in edges.items():
        for target, line in targets.items():
            mine, theirs = floor_of(module), floor_of(target)
            if mine is not None and theirs is not None and theirs > mine:
                problems.append(f"{module}:{line} (floor {mine}) imports {target} (floor {theirs})")
    return problems


def test_every_module_stands_on_a_floor() -> None:
    homeless = [module.name for module in modules() if floor_of(module.name) is None]
    assert not homeless, f"say in FLOORS of {__name__} which floor these stand on: {homeless}"


def test_no_module_stands_on_two_floors() -> None:
    names = [name for floor in FLOORS.values() for name in floor]
    assert len(names) == len(set(names))


def test_every_module_that_is_imported_exists() -> None:
    everything = modules()
    names = {module.name for module in everything}
    missing = [f"{module}:{line} imports {target}" for module, targets in graph(everything).items() for target, line in targets.items() if target not in names]
    assert not missing, "\n".join(missing)


def test_imports_go_down_or_stay_on_the_floor() -> None:
    problems = climbing(graph(modules()))
    assert not problems, "\n".join(problems)


def test_imports_form_no_circle() -> None:
    """This is what allows neighbours on one floor: they may use each other in one direction. Imports inside functions count."""
    try:
        TopologicalSorter({module: set(targets) for module, targets in graph(modules()).items()}).prepare()
    except CycleError as error:
        pytest.fail("imports in a circle: " + " <- ".join(error.args[1]))


def test_an_import_that_goes_up_is_found() -> None:
    assert climbing({"credkit.otp": {"credkit.kit": 7}}) == ["credkit.otp:7 (floor 2) imports credkit.kit (floor 5)"]


def test_nothing_heavy_or_foreign_is_imported_at_the_top_of_a_module() -> None:
    eager = {
        (module.name, found.target): found.line
        for module in modules()
        for found in imports(module)
        if found.at_import_time and _is_costly(found.target) and not _is_allowed(module.name, found.target)
    }
    problems = [f"{module}:{line} imports {target} when it is imported; do it in the function that needs it" for (module, target), line in eager.items()]
    assert not problems, "\n".join(problems)


def _is_costly(target: str) -> bool:
    top = target.partition(".")[0]
    foreign = top not in sys.stdlib_module_names and top != PACKAGE
    return foreign or any(target == heavy or target.startswith(f"{heavy}.") for heavy in HEAVY)


def _is_allowed(module: str, target: str) -> bool:
    return any(module == allowed and (target == what or target.startswith(f"{what}.")) for allowed, what in EAGER)


def test_every_exception_is_still_needed() -> None:
    by_name = {module.name: module for module in modules()}
    idle = [
        f"{name} no longer imports {what} at once; take it out of EAGER"
        for name, what in EAGER
        if name in by_name and not any(found.at_import_time and (found.target + ".").startswith(f"{what}.") for found in imports(by_name[name]))
    ]
    assert not idle, "\n".join(idle)


def loaded_by(statement: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has loaded after the statement."""
    program = f"import sys; sys.path.insert(0, {str(package_folder().parent)!r})\n{statement}\nimport json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_importing_credkit_loads_nothing_heavy() -> None:
    assert loaded_by("import credkit") & {*REQUIRED, *HEAVY} == set()


def test_importing_the_kit_loads_no_dependency() -> None:
    assert loaded_by("from credkit import Credkit") & set(REQUIRED) == set()
