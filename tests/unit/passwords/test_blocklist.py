"""How weak long forms are recognised: words in every dress, repeats, runs; and that no text makes the judge work without end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from credkit.passwords import LONGEST_PASSWORD, PasswordRules, _blocklist
from credkit.passwords._blocklist import is_made_of, shortest_unit, words_in
from credkit.testing import SeededEntropy

RULES = PasswordRules()
WORDS = sorted(word for word in _blocklist._common().values() if word.isalpha())
COUNTING = "12345678901234567890"
LEET = str.maketrans("aeo", "430")
OTHER_LEET = str.maketrans("ais", "@1$")


def dressed(word: str) -> Iterator[str]:
    """Yield *word* in the long forms that people make of it: what PW-08 asks to be derived."""
    times, missing = max(2, -(-15 // len(word))), max(3, 15 - len(word))
    title = word.capitalize()
    yield word * times
    yield title + word * (times - 1)
    yield "-".join([word] * times)
    yield " ".join([title] * times)
    yield "".join(f"{word}{number}" for number in range(1, times + 1))
    yield word + COUNTING[:missing]
    yield COUNTING[:missing] + title
    yield title + "!" * missing
    yield title + COUNTING[: missing - 1] + "!"
    yield word + "1" * missing
    yield f"{title}19{word}85!!"
    yield f"{title}{title}01/01/2000"
    yield word.translate(LEET) + COUNTING[:missing]
    yield title.translate(OTHER_LEET) * 2 + "." * missing
    yield word[::-1] + COUNTING[:missing]
    yield (word + word[::-1]) * times
    yield "".join(letter + letter for letter in word) + "!" * missing
    yield f"my{word}ismypassword"
    yield f"{title}{word}Password{COUNTING[:missing]}"


def test_every_common_word_is_refused_in_every_long_form() -> None:
    forms = {form for word in WORDS for form in dressed(word) if len(form) >= RULES.shortest}
    assert len(forms) > 20_000
    assert sorted(form for form in forms if not RULES.findings(form)) == []


def test_two_common_words_are_refused_and_three_are_not() -> None:
    assert is_made_of("dragon-monkey")
    assert is_made_of("dragonmonkeydragonmonkey!")
    assert not is_made_of("dragon-monkey-purple")


def test_the_list_is_clean() -> None:
    lines = [line for line in _blocklist.resources.files("credkit.passwords").joinpath("common.txt").read_text(encoding="ascii").splitlines() if line]
    words = list(chain.from_iterable(line.split() for line in lines if not line.startswith("#")))
    assert len(words) == len(set(words))
    assert all(word.isascii() and word.isalnum() and word == word.lower() and len(word) >= 3 for word in words)
    assert max(map(len, lines)) <= 160


# PW-08: a random password must not be refused by chance, whichever generator made it. Fixed seeds, so it says the same twice.
@pytest.mark.parametrize(
    "alphabet",
    [
        "abcdefghijklmnopqrstuvwxyz",
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "".join(map(chr, range(0x21, 0x7F))),
        "0123456789abcdef",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    ],
    ids=["lower case", "letters and digits", "printable", "hexadecimal", "base 32"],
)
def test_no_random_password_of_fifteen_characters_is_refused(alphabet: str) -> None:
    entropy = SeededEntropy(alphabet)
    made = ["".join(alphabet[entropy.below(len(alphabet))] for _ in range(15)) for _ in range(1000)]
    assert [text for text in made if RULES.findings(text)] == []


RARE = (
    "abacus acorn anvil badger bamboo barnacle basalt beaker bobbin bramble cactus candle cello chisel cinder clover compost copper crayon "
    "cymbal dahlia dinghy drizzle easel ember fennel ferret fiddle flannel gable garnet glacier gravel hazel hedgehog hinge kayak kelp kettle "
    "lantern lentil lichen loom mallet marsh meadow moss nectar nettle nutmeg olive otter oxbow paddle parsnip pebble pewter plank quarry quilt "
    "radish rafter rhubarb rudder saddle sandal satchel sequin sickle spindle sprocket stable tapir teapot thimble thistle timber trellis tulip "
    "turnip umber velvet walnut willow yarrow"
)


@pytest.mark.parametrize("join", ["", " ", "-", "."])
def test_no_passphrase_of_four_random_words_is_refused(join: str) -> None:
    words, entropy = RARE.split(), SeededEntropy(join)
    made = [join.join(words[entropy.below(len(words))] for _ in range(4)) for _ in range(500)]
    assert [text for text in made if RULES.findings(text)] == []


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("abcabcab", "abc"),
        ("abcabc", "abc"),
        ("aaaa", "a"),
        ("abcabd", "abcabd"),
        ("abcdeabc", "abcdeabc"),
        ("", ""),
        ("x", "x"),
        ("Elephant-elephant2", "elephant"),
        ("Elephant elephant", "elephant"),
        ("zebra1zebra2zebra3", "zebra"),
        ("\u00c9t\u00e9\u00e9te", "ete"),
        ("1a2a3a4a5a6a7a8a", "a"),
        ("1!a2!a3!a4", "1!a2!a3!a4"),
        ("---", "-"),
        ("\ufdfa\ufdfa\ufdfa", "\ufdfa"),
    ],
)
def test_the_unit_is_what_a_text_repeats(text: str, unit: str) -> None:
    assert shortest_unit(text) == unit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ada.lovelace", {"ada", "lovelace", "adalovelace"}),
        ("Ad\u00e9_Lovelace-King", {"ade", "lovelace", "king", "adelovelaceking"}),
        ("ada1815", {"ada1815", "ada"}),
        ("ada.1815", {"ada1815", "ada", "1815"}),
        ("jo@x.io", {"joxio"}),
        ("login.wunderbau.example", {"login", "wunderbau", "example", "loginwunderbauexample"}),
        ("", set()),
        ("...", set()),
    ],
)
def test_the_words_of_a_text_are_its_parts_and_their_whole(text: str, words: set[str]) -> None:
    assert words_in(text) == words


@pytest.mark.parametrize("length", [3, 4, 8])
def test_decoration_is_allowed_for_up_to_eight_characters(length: int) -> None:
    signs = "7#2%9~4?"
    assert is_made_of("dragon" + signs[:length])
    assert is_made_of(signs[:length] + "dragon")


def test_more_decoration_is_a_part_of_the_password() -> None:
    assert not is_made_of("dragon7#2%9~4?6")
    assert not is_made_of("7#2%dragon9~4?6")


def test_digits_alone_spell_no_word() -> None:
    assert is_made_of("t3st8est73st-b3st!")
    assert not is_made_of("73578055735780557")


def test_a_run_is_worth_nothing_however_long() -> None:
    assert is_made_of("dragon" + COUNTING * 3)
    assert is_made_of("abcdefghijklmnopqrstuvwxyz" * 2)


def test_what_is_short_without_its_runs_is_stretched() -> None:
    assert is_made_of("xkqzvbpt1234567")
    assert is_made_of("xkqzvbpt-------")
    assert is_made_of("xkqzaaaaaavbpt12345")
    assert not is_made_of("xkqzvbptm123456789")
    assert not is_made_of("xkqzvbpt1234")
    assert not is_made_of("xkqzvbp1234zzzz")


def test_beyond_what_anybody_would_try_a_text_is_not_searched() -> None:
    assert is_made_of("dragonmonkey" * 10)
    assert not is_made_of("dragonmonkey" * 11)


HOSTILE = [
    "a" * LONGEST_PASSWORD,
    "ab" * (LONGEST_PASSWORD // 2),
    ("a" * 511 + "b") * 2,
    "a" * (LONGEST_PASSWORD - 1) + "b",
    "\ufdfa" * LONGEST_PASSWORD,
    "\ufdfa" * 7,
    "thethisthatthosethese" * 6,
    "".join(WORDS)[:128],
    "".join(WORDS)[:LONGEST_PASSWORD],
    "passpasswordpass" * 8,
    "1l!|oO0@a4$s5" * 9,
    "i" * 64 + "a" * 64,
    "iamiamaiam" * 12 + "q",
    "1234567890" * 12 + "q",
    "19" * 60 + "q",
    "!" * 127 + "q",
    ("qwertyuiop" * 13)[:127] + "\u00e9",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: f"{text[:16]!a} x {len(text)}")
def test_work_is_bounded_whatever_is_typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    pieces = _blocklist._pieces

    def counted(*place: Any) -> list[Any]:
        found = list(pieces(*place))
        counts.append(len(found))
        return found

    monkeypatch.setattr(_blocklist, "_pieces", counted)
    RULES.findings(text, words=["the", "this", "aaa", "passpassword"])
    # Three spellings, searched three times at most: alone, with the person's words, with the site's. 128 places each.
    assert len(counts) <= 3 * 3 * 128
    assert sum(counts) <= 3 * 3 * 128 * 128
