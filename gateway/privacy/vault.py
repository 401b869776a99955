"""The vault: files that are written piece by piece, and locked by a key where there is one.

A locked file is a head and then pieces, each locked for itself, so that a file may break off
anywhere and is readable up to there:

    "TLV1"  length of the key's name (1)  name  salt (16)        the head
    length (4, big-endian)  AES-256-GCM of the piece with its tag (16)

Each file has a key of its own, made from the named one and the salt (HKDF, SHA-256); the nonce is
the number of the piece, and the head is bound to every piece. So no piece can be changed, moved
within a file or into another one. That pieces are missing at the end cannot be told from a crash.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import secrets
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from gateway.errors import TrunklineError
from gateway.private import Private, for_few

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"TLV1"
LOCKED = ".locked"  # how the names of locked files end
SALT, TAG, LENGTH = 16, 16, 4
LARGEST = 1 << 24  # bytes of a piece
MAKE_ONE = "python3 -c \"import secrets; print('k1:' + secrets.token_urlsafe(32))\" prints one"


class VaultError(TrunklineError):
    """A file that cannot be unlocked; says why."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys by their names; the first locks. Empty: nothing is locked."""

    known: Mapping[str, Private[bytes]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.known)

    @property
    def first(self) -> str:
        """The name of the key that locks."""
        return next(iter(self.known))

    def derive(self, name: str, salt: bytes, purpose: bytes) -> bytes:
        """A key of 32 bytes for one purpose. Raises VaultError where there is no such key."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        if name not in self.known:
            there = ", ".join(self.known) or "none"
            raise VaultError(
                f"It was locked by the key {name!r}, and privacy.keys has {there}; add that one."
            )
        made = HKDF(SHA256(), 32, salt, purpose)
        return made.derive(self.known[name].reveal())


def read_keys(text: str) -> Keys:
    """The keys of `name:base64,name:base64`. Raises ValueError, which shows none of them."""
    known: dict[str, Private[bytes]] = {}
    for number, one in enumerate(filter(None, text.replace(",", " ").split()), start=1):
        name, colon, encoded = one.partition(":")
        try:
            key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except (binascii.Error, ValueError):
            key = b""
        if not colon or not name.isalnum() or len(name) > 40 or len(key) != 32 or name in known:
            raise ValueError(
                f"number {number} should be a name of its own (letters and digits), a colon and 32"
                f" bytes in base64; {MAKE_ONE}"
            )
        known[name] = Private(key)
    return Keys(known)


NO_KEYS = Keys()


class Sink(Protocol):
    """A file that grows."""

    path: Path

    def write(self, data: bytes) -> None:
        """Append; the system has it then. Raises OSError."""
        ...

    def hold(self) -> None:
        """Keep others from mending it while it grows. Raises BlockingIOError."""
        ...

    def close(self) -> None:
        """No more comes."""
        ...


def open_sink(path: Path, keys: Keys = NO_KEYS) -> Sink:
    """A new file at that path; a locked one has `.locked` behind its name. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return LockedFile(path.with_name(path.name + LOCKED), keys) if keys else PlainFile(path)


class PlainFile:
    """As it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = FileIO(path, "w", opener=for_few)

    def write(self, data: bytes) -> None:
        """Append; the system has it then."""
        _write_all(self._file, data)

    def rewrite(self, at: int, data: bytes) -> None:
        """Change what was written there."""
        os.pwrite(self._file.fileno(), data, at)

    def hold(self) -> None:
        """Keep others from mending it while it grows."""
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """No more comes."""
        self._file.close()


class LockedFile:
    """Each `write` is one piece, or several where it is long."""

    def __init__(self, path: Path, keys: Keys) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.path = path
        salt, name = secrets.token_bytes(SALT), keys.first.encode()
        self._head = MAGIC + bytes([len(name)]) + name + salt
        self._cipher = AESGCM(keys.derive(keys.first, salt, MAGIC))
        self._pieces = 0
        self._file = FileIO(path, "w", opener=for_few)
        try:
            _write_all(self._file, self._head)
        except OSError:
            self._file.close()
            raise

    def write(self, data: bytes) -> None:
        """Append; the system has it then."""
        for at in range(0, len(data), LARGEST - TAG):
            piece = data[at : at + LARGEST - TAG]
            locked = self._cipher.encrypt(_nonce(self._pieces), piece, self._head)
            self._pieces += 1
            _write_all(self._file, len(locked).to_bytes(LENGTH, "big") + locked)

    def hold(self) -> None:
        """Keep others from mending it while it grows."""
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """No more comes."""
        self._file.close()


def find(path: Path) -> Path | None:
    """The file of that name, locked or not."""
    places = (path, path.with_name(path.name + LOCKED))
    return next((place for place in places if place.is_file()), None)


def read(path: Path, keys: Keys = NO_KEYS) -> bytes:
    """All of a file, locked or not, as far as it is whole. Raises VaultError, OSError."""
    return b"".join(read_pieces(path, keys))


def read_pieces(path: Path, keys: Keys = NO_KEYS) -> Iterator[bytes]:
    """The same piece by piece. A piece that breaks off at the end of the file is left out."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            file.seek(0)
            while piece := file.read(1 << 20):
                yield piece
            return
        yield from _unlocked(file, path, keys)


def _unlocked(file: BinaryIO, path: Path, keys: Keys) -> Iterator[bytes]:
    head, cipher = _opened(file, keys)
    number = 0
    while head and len(length := file.read(LENGTH)) == LENGTH:
        wanted = int.from_bytes(length, "big")
        if not TAG <= wanted <= LARGEST:
            raise VaultError(f"{path}: piece {number + 1} has no such length; it was changed.")
        locked = file.read(wanted)
        if len(locked) < wanted:
            return
        yield _unlock(cipher, head, number, locked, path)
        number += 1


def _opened(file: BinaryIO, keys: Keys) -> tuple[bytes, AESGCM]:
    """The head behind the magic, and the cipher of the file; no head where it breaks off in it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    size = file.read(1)
    name = file.read(size[0]) if size else b""
    salt = file.read(SALT)
    if len(salt) < SALT:
        return b"", AESGCM(bytes(32))
    derived = keys.derive(name.decode(errors="replace"), salt, MAGIC)
    return MAGIC + size + name + salt, AESGCM(derived)


def _unlock(cipher: AESGCM, head: bytes, number: int, locked: bytes, path: Path) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(_nonce(number), locked, head)
    except InvalidTag:
        raise VaultError(
            f"{path}: piece {number + 1} cannot be unlocked: it was changed, or another key of "
            "that name has locked it."
        ) from None


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _write_all(file: FileIO, data: bytes) -> None:
    """All of it. Raises OSError with the name of the file, which the system does not say."""
    while data:
        try:
            data = data[os.write(file.fileno(), data) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(file.name)) from None


class Source:
    """A file that is read from anywhere, locked or not; `size` is that of what was written."""

    def __init__(self, path: Path, keys: Keys) -> None:
        self._path, self._keys = path, keys
        self._head: bytes | None = None
        self._places: list[tuple[int, int, int]] = []  # begins at; in the file at; bytes there
        self.size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                self._index(file)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes between these two. Raises VaultError, OSError."""
        with self._path.open("rb") as file:
            if self._head is None:
                file.seek(start)
                return file.read(max(0, stop - start))
            return b"".join(self._parts(file, self._head, start, stop))

    def _index(self, file: BinaryIO) -> None:
        self._head, self._cipher = _opened(file, self._keys)
        self.size, end = 0, self._path.stat().st_size
        while len(length := file.read(LENGTH)) == LENGTH:
            wanted, at = int.from_bytes(length, "big"), file.tell()
            if not TAG <= wanted <= LARGEST or at + wanted > end:
                break
            self._places.append((self.size, at, wanted))
            self.size += wanted - TAG
            file.seek(at + wanted)

    def _parts(self, file: BinaryIO, head: bytes, start: int, stop: int) -> Iterator[bytes]:
        first = max(0, bisect_right(self._places, start, key=lambda place: place[0]) - 1)
        for number in range(first, len(self._places)):
            begins, at, wanted = self._places[number]
            if begins >= stop:
                return
            file.seek(at)
            piece = _unlock(self._cipher, head, number, file.read(wanted), self._path)
            yield piece[max(0, start - begins) : stop - begins]


def open_source(path: Path, keys: Keys = NO_KEYS) -> Source:
    """The file, to be read from anywhere. Raises VaultError, OSError."""
    return Source(path, keys)
