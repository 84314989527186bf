"""What a Valkey server must be like to be trusted, and what becomes of commits when it dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import valkey as client_of

from credkit.errors import ConfigurationError, SchemaError, StoreError
from credkit.stores.valkey import ValkeyRecords
from credkit.testing.contracts._samples import NOW, put, record
from servers import valkey


@pytest.fixture
def server() -> Iterator[valkey.Valkey]:
    with valkey.running() as server:
        yield server


@pytest.fixture
def store(server: valkey.Valkey) -> Iterator[ValkeyRecords]:
    store = ValkeyRecords.from_url(server.url, timeout=timedelta(seconds=5)).create()
    yield store
    store.close()


def client(server: valkey.Valkey) -> Any:
    return client_of.Valkey.from_url(server.url)


def refused(*settings: str, **choices: Any) -> list[str]:
    """Return why a server with these settings is refused."""
    with valkey.running(*settings) as server:
        store = ValkeyRecords.from_url(server.url, **choices)
        try:
            with pytest.raises(ConfigurationError) as refusal:
                store.create()
        finally:
            store.close()
        with client(server) as looking:
            assert looking.dbsize() == 0
        return [problem.split(":")[0] for problem in refusal.value.problems]


def test_a_server_that_keeps_nothing_on_its_disk_is_refused() -> None:
    assert refused("--maxmemory-policy", "noeviction") == ["appendonly is no"]


@pytest.mark.parametrize("durability", ["as_promised", "may_forget_last_second"])
def test_a_server_that_forgets_when_its_memory_is_full_is_refused_whatever_is_said(durability: str) -> None:
    assert refused("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru", durability=durability) == ["maxmemory-policy is allkeys-lru"]


def test_a_server_that_leaves_it_to_the_system_when_to_write_is_refused() -> None:
    assert refused("--appendonly", "yes", "--appendfsync", "no") == ["appendfsync is no"]


def test_a_cluster_is_refused() -> None:
    assert refused("--cluster-enabled", "yes", *valkey.SAFE) == ["it is a cluster"]


def test_a_server_that_does_not_show_its_settings_is_refused_unless_somebody_knows_them() -> None:
    settings = (*valkey.SAFE, "--rename-command", "CONFIG", "")
    assert len(refused(*settings)) == 1
    with valkey.running(*settings) as server:
        store = ValkeyRecords.from_url(server.url, durability="may_forget_last_second").create()
        assert store.commit({}, [put(record())]).done
        store.close()


@pytest.mark.parametrize("durability", ["as_promised", "may_forget_last_second"])
def test_a_server_that_writes_every_second_will_do_with_a_wait_or_the_word(durability: Any) -> None:
    with valkey.running("--appendonly", "yes", "--appendfsync", "everysec") as server:
        store = ValkeyRecords.from_url(server.url, durability=durability).create()
        assert store.commit({}, [put(record())]).done
        store.close()


def test_a_commit_that_cannot_be_on_the_disk_is_trouble(store: ValkeyRecords, server: valkey.Valkey) -> None:
    """As somebody has turned the file off since `create` looked."""
    with client(server) as looking:
        looking.config_set("appendonly", "no")
    with pytest.raises(StoreError):
        store.commit({}, [put(record())])


def test_what_was_committed_is_there_after_the_server_was_killed(store: ValkeyRecords, server: valkey.Valkey) -> None:
    for number in range(50):
        assert store.commit({}, [put(record(f"{number}")), put(record(f"{number}+"))]).done
    server.kill()
    server.start()
    keys = [f"{number}{plus}" for number in range(50) for plus in ("", "+")]
    assert store.load(keys) == {key: record(key) for key in keys}
    assert store.commit({"0": 1}, [put(record("1", version=2), expected=1)]).done


def test_a_server_that_is_down_is_trouble(store: ValkeyRecords, server: valkey.Valkey) -> None:
    server.kill()
    for call in (lambda: store.load(["a"]), lambda: store.commit({}, [put(record())]), lambda: store.due("kind", NOW, 1), lambda: store.purge(NOW, 1)):
        with pytest.raises(StoreError):
            call()
    server.start()
    assert store.load(["a"]) == {}


def test_a_server_that_has_forgotten_everything_is_trouble_and_does_not_begin_anew(store: ValkeyRecords, server: valkey.Valkey) -> None:
    """An empty server would give everybody all their guesses again."""
    with client(server) as looking:
        looking.flushall()
    for call in (lambda: store.load(["a"]), lambda: store.commit({}, [put(record())]), lambda: store.due("kind", NOW, 1), lambda: store.purge(NOW, 1)):
        with pytest.raises(SchemaError, match="forgotten everything"):
            call()
    with client(server) as looking:
        assert looking.dbsize() == 0


def test_records_of_a_newer_release_are_left_alone(store: ValkeyRecords, server: valkey.Valkey) -> None:
    """ST-10."""
    store.commit({}, [put(record())])
    with client(server) as looking:
        looking.set("credkit:schema", 2)
    for call in (lambda: store.load(["a"]), lambda: store.commit({}, [put(record(version=2), expected=1)]), store.create):
        with pytest.raises(SchemaError, match="schema 2"):
            call()
    with client(server) as looking:
        looking.set("credkit:schema", 1)
    assert store.load(["a"]) == {"a": record()}


def test_a_connection_that_was_dropped_is_replaced(store: ValkeyRecords, server: valkey.Valkey) -> None:
    store.commit({}, [put(record())])
    with client(server) as looking:
        for other in looking.client_list():
            if int(other["id"]) != looking.client_id():
                looking.client_kill_filter(_id=other["id"])
    assert store.load(["a"]) == {"a": record()}


def test_two_prefixes_are_two_stores(store: ValkeyRecords, server: valkey.Valkey) -> None:
    other = ValkeyRecords.from_url(server.url, prefix="other:").create()
    assert store.commit({}, [put(record(due_at=NOW))]).done
    assert (other.load(["a"]), list(other.due("kind", NOW, 10)), other.purge(NOW + timedelta(days=9), 10)) == ({}, [], 0)
    assert store.load(["a"]) == {"a": record(due_at=NOW)}
    other.close()


def test_nothing_is_left_of_what_is_purged(store: ValkeyRecords, server: valkey.Valkey) -> None:
    store.commit({}, [put(record(str(number), due_at=NOW, expires_at=NOW)) for number in range(10)])
    assert store.purge(NOW, 100) == 10
    with client(server) as looking:
        assert looking.keys() == [b"credkit:schema"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_child_of_a_fork_has_connections_of_its_own(store: ValkeyRecords, server: valkey.Valkey) -> None:
    store.commit({}, [put(record())])
    ours = store._client.get()
    child = os.fork()
    if child == 0:
        good = store.commit({"a": 1}, [put(record("b"))]).done and store._client.get() is not ours
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.load(["a", "b"]) == {"a": record(), "b": record("b")}
