"""The commands: keys that can be read back, a courier as a process of its own, help that says it all, and no traceback for an operator's slip."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credkit.__main__ import main
from credkit.context import Context
from credkit.keys import KeyRing
from demo.terminal import environment

HOST = """
import pathlib

from credkit import Credkit, KeyRing, Site
from credkit.stores.sqlite import SqliteStores
from credkit.testing import cheap_hasher

HERE = pathlib.Path(__file__).parent


class Notifier:
    def deliver(self, message):
        print(f"delivered {message.kind} to {message.to.address}", flush=True)


stores = SqliteStores(HERE / "stores.sqlite")
kit = Credkit(
    site=Site(name="Example", url="https://example.com", support="help@example.com"),
    keys=KeyRing({"test": bytes(range(32))}),
    credentials=stores.credentials,
    records=stores.records,
    notifier=Notifier(),
    hasher=cheap_hasher(),
    deliver="manual",
)
not_a_kit = 1
"""
"""A host's module, as `credkit courier` is given it."""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a host's module `shop.py`, whose stores hold one code that is due."""
    (tmp_path / "shop.py").write_text(HOST, encoding="utf-8")
    (tmp_path / "broken.py").write_text("import a_module_that_is_missing\n", encoding="utf-8")
    made: dict[str, object] = {"__file__": str(tmp_path / "shop.py"), "__name__": "shop"}
    exec(compile(HOST, "shop.py", "exec"), made)  # noqa: S102  # the host's own process, in small
    kit, stores = made["kit"], made["stores"]
    stores.create()  # type: ignore[attr-defined]
    kit.sign_up.begin("ada@example.com", context=Context.none())  # type: ignore[attr-defined]
    return tmp_path


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "credkit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, timeout=120, check=False)


# keys -------------------------------------------------------------------------------------------------------------------


def test_a_new_key_is_a_value_that_a_key_ring_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new"]) == 0
    assert main(["keys", "new", "--id", "2031-01.b"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d{4}-\d{2}", KeyRing.parse(first).current)
    assert KeyRing.parse(f"{second},{first}").ids == ("2031-01.b", KeyRing.parse(first).current)
    assert KeyRing.from_env("CREDKIT_KEYS", {"CREDKIT_KEYS": first}).ids == KeyRing.parse(first).ids


def test_no_two_new_keys_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        main(["keys", "new", "--id", "k"])
    assert len(set(capsys.readouterr().out.splitlines())) == 5


@pytest.mark.parametrize("name", ["2026,2025", "a:b", "über", "x" * 33, "-"])
def test_an_id_that_could_not_be_read_back_is_refused_and_no_key_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", f"--id={name}"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the id of key 1 must be" in captured.err


# courier ----------------------------------------------------------------------------------------------------------------


def test_the_courier_delivers_what_is_due_and_ends(host: Path) -> None:
    done = run("courier", "shop:kit", "--once", folder=host)
    assert (done.returncode, done.stdout, done.stderr) == (0, "delivered sign_up_code to ada@example.com\n", "")
    again = run("courier", "shop", "--once", folder=host)  # `kit` is the name that is looked for
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_courier_goes_on_until_it_is_told_to_stop(host: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "credkit", "courier", "shop:kit", "--every", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=host, env=environment()) as courier:
        assert courier.stdout is not None
        assert courier.stdout.readline() == "delivered sign_up_code to ada@example.com\n"
        courier.send_signal(number)
        out, err = courier.communicate(timeout=60)
    assert (courier.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("kit", "said"),
    [
        ("nowhere:kit", "there is no module nowhere"),
        ("shop.inner:kit", "there is no module shop.inner"),
        ("shop:nothing", "shop has no blocking kit of the name nothing"),
        ("shop:not_a_kit", "shop has no blocking kit of the name not_a_kit"),
        (":kit", "give the kit as package.module:name"),
        ("", "give the kit as package.module:name"),
    ],
)
def test_a_kit_that_is_not_there_is_said_in_a_line(host: Path, kit: str, said: str) -> None:
    done = run("courier", kit, "--once", folder=host)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("credkit: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_that_misses_another_shows_where(host: Path) -> None:
    done = run("courier", "broken:kit", "--once", folder=host)
    assert done.returncode == 1
    assert "broken.py" in done.stderr
    assert "a_module_that_is_missing" in done.stderr


def test_a_store_that_fails_ends_a_single_run_with_1_and_says_why(host: Path) -> None:
    (host / "stores.sqlite").unlink()
    for left in ("stores.sqlite-wal", "stores.sqlite-shm"):
        (host / left).unlink(missing_ok=True)
    done = run("courier", "shop:kit", "--once", folder=host)
    assert done.returncode == 1
    assert done.stderr.startswith("credkit courier: SQLite failed")
    assert "no such table" in done.stderr


# help -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "mentioned"),
    [
        ([], ["demo", "keys", "courier"]),
        (["demo"], ["--script", "--file", "--region"]),
        (["keys"], ["new"]),
        (["keys", "new"], ["--id", "KeyRing.from_env"]),
        (["courier"], ["package.module:name", "--every", "--once"]),
    ],
)
def test_help_names_everything_there_is(arguments: list[str], mentioned: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert [word for word in mentioned if word not in shown] == []


@pytest.mark.parametrize("arguments", [[], ["keys"], ["courier"], ["fly"], ["demo", "--colour"]])
def test_a_wrong_command_line_ends_with_2_and_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m credkit" in capsys.readouterr().err


def test_a_region_that_is_none_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--region", "Narnia"]) == 1
    assert "two capital letters" in capsys.readouterr().err
