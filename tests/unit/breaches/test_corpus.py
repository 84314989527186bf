"""Every password in the file is found and no other, in threads and forks alike, and a file that cannot be trusted is told apart (PW-09)."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from credkit.breaches import AsyncOfflineCorpus, BreachCheckFailed, Fingerprint, OfflineCorpus, check_corpus
from credkit.breaches._layout import MOST_ENTRIES, count_from, prefix_bits_for
from credkit.errors import ConfigurationError
from credkit.secret import Secret
from unit.breaches.lists import absent, count_of, made, stored
from unit.test_per_process import in_a_child

MANY = 3_000
"""Enough for several buckets."""

SHA1S = stored(MANY)

PASSWORD = "four loud kettles sing"
MEANT = Fingerprint.of(Secret(PASSWORD))

Ask = Callable[[Path, list[Fingerprint]], list[int]]


def ask_blocking(path: Path, asked: list[Fingerprint]) -> list[int]:
    corpus = OfflineCorpus(path)
    return [corpus.count(fingerprint) for fingerprint in asked]


def ask_async(path: Path, asked: list[Fingerprint]) -> list[int]:
    async def counts() -> list[int]:
        corpus = AsyncOfflineCorpus(path)
        return [await corpus.count(fingerprint) for fingerprint in asked]

    return asyncio.run(counts())


@pytest.fixture(params=[ask_blocking, ask_async], ids=["blocking", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    return request.param


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("built") / "corpus"
    made(path, SHA1S)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "corpus").write_bytes(content)
    return tmp_path / "corpus"


def spoil(path: Path, place: int, bits: int = 1) -> None:
    """Change a byte of the file."""
    content = bytearray(path.read_bytes())
    content[place] ^= bits
    path.write_bytes(content)


# What is found ---------------------------------------------------------------------------------------------------------


def test_every_password_of_the_list_is_found_and_without_counts_occurs_as_often_as_all_at_least(ask: Ask, tmp_path: Path) -> None:
    kept = [sha1 for sha1 in SHA1S if count_of(sha1) >= 100]
    made(tmp_path / "corpus", SHA1S, at_least=100)
    assert len(kept) < MANY
    assert ask(tmp_path / "corpus", list(map(Fingerprint, kept))) == [100] * len(kept)


def test_with_counts_every_password_occurs_as_often_as_the_list_says_or_less_by_under_an_eighth(ask: Ask, tmp_path: Path) -> None:
    made(tmp_path / "corpus", SHA1S, counts=True)
    for sha1, count in zip(SHA1S, ask(tmp_path / "corpus", list(map(Fingerprint, SHA1S))), strict=True):
        assert count <= count_of(sha1) < count * 9 / 8 + 1


def test_no_other_password_is_found(ask: Ask, path: Path) -> None:
    # Of 5,000 look-ups at 1.7e-10 each, one hits by chance in a million runs; these are always the same ones.
    assert ask(path, absent(5_000)) == [0] * 5_000


def test_what_was_left_out_is_not_found(ask: Ask, tmp_path: Path) -> None:
    left = [sha1 for sha1 in SHA1S if count_of(sha1) < 50_000]
    made(tmp_path / "corpus", SHA1S, at_least=50_000)
    assert ask(tmp_path / "corpus", list(map(Fingerprint, left))) == [0] * len(left)


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("amount", [0, 1, 2, 255, 256, 257, 512, 513])
def test_lists_of_any_length_are_whole(tmp_path: Path, amount: int, counts: bool) -> None:
    facts = made(tmp_path / "corpus", stored(amount), counts=counts)
    assert (facts.entries, facts.prefix_bits) == (amount, 0 if amount <= 256 else 1 if amount <= 512 else 2)
    assert check_corpus(tmp_path / "corpus") == facts
    assert ask_blocking(tmp_path / "corpus", absent(100)) == [0] * 100
    assert 0 not in ask_blocking(tmp_path / "corpus", list(map(Fingerprint, stored(amount))))


@pytest.mark.parametrize("end", [bytes(20), b"\xff" * 20])
def test_the_first_and_the_last_of_all_sha1s_are_found(ask: Ask, tmp_path: Path, end: bytes) -> None:
    made(tmp_path / "corpus", sorted([*SHA1S, end]))
    assert ask(tmp_path / "corpus", [Fingerprint(end)]) == [1]


def test_a_list_that_is_all_in_one_place_is_found_there_and_nowhere_else(ask: Ask, tmp_path: Path) -> None:
    """As when somebody tries the first thousand lines of a long one."""
    crowded = [b"\x00\x00\x00" + sha1[3:] for sha1 in SHA1S]
    made(tmp_path / "corpus", sorted(crowded))
    assert ask(tmp_path / "corpus", list(map(Fingerprint, crowded))) == [1] * MANY
    assert ask(tmp_path / "corpus", list(map(Fingerprint, SHA1S))) == [0] * MANY


def test_of_passwords_that_cannot_be_told_apart_the_most_frequent_counts(ask: Ask, tmp_path: Path) -> None:
    alike = sorted(bytes(8) + sha1[8:] for sha1 in SHA1S[:50])
    made(tmp_path / "corpus", alike, counts=True)
    (found,) = ask(tmp_path / "corpus", [Fingerprint(bytes(20))])
    most = max(map(count_of, alike))
    assert found <= most < found * 9 / 8


def test_bytes_that_lie_across_two_entries_are_no_entry(tmp_path: Path) -> None:
    first, second = b"\x00\x01\x02\x03\x04" + bytes(15), b"\x05\x06\x07\x08\x09" + bytes(15)
    made(tmp_path / "corpus", [first, second])
    across = [Fingerprint((first[:5] + second[:5])[at : at + 5] + bytes(15)) for at in range(1, 5)]
    assert ask_blocking(tmp_path / "corpus", across) == [0] * 4
    assert ask_blocking(tmp_path / "corpus", [Fingerprint(first), Fingerprint(second)]) == [1, 1]


# What a file says of itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [False, True])
def test_a_file_says_what_its_builder_said(tmp_path: Path, counts: bool) -> None:
    facts = made(tmp_path / "corpus", SHA1S, at_least=7, counts=counts)
    assert (facts.counted, facts.at_least, facts.entry_bytes) == (counts, 7, 6 if counts else 5)
    assert facts.size == (tmp_path / "corpus").stat().st_size
    assert OfflineCorpus(tmp_path / "corpus").facts() == asyncio.run(AsyncOfflineCorpus(tmp_path / "corpus").facts()) == facts


@pytest.mark.parametrize(("entries", "bits"), [(0, 0), (256, 0), (257, 1), (10**5, 9), (10**6, 12), (10**7, 16), (10**9, 22), (1 << 32, 24)])
def test_there_are_as_many_buckets_as_keep_the_chance_of_a_false_hit_below_two_to_the_minus_32(entries: int, bits: int) -> None:
    assert prefix_bits_for(entries) == bits
    assert entries / 2 ** (bits + 40) <= 2**-32


def test_a_billion_passwords_take_five_gigabytes(tmp_path: Path) -> None:
    facts = made(tmp_path / "corpus", [])
    billion = type(facts)(entries=10**9, prefix_bits=prefix_bits_for(10**9), counted=False, at_least=1)
    assert billion.size / billion.entries == pytest.approx(5.034, abs=0.001)
    assert billion.false_positives < 2**-32
    assert prefix_bits_for(MOST_ENTRIES) == 24


def test_the_file_is_laid_out_as_it_says(tmp_path: Path) -> None:
    """Read by the description alone, so that a file of today is one of tomorrow."""
    facts = made(tmp_path / "corpus", SHA1S, at_least=2, counts=True)
    content = (tmp_path / "corpus").read_bytes()
    magic, version, prefix_bits, key_bytes, count_bytes, entries, at_least = struct.unpack_from(">16sHBBB3xQQ", content)
    assert (magic, version, prefix_bits, key_bytes, count_bytes, entries, at_least) == (b"credkit breaches", 1, 4, 5, 1, facts.entries, 2)
    assert struct.unpack_from(">I", content, 60) == (zlib.crc32(content[:60]),)
    index = list(struct.iter_unpack(">II", content[64 : 64 + 8 * 17]))
    body = content[64 + 8 * 17 :]
    assert index[-1] == (entries, 0)
    found: list[tuple[int, int]] = []
    for bucket in range(16):
        start, checksum = index[bucket]
        entries_of = body[6 * start : 6 * index[bucket + 1][0]]
        assert zlib.crc32(entries_of) == checksum
        found += [((bucket << 40) + int.from_bytes(entry[:5], "big"), count_from(entry[5])) for (entry,) in struct.iter_unpack("6s", entries_of)]
    kept = [sha1 for sha1 in SHA1S if count_of(sha1) >= 2]
    assert [key for key, _ in found] == [int.from_bytes(sha1, "big") >> (160 - 44) for sha1 in kept]


# Files that are not there, or not whole --------------------------------------------------------------------------------


def test_nothing_is_opened_before_somebody_asks(tmp_path: Path) -> None:
    corpus, asynchronous = OfflineCorpus(tmp_path / "corpus"), AsyncOfflineCorpus(str(tmp_path / "corpus"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        corpus.count(absent(1)[0])
    made(tmp_path / "corpus", SHA1S)
    assert corpus.count(Fingerprint(SHA1S[0])) == asyncio.run(asynchronous.count(Fingerprint(SHA1S[0]))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no breach corpus"),
        (b"0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n" * 100, "no breach corpus"),
        (b"credkit", "cut off"),
        (b"credkit breaches", "cut off"),
        (b"credkit breaches\x00\x02" + bytes(46), "format 2"),
        (b"credkit breaches\x00\x01" + bytes(46), "damaged"),
    ],
)
def test_a_file_that_is_no_corpus_is_told_and_named(ask: Ask, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said) as refused:
        ask(tmp_path / "corpus", absent(1))
    assert str(tmp_path / "corpus") in str(refused.value)


def test_a_folder_is_no_corpus(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ask(tmp_path, absent(1))


@pytest.mark.parametrize("place", range(64))
def test_damage_anywhere_in_the_header_is_told(ask: Ask, path: Path, place: int) -> None:
    spoil(path, place, 0x10)
    with pytest.raises(ConfigurationError):
        ask(path, absent(1))


@pytest.mark.parametrize("length", [1, 40, 64, 100, 1_000, 15_199])
def test_a_file_that_was_cut_off_is_told(ask: Ask, path: Path, length: int) -> None:
    os.truncate(path, length)
    with pytest.raises(ConfigurationError, match="cut off"):
        ask(path, absent(1))


def test_a_file_that_goes_on_too_long_is_told(ask: Ask, path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\x00")
    with pytest.raises(ConfigurationError, match="cut off or damaged"):
        ask(path, absent(1))


def test_damage_is_told_by_each_look_up_that_comes_upon_it_and_by_no_other(ask: Ask, path: Path) -> None:
    spoil(path, -1)
    with pytest.raises(ConfigurationError, match="damaged"):
        ask(path, [Fingerprint(SHA1S[-2])])
    assert ask(path, [Fingerprint(SHA1S[0])]) == [1]


@pytest.mark.parametrize("place", [*range(64, 64 + 8 * 17), 64 + 8 * 17, 5_000, 15_000, 15_199])
def test_a_check_finds_damage_anywhere(path: Path, place: int) -> None:
    assert path.stat().st_size == 15_200
    spoil(path, place)
    with pytest.raises(ConfigurationError, match="damaged"):
        check_corpus(path)


def test_an_index_that_leads_out_of_the_file_is_damage(ask: Ask, path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 64 + 8] + b"\xff\xff\xff\xff" + content[64 + 12 :])
    for asked in (Fingerprint(bytes(20)), Fingerprint(b"\x1f" + bytes(19))):
        with pytest.raises(ConfigurationError, match="damaged"):
            ask(path, [asked])


@pytest.mark.skipif(not hasattr(os, "pread"), reason="async code maps the file here, too")
@pytest.mark.parametrize("length", [0, 70, 1_000, 15_199])
def test_a_file_that_is_cut_off_while_async_code_reads_it_is_damage_and_no_end_of_the_process(path: Path, length: int) -> None:
    corpus = AsyncOfflineCorpus(path)
    assert asyncio.run(corpus.count(Fingerprint(SHA1S[-1]))) == 1
    os.truncate(path, length)
    with pytest.raises(ConfigurationError, match="damaged"):
        asyncio.run(corpus.count(Fingerprint(SHA1S[-1])))


@pytest.mark.skipif(not hasattr(os, "pread"), reason="async code maps the file here, too")
def test_a_disk_that_fails_is_a_failed_check_and_no_false_configuration(path: Path) -> None:
    corpus = AsyncOfflineCorpus(path)
    asyncio.run(corpus.facts())
    ours = next(int(entry.name) for entry in Path("/dev/fd").iterdir() if entry.resolve() == path.resolve())
    folder = os.open(path.parent, os.O_RDONLY)
    os.dup2(folder, ours)  # from now on every read fails
    os.close(folder)
    with pytest.raises(BreachCheckFailed, match="cannot be read") as failed:
        asyncio.run(corpus.count(Fingerprint(SHA1S[0])))
    assert isinstance(failed.value.__cause__, OSError)


# Processes, threads, renewal -------------------------------------------------------------------------------------------


def test_a_file_that_is_replaced_is_read_on_as_it_was_and_anew_by_whoever_opens_it_then(path: Path) -> None:
    old, asynchronous = OfflineCorpus(path), AsyncOfflineCorpus(path)
    wanted = Fingerprint(SHA1S[0])
    assert (old.count(wanted), asyncio.run(asynchronous.count(wanted))) == (1, 1)
    made(path, [])
    assert (old.count(wanted), asyncio.run(asynchronous.count(wanted)), OfflineCorpus(path).count(wanted)) == (1, 1, 0)


def test_threads_that_ask_at_once_for_the_first_time_are_all_answered(path: Path) -> None:
    corpus = OfflineCorpus(path)
    start, found = threading.Barrier(8), list[int]()

    def ask() -> None:
        start.wait()
        found.extend(corpus.count(Fingerprint(sha1)) for sha1 in SHA1S[::10])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 8 * 300


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_child_opens_the_file_for_itself_and_takes_nothing_from_its_parent(path: Path) -> None:
    # F28. The parent's file has been replaced meanwhile: a child that used the parent's would find the old entry.
    corpus = OfflineCorpus(path)
    wanted = Fingerprint(SHA1S[0])
    assert corpus.count(wanted) == 1
    made(path, SHA1S[1:])
    assert in_a_child(lambda: [corpus.count(wanted), corpus.count(Fingerprint(SHA1S[1]))]) == [0, 1]
    assert corpus.count(wanted) == 1


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open files are not listed here")
def test_a_corpus_that_is_dropped_closes_its_file(path: Path) -> None:
    before = set(Path("/dev/fd").iterdir())
    for _ in range(3):
        OfflineCorpus(path).facts()
        with pytest.raises(ConfigurationError):
            OfflineCorpus(path.parent).facts()
    assert set(Path("/dev/fd").iterdir()) == before


# Nothing tells the password --------------------------------------------------------------------------------------------


def test_a_report_of_damage_with_all_its_locals_holds_no_more_than_the_bucket(ask: Ask, path: Path) -> None:
    # PW-26. The bucket is one of the first bits only; what is read from the file is public.
    path.write_bytes(path.read_bytes()[:-15_000] + bytes(15_000))
    with pytest.raises(ConfigurationError) as refused:
        ask(path, [MEANT])
    report = "".join(traceback.TracebackException.from_exception(refused.value, capture_locals=True).format())
    assert "Fingerprint(...)" in report
    first = int.from_bytes(MEANT.reveal()[:3], "big")
    for secret in (PASSWORD, MEANT.prefix, MEANT.suffix[:10], str(first), repr(MEANT.reveal()[:4])[2:-1]):
        assert secret.lower() not in report.lower()
