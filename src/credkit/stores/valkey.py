"""Records in Valkey or Redis: one server-side script for each call, so that a call is one step for everybody else.

What it promises beside the duties of a record store depends on the server: see `ValkeyRecords.create`. A commit waits until the server has it
in its append-only file on the disk. A marker that `create` leaves is looked at by every script, so a server that has forgotten everything
is in trouble and does not begin every limit anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, TypeVar

import valkey
from valkey.backoff import NoBackoff
from valkey.exceptions import ConnectionError as Dropped
from valkey.exceptions import NoScriptError, ResponseError, ValkeyError
from valkey.retry import Retry

from credkit.errors import ConfigurationError, SchemaError, StoreError
from credkit.framing import from_microseconds, microseconds
from credkit.lifting import OffloadedRecords, offload
from credkit.per_process import PerProcess
from credkit.ports import Committed, Record, Write

__all__ = ["AsyncValkeyRecords", "Durability", "ValkeyRecords"]

T = TypeVar("T")

_UNTYPED: Final[Any] = valkey
"""Its annotations are unfinished, so that strict checkers refuse every call."""

Durability: TypeAlias = Literal["as_promised", "may_forget_last_second"]
"""Whether a commit waits until it is on the server's disk, or only on its way there, which has to be said aloud."""

SCHEMA: Final = 1
"""How records lie in the server. It stands in the marker."""


_BEFORE: Final = """
local prefix = ARGV[1]
if redis.call('GET', prefix .. 'schema') ~= ARGV[2] then
    return redis.error_reply('CREDKIT ' .. (redis.call('GET', prefix .. 'schema') or 'nothing'))
end
local function row(key)
    local found = redis.call('HMGET', prefix .. 'r:' .. key, 'kind', 'version', 'payload', 'expires_at', 'due_at')
    if found[2] then return {key, found[1], found[2], found[3], found[4], found[5]} end
    return nil
end
local function rows(keys)
    local all = {}
    for _, key in ipairs(keys) do all[#all + 1] = row(key) end
    return all
end
local function remove(key)
    local old = redis.call('HMGET', prefix .. 'r:' .. key, 'kind', 'due_at')
    if old[2] then redis.call('ZREM', prefix .. 'd:' .. old[1], key) end
    redis.call('ZREM', prefix .. 'e', key)
    redis.call('DEL', prefix .. 'r:' .. key)
end
"""
"""A record is a hash `r:KEY`. `e` sorts the keys by when they expire, `d:KIND` by when they are due; a score is exact up to the year 2255.

Nothing has a time to live: what is forgotten is decided by credkit's clock, in `purge`."""

_LOAD: Final = (
    _BEFORE
    + """
local keys = {}
for place = 3, #ARGV do keys[#keys + 1] = ARGV[place] end
return rows(keys)
"""
)

_COMMIT: Final = (
    _BEFORE
    + """
local width, keys, lost = 8, {}, false
for line = 3, #ARGV, width do
    keys[#keys + 1] = ARGV[line]
    if (redis.call('HGET', prefix .. 'r:' .. ARGV[line], 'version') or '0') ~= ARGV[line + 1] then lost = true end
end
if lost then return {0, rows(keys)} end
for line = 3, #ARGV, width do
    local key, action = ARGV[line], ARGV[line + 2]
    if action ~= 'check' then remove(key) end
    if action == 'put' then
        local kind, version, payload, expires_at, due_at = ARGV[line + 3], ARGV[line + 4], ARGV[line + 5], ARGV[line + 6], ARGV[line + 7]
        redis.call('HSET', prefix .. 'r:' .. key, 'kind', kind, 'version', version, 'payload', payload, 'expires_at', expires_at)
        redis.call('ZADD', prefix .. 'e', expires_at, key)
        if due_at ~= '' then
            redis.call('HSET', prefix .. 'r:' .. key, 'due_at', due_at)
            redis.call('ZADD', prefix .. 'd:' .. kind, due_at, key)
        end
    end
end
return {1, {}}
"""
)

_DUE: Final = _BEFORE + "return rows(redis.call('ZRANGEBYSCORE', prefix .. 'd:' .. ARGV[3], '-inf', ARGV[4], 'LIMIT', 0, ARGV[5]))"

_PURGE: Final = (
    _BEFORE
    + """
local over = redis.call('ZRANGEBYSCORE', prefix .. 'e', '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])
for _, key in ipairs(over) do remove(key) end
return #over
"""
)


@dataclass(frozen=True, slots=True)
class _Server:
    """Where the server is, and how patient we are with it."""

    url: str
    pool_size: int
    timeout: float

    def client(self) -> Any:
        """Return a client with a pool of its own, which connects at first use."""
        pool = _UNTYPED.BlockingConnectionPool.from_url(
            self.url,
            max_connections=self.pool_size,
            timeout=self.timeout,
            socket_timeout=self.timeout,
            socket_connect_timeout=self.timeout,
            retry=Retry(NoBackoff(), 0),  # a commit whose reply was lost is looked for, never blindly made again
        )
        return _UNTYPED.Valkey(connection_pool=pool)


class ValkeyRecords:
    """A record store in Valkey or Redis, 7.2 or newer, in one primary server.

    Opening nothing until first use, it may be built once per process, also before a fork.
    """

    def __init__(self, url: str, *, prefix: str, pool_size: int, timeout: timedelta, durability: Durability) -> None:
        """See `from_url`, which hosts call."""
        self._server = _Server(url, pool_size, timeout.total_seconds())
        self._client: PerProcess[Any] = PerProcess(self._server.client)
        self._prefix = prefix
        self._durable = durability == "as_promised"

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "credkit:",
        pool_size: int = 10,
        timeout: timedelta = timedelta(seconds=10),
        durability: Durability = "as_promised",
    ) -> ValkeyRecords:
        """Return a store in the server of *url*, such as ``valkey://:password@host:6379/0``.

        All its keys begin with *prefix*; nobody else may write such. *pool_size* is the most connections that a process opens; *timeout* how long a call
        waits for one of them, or for an answer.
        """
        return cls(url, prefix=prefix, pool_size=pool_size, timeout=timeout, durability=durability)

    def create(self) -> ValkeyRecords:
        """Look whether the server can keep the promises, and mark it as credkit's; return the store.

        Needed is one primary, no cluster: a commit is over several keys, which a cluster keeps on several servers. It must not evict
        (``maxmemory-policy noeviction``), or limits begin anew whenever the memory is full. It must have an append-only file (``appendonly yes``), with
        ``appendfsync always``, or with ``everysec``, where each commit waits up to two seconds for the next second's end. With
        ``durability="may_forget_last_second"`` nothing waits, and a crash of the server's machine gives back what was counted in its last second.

        Raises:
            ConfigurationError: It cannot keep them.
            SchemaError: Its records are of a newer release.
            StoreError: It cannot be used.
        """
        client = self._client.get()
        problems = _told(lambda: self._problems(client))
        if problems:
            raise ConfigurationError(problems)
        marker = self._prefix + "schema"
        _told(lambda: client.set(marker, SCHEMA, nx=True))
        _told(lambda: client.execute_command("WAITAOF", 1, 0, self._patience) if self._durable else None)
        self.load(["schema"])
        self.close()  # the workers of a server are often forked next
        return self

    def close(self) -> None:
        """Close this process's connections; a later call opens others."""
        self._client.get().connection_pool.disconnect()

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return {record.key: record for record in _records(self._run(_LOAD, *keys, repeats=1))} if keys else {}

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        writing = {write.key for write in writes}
        lines = [_line(key, version, "check", None) for key, version in checks.items() if key not in writing]
        lines += [_line(write.key, write.expected_version, "delete" if write.record is None else "put", write.record) for write in writes]
        done, current = self._run(_COMMIT, *(value for line in lines for value in line), wait=self._durable)
        return Committed(done=bool(done), current={record.key: record for record in _records(current)})

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return list(_records(self._run(_DUE, kind, microseconds(now), limit, repeats=1)))

    def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return int(self._run(_PURGE, microseconds(now), limit))

    @property
    def _patience(self) -> int:
        """How many milliseconds the server may wait for its disk: less than we wait for its answer."""
        return max(1, int(800 * self._server.timeout))

    def _run(self, script: str, *values: str | bytes | int, wait: bool = False, repeats: int = 0) -> Any:
        """Return what *script* returns; with *wait*, once what it wrote is on the disk. A dropped connection is replaced *repeats* times."""
        while True:
            try:
                return _told(lambda: self._sent(script, values, wait=wait))
            except StoreError as failure:
                if not repeats or not isinstance(failure.__cause__, Dropped):
                    raise
                repeats -= 1

    def _sent(self, script: str, values: Sequence[str | bytes | int], *, wait: bool) -> Any:
        answers = self._pipelined(("EVALSHA", self._client.get().register_script(script).sha), values, wait=wait)
        if isinstance(answers[0], NoScriptError):  # the server has not run it since its start
            answers = self._pipelined(("EVAL", script), values, wait=wait)
        for answer in answers:
            if isinstance(answer, ResponseError) and str(answer).startswith("CREDKIT"):
                raise SchemaError(_explained(str(answer).removeprefix("CREDKIT ")))
            if isinstance(answer, Exception):
                raise answer
        if wait and answers[1][0] < 1:
            raise StoreError("the server has not written the commit to its disk in time")
        return answers[0]

    def _pipelined(self, call: tuple[str, str], values: Sequence[str | bytes | int], *, wait: bool) -> list[Any]:
        """Send one call, and the wait for the disk with it, in one round trip."""
        with self._client.get().pipeline(transaction=False) as pipeline:
            pipeline.execute_command(*call, 0, self._prefix, SCHEMA, *values)
            if wait:
                pipeline.execute_command("WAITAOF", 1, 0, self._patience)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
            return answers

    def _problems(self, client: Any) -> list[str]:
        """Return why the server cannot keep the promises."""
        info = client.info()
        if int(info.get("cluster_enabled", 0)):
            return ["it is a cluster: a commit is over several keys, which a cluster keeps on several servers; use one primary"]
        try:
            settings = {name: _setting(client, name) for name in ("maxmemory-policy", "appendonly", "appendfsync")}
        except ResponseError:
            word = "durability='may_forget_last_second'"
            return [f"it does not show its settings (CONFIG GET), so nobody can say what it forgets; {word} says that you know"] if self._durable else []
        problems: list[str] = []
        if settings["maxmemory-policy"] != "noeviction":
            problems.append(f"maxmemory-policy is {settings['maxmemory-policy']}: it forgets limits when its memory is full; set noeviction")
        if settings["appendonly"] != "yes":
            problems.append("appendonly is no: it forgets everything since its last snapshot; set it to yes")
        if settings["appendfsync"] == "no":
            problems.append("appendfsync is no: it forgets half a minute in a crash; set it to always")
        return problems


class AsyncValkeyRecords:
    """`ValkeyRecords` for asyncio code.

    Each call runs in a thread, so that a task that is cancelled never leaves a call half made, and no connection belongs to an event loop.
    """

    def __init__(self, blocking: ValkeyRecords) -> None:
        """Use the *blocking* store; hosts call `from_url`."""
        self.blocking: ValkeyRecords = blocking
        self._records = OffloadedRecords(blocking)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "credkit:",
        pool_size: int = 10,
        timeout: timedelta = timedelta(seconds=10),
        durability: Durability = "as_promised",
    ) -> AsyncValkeyRecords:
        """Return a store in the server of *url*; see `ValkeyRecords.from_url`."""
        return cls(ValkeyRecords.from_url(url, prefix=prefix, pool_size=pool_size, timeout=timeout, durability=durability))

    async def create(self) -> AsyncValkeyRecords:
        """Look whether the server can keep the promises; see `ValkeyRecords.create`."""
        await offload(self.blocking.create)
        return self

    async def close(self) -> None:
        """Close this process's connections; a later call opens others."""
        await offload(self.blocking.close)

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return await self._records.load(keys)

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return await self._records.commit(checks, writes)

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return await self._records.due(kind, now, limit)

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return await self._records.purge(now, limit)


def _told(call: Callable[[], T]) -> T:
    try:
        return call()
    except ValkeyError as failure:
        raise StoreError("the server failed; see the cause") from failure


def _explained(found: str) -> str:
    if found == "nothing":
        return "the server has no marker of credkit's: `create()` was never run, or the server has forgotten everything"
    return f"the records are of schema {found}, and this release needs {SCHEMA}"


def _setting(client: Any, name: str) -> str:
    return str(client.config_get(name)[name])


def _line(key: str, expected: int, action: str, record: Record | None) -> tuple[str | bytes | int, ...]:
    if record is None:
        return (key, expected, action, "", "", "", "", "")
    due_at = "" if record.due_at is None else microseconds(record.due_at)
    return (key, expected, action, record.kind, record.version, record.payload, microseconds(record.expires_at), due_at)


def _records(rows: Iterable[tuple[bytes, bytes, bytes, bytes, bytes, bytes | None]]) -> Iterable[Record]:
    for key, kind, version, payload, expires_at, due_at in rows:
        yield Record(
            key=key.decode(),
            kind=kind.decode(),
            version=int(version),
            payload=payload,
            expires_at=from_microseconds(int(expires_at)),
            due_at=None if due_at is None else from_microseconds(int(due_at)),
        )
