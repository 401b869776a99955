"""Parsing: has a document read in a process of its own, which is killed when it takes too long."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from gateway.knowledge.blocks import DocumentError
from gateway.knowledge.passages import Passage

KINDS = {
    **{".txt": "txt", ".text": "txt", ".md": "md", ".markdown": "md"},
    **{".html": "html", ".htm": "html", ".csv": "csv", ".tsv": "csv"},
    **{".docx": "docx", ".pdf": "pdf"},
}
HOME = str(Path(__file__).resolve().parents[2])  # where this package lies
SECONDS = 30.0  # for one document
WRONG = 3  # as the cell says it


def kind_of(name: str) -> str:
    """The kind of a document, by its name's ending. Raises DocumentError."""
    ending = Path(name).suffix.lower()
    if ending not in KINDS:
        raise DocumentError(
            f"{name}: its ending is {ending or 'none'}; expected one of {' '.join(KINDS)}"
        )
    return KINDS[ending]


async def parse(name: str, data: bytes, *, seconds: float = SECONDS) -> list[Passage]:
    """The passages of a document. Raises DocumentError, which names it."""
    kind = kind_of(name)
    path = os.pathsep.join(filter(None, (HOME, os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-W", "ignore", "-m", "gateway.knowledge.cell", kind),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": path, "PATH": os.environ.get("PATH", "")},  # no secrets within
    )
    try:
        async with asyncio.timeout(seconds):
            told, _ = await process.communicate(data)
    except TimeoutError:
        raise DocumentError(f"{name}: it takes longer than {seconds:g} s to read it") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == WRONG:
        raise DocumentError(f"{name}: {told.decode(errors='replace')}")
    if process.returncode:
        raise DocumentError(f"{name}: it broke its reader, or took too long to read")
    return [Passage(*one) for one in json.loads(told)]
