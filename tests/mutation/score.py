"""How many small faults in the pure modules and in the transaction the suite notices: ``python tests/mutation/score.py [module ...]``.

Each mutant is one change to one expression or statement, made in a copy of the tree; the tests of the module are run against it until one
fails. What survives is printed; `README.md` beside this file says of each survivor why it may. Not mutated: text, annotations, docstrings,
and `__repr__`.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

TESTS: dict[str, list[list[str]]] = {
    "budgets": [["tests/unit/test_budgets.py"], ["tests/properties/test_budgets.py"], ["tests/flows/test_metering.py"]],
    "otp": [["tests/unit/test_otp.py"], ["tests/properties/test_otp.py"], ["tests/flows/test_challenges.py"]],
    "approvals": [["tests/unit/test_approvals.py"], ["tests/properties/test_approvals.py"], ["tests/flows/test_account_settings.py"]],
    "history": [["tests/unit/test_history.py"], ["tests/properties/test_history.py"], ["tests/flows/test_undo.py"]],
    "credential": [
        ["tests/unit/test_credential.py"],
        ["tests/flows/test_changes.py", "tests/flows/test_password_reset.py", "tests/flows/test_compromised.py"],
        ["tests/flows/test_reminder.py"],
    ],
    "flows/transaction": [["tests/flows/test_transaction.py"], ["tests/interleavings/test_transaction.py"]],
}
"""By module: what is run against a mutant of it, one list after the other until something fails."""

PATIENCE = 240
"""Seconds; a mutant that takes longer loops, and counts as noticed."""

SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}

NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change."""

    line: int
    text: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.expr | ast.stmt) or _is_left_alone(tree, node):
            continue
        for text, change in changes(node):
            mutated = deepcopy(tree)
            changed = list(ast.walk(mutated))[number]
            replacement = change(changed)
            if replacement is not changed:
                _Put(changed, replacement).visit(mutated)
            yield Mutant(node.lineno, f"{ast.unparse(node).splitlines()[0][:90]}   ->   {text}", ast.unparse(ast.fix_missing_locations(mutated)))


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _is_left_alone(tree: ast.Module, node: ast.AST) -> bool:
    """Whether it is part of an annotation, a docstring, `__all__`, an import or a `__repr__`."""
    return id(node) in _left_alone(tree)


_CACHE: dict[int, set[int]] = {}


def _left_alone(tree: ast.Module) -> set[int]:
    if id(tree) not in _CACHE:
        apart: list[ast.AST] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                apart += [arg.annotation for arg in [*node.args.args, *node.args.kwonlyargs] if arg.annotation]
                apart += [node.returns] if node.returns else []
                apart += node.decorator_list
                apart += [node] if node.name == "__repr__" else []
            elif isinstance(node, ast.ClassDef):
                apart += [*node.decorator_list, *node.bases]
            elif isinstance(node, ast.AnnAssign):
                apart.append(node.annotation)
            elif _is_all_or_docstring(node):
                apart.append(node)
        _CACHE[id(tree)] = {id(inner) for outer in apart for inner in ast.walk(outer)}
    return _CACHE[id(tree)]


def _is_all_or_docstring(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.Expr(value=ast.Constant()):
            return True
        case _:
            return False


Change = Callable[[ast.AST], ast.AST]


def changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Yield what can be changed in a node, each with what to call it."""
    match node:
        case ast.Compare():
            places = [place for place, operator in enumerate(node.ops) if type(operator) in SWAPS]
            yield from ((SWAPS[type(node.ops[place])].__name__, _swapping_comparison(place)) for place in places)
        case ast.BinOp() | ast.BoolOp() if type(node.op) in SWAPS:
            yield SWAPS[type(node.op)].__name__, _swapping
        case ast.UnaryOp(op=ast.Not(), operand=ast.expr()):
            yield "without not", lambda found: found.operand  # type: ignore[attr-defined]
        case ast.Constant(value=bool() as value):
            yield str(not value), lambda _: ast.Constant(value=not value)
        case ast.Constant(value=int() as value):
            yield str(value + 1), lambda _: ast.Constant(value=value + 1)
        case ast.Name(id=name, ctx=ast.Load()) if name in NAMES:
            yield NAMES[name], lambda _: ast.Name(id=NAMES[name], ctx=ast.Load())
        case ast.If() | ast.IfExp():
            yield "the opposite condition", _negating
        case ast.Return(value=ast.expr() as value) if not _is_constant(value, None):
            yield "return None", lambda _: ast.Return(value=ast.Constant(value=None))
        case ast.Raise() | ast.AugAssign() | ast.Continue() | ast.Break() | ast.Expr(value=ast.Call() | ast.Await()):
            yield "nothing", lambda _: ast.Pass()
        case _:
            return


def _is_constant(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _swapping_comparison(place: int) -> Change:
    def change(found: ast.AST) -> ast.AST:
        assert isinstance(found, ast.Compare)
        found.ops[place] = SWAPS[type(found.ops[place])]()
        return found

    return change


def _swapping(found: ast.AST) -> ast.AST:
    assert isinstance(found, ast.BinOp | ast.BoolOp)
    found.op = SWAPS[type(found.op)]()
    return found


def _negating(found: ast.AST) -> ast.AST:
    assert isinstance(found, ast.If | ast.IfExp)
    found.test = ast.UnaryOp(op=ast.Not(), operand=found.test)
    return found


# Trying them -----------------------------------------------------------------------------------------------------------


class Bench:
    """A copy of the tree, one for each worker, in which a module is replaced."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="mutation-"))
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(ROOT / "pyproject.toml", self.root)

    def survives(self, module: str, source: str) -> bool:
        """Return whether no test fails with that source in the module's place."""
        path = self.root / "src" / "credkit" / f"{module}.py"
        before = path.read_text(encoding="utf-8")
        path.write_text(source, encoding="utf-8")
        try:
            return all(self.passes(tests) for tests in TESTS[module])
        finally:
            path.write_text(before, encoding="utf-8")

    def passes(self, tests: list[str]) -> bool:
        """Return whether these tests pass, in a process forked from this one, which has imported what is slow to import."""
        child = os.fork()
        if child == 0:
            self._run(tests)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status == 0
            time.sleep(0.02)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return False

    def _run(self, tests: list[str]) -> None:
        code = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            os.chdir(self.root)
            sys.dont_write_bytecode = True
            os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(self.root / ".hypothesis")
            import pytest

            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", *tests]))
        finally:
            os._exit(code)


def score(module: str, benches: list[Bench]) -> tuple[int, int]:
    """Return how many mutants there are, and how many survive; print those as they are found."""
    made = list(mutants((ROOT / "src" / "credkit" / f"{module}.py").read_text(encoding="utf-8")))
    free = list(benches)

    def alive(mutant: Mutant) -> bool:
        bench = free.pop()
        try:
            lives = bench.survives(module, mutant.source)
        finally:
            free.append(bench)
        if lives:
            print(f"    line {mutant.line}: {mutant.text}", flush=True)
        return lives

    with ThreadPoolExecutor(len(benches)) as pool:
        return len(made), sum(pool.map(alive, made))


def main(modules: list[str]) -> None:
    """Print the score of each module, and its survivors."""
    import argon2  # noqa: F401
    import phonenumbers  # noqa: F401
    import pytest  # noqa: F401

    benches = [Bench() for _ in range(2)]
    try:
        for module in modules or list(TESTS):
            assert all(benches[0].passes(tests) for tests in TESTS[module]), f"the tests of {module} fail as it is"
            count, survivors = score(module, benches)
            print(f"{module}: {count - survivors} of {count} noticed, {(count - survivors) / count:.1%}", flush=True)
    finally:
        for bench in benches:
            shutil.rmtree(bench.root, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
