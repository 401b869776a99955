"""A real PostgreSQL and a real Redis for tests: started in a folder of their own, and ended."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

PLACES = ("/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt")
HOW = "; `make system` installs it as root on Debian"
SECONDS = 30.0


def find(program: str) -> str | None:
    """Where that program is; Debian keeps PostgreSQL's off the path."""
    found = sorted(
        path for place in PLACES for path in Path(place).glob(f"*/bin/{program}") if path.is_file()
    )
    return str(found[-1]) if found else shutil.which(program)


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@dataclass
class Postgres:
    """A server that can be stopped and started again."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
            f" -c fsync=off -c max_connections=40"
        )
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", mode)

    async def empty(self) -> None:
        """As it was when it was new."""
        connection = await asyncpg.connect(self.url)
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await connection.close()

    def _run(self, program: str, *arguments: str) -> None:
        path = find(program)
        assert path is not None
        with (self.folder / "output").open("ab") as output:
            done = subprocess.run(
                [path, *arguments],
                cwd=self.folder,
                **_as_somebody(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        assert done.returncode == 0, (self.folder / "output").read_text()


def _as_somebody() -> dict[str, Any]:
    """PostgreSQL will not run as root."""
    if os.getuid():
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for this run of the tests; skips where none is installed."""
    if find("initdb") is None or find("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed" + HOW)
    folder = Path(tempfile.mkdtemp(prefix="trunkline-pg-"))
    if os.getuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres" + HOW)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    server = Postgres(folder, free_port())
    try:
        server._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            with suppress(AssertionError):  # a test may have stopped it
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Redis:
    """A server on a port of its own."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis(port: int = 0) -> Iterator[Redis]:
    """A Redis for this run of the tests, on that port; skips where none is installed."""
    path = find("redis-server") or find("valkey-server")
    if path is None:
        pytest.skip("Redis is not installed" + HOW)
    port = port or free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    process = subprocess.Popen(
        [path, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/"
    )
    try:
        _wait_for(port)
        yield Redis(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


def _wait_for(port: int) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}")
