"""Captures of real peers: the bytes that went over the wire, read by read, with their times."""

from __future__ import annotations

import asyncio
import gzip
import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "captures"


@dataclass(frozen=True)
class Read:
    """What one read gave; nothing at the end."""

    at: float  # seconds since the peer connected
    data: bytes


@dataclass(frozen=True)
class Capture:
    """One session, as each side was read."""

    peer: tuple[Read, ...]
    gateway: tuple[Read, ...]

    @property
    def said(self) -> bytes:
        """All that the peer said."""
        return b"".join(read.data for read in self.peer)


def load(name: str) -> Capture:
    """A capture of the folder."""
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt") as file:
        lines = [json.loads(line) for line in file]
    sides: dict[str, list[Read]] = {"peer>gw": [], "gw>peer": []}
    for line in lines:
        sides[line["dir"]].append(Read(line["t"], b64decode(line.get("data", ""))))
    return Capture(tuple(sides["peer>gw"]), tuple(sides["gw>peer"]))


def decoded(name: str) -> list[str]:
    """What the peer said in words, as it was written down in that session."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return [line.partition("<< ")[2] for line in lines if " << " in line]


async def replay(
    capture: Capture, port: int, change: tuple[bytes, bytes] = (b"", b""), cut: int = 0
) -> bytes:
    """Say all of it again, each read at its time; gives what was answered.

    `cut`: each read is cut in two after so many bytes.
    """
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = loop.time()
    answered = asyncio.create_task(reader.read(-1))
    try:
        for read in capture.peer:
            await asyncio.sleep(began + read.at - loop.time())
            data = read.data.replace(*change) if change[0] else read.data
            for piece in (data[:cut], data[cut:]) if cut else (data,):
                writer.write(piece)
                await asyncio.sleep(0)
        writer.write_eof()
        return await asyncio.wait_for(answered, 20)
    finally:
        answered.cancel()
        writer.close()
