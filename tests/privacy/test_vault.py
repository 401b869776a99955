"""The vault: what is written can be read, what was changed or has no key cannot."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.privacy.vault import (
    LOCKED,
    NO_KEYS,
    Keys,
    VaultError,
    find,
    open_sink,
    open_source,
    read,
    read_keys,
)
from gateway.settings import load

OLD, NEW = "old:" + "A" * 43, "new:" + "B" * 43
KEYS = read_keys(f"{NEW},{OLD}")


def written(path: Path, *pieces: bytes, keys: object = KEYS) -> Path:
    sink = open_sink(path, keys)  # type: ignore[arg-type]
    for piece in pieces:
        sink.write(piece)
    sink.close()
    return sink.path


@settings(max_examples=40, deadline=None)
@given(pieces=st.lists(st.binary(max_size=50), max_size=8), data=st.data())
def test_what_is_written_is_read_from_anywhere(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], data: st.DataObject
) -> None:
    path = written(tmp_path_factory.mktemp("vault") / "a.wav", *pieces)
    whole = b"".join(pieces)
    assert read(path, KEYS) == whole
    source = open_source(path, KEYS)
    assert source.size == len(whole)
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole) + 5))
    assert source.read(start, stop) == whole[start:stop]


def test_a_locked_file_shows_nothing_and_says_so_in_its_name(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b"my secret", keys=KEYS)
    assert path.name == "a.jsonl" + LOCKED
    assert b"secret" not in path.read_bytes()
    assert find(tmp_path / "a.jsonl") == path
    assert written(tmp_path / "b.jsonl", b"plain", keys=NO_KEYS).read_bytes() == b"plain"


def test_a_file_that_breaks_off_is_read_up_to_its_last_whole_piece(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"one", b"two", b"three")
    whole = path.read_bytes()
    kept = {b"", b"one", b"onetwo", b"onetwothree"}
    for length in range(4, len(whole) + 1):
        path.write_bytes(whole[:length])
        assert read(path, KEYS) in kept
        assert open_source(path, KEYS).read(0, 99) in kept
    assert read(path, KEYS) == b"onetwothree"


@pytest.mark.parametrize("place", [6, 20, 30, -1])
def test_what_was_changed_is_not_read(tmp_path: Path, place: int) -> None:
    path = written(tmp_path / "a", b"one", b"two")
    changed = bytearray(path.read_bytes())
    changed[place] ^= 1
    path.write_bytes(changed)
    with pytest.raises(VaultError, match=r"a\.locked|locked by the key"):
        read(path, KEYS)


def test_pieces_of_another_file_do_not_fit(tmp_path: Path) -> None:
    first, second = (written(tmp_path / name, b"same") for name in "ab")
    head = 4 + 1 + 3 + 16
    first.write_bytes(first.read_bytes()[:head] + second.read_bytes()[head:])
    with pytest.raises(VaultError):
        read(first, KEYS)


def test_keys_are_changed_by_putting_a_new_one_first(tmp_path: Path) -> None:
    before = written(tmp_path / "a", b"before", keys=read_keys(OLD))
    after = written(tmp_path / "b", b"after", keys=KEYS)
    assert (read(before, KEYS), read(after, KEYS)) == (b"before", b"after")
    with pytest.raises(VaultError, match=r"'new'.*old"):
        read(after, read_keys(OLD))
    with pytest.raises(VaultError, match="none"):
        read(after)


BAD_KEYS = ["x", "a:short", "a b:" + "A" * 43, f"{OLD},{OLD}", ":" + "A" * 43]


@pytest.mark.parametrize("text", BAD_KEYS)
def test_bad_keys_are_refused_at_the_start_without_being_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="32 bytes") as refused:
        load(None, {"TRUNKLINE_PRIVACY__KEYS": text})
    assert "AAAA" not in str(refused.value).replace("for example", "")


@pytest.mark.parametrize("keys", [NO_KEYS, KEYS], ids=["plain", "locked"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_disk_that_is_full_is_named_by_the_file(tmp_path: Path, keys: Keys) -> None:
    for name in ("call.wav", "call.wav.locked"):
        (tmp_path / name).symlink_to("/dev/full")
    with (
        pytest.raises(OSError, match=r"No space left on device: .*call\.wav"),
        closing(open_sink(tmp_path / "call.wav", keys)) as sink,
    ):
        sink.write(b"sound")
