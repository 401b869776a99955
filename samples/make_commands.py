"""Makes the spoken commands in audio/commands/ again, with the voice that Trunkline ships.

    python samples/make_commands.py            # write them all
    python samples/make_commands.py --check    # say which differ from what would be written

The same machine and the same versions of hibari-tts, onnxruntime and numpy give the same bytes.
Another processor may round differently in the last bit, because the model computes in int8 and
float32 with whatever instructions there are; so `--check` also says by how much a clip differs.
"""

from __future__ import annotations

import argparse
import io
import sys
import wave
from pathlib import Path

import numpy as np
from hibari import SAMPLE_RATE, Hibari
from numpy.typing import NDArray

Sound = NDArray[np.float32]

FOLDER = Path(__file__).parent / "audio" / "commands"
SEED = 20_261_121
MARGIN = 0.15  # seconds of room before the first and after the last sound
ROOM = 10 ** (-70 / 20)  # the noise of that room; no microphone gives digital zero
PAUSE = 0.7  # seconds, where "..." stands: longer than a hang-over, shorter than a thought

COMMANDS = {
    "hello": "Hello.",
    # With the comma; without it, recognisers hear "order for two one seven".
    "where_is_my_order": "Where is my order, four two one seven?",
    "where_is_my_order_run_on": "Where is my order four two one seven?",
    "where_is_the_other": "Where is order five five three eight?",
    "where_is_my_order_no_number": "I would like to know where my order is.",
    "order_number_only": "Four two one seven.",
    "order_number_with_pause": "My order number is ... four two one seven.",
    "when_ship": "And when does it ship?",
    "cancel": "Please cancel order five five three eight.",
    "what_time": "What time is it?",
    "what_time_in_tokyo": "What time is it in Tokyo?",
    "what_can_you_do": "What can you do?",
    "say_again": "Can you say that again, please?",
    "yes": "Yes, please.",
    "no": "No, thank you.",
    "stop_wait": "Wait, stop.",
    "thanks_goodbye": "Thank you, goodbye.",
}


def spoken(voice: Hibari, text: str) -> Sound:
    """The words, level with each other, in a quiet room with a margin at both ends."""
    pieces: list[Sound] = []
    for part in text.split("..."):
        pieces += [_silence(PAUSE)] * bool(pieces)
        pieces.append(_trimmed(voice(part.strip(), seed=SEED)))
    sound = np.concatenate([_silence(MARGIN), *pieces, _silence(MARGIN)])
    return _in_room(sound * np.float32(0.5 / np.abs(sound).max()))


def cough() -> Sound:
    """A burst of noise of 180 ms with a throat's two resonances: sudden, then dying away."""
    samples = int(0.18 * SAMPLE_RATE)
    noise = np.random.default_rng(SEED).standard_normal(samples)
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    throat = sum(np.exp(-(((hertz - centre) / width) ** 2)) for centre, width in PEAKS)
    time = np.arange(samples) / SAMPLE_RATE
    shape = np.minimum(time / 0.008, 1.0) * np.exp(-time / 0.055)
    burst = np.fft.irfft(spectrum * throat, samples) * shape
    loud = (burst * (0.5 / np.abs(burst).max())).astype(np.float32)
    return _in_room(np.concatenate([_silence(MARGIN), loud, _silence(MARGIN)]))


PEAKS = ((650.0, 350.0), (1600.0, 700.0))  # Hz, Hz


def _silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def _trimmed(sound: Sound) -> Sound:
    """Without the model's own silence, keeping 20 ms of it so that no consonant is cut."""
    keep = int(0.02 * SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return sound[max(0, loud[0] - keep) : loud[-1] + keep]


def _in_room(sound: Sound) -> Sound:
    noise = np.random.default_rng(SEED).standard_normal(len(sound)) * ROOM
    return (sound + noise).astype(np.float32)


def _wav(sound: Sound) -> bytes:
    pcm = np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm.tobytes())
    return file.getvalue()


def _difference(old: bytes, new: bytes) -> str:
    if len(old) != len(new):
        return f"{len(old)} bytes in the folder, {len(new)} made now"
    before, now = (np.frombuffer(data[44:], "<i2").astype(int) for data in (old, new))
    return f"up to {np.abs(before - now).max()} of 32767"


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the spoken commands again.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    voice = Hibari()
    clips = {name: spoken(voice, text) for name, text in COMMANDS.items()} | {"cough": cough()}
    different = 0
    for name, sound in clips.items():
        path, data = FOLDER / f"{name}.wav", _wav(sound)
        if not check:
            path.write_bytes(data)
        elif not path.exists():
            sys.stdout.write(f"{name}: not in the folder\n")
            different += 1
        elif path.read_bytes() != data:
            sys.stdout.write(f"{name}: differs, {_difference(path.read_bytes(), data)}\n")
            different += 1
    sys.stdout.write(f"{len(clips)} clips, {different} different\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
