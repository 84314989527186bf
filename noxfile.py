"""The gate: what must hold before a change is done. `nox` runs all of it; `nox -s tests` one part.

The quick parts run in the environment that nox itself stands in (the README makes it with the `test` extra), so nothing is
installed twice. Only `wheel` makes an environment of its own, because there the point is that the sources are not around.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests", "wheel"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
SUITE = ("tests", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "SECURITY.md")
"""What the suite reads. The sources are not among it."""


def _here(session: nox.Session, *command: str) -> None:
    """Run a module of the environment nox stands in, with its programs first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    session.run(sys.executable, "-m", *command, external=True, env={"PATH": path})


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Every rule of ruff that is not ignored for a stated reason, and its formatting."""
    _here(session, "ruff", "check")
    _here(session, "ruff", "format", "--check")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Both checkers, strict, on the library and on the files that must and must not check; then what hosts see of it."""
    _here(session, "mypy")
    _here(session, "pyright", "--pythonpath", sys.executable)
    _here(session, "pyright", "--pythonpath", sys.executable, "--verifytypes", "credkit", "--ignoreexternal")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """The suite from the source tree; arguments after ``--`` go to pytest."""
    _here(session, "pytest", "-n", "2", *session.posargs)


@nox.session(venv_backend="virtualenv", reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """The suite against the built wheel, in an environment and a folder where the sources are out of reach."""
    work = Path(session.create_tmp()).resolve()
    built, suite = work / "dist", work / "suite"
    for folder in (built, suite):
        shutil.rmtree(folder, ignore_errors=True)
    suite.mkdir(parents=True)

    _here(session, "build", "--outdir", str(built), str(ROOT))  # the sdist, and the wheel from the sdist
    (made,) = built.glob("*.whl")
    session.install(f"credkit-auth[suite] @ {made.as_uri()}")

    for name in SUITE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, suite / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, suite / name)

    session.chdir(suite)
    # tests/conftest.py ends the run if credkit is imported from anywhere else than site-packages, and its header says where from.
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs, env={"CREDKIT_TEST_INSTALLED": "1", "PYTHONPATH": ""})
