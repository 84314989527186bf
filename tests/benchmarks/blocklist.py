"""How well weak long passwords are told from good ones: ``python tests/benchmarks/blocklist.py``. What PW-08 asks for, and what a judgement takes.

Weak forms, random passphrases and managers' passwords are made by `weak_forms.py`, which knows nothing of the checker; more weak forms by `held_back.py`, by
which nothing in the checker was chosen. With ``--zxcvbn`` the estimator of that name judges the same ones, where it is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any, Final

from held_back import held_back
from weak_forms import SITE, Made, managers, passphrases, weak

from credkit.identifiers import EmailAddress
from credkit.passwords import LONGEST_PASSWORD, PasswordRules

RULES: Final = PasswordRules()

Judge = Callable[[Made], bool]
"""Return whether a password is refused."""

HOSTILE: Final = {
    "one letter": "a" * LONGEST_PASSWORD,
    "two letters": "ab" * (LONGEST_PASSWORD // 2),
    "a letter that is three": "\ufdfa" * LONGEST_PASSWORD,
    "almost one letter": "a" * (LONGEST_PASSWORD - 1) + "b",
    "128 of words": ("sunflowerdragonmonkey" * 7)[:127] + "\u00e9",
    "128 of little words": ("iamtheinofthisto" * 9)[:127] + "q",
    "128 of digits": ("19851207" * 16)[:127] + "q",
    "128 of walks": ("qwertyhgfdsazxcvbnjm" * 7)[:127] + "\u00e9",
}
"""What costs most, or would if it were not bounded."""


def credkit(made: Made) -> bool:
    """Refuse what the rules of credkit do."""
    identifiers = [EmailAddress.parse(made.address)] if made.address else []
    return bool(RULES.findings(made.text, identifiers=identifiers, words=SITE))


def zxcvbn(least: int) -> Judge:
    """Return a judge that refuses what zxcvbn gives less than *least* of 4."""
    from zxcvbn import zxcvbn as estimate  # only for this comparison

    def judge(made: Made) -> bool:
        return bool(estimate(made.text[:72], user_inputs=[*SITE, *(made.address or "").replace("@", ".").split(".")])["score"] < least)

    return judge


def counted(judge: Judge, made: Iterable[Made], *, refused: bool, taken: list[float] | None = None) -> tuple[Counter[str], Counter[str], list[Made]]:
    """Return for every kind how many were judged, and of how many the answer was *refused*, with these."""
    total, found, which = Counter[str](), Counter[str](), list[Made]()
    for one in made:
        began = time.perf_counter()
        answer = judge(one)
        if taken is not None:
            taken.append(time.perf_counter() - began)
        total[one.kind] += 1
        if answer is refused:
            found[one.kind] += 1
            which.append(one)
    return total, found, which


def report(title: str, judge: Judge, made: Iterable[Made], *, refused: bool, full: bool) -> list[float]:
    """Print a table, and with *full* every wrong answer; return what each judgement took, in seconds."""
    taken: list[float] = []
    total, found, which = counted(judge, made, refused=refused, taken=taken)
    print(f"\n{title}")
    for kind, count in total.items():
        print(f"{kind:32}{found[kind]:6} of {count:<6}{100 * found[kind] / count:10.3f} %")
    print(f"{'all':32}{found.total():6} of {total.total():<6}{100 * found.total() / total.total():10.3f} %")
    if full:
        print("\n".join(f"  {one.kind}: {one.text!a}{f'  <{one.address}>' if one.address else ''}" for one in which))
    return taken


def costs(taken: dict[str, list[float]]) -> None:
    """Print microseconds a judgement, and what the first one loads."""
    print("\nmicroseconds a judgement")
    for kind, seconds in taken.items():
        print(f"{kind:32}{1e6 * median(seconds):10.0f} median{1e6 * sorted(seconds)[int(0.99 * len(seconds))]:10.0f} of one in a hundred")
    for kind, text in HOSTILE.items():
        began = time.perf_counter()
        RULES.findings(text, words=SITE)
        print(f"{kind:32}{1e6 * (time.perf_counter() - began):10.0f}")
    for step, figure in first_use().items():
        print(f"{step:32}{figure:10.1f}")


def first_use() -> dict[str, float]:
    """Return what the first judgement of a process takes in time and memory, as a process of its own says."""
    script = (
        "import time, tracemalloc\nfrom credkit.passwords import PasswordRules\nrules = PasswordRules()\n"
        "began = time.perf_counter()\nrules.findings('nine grey herons wade')\nprint(1000 * (time.perf_counter() - began))\n"
    )
    measured = script.replace("began =", "tracemalloc.start()\nbegan =", 1) + "print(tracemalloc.get_traced_memory()[0] / 2**20)\n"
    time_taken = float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    memory = float(subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return {"first judgement, milliseconds": time_taken, "lists in memory, MiB": memory}


def main() -> None:
    """Judge, and print what came of it."""
    parser: Any = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=420, help="weak passwords of every kind (24 kinds)")
    parser.add_argument("--good", type=int, default=30_000, help="random passphrases, and as many passwords of managers")
    parser.add_argument("--seed", default="", help="other ones than those the documentation quotes")
    parser.add_argument("--full", action="store_true", help="print every wrong answer, too")
    parser.add_argument("--zxcvbn", action="store_true", help="judge the same by zxcvbn, where it is installed")
    given = parser.parse_args()
    each, good = given.each, given.good
    judges: dict[str, Judge] = {"credkit": credkit}
    if given.zxcvbn:
        judges |= {"zxcvbn, score 3": zxcvbn(3), "zxcvbn, score 4": zxcvbn(4)}
    for name, judge in judges.items():
        print(f"\n=== {name}")
        taken = {
            "weak forms": report("weak forms, accepted", judge, weak(each, f"weak forms{given.seed}"), refused=False, full=given.full),
            "held back": report("weak forms held back, accepted", judge, held_back(each, f"held back{given.seed}"), refused=False, full=given.full),
            "passphrases": report("passphrases, refused", judge, passphrases(good, f"passphrases{given.seed}"), refused=True, full=given.full),
            "managers": report("managers' passwords, refused", judge, managers(good // 10, f"managers{given.seed}"), refused=True, full=given.full),
        }
        if judge is credkit:
            costs(taken)


if __name__ == "__main__":
    main()
