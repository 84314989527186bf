"""Whatever a list holds, its corpus holds that and nothing else; whatever a file or an answer holds, a count or a typed error comes of it."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from credkit.breaches import BreachCheckFailed, Fingerprint, OfflineCorpus, UnusableSource, build_corpus, building, check_corpus, count_in_range
from credkit.breaches._layout import CorpusFacts, count_byte, count_from, prefix_bits_for
from credkit.errors import ConfigurationError

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

sha1s = st.binary(min_size=20, max_size=20)
clustered = st.builds(lambda head, tail: (head + tail)[:20], st.sampled_from([b"", b"\x00" * 3, b"\x00" * 8, b"\xff" * 7, b"\x00\x00\x00\x01\x02"]), sha1s)
"""Many that agree in their first bits, also in all that are kept."""

counts = st.one_of(st.integers(0, 40), st.integers(0, 10**15 - 1))
lists = st.lists(st.tuples(st.one_of(sha1s, clustered), counts), max_size=40)
spelled = st.sampled_from([(str.upper, "\n"), (str.lower, "\r\n")])


def lines(rows: list[tuple[bytes, int]]) -> bytes:
    return b"".join(b"%b:%d\n" % (sha1.hex().encode(), count) for sha1, count in sorted(rows))


def expected(rows: list[tuple[bytes, int]], asked: bytes, prefix_bits: int, at_least: int) -> set[int]:
    """Return the counts of the entries that agree with *asked* in the bits that decide."""
    sums: dict[bytes, int] = {}
    for sha1, count in rows:
        sums[sha1] = sums.get(sha1, 0) + count
    shift = 160 - prefix_bits - 40
    return {count for sha1, count in sums.items() if count >= at_least and int.from_bytes(sha1, "big") >> shift == int.from_bytes(asked, "big") >> shift}


@thorough
@given(
    rows=lists,
    others=st.lists(st.one_of(sha1s, clustered), max_size=10),
    prefix_bits=st.integers(0, 11),
    at_least=st.one_of(st.just(1), st.integers(1, 50)),
    piece=st.sampled_from([1, 3, 65_536]),
)
@example(rows=[], others=[bytes(20)], prefix_bits=0, at_least=1, piece=1)
@example(rows=[(b"\xff" * 20, 1)], others=[bytes(20)], prefix_bits=11, at_least=1, piece=1)
@example(rows=[(bytes(19) + bytes((number,)), 1 + number) for number in range(40)], others=[b"\xff" * 20], prefix_bits=7, at_least=5, piece=3)
def test_a_corpus_holds_its_list_and_nothing_else(rows: list[tuple[bytes, int]], others: list[bytes], prefix_bits: int, at_least: int, piece: int) -> None:
    # The number of buckets is given, so that a short list stands for a long one.
    with tempfile.TemporaryDirectory() as folder, patch.object(building, "prefix_bits_for", lambda _: prefix_bits), patch.object(building, "_PIECE", piece):
        for counted in (False, True):
            path = Path(folder, "corpus")
            facts = build_corpus(io.BytesIO(lines(rows)), path, at_least=at_least, counts=counted)
            assert check_corpus(path) == facts
            assert path.stat().st_size == facts.size
            corpus = OfflineCorpus(path)
            for asked in [sha1 for sha1, _ in rows] + others:
                among = expected(rows, asked, prefix_bits, at_least)
                right = max((count_from(count_byte(count)) if counted else at_least for count in among), default=0)
                assert corpus.count(Fingerprint(asked)) == right


@thorough
@given(rows=st.lists(st.tuples(st.binary(min_size=8, max_size=8), st.integers(0, 255)), max_size=20), prefix_bits=st.integers(0, 24), counted=st.booleans())
def test_entries_are_packed_column_by_column_as_they_would_be_one_by_one(rows: list[tuple[bytes, int]], prefix_bits: int, counted: bool) -> None:
    facts = CorpusFacts(entries=len(rows), prefix_bits=prefix_bits, counted=counted, at_least=1)
    packed = building._packed(facts, b"".join(sha1 for sha1, _ in rows), bytes(count for _, count in rows))
    keys = [int.from_bytes(sha1, "big") >> (24 - prefix_bits) & (1 << 40) - 1 for sha1, _ in rows]
    one_by_one = [key.to_bytes(5, "big") + bytes((count,))[: facts.counted] for key, (_, count) in zip(keys, rows, strict=True)]
    assert packed == b"".join(one_by_one)


@thorough
@given(entries=st.integers(0, (1 << 32) - 1))
def test_the_promised_chance_of_a_false_positive_is_kept_at_every_length_and_no_bucket_is_smaller_than_it_must_be(entries: int) -> None:
    bits = prefix_bits_for(entries)
    assert CorpusFacts(entries=entries, prefix_bits=bits, counted=False, at_least=1).false_positives <= 2**-32
    assert bits <= 24
    assert bits == 0 or entries / 2**bits > 128


@thorough
@given(count=counts, other=counts)
def test_a_count_in_a_byte_is_never_more_and_keeps_the_order(count: int, other: int) -> None:
    kept = count_from(count_byte(count))
    assert kept <= count
    assert kept == count or count >= 16
    assert count < kept * 9 / 8 + 1 or count_byte(count) == 255
    assert (count_byte(count) <= count_byte(other)) or count > other


@given(byte=st.integers(0, 255))
def test_every_byte_stands_for_a_count_of_its_own(byte: int) -> None:
    assert count_byte(count_from(byte)) == byte


@thorough
@given(content=st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda tail: b"credkit breaches\x00\x01" + tail)), asked=sha1s)
def test_any_file_is_a_corpus_or_one_typed_error(content: bytes, asked: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "corpus")
        path.write_bytes(content)
        try:
            OfflineCorpus(path).count(Fingerprint(asked))
        except ConfigurationError:
            return
        raise AssertionError("nobody guesses a checksum")


@thorough
@given(rows=lists, place=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255), asked=sha1s)
def test_damage_of_any_byte_is_found_by_a_check_and_never_ends_a_look_up_otherwise(
    rows: list[tuple[bytes, int]], place: float, bits: int, asked: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "corpus")
        build_corpus(io.BytesIO(lines(rows)), path)
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] ^= bits
        path.write_bytes(content)
        try:
            check_corpus(path)
        except ConfigurationError:
            pass
        else:
            raise AssertionError("the damage was not found")
        try:
            OfflineCorpus(path).count(Fingerprint(asked))
        except ConfigurationError:
            return


@thorough
@given(content=st.one_of(st.binary(max_size=300), st.text("0123456789ABCDEFabcdef:\r\n x", max_size=300).map(str.encode), lists.map(lines)))
def test_any_bytes_are_a_list_or_one_typed_error_and_nothing_is_left_of_it(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "corpus")
        line, left = 1, [path]
        try:
            build_corpus(io.BytesIO(content), path)
        except UnusableSource as refused:
            line, left = refused.line, []
        assert 1 <= line <= content.count(b"\n") + 1
        assert list(Path(folder).iterdir()) == left


rows_of_answers = st.builds("{:035X}:{}".format, st.integers(0, 16**35 - 1), st.integers(0, 10**15 - 1))


@thorough
@given(
    answer=st.one_of(
        st.binary(max_size=300),
        st.text("0123456789ABCDEFabcdef:\r\n ", max_size=300).map(str.encode),
        st.lists(rows_of_answers, max_size=20).map("\r\n".join).map(str.encode),
    ),
    asked=sha1s,
)
def test_any_answer_is_a_count_or_the_one_failure(answer: bytes, asked: bytes) -> None:
    try:
        assert count_in_range(answer, Fingerprint(asked)) >= 0
    except BreachCheckFailed:
        return


@thorough
@given(others=st.lists(rows_of_answers, max_size=20), asked=sha1s, count=st.integers(1, 10**15 - 1), place=st.integers(0, 20), spelling=spelled)
def test_a_suffix_in_the_answer_is_found_wherever_it_stands(others: list[str], asked: bytes, count: int, place: int, spelling: tuple[object, str]) -> None:
    fingerprint, (case, end) = Fingerprint(asked), spelling
    rows = [row for row in others if not row.startswith(fingerprint.suffix)]
    rows.insert(place, f"{fingerprint.suffix}:{count}")
    answer = end.join(case(row) for row in rows).encode()  # type: ignore[operator]
    assert count_in_range(answer, fingerprint) == count
