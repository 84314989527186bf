"""What a breach check is told of a password, and what follows from its answer (PW-09)."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import credkit
from credkit.breaches import BreachCheckFailed, BreachPolicy, Fingerprint
from credkit.errors import ConfigurationError, CredkitError
from credkit.passwords import normalize_password
from credkit.secret import Secret

PASSWORD = Fingerprint.of(Secret("password"))
SHA1 = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
"""Of the word ``password``: ``printf password | sha1sum``."""


def test_a_fingerprint_is_the_sha1_that_public_lists_are_keyed_by() -> None:
    assert PASSWORD.reveal() == bytes.fromhex(SHA1)


def test_prefix_and_suffix_are_the_hex_text_in_capitals_parted_after_five() -> None:
    assert (PASSWORD.prefix, PASSWORD.suffix) == (SHA1[:5], SHA1[5:])


def test_the_fingerprint_of_a_letter_with_an_accent_is_that_of_its_utf8_in_nfc() -> None:
    decomposed = Fingerprint.of(normalize_password("cafe\u0301 con leche"))
    assert decomposed.reveal().hex() == "b61ae70bcf0701bdadfa111960e678b1df2c4643"  # printf 'caf\xc3\xa9 con leche' | sha1sum


def test_a_text_that_is_no_unicode_has_a_fingerprint_and_no_error_that_shows_it() -> None:
    assert len(Fingerprint.of(Secret("\ud800")).reveal()) == 20


def test_a_sha1_has_twenty_bytes() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        Fingerprint(bytes(19))


@pytest.mark.parametrize("shown", [repr(PASSWORD), str(PASSWORD), f"{PASSWORD}", f"{[PASSWORD]}"])
def test_a_fingerprint_hides_itself(shown: str) -> None:
    assert "Fingerprint(...)" in shown
    assert SHA1[5:15].lower() not in shown.lower()


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_fingerprint_is_not_pickled_or_copied(take: object) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        take(PASSWORD)  # type: ignore[operator]


def test_fingerprints_are_equal_if_their_passwords_are_and_never_equal_their_bytes() -> None:
    again, another = Fingerprint(bytes.fromhex(SHA1)), Fingerprint.of(Secret("Password"))
    assert again == PASSWORD
    assert again != another
    assert again != again.reveal()


def test_a_failed_check_is_trouble_and_no_refusal() -> None:
    assert issubclass(BreachCheckFailed, CredkitError)
    assert BreachCheckFailed("out of reach").status == 503


def test_by_default_one_occurrence_is_enough_and_a_failure_lets_the_password_through() -> None:
    policy = BreachPolicy()
    assert [policy.refuses(count) for count in (0, 1, 2)] == [False, True, True]
    assert policy.accepts_unchecked


def test_a_host_may_refuse_what_could_not_be_checked_and_let_rare_ones_through() -> None:
    policy = BreachPolicy(on_failure="refuse", at_least=10)
    assert [policy.refuses(count) for count in (0, 9, 10)] == [False, False, True]
    assert not policy.accepts_unchecked


def test_a_policy_that_means_nothing_is_refused_with_all_that_is_wrong() -> None:
    with pytest.raises(ConfigurationError) as refused:
        BreachPolicy(on_failure="ignore", at_least=0)  # type: ignore[arg-type]
    assert len(refused.value.problems) == 2


def test_importing_what_asks_loads_nothing_that_talks_or_maps() -> None:
    program = "import json, sys; sys.path.insert(0, sys.argv[1]); import credkit.breaches; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", program, str(Path(credkit.__path__[0]).parent)], capture_output=True, text=True, timeout=60, check=True)
    assert not {"asyncio", "concurrent.futures", "http.client", "mmap", "socket", "ssl", "tempfile", "urllib.request"} & set(json.loads(done.stdout))
