"""A list becomes a file in one step and with little memory, or not at all, and then it is told which line is to blame (PW-09)."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest

from credkit.breaches import Fingerprint, OfflineCorpus, UnusableSource, build_corpus, building, check_corpus
from credkit.errors import ConfigurationError, CredkitError
from unit.breaches.lists import count_of, listed, sha1_of, stored

FIRST, SECOND, THIRD = stored(3)
A, B, C = (sha1.hex().upper().encode() for sha1 in (FIRST, SECOND, THIRD))


def counts_of(path: Path, *sha1s: bytes) -> list[int]:
    corpus = OfflineCorpus(path)
    return [corpus.count(Fingerprint(sha1)) for sha1 in sha1s]


def build(path: Path, content: bytes, *, at_least: int = 1) -> list[int]:
    """Return the counts of the three in a corpus with counts."""
    build_corpus(io.BytesIO(content), path, at_least=at_least, counts=True)
    return counts_of(path, FIRST, SECOND, THIRD)


# What a list may look like ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (b"", [0, 0, 0]),
        (A, [1, 0, 0]),
        (A + b":5", [5, 0, 0]),
        (A + b":5\n" + C + b":15\n", [5, 0, 15]),
        (A + b":5\r\n" + B + b"\r\n" + C + b"\r\n", [5, 1, 1]),
        (A.lower() + b":5\n" + B + b":6\n" + C.lower() + b":7\n", [5, 6, 7]),
        (A + b":0\n" + B + b":1\n", [0, 1, 0]),
        (A + b"\n" + A + b"\n" + A + b":3\n" + B + b"\n", [5, 1, 0]),
        (A + b":000000000000007\n", [7, 0, 0]),
    ],
    ids=["empty", "one", "one with a count", "LF", "CRLF, with and without", "small letters", "padding", "several times", "zeros"],
)
def test_lists_are_read_in_all_their_spellings(tmp_path: Path, content: bytes, counts: list[int]) -> None:
    assert build(tmp_path / "corpus", content) == counts


def test_rare_passwords_are_left_out_by_what_their_lines_add_up_to(tmp_path: Path) -> None:
    assert build(tmp_path / "corpus", A + b":9\n" + B + b":5\n" + B + b":5\n" + C + b":10\n", at_least=10) == [0, 10, 10]


def test_a_count_beyond_what_a_byte_can_say_is_a_very_high_one(tmp_path: Path) -> None:
    assert build(tmp_path / "corpus", A + b":999999999999999\n")[0] == 15 << 30


def test_a_list_is_read_in_whatever_pieces_it_comes(tmp_path: Path) -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:  # a pipe gives what it has
            return super().read(7)

    whole = listed(stored(600))
    build_corpus(Trickle(whole), tmp_path / "trickled")
    build_corpus(io.BytesIO(whole), tmp_path / "whole")
    assert (tmp_path / "trickled").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("counts", [False, True])
def test_the_file_is_the_same_in_whatever_pieces_it_is_laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: bool) -> None:
    whole = listed(stored(2_000))
    build_corpus(io.BytesIO(whole), tmp_path / "at once", counts=counts)
    for piece in (1, 7, 1_999, 2_000):
        monkeypatch.setattr(building, "_PIECE", piece)
        build_corpus(io.BytesIO(whole), tmp_path / "in pieces", counts=counts)
        assert (tmp_path / "in pieces").read_bytes() == (tmp_path / "at once").read_bytes()


# What a list may not look like -----------------------------------------------------------------------------------------

BAD_LINES = {
    "blank": b"",
    "short": A[:-1],
    "long": A + b"0",
    "no hex": A[:-1] + b"G",
    "spaces": b" " + A,
    "space behind": A + b" ",
    "no count": A + b":",
    "negative": A + b":-1",
    "no number": A + b":many",
    "fraction": A + b":1.5",
    "other digits": A + ":\u0661".encode(),
    "too large": A + b":1" + b"0" * 15,
    "semicolon": A + b";5",
    "two counts": A + b":1:2",
    "SHA-256": A + A[:24],
    "NT hash": A[:32],
    "a byte order mark": b"\xef\xbb\xbf" + A,
    "a password": b"hunter2hunter2:3",
    "two ends": A + b"\r\r",
    "very long": b"A" * 3_000_000,
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
@pytest.mark.parametrize("above", [0, 1, 3])
def test_a_malformed_line_is_told_by_its_number_and_not_shown(tmp_path: Path, line: bytes, above: int) -> None:
    content = (bytes(20).hex().encode() + b":1\n") * above + line + b"\n" + C + b"\n"
    with pytest.raises(UnusableSource, match=f"^line {above + 1} is neither") as refused:
        build_corpus(io.BytesIO(content), tmp_path / "corpus")
    assert refused.value.line == above + 1
    assert line[:10].decode("latin-1") not in str(refused.value) or not line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "line"), [(B + b"\n" + A, 2), (A + b"\n" + C + b":2\n" + B + b":3\n", 3), (A + b"\n" + B + b"\n" + A + b"\n", 3)])
def test_a_line_that_belongs_above_is_told_by_its_number(tmp_path: Path, content: bytes, line: int) -> None:
    with pytest.raises(UnusableSource, match=f"^line {line} belongs before") as refused:
        build_corpus(io.BytesIO(content), tmp_path / "corpus")
    assert refused.value.line == line
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_never_ends_a_line_is_not_read_on(tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            return b"A" * size

    with pytest.raises(UnusableSource, match=r"^line 1 is neither"):
        build_corpus(Endless(), tmp_path / "corpus")


def test_small_letters_do_not_change_what_comes_first(tmp_path: Path) -> None:
    a, b = b"A" + b"0" * 39, b"b" + b"0" * 39
    build_corpus(io.BytesIO(a + b"\n" + b + b"\n"), tmp_path / "corpus")
    with pytest.raises(UnusableSource):
        build_corpus(io.BytesIO(b.upper() + b"\n" + a.lower() + b"\n"), tmp_path / "corpus")


def test_more_passwords_than_a_file_can_count_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MOST_ENTRIES", 2)
    build_corpus(io.BytesIO(A + b"\n" + B), tmp_path / "corpus")
    with pytest.raises(ConfigurationError, match="up to 2"):
        build_corpus(io.BytesIO(A + b"\n" + B + b"\n" + C), tmp_path / "corpus")


def test_at_least_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at_least"):
        build_corpus(io.BytesIO(), tmp_path / "corpus", at_least=0)


def test_an_unusable_source_is_trouble_that_travels() -> None:
    assert issubclass(UnusableSource, CredkitError)


# In one step -----------------------------------------------------------------------------------------------------------


def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    build(tmp_path / "corpus", A)
    assert list(tmp_path.iterdir()) == [tmp_path / "corpus"]


def test_the_file_can_be_read_by_whoever_the_system_lets_read_new_files(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    build(tmp_path / "corpus", A)
    assert (tmp_path / "corpus").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_file_that_is_there_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    build(tmp_path / "corpus", A)
    with pytest.raises(UnusableSource):
        build(tmp_path / "corpus", B + b"\n" + A)
    assert counts_of(tmp_path / "corpus", FIRST, SECOND) == [1, 0]
    assert build(tmp_path / "corpus", B) == [0, 1, 0]


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A name that outlives a power loss while its bytes do not is a damaged file where a whole one was.
    steps: list[str] = []
    synced, replaced = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        steps.append("folder" if os.path.isdir(descriptor) else f"{os.fstat(descriptor).st_size} bytes")  # noqa: PTH112  # a descriptor
        synced(descriptor)

    def replace(path: Path, target: Path) -> Path:
        steps.append("name")
        return replaced(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    facts = build_corpus(io.BytesIO(A), tmp_path / "corpus")
    assert steps == [f"{facts.size} bytes", "name", "folder"]


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:  # it never gets that far
            raise OSError(5, "Input/output error")

    with pytest.raises(ConfigurationError, match="cannot be built") as failed:
        build_corpus(Failing(), tmp_path / "corpus")
    assert isinstance(failed.value.__cause__, OSError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoil", [lambda packed: packed[:-20], lambda packed: packed[:30] + bytes(30) + packed[60:], lambda packed: b"no gzip" + packed])
def test_a_packed_list_that_is_damaged_leaves_nothing(tmp_path: Path, spoil: object) -> None:
    packed = spoil(gzip.compress(listed(stored(500))))  # type: ignore[operator]
    with gzip.open(io.BytesIO(packed)) as source, pytest.raises((ConfigurationError, UnusableSource)):
        build_corpus(source, tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be built"):
        build_corpus(io.BytesIO(A), tmp_path / "missing" / "corpus")


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise KeyboardInterrupt
            return super().read(size)

    with pytest.raises(KeyboardInterrupt):
        build_corpus(Interrupted(A), tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


# Memory ----------------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    """Also not for a list that lies in one bucket; a list that is held would take 100 bytes a line, or 6 MB more."""

    class Pipe(io.RawIOBase):
        def __init__(self, lines: int) -> None:
            self._lines = (b"%040X:%d\n" % (number, count_of(sha1_of(number))) for number in range(lines))

        def read(self, size: int = -1, /) -> bytes:  # a pipe gives what it has
            return b"".join(islice(self._lines, 1_000))

    peaks: list[int] = []
    for lines in (70_000, 140_000):  # more than one piece
        tracemalloc.start()
        build_corpus(Pipe(lines), tmp_path / "corpus", counts=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert check_corpus(tmp_path / "corpus").entries == lines
    assert peaks[1] < peaks[0] + 1_000_000
