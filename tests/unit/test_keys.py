"""Key rings: which keys are taken, what is derived from them, how they rotate, and that their material never shows."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import pickle
import traceback
from collections.abc import Callable

import pytest

from credkit.errors import ConfigurationError, UnknownKey
from credkit.framing import frame
from credkit.keys import KEY_BYTES, KeyRing, hkdf_sha256

FIRST = hashlib.sha256(b"first").digest()
SECOND = hashlib.sha256(b"second").digest()


def text(**keys: bytes) -> str:
    return ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in keys.items())


def problems(act: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        act()
    return caught.value.problems


# RFC 5869 appendix A, the three test cases with SHA-256 (TE-08).
@pytest.mark.parametrize(
    ("key", "salt", "info", "output"),
    [
        pytest.param(
            b"\x0b" * 22,
            bytes(range(0x0D)),
            bytes(range(0xF0, 0xFA)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="A.1",
        ),
        pytest.param(
            bytes(range(0x50)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            id="A.2",
        ),
        pytest.param(b"\x0b" * 22, b"", b"", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8", id="A.3"),
    ],
)
def test_derivation_gives_the_answers_of_its_specification(key: bytes, salt: bytes, info: bytes, output: str) -> None:
    assert hkdf_sha256(key, salt=salt, info=info, length=len(output) // 2).hex() == output


def test_derivation_gives_as_many_bytes_as_asked_for_up_to_the_specifications_bound() -> None:
    longest = hkdf_sha256(FIRST, salt=b"", info=b"", length=255 * 32)
    assert [hkdf_sha256(FIRST, salt=b"", info=b"", length=n) for n in (0, 1, 31, 32, 33, 64)] == [longest[:n] for n in (0, 1, 31, 32, 33, 64)]
    with pytest.raises(ValueError, match="range"):
        hkdf_sha256(FIRST, salt=b"", info=b"", length=255 * 32 + 1)


# KE-01: a key is 256 random bits or it is refused, and so is a ring that says less than it seems to.
@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, "a key ring needs at least one key"),
        ({"a": b""}, "key 1 is shorter than 32 bytes"),
        ({"a": FIRST[:31]}, "key 1 is shorter than 32 bytes"),
        ({"a": FIRST, "b": SECOND[:31]}, "key 2 is shorter than 32 bytes"),
        ({"a": bytes(32)}, "key 1 is not random"),
        ({"a": b"\xff" * 32}, "key 1 is not random"),
        ({"a": b"changes" * 9}, "key 1 is not random"),  # 7 different bytes
        ({"a": FIRST, "b": FIRST}, "two ids name the same key"),
        ({"a": FIRST, "b": bytearray(FIRST)}, "two ids name the same key"),
        ({"": FIRST}, "the id of key 1 must be 1 to 32 of letters, digits, dot, dash and underscore"),
        ({"a" * 33: FIRST}, "the id of key 1 must be 1 to 32 of letters, digits, dot, dash and underscore"),
        ({"-a": FIRST}, "the id of key 1 must be 1 to 32 of letters, digits, dot, dash and underscore"),
        ({"a\n": FIRST}, "the id of key 1 must be 1 to 32 of letters, digits, dot, dash and underscore"),
        ({"\u00e9": FIRST}, "the id of key 1 must be 1 to 32 of letters, digits, dot, dash and underscore"),
    ],
)
def test_a_ring_that_cannot_protect_anything_is_refused(keys: dict[str, bytes], problem: str) -> None:
    assert problems(lambda: KeyRing(keys)) == (problem,)


def test_all_that_is_wrong_with_a_ring_is_said_at_once() -> None:  # HO-05
    assert len(problems(lambda: KeyRing({"a b": FIRST, "c": bytes(32), "d": b"", "e": FIRST}))) == 4


@pytest.mark.parametrize("key", [FIRST, FIRST + SECOND, bytes(range(32)), b"changes!" * 4])
def test_a_key_of_256_bits_or_more_is_taken(key: bytes) -> None:
    assert KEY_BYTES == 32
    assert KeyRing({"2026-11_a.b": key}).ids == ("2026-11_a.b",)


def test_a_ring_is_read_from_text_and_its_first_key_is_the_current_one() -> None:
    ring = KeyRing.parse(f" {text(new=FIRST)} ,\n{text(old=SECOND)}\n")
    assert (ring.current, ring.ids) == ("new", ("new", "old"))
    assert ring.mac("old", "p", "s") == KeyRing({"old": SECOND}).mac("old", "p", "s")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "key 1 is not of the form id:base64"),
        ("no colon", "key 1 is not of the form id:base64"),
        (text(a=FIRST) + ",", "key 2 is not of the form id:base64"),
        (text(a=FIRST) + ",b", "key 2 is not of the form id:base64"),
        (text(a=FIRST) + "," + text(a=SECOND), "key 2 has the id of an earlier key"),
        ("a:not base64!", "key 1 is not base64"),
        ("a:\u00e9\u00e9\u00e9\u00e9", "key 1 is not base64"),
        ("a:\ud800", "key 1 is not base64"),
        ("a:abc", "key 1 is not base64"),
        ("a:", "key 1 is shorter than 32 bytes"),
        (text(a=FIRST[:31]), "key 1 is shorter than 32 bytes"),
        (text(a=bytes(32)), "key 1 is not random"),
        (text(a=FIRST, b=FIRST), "two ids name the same key"),
    ],
)
def test_text_that_is_no_ring_is_refused(written: str, problem: str) -> None:
    assert problems(lambda: KeyRing.parse(written)) == (problem,)


def test_a_ring_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDKIT_TEST_KEYS", text(a=FIRST))
    assert KeyRing.from_env("CREDKIT_TEST_KEYS").ids == ("a",)
    assert KeyRing.from_env("CREDKIT_TEST_KEYS", {"CREDKIT_TEST_KEYS": text(b=FIRST)}).ids == ("b",)


# KE-01: no key is ever made up where the host forgot to give one.
@pytest.mark.parametrize("environ", [{}, {"KEYS": ""}, {"KEYS": " \n"}])
def test_without_a_variable_there_is_no_default_key(environ: dict[str, str]) -> None:
    (problem,) = problems(lambda: KeyRing.from_env("KEYS", environ))
    assert "KEYS" in problem
    assert "keys new" in problem


def test_a_mac_is_hmac_sha256_of_the_frame_under_a_derived_key() -> None:
    subkey = hkdf_sha256(FIRST, salt=b"credkit/1", info=frame("purpose", "site"))
    mac = KeyRing({"a": FIRST}).mac("a", "purpose", "site", "x", 1)
    assert mac == hmac.digest(subkey, frame("x", 1), "sha256")
    assert mac.hex() == "8c68bea71dc7da6752bfbcd8c7b9de8113ad4cb5a4aff32fb61ff3987bd5f821"  # and stays what it is from release to release (TE-13)


# KE-02, KE-03: a value made for one purpose, site or key is noise in every other.
def test_macs_of_different_purposes_sites_keys_and_parts_have_nothing_in_common() -> None:
    ring = KeyRing({"a": FIRST, "b": SECOND})
    labels = [("code", "main"), ("code", "other"), ("grant", "main"), ("codemain", ""), ("", "codemain"), ("main", "code")]
    parts: list[tuple[str | bytes | int | None, ...]] = [(), ("x",), (b"x",), ("x", ""), (None,), (1,), ("1",)]
    made = [ring.mac(key_id, *label, *part) for key_id in ring.ids for label in labels for part in parts]
    assert len(set(made)) == len(made) == 2 * len(labels) * len(parts)
    assert {len(mac) for mac in made} == {32}


# KE-04: add last, deploy, promote; both workers of a half-done deployment agree all the way.
def test_a_value_made_with_one_key_verifies_wherever_that_key_is_on_the_ring() -> None:
    before, added = KeyRing({"old": FIRST}), KeyRing({"old": FIRST, "new": SECOND})
    promoted, after = KeyRing({"new": SECOND, "old": FIRST}), KeyRing({"new": SECOND})
    assert [ring.current for ring in (before, added, promoted, after)] == ["old", "old", "new", "new"]
    assert before.mac("old", "p", "s", "x") == added.mac("old", "p", "s", "x") == promoted.mac("old", "p", "s", "x")
    assert added.mac("new", "p", "s", "x") == promoted.mac("new", "p", "s", "x") == after.mac("new", "p", "s", "x")
    with pytest.raises(UnknownKey):
        after.mac("old", "p", "s", "x")


def test_a_key_can_be_required_before_it_is_used() -> None:
    ring = KeyRing({"new": FIRST, "old": SECOND})
    for name in ("new", "old"):
        ring.require(name)
    for name in ("", "NEW", "older"):
        with pytest.raises(UnknownKey):
            ring.require(name)


def test_a_dropped_key_is_unknown_also_where_its_id_looks_like_another() -> None:
    for key_id in ("", "A", "a ", "b"):
        with pytest.raises(UnknownKey):
            KeyRing({"a": FIRST}).mac(key_id, "p", "s")


def test_no_number_of_purposes_makes_a_ring_grow_without_bound_or_answer_wrongly() -> None:
    ring, fresh = KeyRing({"a": FIRST}), KeyRing({"a": FIRST})
    for number in range(1100):
        ring.mac("a", f"purpose {number}", "s")
    assert len(ring._subkeys) == 1024
    assert [ring.mac("a", f"purpose {n}", "s") for n in (0, 1099)] == [fresh.mac("a", f"purpose {n}", "s") for n in (0, 1099)]


SPELLINGS = [spell(FIRST) for spell in (repr, bytes.hex, lambda key: base64.b64encode(key).decode(), lambda key: repr(key)[2:-1], lambda key: str(list(key)))]


def assert_hidden(shown: str) -> None:
    for spelling in SPELLINGS:
        assert spelling not in shown
        assert spelling[4:20] not in shown


# KE-05.
@pytest.mark.parametrize("show", [repr, str, format, ascii, lambda ring: f"{ring!r}", lambda ring: repr([ring])])
def test_showing_a_ring_shows_the_ids_and_no_key(show: Callable[[KeyRing], str]) -> None:
    ring = KeyRing({"a": FIRST})
    ring.mac("a", "p", "s")
    shown = show(ring)
    assert "KeyRing(ids=('a',))" in shown
    assert_hidden(shown)


@pytest.mark.parametrize("leave", [copy.copy, copy.deepcopy, vars, *(lambda ring, n=n: pickle.dumps(ring, n) for n in range(pickle.HIGHEST_PROTOCOL + 1))])
def test_a_ring_is_neither_pickled_nor_copied(leave: Callable[[KeyRing], object]) -> None:
    with pytest.raises(TypeError) as caught:
        leave(KeyRing({"a": FIRST}))
    assert_hidden(str(caught.value))


@pytest.mark.parametrize(
    "fail",
    [
        lambda: KeyRing({"a": FIRST, "b": FIRST}),
        lambda: KeyRing({"a": FIRST, "not an id": FIRST}),
        lambda: KeyRing({"a": FIRST[:20]}),
        lambda: KeyRing.parse(text(a=FIRST) + "!"),
        lambda: KeyRing.parse("\u00e9" + text(a=FIRST) + ",b"),
        lambda: KeyRing.parse("a:" + base64.b64encode(FIRST).decode() + "\u00e9"),
        lambda: KeyRing.parse(base64.b64encode(FIRST).decode()),  # the id forgotten
        lambda: KeyRing.parse(base64.b64encode(FIRST).decode() + ":a"),  # the halves exchanged
    ],
)
def test_no_exception_shows_a_key(fail: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        fail()
    assert_hidden("".join(traceback.format_exception(caught.value)))
    assert_hidden("".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()))  # as crash reporters send it
    assert_hidden(str(caught.value) + repr(caught.value) + repr(caught.value.args) + repr(vars(caught.value)))


def test_what_was_given_for_the_id_of_a_key_is_not_quoted() -> None:
    with pytest.raises(UnknownKey) as caught:
        KeyRing({"a": FIRST}).mac(FIRST.hex(), "p", "s")
    assert (caught.value.args, str(caught.value)) == ((), "")
