"""Other projects as subjects of the bench: each in an environment of its own, made on demand.

They are heavy and want other versions than ours, so nothing of ours imports them: each is a program
beside this file that runs under a Python of its own, in .cache/bench. One that cannot be installed
or does not start says why in its NotThereError.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.wire.places import Place, Subject

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HOMES = ROOT / ".cache" / "bench"
NAMES = ("openai-agents", "livekit-agents", "pipecat")
INSTALLING, STARTING = 300, 60  # seconds at most


class NotThereError(Exception):
    """The project cannot be measured here; says why."""


def home(name: str) -> Path:
    """The Python under which the project runs, with its packages; made at the first call.

    Raises NotThereError where they do not install.
    """
    wanted = (HERE / f"{name}.txt").read_text()
    place = HOMES / name
    python, made = place / "bin" / "python", place / "installed.txt"
    if made.exists() and made.read_text() == wanted:
        return python
    print(f"installing {name} into {place.relative_to(ROOT)}", flush=True)
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)],
        [
            *uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            str(python),
            "-r",
            str(HERE / f"{name}.txt"),
        ],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALLING)
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
            why = last.strip().removeprefix("cause: ").rstrip(".")
            raise NotThereError(f"its packages do not install: {why}") from None
        except (subprocess.TimeoutExpired, OSError) as error:
            raise NotThereError(f"its packages do not install: {error}") from None
    made.write_text(wanted)
    return python


def released(name: str) -> str:
    """The project and the version that is measured."""
    wanted = (HERE / f"{name}.txt").read_text().splitlines()[0]
    return f"{name} {wanted.partition('==')[2]}"


@contextmanager
def running(name: str, place: Place) -> Iterator[int]:
    """The project's program; gives its process id."""
    program = HERE / f"{name.replace('-', '_')}_call.py"
    command = [str(home(name)), "-W", "ignore", str(program), str(place.port), str(place.upstream)]
    quiet = os.environ | {"LOGURU_LEVEL": "ERROR"}  # of pipecat, which greets and writes every step
    child = subprocess.Popen(command, cwd=place.folder, env=quiet)
    try:
        _wait_open(child, place.port)
        yield child.pid
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_open(child: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + STARTING
    while child.poll() is None and time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise NotThereError("its program does not start")


OTHERS: dict[str, Subject] = {name: partial(running, name) for name in NAMES}
