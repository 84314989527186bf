"""Write the lists that credkit ships from the ones they come from: ``python tests/vectors/build_password_lists.py --help``.

`listed.txt` holds words: the entries of letters only at the head of Mark Burnett's ten million passwords, which he put in the public domain and SecLists
keeps (MIT), and the names at the head of zxcvbn's lists of names (PyPI `zxcvbn`, MIT). `frequent_15.bin` and `frequent_8.bin` hold whole passwords, four
bytes of the SHA-256 of each: those of 15 characters and more among the most frequent million of the ten, and those of 8 to 14 in zxcvbn's list.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

PASSWORDS: Final = 30_000
NAMES: Final = {"male_names": 983, "female_names": 2_500, "surnames": 3_000}
"""How far down each list goes."""

_SHORTEST: Final = 4
_OFFENSIVE: Final = re.compile(
    "nigg|fagg|cunt|slut|whore|bitch|rapist|rape[ds]?$|tits|twat|fuck|shit|puss(?:y|ies)|dick(?:head|$|s$)|penis|cock(?:s?$|suck)|blow?job|cum(?:s?hot|ming|s?$)|anal"
    "|porn|sex|nude|naked|hentai|boob|nipple|dildo|orgasm|erotic|fetish|bondage|gangbang|vagina|clit|jizz|wank|bastard|asshole|butthole|retard|spick?$|chink|kike"
    "|dyke|tranny|homo$|nazi|hitler|suck(?:it|me|er|s)|lick(?:me|it)|eatme|hooker|horny|panties|pimp|busty|titt|milf|arse|ass(?:es|man|hat|lick|fuck|clown)"
    "|pussi|pecker|schlampe|hure|puta|puto|merde|salope|kurwa|pizd|blyad|suka"
)
"""Left out of a list that people may read; the guesses of a cracker do not depend on them."""

NOTICE: Final = """\
# Words that frequent passwords are made of: the entries of letters only at the head of Mark Burnett's ten million passwords, and the names at the head of
# zxcvbn's lists of names, offensive ones left out. Written by tests/vectors/build_password_lists.py; the notices are in licenses.txt.
"""


def main() -> None:
    """Read the sources that are named, and write all lists into a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--million", type=Path, required=True, help="the most frequent million passwords, one a line, most frequent first")
    parser.add_argument("--own", type=Path, required=True, help="common.txt, whose words need not be listed again")
    parser.add_argument("--into", type=Path, required=True, help="the folder to write to")
    given = parser.parse_args()

    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # the only thing that needs it

    million = given.million.read_text(encoding="utf-8", errors="replace").splitlines()
    own = {word for line in given.own.read_text(encoding="utf-8").splitlines() if not line.startswith("#") for word in line.split()}
    names = [name for which, count in NAMES.items() for name in islice(FREQUENCY_LISTS[which], count)]
    found = {word for word in map(str.casefold, [*million[:PASSWORDS], *names]) if _is_word(word)} - own
    given.into.joinpath("listed.txt").write_text(NOTICE + textwrap.fill(" ".join(sorted(found)), 158) + "\n", encoding="utf-8")

    long = {text.casefold() for text in million if len(text) >= 15 and "\ufffd" not in text}
    short = {text for text in FREQUENCY_LISTS["passwords"] if 8 <= len(text) < 15}
    for name, whole in (("frequent_15.bin", long), ("frequent_8.bin", short)):
        given.into.joinpath(name).write_bytes(b"".join(sorted({sha256(text.encode()).digest()[:4] for text in whole})))
    print(f"{len(found)} words; passwords: {len(long)} of 15 characters and more, {len(short)} of 8 to 14")


def _is_word(text: str) -> bool:
    return text.isascii() and text.isalpha() and len(text) >= _SHORTEST and len(set(text)) > 1 and not _OFFENSIVE.search(text)


if __name__ == "__main__":
    main()
