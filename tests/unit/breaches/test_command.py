"""`python -m credkit corpus`: from a list to a file on a terminal, and what it says when that does not work (PW-09)."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import credkit
from credkit.__main__ import main
from credkit.breaches import Fingerprint, OfflineCorpus
from unit.breaches.lists import count_of, listed, stored

SHA1S = stored(1_000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "list.txt"
    path.write_bytes(listed(SHA1S))
    return path


def run(*arguments: object) -> int:
    return main(["corpus", *map(str, arguments)])


def found(path: Path) -> list[int]:
    corpus = OfflineCorpus(path)
    return [corpus.count(Fingerprint(sha1)) for sha1 in SHA1S]


def test_a_list_in_a_file_becomes_a_corpus(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("build", source, tmp_path / "corpus") == 0
    assert found(tmp_path / "corpus") == [1] * 1_000
    told, errors = capsys.readouterr()
    assert "1,000, each in 1 or more occurrences\n" in told
    assert "5,104 bytes, 5.10 a password" in told
    assert "2^-32.0 a look-up" in told
    assert errors == ""


def test_a_packed_list_is_unpacked_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "list.txt.gz").write_bytes(gzip.compress(listed(SHA1S)))
    assert run("build", tmp_path / "list.txt.gz", tmp_path / "corpus") == 0
    assert found(tmp_path / "corpus") == [1] * 1_000


def test_a_list_may_come_through_a_pipe(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(credkit.__path__[0]).parent)}
    command = [sys.executable, "-m", "credkit", "corpus", "build", "-", str(tmp_path / "corpus")]
    done = subprocess.run(command, input=listed(SHA1S), capture_output=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert found(tmp_path / "corpus") == [1] * 1_000


def test_rare_ones_are_left_out_and_counts_kept_if_asked_for(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("build", source, tmp_path / "corpus", "--at-least", 50_000, "--counts") == 0
    assert [count > 0 for count in found(tmp_path / "corpus")] == [count_of(sha1) >= 50_000 for sha1 in SHA1S]
    assert max(found(tmp_path / "corpus")) > 80_000
    assert "each in 50000 or more occurrences, with counts\n" in capsys.readouterr().out


def test_an_empty_list_is_an_empty_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert run("build", "-", tmp_path / "corpus") == 0
    assert found(tmp_path / "corpus") == [0] * 1_000
    assert "false positives  0 a look-up" in capsys.readouterr().out


@pytest.mark.parametrize("check", [[], ["--check"]])
def test_a_corpus_is_described_as_when_it_was_built(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], check: list[str]) -> None:
    run("build", source, tmp_path / "corpus")
    built = capsys.readouterr().out
    assert run("info", tmp_path / "corpus", *check) == 0
    assert capsys.readouterr().out == built


def test_a_check_finds_what_a_look_at_the_header_does_not(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("build", source, tmp_path / "corpus")
    (tmp_path / "corpus").write_bytes((tmp_path / "corpus").read_bytes()[:-1] + b"?")
    assert run("info", tmp_path / "corpus") == 0
    assert run("info", tmp_path / "corpus", "--check") == 1
    assert "damaged" in capsys.readouterr().err


def test_a_list_that_cannot_be_used_ends_with_the_line_and_no_file(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.write_bytes(source.read_bytes() + b"oops\r\n")
    assert run("build", source, tmp_path / "corpus") == 1
    assert capsys.readouterr() == ("", "credkit: line 1001 is neither a SHA-1 in hex nor SHA-1:COUNT\n")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "{}/missing", "{}/corpus"], "missing"),
        (["build", "{}/missing.gz", "{}/corpus"], "missing.gz"),
        (["build", "{}/list.txt", "{}/missing/corpus"], "cannot be built"),
        (["build", "{}/list.txt", "{}/corpus", "--at-least", "0"], "at_least"),
        (["info", "{}/missing"], "cannot be read"),
        (["info", "{}/list.txt"], "no breach corpus"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert run(*(text.format(source.parent) for text in arguments)) == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("credkit: ")
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == [source]
