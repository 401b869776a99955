"""Runs Python that a model wrote: in a process of its own, without network, files or time to waste.

Only on Linux, and only where the kernel lets an ordinary process shut itself in; `why_not` says
what is missing elsewhere. See sandbox_cell for the walls.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools.context import ToolError
from tools.sandbox_cell import KILLED, NOT_ISOLATED
from tools.spec import Tool, tool

CELL = Path(__file__).with_name("sandbox_cell.py")
LONGEST_CODE = 20_000  # characters
STARTING = 2.0  # seconds that the process itself takes at most


@dataclass(frozen=True, slots=True)
class Cell:
    """How much a run may use."""

    seconds: int = 5
    megabytes: int = 256
    output: int = 8 * 1024  # bytes

    def command(self, root: str) -> list[str]:
        return [sys.executable, "-I", str(CELL), str(self.seconds), str(self.megabytes), root]


class Ran(BaseModel):
    """What the code printed, errors included; the value of a last expression is printed, too."""

    printed: str
    complete: bool  # False where it was stopped, or printed more than there is room for


def why_not() -> str:
    """What stands in the way of running code in isolation here; empty where nothing does."""
    if sys.platform != "linux":
        return f"it needs Linux, whose kernel can shut a process in; this is {sys.platform}"
    with tempfile.TemporaryDirectory() as root:
        try:
            tried = subprocess.run(
                Cell().command(root), input=b"print(6 * 7)", capture_output=True, timeout=20, env={}
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"a process could not be tried out: {error}"
    if tried.returncode == 0 and tried.stdout.strip() == b"42":
        return ""
    said = (tried.stdout + tried.stderr).decode(errors="replace").strip().splitlines()
    return (
        f"{said[-1] if said else f'a trial ended with status {tried.returncode}'};"
        " let the kernel give namespaces to ordinary users (kernel.unprivileged_userns_clone,"
        " kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp profile)"
    )


async def run_code(code: str, cell: Cell) -> Ran:
    """Run it to its end or its limits. Raises ToolError where it cannot be run."""
    with tempfile.TemporaryDirectory() as root:
        process = await asyncio.create_subprocess_exec(
            *cell.command(root), stdin=PIPE, stdout=PIPE, stderr=STDOUT, env={}, cwd=root
        )
        try:
            async with asyncio.timeout(cell.seconds + STARTING):
                printed, all_of_it = await _talk(process, code, cell.output)
                if all_of_it:
                    await process.wait()
        except TimeoutError:
            printed, all_of_it = "", False
        finally:
            await _end(process)
    if process.returncode == NOT_ISOLATED:
        raise ToolError("Code cannot be run on this machine.")
    if not all_of_it and not printed:
        return Ran(printed=f"Stopped after {cell.seconds} seconds.", complete=False)
    if process.returncode == KILLED:
        return Ran(printed=f"{printed}\nStopped: it used too much.".strip(), complete=False)
    return Ran(printed=printed, complete=all_of_it)


def python_tool(cell: Cell) -> Tool[..., Any]:
    """The tool `run_python`."""

    @tool(side_effects=False, timeout=cell.seconds + 2 * STARTING, concurrency=2)
    async def run_python(
        code: Annotated[
            str,
            Field(max_length=LONGEST_CODE, description="Python 3; print what you want to know."),
        ],
    ) -> Ran:
        """Run a short Python program to calculate something: no network, no files, seconds only."""
        return await run_code(code, cell)

    return run_python


async def _talk(process: Process, code: str, limit: int) -> tuple[str, bool]:
    """Hand the code over and read what it prints, up to the limit; whether that was all."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(code.encode(errors="replace"))
    process.stdin.close()
    read = bytearray()
    while len(read) <= limit and (piece := await process.stdout.read(limit)):
        read += piece
    return read[:limit].decode(errors="replace").strip(), len(read) <= limit


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()  # what it started is killed with it
    while process.stdout is not None and await process.stdout.read(64 * 1024):
        pass  # a pipe that nobody reads would never be closed
    await process.wait()
    if process.stdin is not None:
        with suppress(OSError, RuntimeError):
            await process.stdin.wait_closed()
