"""The library's own source as data: its modules, their syntax trees, and who imports whom. Reads files, imports nothing."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = "credkit"


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    is_package: bool

    @property
    def is_public(self) -> bool:
        """Whether no part of its dotted name starts with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return parse(self.path)


@dataclass(frozen=True)
class Import:
    """One imported name: the dotted path, and where and how it is imported."""

    target: str
    line: int
    at_import_time: bool
    """Whether it runs when the module is imported: not inside a function, not for type checkers only."""
    for_types_only: bool


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of the file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def package_folder() -> Path:
    """Return the folder that `import credkit` would use, be it the source tree or site-packages."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        message = "credkit cannot be found; install it, or run pytest from the root of the checkout"
        raise RuntimeError(message)
    return Path(next(iter(spec.submodule_search_locations)))


def modules() -> list[Module]:
    """Return every module of the package, by name."""
    folder = package_folder()
    return sorted((_module(folder, path) for path in folder.rglob("*.py")), key=lambda module: module.name)


def _module(folder: Path, path: Path) -> Module:
    parts = [PACKAGE, *path.relative_to(folder).with_suffix("").parts]
    is_package = parts[-1] == "__init__"
    return Module(name=".".join(parts[:-1] if is_package else parts), path=path, is_package=is_package)


def imports(module: Module) -> list[Import]:
    """Return every import in the module, also those inside functions and under `if TYPE_CHECKING:`."""
    return list(_imports(module, module.tree, in_function=False, for_types=False))


def _imports(module: Module, node: ast.AST, *, in_function: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(module, child):
                yield Import(target=target, line=child.lineno, at_import_time=not (in_function or for_types), for_types_only=for_types)
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            for statement in child.body:
                yield from _imports(module, ast.Module([statement], []), in_function=inside, for_types=True)
            for statement in child.orelse:
                yield from _imports(module, ast.Module([statement], []), in_function=inside, for_types=for_types)
        else:
            yield from _imports(module, child, in_function=inside, for_types=for_types)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")


def _targets(module: Module, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")
        above = node.level - 1 if module.is_package else node.level
        base = ".".join([*parts[: len(parts) - above], *([base] if base else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def graph(everything: list[Module]) -> dict[str, dict[str, int]]:
    """Return for each module the credkit modules it imports, each with a line where it does.

    `from credkit.x import y` points at `credkit.x.y` if that is a module and at `credkit.x` otherwise, also if there is no such
    module (yet). What `credkit/__init__.py` imports for type checkers only is left out: it is the lazy list of the public names.
    """
    names = {module.name for module in everything}
    edges: dict[str, dict[str, int]] = {module.name: {} for module in everything}
    for module in everything:
        for found in imports(module):
            if module.name == PACKAGE and found.for_types_only:
                continue
            target = _owner(found.target, names)
            if target is not None and target != module.name:
                edges[module.name].setdefault(target, found.line)
    return edges


def _owner(target: str, names: set[str]) -> str | None:
    parts = target.split(".")
    if parts[0] != PACKAGE:
        return None
    known = [".".join(parts[:length]) for length in range(len(parts), 1, -1) if ".".join(parts[:length]) in names]
    if known:
        return known[0]
    return PACKAGE if len(parts) <= 2 else ".".join(parts[:2])


def all_of(tree: ast.Module) -> list[str] | None:
    """Return the module's `__all__`, or `None` if it has none that is a plain list of strings."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets) and node.value is not None:
            try:
                return list(ast.literal_eval(node.value))
            except ValueError:
                return None
    return None
