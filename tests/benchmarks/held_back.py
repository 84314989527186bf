"""Weak long passwords made a second time, from other words and by the rules that crackers write down: how far the checker's figures hold elsewhere.

Nothing in the checker was chosen by what comes out of here. The rules are in the manner of hashcat's (duplicate, reflect, rotate, append, prepend,
toggle, substitute), in chains; the templates are habits that the other generator has no kind for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from weak_forms import LEAST, Made, words_of

__all__ = ["held_back"]

_DAYS: Final = str.split("monday tuesday wednesday thursday friday saturday sunday")
_MONTHS: Final = str.split("january february march april may june july august september october november december")
_NUMBERS: Final = str.split("one two three four five six seven eight nine ten eleven twelve")
_SAYINGS: Final = """
    tobeornottobe thatisthequestion; may the force be with you; all you need is love; carpe diem carpe diem; once upon a time; live long and prosper;
    the quick brown fox; hakuna matata 123; winter is coming; never gonna give you up; let it be let it be; i am your father; just do it just do it;
    in god we trust; hasta la vista baby; happy birthday to you; merry christmas everyone; row row row your boat; twinkle twinkle little star;
    we are the champions; show me the money; houston we have a problem; keep calm and carry on; elementary my dear watson; no pain no gain 123;
    practice makes perfect; time is money time; veni vidi vici veni; cogito ergo sum 1; liberte egalite fraternite; alle meine entchen; que sera sera sera
"""


def held_back(each: int, seed: str = "held back") -> Iterator[Made]:
    """Yield *each* different passwords of every kind, fewer where a kind has no more."""
    words = words_of("other_words.txt")
    for kind, make in _KINDS.items():
        random, seen = Random(f"{seed} {kind}"), set[str]()  # noqa: S311  # the same ones at every run
        for _ in range(each * 50):
            text = make(random, words)
            if len(text) >= LEAST and text not in seen:
                seen.add(text)
                yield Made(kind, text)
            if len(seen) == each:
                break


_RULES: Final[tuple[Callable[[str, Random], str], ...]] = (
    lambda text, _: text + text,
    lambda text, _: text + text[::-1],
    lambda text, _: text[::-1],
    lambda text, _: text.capitalize(),
    lambda text, _: text.upper(),
    lambda text, _: text.swapcase(),
    lambda text, _: text[1:] + text[0],
    lambda text, _: text[-1] + text[:-1],
    lambda text, _: text + text[-1] * 3,
    lambda text, _: text[0] * 3 + text,
    lambda text, random: text + random.choice("0123456789!@#$."),
    lambda text, random: text + random.choice(("123", "12", "01", "99", "007", "69", "2010", "2012", "1234", "321", "xx", "abc")),
    lambda text, random: random.choice(("1", "123", "!", "the", "my", "xx", "a1")) + text,
    lambda text, _: text.replace("a", "@").replace("o", "0"),
    lambda text, _: text.replace("s", "$").replace("e", "3"),
    lambda text, _: text.replace("i", "1").replace("l", "1"),
    lambda text, _: "".join(letter.upper() if place % 2 else letter.lower() for place, letter in enumerate(text)),
)


def _by_rules(random: Random, words: list[str]) -> str:
    text = random.choice(words)
    for _ in range(random.randint(2, 4)):
        text = random.choice(_RULES)(text, random)
    while len(text) < LEAST:
        text = random.choice((text + text, text + text[::-1], text + random.choice(("123", "1234", "!!!", "000", "2011"))))
    return text


def _wrapped(random: Random, words: list[str]) -> str:
    word, frame = random.choice(words), random.choice(("***", "xXx", "!!!", "123", "___", "<<<>>>", "~~", "..", "1"))
    return random.choice((f"{frame}{word}{frame[::-1]}", f"{frame}{word}{frame}{word}{frame}", f"{frame}{frame}{word}{frame}{frame}"))


def _interleaved(random: Random, words: list[str]) -> str:
    word, between = random.choice(words), random.choice(("1234567890123", "0000000000000", ".............", "!!!!!!!!!!!!!", "9876543210987"))
    text = "".join(letter + sign for letter, sign in zip(word, between, strict=False))
    return text if len(text) >= LEAST else text + text


def _named_again(random: Random, words: list[str]) -> str:
    word = random.choice(words)
    return random.choice(
        (f"{word}1st{word}2nd", f"{word}and{word}", f"{word}&{word}&{word}", f"{word}+{word}={word}", f"super{word}{word}", f"not{word}{word}!")
    )


def _counted(random: Random, words: list[str]) -> str:
    start = random.randint(0, 6)
    series = random.choice((_DAYS, _MONTHS, _NUMBERS))
    text = random.choice(("", " ", "-")).join(series[start % len(series) :][: random.randint(2, 5)])
    return random.choice((text, text + "123", text.title(), random.choice(words) + text))


def _date_twice(random: Random, _: list[str]) -> str:
    day, month, year = random.randint(1, 28), random.randint(1, 12), random.randint(1960, 2012)
    date = random.choice((f"{day:02}{month:02}{year}", f"{year}{month:02}{day:02}", f"{day:02}{month:02}{year % 100:02}"))
    return random.choice((date + date, date + date[::-1], f"{day:02}-{month:02}-{year}-{year}", date + "123456789", f"{date}.{date}.{date}"))


def _changed_monthly(random: Random, words: list[str]) -> str:
    word, month, year = random.choice(words).capitalize(), random.choice(_MONTHS).capitalize(), random.randint(2008, 2025)
    return random.choice(
        (f"{month}{year}{word}", f"{word}-{month}-{year}", f"{month}{year}{month}!", f"{word}{month}{year % 100}", f"{word}Q{random.randint(1, 4)}{year}!!")
    )


def _abroad(random: Random, words: list[str]) -> str:
    template = random.choice(
        (
            "teamo{w}{w}",
            "te amo mucho {w}",
            "ichliebe{w}",
            "ich liebe dich {w}",
            "jetaime{w}",
            "je t'aime {w}",
            "tiamo{w}12",
            "euteamo{w}",
            "yaliubliu{w}",
            "mi amor {w}",
        )
    )
    return template.format(w=random.choice(words))


def _shifted(random: Random, words: list[str]) -> str:
    word = random.choice(words)
    return random.choice(
        (
            f"{word}!@#$%^123456",
            f"Qwerty!@#{word}",
            f"{word}qweasdzxc",
            f"!Q@W#E{word}",
            f"{word}zxc123asd",
            f"asd{word}asd123",
            f"{word}1qaz!QAZ",
            f"1q2w3e{word}",
        )
    )


def _possessed(random: Random, words: list[str]) -> str:
    word = random.choice(words)
    return random.choice(
        (
            f"{word}spassword",
            f"{word}'s password",
            f"password4{word}",
            f"{word}password1",
            f"admin@{word}123",
            f"{word}@12345678",
            f"{word}#2018#",
            f"P@ssw0rd{word}",
            f"{word}rocks{word}",
        )
    )


def _saying(random: Random, _: list[str]) -> str:
    text = random.choice(_SAYINGS.split(";")).strip()
    return random.choice((text, text.title(), text.replace(" ", ""), text.title().replace(" ", ""), text + "!", text.replace(" ", "") + "1"))


def _three_of_one(random: Random, words: list[str]) -> str:
    word = random.choice(words)
    return random.choice(
        (f"{word}{word.capitalize()}{word.upper()}", f"{word}2{word}3{word}", f"{word}{word[::-1]}{word}", f"{word},{word},{word}", f"{word}{word}{word}!")
    )


_KINDS: Final[dict[str, Callable[[Random, list[str]], str]]] = {
    "chains of rules": _by_rules,
    "in a frame": _wrapped,
    "interleaved": _interleaved,
    "named again": _named_again,
    "days, months, numbers": _counted,
    "dates": _date_twice,
    "changed every month": _changed_monthly,
    "in other languages": _abroad,
    "with keys": _shifted,
    "its password": _possessed,
    "sayings": _saying,
    "three of one": _three_of_one,
}
