"""What the source may not contain: weak chance, weak hashes, early-out comparison of secrets, output, logs, assertions (KE-08, KE-09)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from structure.source import Module, imports, modules

Finding = tuple[int, str]

FORBIDDEN_IMPORTS = {
    "random": "its numbers can be predicted; chance comes through the entropy port",
    "uuid": "an id is not a secret, and version 1 tells the time and the machine; ids come through the entropy port",
    "logging": "credkit logs nothing, because what it would log is what must not be logged; hosts use the observer",
    "pickle": "reading one runs whatever it says",
}

LISTENING = {
    "credkit.observers": "a host that wants events in its log asks for that, and an event holds nothing that must not be logged",
    "credkit.testing.contracts.notifiers": "it looks at what a notifier logs",
}
"""Modules that may import logging, submodules included."""

BROKEN = {"credkit.testing.broken": "broken on purpose, for contracts to catch"}
"""Modules that keep no rule, submodules included."""

CHANCE = {
    "credkit.ports": "the system's entropy, the one source of all chance",
    "credkit.__main__": "`keys new` makes a key for the host",
    "credkit.stores": "a store picks ids and versions that never repeat; no decision rests on them, and none is secret",
}
"""Modules that may ask the system for random bytes, submodules included."""

OUTPUT = {
    "credkit.__main__": "a program for a terminal",
    "credkit.demo": "a program for a terminal",
    "credkit.notifiers.console": "printing is its purpose",
}
"""Modules that may print, submodules included."""

ASSERTING = {"credkit.testing": "the contract kit is made of assertions"}
"""Modules that may assert, submodules included. Elsewhere a check that is gone under -O is no check."""

HASHES = {"sha256", "sha512"}
"""KE-08: SHA-256, SHA-512, HMAC and HKDF over them; passwords go through Argon2id."""

OTHER_HASHES: dict[tuple[str, str], str] = {
    ("credkit.breaches.checking", "sha1"): "public lists of breached passwords are keyed by it; nothing is stored or proven with it",
    ("credkit.passwords.legacy", "pbkdf2_hmac"): "what older systems stored is compared with, and replaced at the next sign-in; SHA-1 only as they used it",
    ("credkit.passwords.legacy", "scrypt"): "as above",
}
"""(module, attribute of hashlib): why it may, for example to read what an older system has stored."""

SECRET_CALLS = {"digest", "get_secret_value", "hexdigest", "mac", "reveal", "secret_digest"}
SECRET_NAMES = re.compile(r"(^|_)(digest|mac|secret|password)$")


def is_within(module: str, allowed: dict[str, str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def name_of(node: ast.expr) -> str:
    """Return the last part of a name, attribute or called function, or nothing."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def forbidden_imports(module: Module) -> Iterator[Finding]:
    for found in imports(module):
        top = found.target.split(".")[0]
        if top in FORBIDDEN_IMPORTS and not (top == "logging" and is_within(module.name, LISTENING)):
            yield found.line, f"imports {top}: {FORBIDDEN_IMPORTS[top]}"


def chance(module: Module) -> Iterator[Finding]:
    if is_within(module.name, CHANCE):
        return
    for found in imports(module):
        if found.target.split(".")[0] == "secrets" or found.target in {"os.urandom", "os.getrandom", "ssl.RAND_bytes"}:
            yield found.line, f"imports {found.target}; chance comes through the entropy port, so that it can be tested"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in {"urandom", "getrandom"}:
            yield node.lineno, f"uses os.{node.attr}; chance comes through the entropy port, so that it can be tested"


def hashes(module: Module) -> Iterator[Finding]:
    for found in imports(module):
        if found.target.startswith("hashlib.") and not _is_good_hash(module, found.target.removeprefix("hashlib.")):
            yield found.line, f"imports {found.target}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hashlib" and not _is_good_hash(module, node.attr):
            yield node.lineno, f"uses hashlib.{node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "hmac":
            texts = [given.value for given in [*node.args, *(keyword.value for keyword in node.keywords)] if isinstance(given, ast.Constant)]
            for text in texts:
                if isinstance(text, str) and text not in HASHES:
                    yield node.lineno, f"calls hmac.{node.func.attr} with {text!r}"


def _is_good_hash(module: Module, name: str) -> bool:
    return name in HASHES or (module.name, name) in OTHER_HASHES


def early_out_comparisons(module: Module) -> Iterator[Finding]:
    """Find `==` and `in` on what looks like secret material: both end at the first difference and so tell where it is."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Compare):
            continue
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) and any(_is_secret(side) for side in (left, right)):
                yield node.lineno, "compares secret material without hmac.compare_digest"
            left = right


def _is_secret(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return name_of(node) in SECRET_CALLS
    return bool(SECRET_NAMES.search(name_of(node)))


def output(module: Module) -> Iterator[Finding]:
    if is_within(module.name, OUTPUT):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"breakpoint", "print"}:
            yield node.lineno, f"calls {node.func.id}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys" and node.attr in {"stdout", "stderr"}:
            yield node.lineno, f"uses sys.{node.attr}"


def assertions(module: Module) -> Iterator[Finding]:
    if is_within(module.name, ASSERTING):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "asserts; raise instead, an assertion is gone under -O"


RULES: tuple[Callable[[Module], Iterator[Finding]], ...] = (forbidden_imports, chance, hashes, early_out_comparisons, output, assertions)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Callable[[Module], Iterator[Finding]]) -> None:
    problems = [f"{module.name}:{line} {what}" for module in modules() if not is_within(module.name, BROKEN) for line, what in rule(module)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (forbidden_imports, "import random"),
        (forbidden_imports, "def f():\n    from uuid import uuid4"),
        (forbidden_imports, "import logging.handlers"),
        (chance, "import secrets"),
        (chance, "from os import urandom"),
        (chance, "import os\nos.urandom(8)"),
        (hashes, "import hashlib\nhashlib.md5(b'')"),
        (hashes, "from hashlib import sha1"),
        (hashes, "import hashlib\nhashlib.new('sha1')"),
        (hashes, "import hmac\nhmac.digest(k, m, 'md5')"),
        (hashes, "import hmac\nhmac.new(k, m, digestmod='sha1')"),
        (early_out_comparisons, "given.reveal() == kept.reveal()"),
        (early_out_comparisons, "secret_digest(a, b) != record.secret_digest"),
        (early_out_comparisons, "x in (1, 2) or ring.mac(k, p) == given"),
        (output, "print('x')"),
        (output, "import sys\nsys.stderr.write('x')"),
        (assertions, "assert x"),
    ],
)
def test_the_rule_finds_what_it_is_for(rule: Callable[[Module], Iterator[Finding]], source: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sample") / "sample.py"
    path.write_text(source, encoding="utf-8")
    assert list(rule(Module(name="credkit.sample", path=path, is_package=False)))


@pytest.mark.parametrize(
    "source",
    [
        "import hashlib, hmac\nhmac.compare_digest(hashlib.sha256(b'').digest(), hmac.digest(k, m, 'sha256'))",
        "token_id == other_id and record.password_hash is not None",
        "from credkit.secret import Secret",
    ],
)
def test_good_source_passes_every_rule(source: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sample") / "sample.py"
    path.write_text(source, encoding="utf-8")
    assert [finding for rule in RULES for finding in rule(Module(name="credkit.sample", path=path, is_package=False))] == []
