"""The spill: writes that wait on disk, in order, while the database is away or too slow."""

from __future__ import annotations

import fcntl
import logging
from io import FileIO
from pathlib import Path

import msgspec

from gateway.errors import TrunklineError
from gateway.private import for_few
from gateway.store.writes import Write

log = logging.getLogger(__name__)

CHUNK = 1 << 20  # bytes read at once
GATEWAYS = 32  # that may keep their spills beside each other


def open_spill(path: Path, limit: int) -> Spill:
    """The spill at that path; with a number behind it where another gateway has it already.

    What gateways that no longer run have left in theirs is taken over.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, GATEWAYS))]
        while names and (mine := _locked(names.pop(0))) is None:
            pass
        if mine is None:
            raise TrunklineError(
                f"store.spill: {path} and {GATEWAYS - 1} more beside it are in use by other "
                "gateways; name a file in another folder"
            )
        for name in names:
            if name.exists() and (left := _locked(name)) is not None:
                _take_over(left, mine)
        return Spill(mine, limit)
    except OSError as error:
        raise TrunklineError(
            f"store.spill: {path} cannot be written: {error.strerror}; name a file in a folder "
            "that can be"
        ) from error


def _locked(path: Path) -> FileIO | None:
    """The file, ours alone; nothing where another process has it."""
    file = FileIO(path, "a+", opener=for_few)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _take_over(left: FileIO, mine: FileIO) -> None:
    left.seek(0)
    mine.write(b"\n")  # either may end in a line that was cut off
    while chunk := left.read(CHUNK):
        mine.write(chunk)
    mine.write(b"\n")
    left.truncate(0)
    left.close()


class Spill:
    """One file of JSON lines, of a bounded size. What is read stays until it is dropped."""

    def __init__(self, file: FileIO, limit: int) -> None:
        self._limit = limit
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Write).decode
        self._file = file
        self._size = self._file.seek(0, 2)
        self._mend()
        self._read = 0  # everything before it is in the database
        self.lost = 0

    @property
    def empty(self) -> bool:
        """Whether nothing waits here."""
        return self._read >= self._size

    @property
    def end(self) -> int:
        """The mark behind all that is here."""
        return self._size

    @property
    def waiting(self) -> int:
        """Bytes that wait here."""
        return self._size - self._read

    def add(self, write: Write) -> None:
        """Keep a write; where there is no room for it, it is lost, and counted."""
        try:
            line = self._encode(write) + b"\n"
            if self._size + len(line) > self._limit:
                raise OSError(f"the spill file has its {self._limit} bytes")
            if self._file.write(line) != len(line):
                self._file.truncate(self._size)
                raise OSError("no room on the disk")
            self._size += len(line)
        except (OSError, TypeError, ValueError) as error:
            if not self.lost:
                log.error("a row is lost", extra={"table": write.table, "error": str(error)})
            self.lost += 1

    def peek(self, count: int) -> tuple[list[Write], int]:
        """The oldest writes, and the mark to `drop` them by once they are in the database."""
        writes: list[Write] = []
        mark = self._read
        while len(writes) < count and mark < self._size:
            self._file.seek(mark)
            data = self._file.read(CHUNK)
            lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
            if not lines:  # a line longer than a chunk
                lines = [data + self._file.readline()]
            for line in lines[: count - len(writes)]:
                mark += len(line)
                if not line.strip():
                    continue
                try:
                    writes.append(self._decode(line))
                except msgspec.MsgspecError as error:
                    self.lost += 1
                    log.error("a line of the spill file is no row", extra={"error": str(error)})
        return writes, mark

    def drop(self, mark: int) -> None:
        """All before the mark is in the database; an empty file takes no room."""
        self._read = mark
        if self.empty:
            self._file.truncate(0)
            self._read = self._size = 0

    def close(self) -> None:
        """Keep what is there for the next start."""
        self._file.close()

    def _mend(self) -> None:
        """Cut off a last line that a crash has left half-written."""
        if not self._size:
            return
        at = self._size
        while at:
            begin = max(0, at - CHUNK)
            self._file.seek(begin)
            found = self._file.read(at - begin).rfind(b"\n")
            at = begin + found + 1 if found >= 0 else begin
            if found >= 0:
                break
        if at < self._size:
            log.warning("a half-written row was cut off", extra={"bytes": self._size - at})
            self._file.truncate(at)
            self._size = at
