"""The caller's recordings, read and checked before any call begins."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audio import wav
from audio.pcm import BYTES, AudioError
from gateway.rehearsal.script import THINK, Say, Script, ScriptError, Think, Turn, load

RATE = 24_000  # Hz on the wire
LONGEST = 600.0  # seconds that one recording may last
ANSWER = 60.0  # seconds that a turn without a script may take besides its recording


def read(script: Script) -> dict[Path, bytes]:
    """All recordings of a script as PCM16 mono at RATE. Raises ScriptError."""
    paths = dict.fromkeys(turn.act.path for turn in script.turns if isinstance(turn.act, Say))
    return {path: _read(path) for path in paths}


def _read(path: Path) -> bytes:
    try:
        return wav.read(path, rate=RATE, longest=LONGEST)
    except AudioError as error:
        raise ScriptError(str(error)) from error


def script_of(files: Iterable[str | Path]) -> tuple[Script, dict[Path, bytes]]:
    """What the command line or a test names: one script, or recordings to say in turn."""
    paths = [Path(file) for file in files]
    scripts = [path for path in paths if path.suffix.lower() == ".toml"]
    if scripts:
        if len(paths) > 1:
            raise ScriptError(
                f"expected either one script or sound files, and {len(paths)} files came with"
                f" {scripts[0]} among them; name the sound files inside the script"
            )
        script = load(scripts[0])
        return script, read(script)
    if not paths:
        raise ScriptError("expected a sound file or a script (*.toml) to play; name one")
    turns = tuple(Turn(Say(path), Think(THINK)) for path in paths)
    sounds = read(Script(paths[0].stem, turns))
    seconds = sum(len(sounds[path]) for path in paths) / BYTES / RATE
    return Script(paths[0].stem, turns, timeout=seconds + ANSWER * len(paths)), sounds
