"""What credkit offers is what `__all__` says, every name of it is explained, and the first names a host meets stay."""

from __future__ import annotations

import ast
import importlib
import re

from structure.source import PACKAGE, Module, all_of, modules

FROZEN = ("AsyncCredkit", "Context", "Credential", "Credkit", "KeyRing", "Paths", "Policy", "Refused", "Session", "Site")
"""The names a host starts with. Taking one away breaks every host, so it is done here first, in plain sight."""

OPTIONAL = frozenset({"django", "sqlalchemy", "valkey"})
"""Backends that a store module may need and that need not be installed where the suite runs."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public_modules() -> list[Module]:
    return [module for module in modules() if module.is_public]


def definitions(tree: ast.Module | ast.ClassDef) -> list[Definition]:
    return [node for node in tree.body if isinstance(node, Definition) and not node.name.startswith("_")]


def in_order(names: list[str]) -> list[str]:
    """Sort as ruff's RUF022 does: CONSTANTS, then Classes, then the rest, numbers by value."""

    def key(name: str) -> tuple[int, list[tuple[int, str]]]:
        group = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
        return group, [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]

    return sorted(names, key=key)


def problems_of_all(module: Module) -> list[str]:
    """Return what is wrong with the module's `__all__`."""
    offered, defined = all_of(module.tree), [node.name for node in definitions(module.tree)]
    only_a_charter = all(isinstance(node, ast.Expr) or (isinstance(node, ast.ImportFrom) and node.module == "__future__") for node in module.tree.body)
    if offered is None:
        return [] if only_a_charter else [f"{module.name} has no __all__ that is a plain list of names"]
    problems = [f"{module.name}.__all__ lacks {name}, which is public and defined there" for name in defined if name not in offered]
    if offered != in_order(offered) or len(set(offered)) < len(offered):
        problems.append(f"{module.name}.__all__ is not sorted, or names something twice; sorted it is {in_order(list(set(offered)))}")
    return problems


def problems_of_names(module: Module) -> list[str]:
    """Return the names that the module offers and does not have, by importing it."""
    try:
        loaded = importlib.import_module(module.name)
    except ModuleNotFoundError as missing:
        return [] if (missing.name or "").split(".")[0] in OPTIONAL else [f"{module.name} cannot be imported: {missing}"]
    except Exception as error:  # noqa: BLE001  # whatever it is, the other modules are to be reported too
        return [f"{module.name} cannot be imported: {error!r}"]
    return [f"{module.name}.__all__ names {name}, which is not there" for name in all_of(module.tree) or () if not hasattr(loaded, name)]


def unexplained(where: str, tree: ast.Module | ast.ClassDef) -> list[str]:
    """Return the public classes, functions and methods without a docstring, each once, also where they are overloaded."""
    found: list[str] = []
    for node in definitions(tree):
        name = f"{where}.{node.name}"
        if ast.get_docstring(node) is None and not _explained_elsewhere(node):
            found.append(f"{name} (line {node.lineno}) has no docstring")
        if isinstance(node, ast.ClassDef):
            found += unexplained(name, node)
    return found


def _explained_elsewhere(node: Definition) -> bool:
    """Whether this is an overload or a setter, whose docstring stands at the function or the getter."""
    named = [decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "") for decorator in node.decorator_list]
    return bool({"overload", "setter", "deleter"} & set(named))


def test_every_public_module_lists_what_it_offers() -> None:
    problems = [problem for module in public_modules() for problem in problems_of_all(module)]
    assert not problems, "\n".join(problems)


def test_every_name_that_is_offered_exists() -> None:
    problems = [problem for module in public_modules() for problem in problems_of_names(module)]
    assert not problems, "\n".join(problems)


def test_the_names_a_host_starts_with_are_there() -> None:
    package = importlib.import_module(PACKAGE)
    assert set(FROZEN) <= set(getattr(package, "__all__", ()))
    assert [name for name in FROZEN if not hasattr(package, name)] == []


def test_everything_public_has_a_docstring() -> None:
    """Also what lies in a private module, if a public one hands it on."""
    offered = {name for module in public_modules() for name in all_of(module.tree) or ()}
    problems: list[str] = []
    for module in modules():
        found = unexplained(module.name, module.tree)
        problems += found if module.is_public else [problem for problem in found if problem.removeprefix(f"{module.name}.").split()[0].split(".")[0] in offered]
    assert not problems, "\n".join(problems)


def test_every_module_has_a_charter() -> None:
    """At least one sentence on what the file decides, private modules included."""
    without = [module.name for module in modules() if not re.match(r"\S+(\s+\S+){2,}?.*[.:?!]", ast.get_docstring(module.tree) or "", re.DOTALL)]
    assert not without, f"begin these with a docstring that says what they decide: {without}"


def test_a_class_or_method_without_docstring_is_found() -> None:
    tree = ast.parse('class A:\n    "Explained."\n    def go(self): ...\n    def _hidden(self): ...\ndef f(): ...\n')
    assert unexplained("m", tree) == ["m.A.go (line 3) has no docstring", "m.f (line 5) has no docstring"]


def test_names_are_sorted_as_ruff_sorts_them() -> None:
    assert in_order(["frame", "Part", "EPOCH", "v10", "v9", "MARK_LIFETIME", "MARKS"]) == ["EPOCH", "MARKS", "MARK_LIFETIME", "Part", "frame", "v9", "v10"]
