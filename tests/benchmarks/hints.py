"""How often sign-in help is right: ``python tests/benchmarks/hints.py``. Precision and recall of each hint, and false alarms on good input.

The cases are `tests/vectors/sign_in_help.json`, which says where they come from. A hint counts as right if its kind is expected and, where
the case names a suggestion, that is the one. The advice that is always given (case matters, use the reset) is not judged.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from credkit.sign_in_help import Hint, HintKind, Keyboard, SignInHelp
from credkit.site import Site

VECTORS = Path(__file__).parents[1] / "vectors" / "sign_in_help.json"
ADVICE = {HintKind.CASE_MATTERS, HintKind.USE_RESET}
HELP = SignInHelp(site=Site(name="Example", url="https://example.com", support="help@example.com"))
"""A site of no country, so that a region is known only where a case gives one."""


@dataclass
class Score:
    """What was expected and what came, over all cases."""

    right: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    good: int = 0
    alarmed: int = 0
    complaints: list[str] = field(default_factory=list)

    def precision(self, kind: str) -> float:
        return self.right[kind] / max(1, self.right[kind] + self.wrong[kind])

    def recall(self, kind: str) -> float:
        return self.right[kind] / max(1, self.right[kind] + self.missed[kind])


def vectors() -> dict[str, Any]:
    """Return the cases and the good inputs."""
    return json.loads(VECTORS.read_text(encoding="utf-8"))


def hints_for(case: dict[str, Any]) -> list[Hint]:
    """Return the hints that are judged."""
    given = {name: case[name] for name in ("identifier", "password", "region") if name in case}
    keyboard = Keyboard(**case["keyboard"]) if "keyboard" in case else None
    return [hint for hint in HELP.hints(**given, keyboard=keyboard) if hint.kind not in ADVICE]


def judge() -> Score:
    """Return how the hints do on all cases and good inputs."""
    score, both = Score(), vectors()
    for case in both["cases"]:
        score.cases += 1
        _count(score, case, hints_for(case))
    for case in both["good"]:
        found = hints_for(case)
        score.good += 1
        score.alarmed += bool(found)
        score.wrong.update(str(hint.kind) for hint in found)
        score.complaints += [f"false alarm: {case} -> {hint.kind} {hint.suggestion or ''}" for hint in found]
    return score


def _count(score: Score, case: dict[str, Any], hints: list[Hint]) -> None:
    wanted, suggestion = set(case["expected"]), case.get("suggestion")
    found = {str(hint.kind): hint for hint in hints}
    # A case with two kinds has its suggestion with one of them.
    suggested = suggestion is None or any(hint.suggestion == suggestion for hint in hints)
    for kind in wanted | set(found):
        is_right = kind in wanted and kind in found and (suggested or found[kind].suggestion is None)
        if is_right:
            score.right[kind] += 1
            continue
        score.missed[kind] += kind in wanted
        score.wrong[kind] += kind in found
        score.complaints.append(f"{'missed' if kind in wanted else 'wrong'}: {case} -> {[(str(hint.kind), hint.suggestion) for hint in hints]}")


def report(score: Score, *, full: bool) -> None:
    """Print the figures, and with *full* every miss and false alarm."""
    print(f"{score.cases} cases with something wrong, {score.good} good inputs")
    print(f"{'':24}{'cases':>8}{'precision':>12}{'recall':>10}")
    for kind in [kind for kind in HintKind if kind not in ADVICE]:
        expected = score.right[kind] + score.missed[kind]
        print(f"{kind:24}{expected:8}{score.precision(kind):12.3f}{score.recall(kind):10.3f}")
    print(f"{'false alarms':24}{score.alarmed:8}{'of':>6} {score.good} good inputs")
    if full:
        print("\n".join(score.complaints))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="print every miss and false alarm, too")
    report(judge(), full=parser.parse_args().full)
