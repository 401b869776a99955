"""Recordings over the API: locked or not, whole or in part, so that a player can seek in them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from audio.container import HEADER, with_length
from gateway.errors import TrunklineError
from gateway.privacy.aside import aside
from gateway.privacy.vault import Keys, Source, find, open_source

RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
PIECE = 1 << 18  # bytes sent at once
TYPES = {".wav": "audio/wav", ".opus": "audio/ogg"}


class Sound:
    """A recording that can be read from anywhere."""

    def __init__(self, source: Source, media_type: str) -> None:
        self._source = source
        self.media_type = media_type
        self.size = source.size
        head = source.read(0, HEADER) if media_type == TYPES[".wav"] else b""
        self._head = with_length(head, self.size) if len(head) == HEADER else b""

    def read(self, start: int, stop: int) -> bytes:
        """The bytes between these two; a WAV file's head says how long it is."""
        head = self._head[start:stop]
        return head + self._source.read(start + len(head), stop)


def recording(folder: Path, call_id: str, keys: Keys) -> Sound | None:
    """The recording of a call, if it is there. Raises VaultError where it cannot be unlocked."""
    for ending, media_type in TYPES.items():
        if (path := find(folder / f"{call_id}{ending}")) is not None:
            return Sound(open_source(path, keys), media_type)
    return None


async def answer(sound: Sound, asked: str) -> Response:
    """The sound, or the part of it that the Range header asks for (RFC 9110, section 14)."""
    start, stop, status = 0, sound.size, 200
    headers = {"accept-ranges": "bytes", "cache-control": "no-store"}
    if (match := RANGE.fullmatch(asked.strip())) and match.group() != "bytes=-":
        first, last = match.groups()
        if first:
            start = int(first)
            stop = min(int(last) + 1, sound.size) if last else sound.size
        else:
            start = max(0, sound.size - int(last))
        if start >= stop:
            unfit = {**headers, "content-range": f"bytes */{sound.size}"}
            return Response(status_code=416, headers=unfit)
        status = 206
        headers["content-range"] = f"bytes {start}-{stop - 1}/{sound.size}"
    headers["content-length"] = str(stop - start)
    return StreamingResponse(_pieces(sound, start, stop), status, headers, sound.media_type)


async def _pieces(sound: Sound, start: int, stop: int) -> AsyncIterator[bytes]:
    for at in range(start, stop, PIECE):
        try:
            yield await aside(sound.read, at, min(at + PIECE, stop))
        except (OSError, TrunklineError):  # erased meanwhile: what was promised cannot be sent
            return
