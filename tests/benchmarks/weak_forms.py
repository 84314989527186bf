"""Long passwords as people make them of little, and good ones as dice and managers make them. Knows nothing of the rules that judge them.

The weak ones follow the kinds that PW-08, PW-10 and appendix A of SP 800-63B-4 name: repeats, padding, digits for letters, walks over the keys, sequences,
dates, words of the person and the site. The words come from a list of frequent passwords that the checker does not ship, the sentences and names are
written here, and the keyboards are written out once more. All are of 15 characters or more.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

__all__ = ["SITE", "Made", "managers", "passphrases", "weak", "words_of"]

VECTORS: Final = Path(__file__).parents[1] / "vectors"
LEAST: Final = 15
SITE: Final = ("Wunderbau Finance", "login.wunderbau.example")

_SIGNS: Final = "!!!!!!@#$%&*?.-_"
_TAILS: Final = ("", "", "!", "!!", "1", "123", "1!", "#1", "?", "*", "@", "$")
_LEET: Final = (str.maketrans("aeo", "430"), str.maketrans("aeios", "@3!0$"), str.maketrans("aios", "4105"), str.maketrans("ao", "@0"), str.maketrans("e", "3"))
_MONTHS: Final = str.split("January February March April May June July August September October November December")
_SEASONS: Final = str.split("Spring Summer Autumn Winter Fall")
_FIRST: Final = str.split(
    "Ada Alice Bjorn Carlos Chloe Dmitri Elena Fatima Gareth Hannah Ingrid Jamal Katarzyna Liam Mei Nikolai Olivia Priya Quentin Rosa Sven Tomas Ulrike Viktor "
    "Wendy Xavier Yusuf Zoe"
)
_LAST: Final = str.split(
    "Lovelace Andersson Blackwood Castellano Delacroix Eriksen Ferreira Goldstein Haverkamp Ivanova Jovanovic Kowalczyk Lindqvist Mbeki Nakamura Okonkwo "
    "Petrosyan Quintana Rasmussen Schneider Takahashi Underhill Vandenberg Whitcombe Yilmaz Zimmermann"
)
_SENTENCES: Final = (
    "ilove{w}", "i love my {w}", "my{w}", "my {w} is my password", "this is my {w}", "thisismy{w}", "the best {w}", "{w} is the best", "i am a {w}", "iam{w}",
    "mynameis{w}", "my name is {w}", "we love {w}", "iloveyou{w}", "{w} forever", "{w}4ever", "i hate {w}", "{w}ismypassword", "ilike{w}", "welcome to {w}",
    "password for {w}", "hello {w}", "letmein{w}", "go {w} go", "no more {w}", "goodnight {w}", "{w} rules", "{w} for life", "i want {w}", "myfavorite{w}",
)  # fmt: skip
_ROWS: Final = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_OTHER_ROWS: Final = (("qwertzuiop", "asdfghjkl", "yxcvbnm"), ("azertyuiop", "qsdfghjklm", "wxcvbn"), ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"))
_COLUMNS: Final = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm")


@dataclass(frozen=True, slots=True)
class Made:
    """A password and how it was made."""

    kind: str
    text: str
    address: str | None = None
    """Whose it is, where it is made of the person."""


def words_of(name: str) -> list[str]:
    """Return the words of a list under tests/vectors."""
    lines = (VECTORS / name).read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def weak(each: int, seed: str = "weak forms") -> Iterator[Made]:
    """Yield *each* different long weak passwords of every kind."""
    words = words_of("frequent_words.txt")
    for kind, make in _KINDS.items():
        random, seen = Random(f"{seed} {kind}"), set[str]()  # noqa: S311  # the same ones at every run
        while len(seen) < each:
            made = make(random, words)
            text, address = made if isinstance(made, tuple) else (made, None)
            if len(text) >= LEAST and text not in seen:
                seen.add(text)
                yield Made(kind, text, address)


def _word(random: Random, words: list[str]) -> str:
    word = random.choice(words)
    return random.choice((word, word, word.capitalize(), word.capitalize(), word.upper()))


def _padding(random: Random, size: int) -> str:
    """Return at least so much of what people fill up with."""
    kinds = (
        lambda: "1234567890123456789012345"[:size],
        lambda: random.choice("10!.*-#97") * size,
        lambda: ("123" * size)[: size + 2],
        lambda: "!@#$%^&*()!@#$%^&*()"[:size],
        lambda: "9876543210987654321"[:size],
        lambda: "abcdefghijklmnop"[:size],
        lambda: ("12" * size)[:size],
        lambda: "1234567890"[: size - 1] + "!" if size <= 10 else "1" * size,
    )
    return random.choice(kinds)()


def _missing(text: str) -> int:
    return max(1, LEAST - len(text))


def _date(random: Random) -> str:
    day, month, year = random.randint(1, 28), random.randint(1, 12), random.randint(1950, 2026)
    sign = random.choice(("", "", "/", ".", "-"))
    parts = random.choice(((f"{day:02}", f"{month:02}", f"{year}"), (f"{month:02}", f"{day:02}", f"{year}"), (f"{year}", f"{month:02}", f"{day:02}")))
    return random.choice((sign.join(parts), sign.join(parts), f"{day}{_MONTHS[month - 1]}{year}"))


def _year(random: Random) -> str:
    return str(random.randint(1950, 2026))


def _tail(random: Random) -> str:
    return random.choice(_TAILS)


def _filled(random: Random, text: str) -> str:
    """Return *text* with what is missing of 15 characters, and sometimes a little more."""
    return text + _padding(random, _missing(text)) if len(text) < LEAST else text + _tail(random)


def _repeated(random: Random, words: list[str]) -> str:
    word = _word(random, words)
    return random.choice(("", "", " ", "-", ".", "_")).join([word] * max(2, -(-LEAST // len(word))))


def _doubled(random: Random, words: list[str]) -> str:
    word = _word(random, words)
    return _filled(random, word + random.choice((word, word.lower(), word.upper(), word.capitalize())))


def _numbered(random: Random, words: list[str]) -> str:
    word, start = _word(random, words), random.randint(0, 9)
    return "".join(f"{word}{start + step}" for step in range(max(2, -(-LEAST // (len(word) + 1)))))


def _padded(random: Random, words: list[str]) -> str:
    word = _word(random, words)
    pad = _padding(random, _missing(word))
    return random.choice((word + pad, word + pad, pad + word))


def _dated(random: Random, words: list[str]) -> str:
    word, date = _word(random, words), _date(random)
    return random.choice((word + date, word + date, date + word, f"{word} {date}", f"{word}{date}{word}")) + _tail(random)


def _with_year(random: Random, words: list[str]) -> str:
    word, year = random.choice((_word(random, words), random.choice(_MONTHS), random.choice(_SEASONS))), _year(random)
    signs = random.choice("!@#$%*?.") * max(0, LEAST - len(word) - 4)
    return random.choice((word + year + signs, word + signs + year, signs + word + year, word + year + year + signs[: max(0, len(signs) - 4)]))


def _leet(random: Random, words: list[str]) -> str:
    return _filled(random, _word(random, words).translate(random.choice(_LEET)))


def _leet_doubled(random: Random, words: list[str]) -> str:
    word = _word(random, words)
    return _filled(random, word.translate(random.choice(_LEET)) + random.choice(("", "", " ", "-", "!")) + word.translate(random.choice(_LEET)))


def _turned(random: Random, words: list[str]) -> str:
    word = _word(random, words)
    return _filled(random, random.choice((word[::-1], word[::-1], word + word[::-1], word[::-1] * 2)))


def _two(random: Random, words: list[str]) -> str:
    return random.choice(("", "", " ", "-", ".", "_", "&", "+", "1")).join((_word(random, words), _word(random, words))) + _tail(random)


def _two_and_year(random: Random, words: list[str]) -> str:
    return random.choice(("", "", " ", "-")).join((_word(random, words), _word(random, words))) + _year(random) + random.choice(("", "", "!", "!!", "."))


def _stretched(random: Random, words: list[str]) -> str:
    word = _word(random, words)
    times = max(2, -(-LEAST // len(word))) if random.random() < 0.3 else 2
    return _filled(random, "".join(letter * times for letter in word))


def _spaced(random: Random, words: list[str]) -> str:
    return _filled(random, random.choice((" ", "-", ".", "_", "*")).join(_word(random, words)))


def _sentence(random: Random, words: list[str]) -> str:
    text = random.choice(_SENTENCES).format(w=random.choice(words))
    text = random.choice((text, text, text.capitalize(), text.replace(" ", ""), "".join(part.capitalize() for part in text.split())))
    return text + (random.choice(("1", "!", "123", "2024")) if random.random() < 0.3 else "")


def _key_walk(random: Random, size: int) -> str:
    """Return keys in a row, in columns, or there and back."""
    row = random.choice(_ROWS[1:])
    kinds = (
        lambda: (row + random.choice(_ROWS[1:]) * 2)[:size],
        lambda: (row + row[::-1] * 2)[:size],
        lambda: "".join(random.sample(_COLUMNS[:4], 4))[:size],
        lambda: "".join(_COLUMNS)[:size],
        lambda: "".join(one if place % 2 == 0 else one[::-1] for place, one in enumerate(_COLUMNS))[:size],
        lambda: "".join(chunk[:4] for chunk in random.sample(_ROWS, 4))[:size],
        lambda: (row[::-1] + random.choice(_ROWS)[::-1])[:size],
    )
    return random.choice(kinds)()


def _word_and_walk(random: Random, words: list[str]) -> str:
    word = _word(random, words)
    walk = _key_walk(random, max(4, _missing(word)))
    return random.choice((word + walk, walk + word))


def _walk(random: Random, _: list[str]) -> str:
    """Return a walk from key to key that turns now and then, back and forth and up and down."""
    row, column, typed = random.randint(0, 3), random.randint(0, 5), ""
    ways = ((0, 1), (0, -1), (1, 0), (-1, 0))
    down, right = random.choice(ways)
    while len(typed) < random.randint(LEAST, 18):
        typed += _ROWS[row][column]
        near = [(d, r) for d, r in ways if 0 <= row + d < 4 and 0 <= column + r < 7]
        if (down, right) not in near or random.random() < 0.25:
            down, right = random.choice(near)
        row, column = row + down, column + right
    return typed.upper() if random.random() < 0.1 else typed


def _rows_and_columns(random: Random, _: list[str]) -> str:
    rows = random.choice((_ROWS, _ROWS, _ROWS, *_OTHER_ROWS))
    parts = [row if random.random() < 0.7 else row[::-1] for row in random.sample(rows, 3)]
    cut = random.randint(4, 9)
    text = "".join(part[:cut] for part in parts) if random.random() < 0.5 else "".join(random.sample(_COLUMNS, 4))
    if random.random() < 0.3:
        text = "".join(one if place % 2 == 0 else one.upper() for place, one in enumerate(random.sample(_COLUMNS, 4)))
    return text


def _in_turn(random: Random, _: list[str]) -> str:
    one, other = random.sample([*_ROWS, "abcdefghij", "0987654321", "1234567890"], 2)
    size, start = random.randint(2, 3) if random.random() < 0.2 else 1, 0
    text = "".join(one[place : place + size] + other[place : place + size] for place in range(start, min(len(one), len(other)), size))
    return _filled(random, text.upper() if random.random() < 0.1 else text)


def _sequence(random: Random, _: list[str]) -> str:
    letters, digits = string.ascii_lowercase, "01234567890123456789"
    start, size = random.randint(0, 10), random.randint(4, 15)
    kinds = (
        lambda: letters[start : start + size] + digits[1 : 1 + max(1, LEAST - size)],
        lambda: letters[::-1][start : start + size] + digits[::-1][: max(1, LEAST - size)],
        lambda: digits[start : start + 9] * 2,
        lambda: "".join(f"{letters[start + n]}{n + 1}" for n in range(8)),
        lambda: "".join(letter * 3 for letter in letters[start : start + 6]),
        lambda: "".join(str(number) for number in range(start, start + 12)),
        lambda: "".join(f"{number:02}" for number in range(start, start + 9)),
        lambda: "".join(digit * (n + 1) for n, digit in enumerate(digits[1:7])),
        lambda: (letters[start : start + 4] + digits[1:5]) * 2,
        lambda: letters[start : start + 8] + letters[start : start + 8].upper(),
    )
    text = random.choice(kinds)()
    return text.capitalize() if random.random() < 0.2 else text


def _one_key(random: Random, _: list[str]) -> str:
    unit = "".join(random.choice(string.ascii_letters + string.digits + "!.-*# ") for _ in range(random.randint(1, 3)))
    return (unit * 30)[: random.randint(LEAST, 24)]


def _person(random: Random) -> tuple[str, str, str]:
    first, last = random.choice(_FIRST), random.choice(_LAST)
    local = random.choice((f"{first}.{last}", f"{first}.{last}", f"{first}_{last}", f"{first}{last}", f"{first[0]}.{last}", f"{last}.{first}"))
    return first, last, f"{local.lower()}@{random.choice(('example.com', 'mail.example.org', 'posteo.example'))}"


def _of_the_person(random: Random, words: list[str]) -> tuple[str, str]:
    first, last, address = _person(random)
    known = address.partition("@")[0].replace(".", "").replace("_", "")
    names = (first, last) if len(known) > len(last) + 2 else (last, last)
    whole = random.choice((f"{names[0]}{names[1]}", f"{names[0]}.{names[1]}", names[1], f"{names[1]}{names[0]}", address, known, f"{first[0].lower()}{last}"))
    text = random.choice((whole, whole.lower(), whole.translate(random.choice(_LEET)), whole.upper()))
    return (text + random.choice((_year(random), _date(random), "")) + _tail(random)), address


def _of_the_site(random: Random, words: list[str]) -> str:
    name = random.choice(("Wunderbau", "wunderbau", "WunderbauFinance", "wunderbaufinance", "Wunderbau Finance", "wunderbau.example"))
    name = name.translate(random.choice(_LEET)) if random.random() < 0.2 else name
    extra = random.choice((_year(random), "password", _padding(random, 6), "login", "2024!", "mypassword", f"my{_word(random, words)}", _date(random)))
    return random.choice((name + extra, extra + name, name + name + extra)) + _tail(random)


def _of_both(random: Random, words: list[str]) -> tuple[str, str]:
    first, last, address = _person(random)
    name = last if address.startswith(first[0].lower() + ".") else random.choice((first, last))
    site = random.choice(("wunderbau", "Wunderbau", "finance", "Finance", _word(random, words)))
    return random.choice(("", "@", "-", ".", " ")).join(random.sample((name, site), 2)) + random.choice((_year(random), "123", "!", "1", "")), address


def _like_an_address(random: Random, words: list[str]) -> str:
    word = random.choice(words)
    domain = random.choice(("gmail", "yahoo", "hotmail", "outlook", random.choice(words)))
    text = random.choice((f"{word}@{domain}.com", f"www.{word}.com", f"http://{word}.com", f"www.{word}.org", f"https://www.{word}.com", f"{word}{domain}.com"))
    return text + (random.choice(("1", "123", "!")) if random.random() < 0.2 else "")


_KINDS: Final[dict[str, Callable[[Random, list[str]], str | tuple[str, str]]]] = {
    "a word repeated": _repeated,
    "a word doubled, padded": _doubled,
    "a word, numbered": _numbered,
    "a word, padded": _padded,
    "a word and a date": _dated,
    "a word and a year": _with_year,
    "digits for letters": _leet,
    "digits for letters, doubled": _leet_doubled,
    "a word turned round": _turned,
    "two words": _two,
    "two words and a year": _two_and_year,
    "letters stretched": _stretched,
    "letters spaced out": _spaced,
    "a sentence": _sentence,
    "a word and a walk": _word_and_walk,
    "a walk": _walk,
    "rows and columns": _rows_and_columns,
    "two rows in turn": _in_turn,
    "a sequence": _sequence,
    "one key": _one_key,
    "of the person": _of_the_person,
    "of the site": _of_the_site,
    "of both": _of_both,
    "like an address": _like_an_address,
}


def passphrases(count: int, seed: str = "passphrases") -> Iterator[Made]:
    """Yield passphrases of three to five random words of 15 characters and more, joined and written in several ways."""
    random, words = Random(seed), words_of("passphrase_words.txt")  # noqa: S311  # the same ones at every run
    made = 0
    while made < count:
        size = random.choice((3, 4, 5))
        chosen = [random.choice(words) for _ in range(size)]
        style = random.choice((" ", " ", "-", ".", "", "_", "Camel", "Title"))
        text = "".join(map(str.capitalize, chosen)) if style == "Camel" else " ".join(map(str.capitalize, chosen)) if style == "Title" else style.join(chosen)
        text += random.choice(("", "", "", "1", "!", str(random.randint(0, 99))))
        if len(text) >= LEAST:
            made += 1
            yield Made(f"{size} words", text)


_ALPHABETS: Final = {
    "printable": string.ascii_letters + string.digits + string.punctuation,
    "letters, digits, some signs": string.ascii_letters + string.digits + "!@#$%^&*",
    "letters and digits": string.ascii_letters + string.digits,
    "lower case and digits": string.ascii_lowercase + string.digits,
    "lower case": string.ascii_lowercase,
    "hexadecimal": "0123456789abcdef",
    "base 32": string.ascii_uppercase + "234567",
    "digits": string.digits,
}


def managers(each: int, seed: str = "managers") -> Iterator[Made]:
    """Yield *each* random passwords of every kind that password managers make, of 15 to 24 characters."""
    random = Random(seed)  # noqa: S311  # the same ones at every run
    for kind, alphabet in _ALPHABETS.items():
        for _ in range(each):
            yield Made(kind, "".join(random.choice(alphabet) for _ in range(random.choice((15, 15, 16, 20, 24)))))
    for _ in range(each):
        # Three groups of six with hyphens, a capital and a digit, and four of four.
        syllables = "".join(random.choice("bcdfghjkmnpqrstvwxyz") + random.choice("aeiouy") + random.choice("bcdfghjkmnpqrstvwxyz") for _ in range(6))
        place = random.randrange(18)
        syllables = syllables[:place] + random.choice((syllables[place].upper(), random.choice("0123456789"))) + syllables[place + 1 :]
        yield Made("in groups", "-".join((syllables[:6], syllables[6:12], syllables[12:])))
    for _ in range(each):
        yield Made("syllables", "".join(random.choice("bcdfghjklmnprstvz") + random.choice("aeiou") for _ in range(random.choice((8, 9, 10)))))
