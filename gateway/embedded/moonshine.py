"""Moonshine: a speech recogniser of three ONNX graphs and a vocabulary, run greedily on one thread.

Useful Sensors, "Moonshine: Speech Recognition for Live Transcription and Voice Commands" (2024).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.embedded.parts import EARS_RATE
from gateway.errors import AssistantError

GRAPHS: Final = ("encoder", "kv", "step")
TOKENS: Final = "tokenizer.bin"
FORMS: Final = ("int8", "int8-reduced", "float", "shipped")

_START, _END = 1, 2  # tokens
_TOKENS_PER_SECOND = 6.5  # nobody speaks faster; more of them is the decoder going round in circles
_SHORTEST = EARS_RATE // 10  # samples; less than this holds no word
_PADDED = EARS_RATE // 2  # samples; what is shorter is padded, the encoder needs some frames
_LONGEST = 20 * EARS_RATE  # samples heard at once; the model was trained on less than 30 s
_EARLIEST = 12 * EARS_RATE  # samples; where longer audio may be cut at the earliest
_SILENCE = 16  # of 32768; nothing that never gets louder is speech

Samples = NDArray[np.float32]
Stop = Callable[[], bool]


class Moonshine:
    """A loaded model. Any number of threads may use it at once, each for its own audio."""

    def __init__(self, encoder: Any, kv: Any, step: Any, vocabulary: list[bytes]) -> None:
        self._encoder, self._kv, self._step = encoder, kv, step
        self._vocabulary = vocabulary
        self._asks = {value.name for value in step.get_inputs()}
        self._masked = any(value.name == "attention_mask" for value in encoder.get_inputs())
        self._crossed = [_past(value.name) for value in kv.get_outputs()]
        self._carried = [_past(value.name) for value in step.get_outputs()][1:]
        key = next(value for value in step.get_inputs() if value.name == self._carried[0])
        self._nothing: Samples = np.zeros((1, key.shape[1], 0, key.shape[3]), np.float32)

    @classmethod
    def of_files(cls, folder: Path, tokens: Path | None = None) -> Moonshine:
        """Load GRAPHS from a folder. AssistantError where a file is missing or broken."""
        try:
            vocabulary = read_vocabulary((tokens or folder / TOKENS).read_bytes())
            encoder, kv, step = (_session(folder / f"{graph}.onnx") for graph in GRAPHS)
            return cls(encoder, kv, step, vocabulary)
        except ImportError as error:
            raise AssistantError(
                "the embedded assistant's ears need onnxruntime, which is not installed:"
                ' pip install "trunkline[assistant]"'
            ) from error
        except Exception as error:  # onnxruntime has no base class of its own for a broken file
            raise AssistantError(
                f"the speech model in {folder} cannot be loaded ({_one_line(error)});"
                " make it anew with: trunkline prepare --force"
            ) from error

    def transcribe(self, pcm: bytes, stop: Stop = lambda: False) -> str:
        """The words in PCM16 mono at 16 kHz; '' if `stop`, asked before each token, says so."""
        whole = np.frombuffer(pcm[: len(pcm) & ~1], "<i2")
        parts = []
        for part in pieces(whole):
            if len(part) < _SHORTEST or np.abs(part.astype(np.int32)).max() < _SILENCE:
                continue
            samples = part.astype(np.float32) / 32768
            tokens = list(self._decode(np.pad(samples, (0, max(0, _PADDED - len(part)))), stop))
            if stop():
                return ""
            parts.append(self.spell(tokens))
        return " ".join(filter(None, parts))

    def spell(self, tokens: list[int]) -> str:
        """Text of tokens; those beyond the vocabulary are control tokens and say nothing."""
        known = len(self._vocabulary)
        spelt = b"".join(self._vocabulary[token] for token in tokens if token < known)
        return spelt.decode("utf-8", "replace").replace("\u2581", " ").strip()

    def _decode(self, samples: Samples, stop: Stop) -> Iterator[int]:
        if stop():
            return
        sound: dict[str, Any] = {"input_values": samples[None]}
        mask = np.ones((1, len(samples)), np.int64)
        if self._masked:
            sound["attention_mask"] = mask
        hidden = self._encoder.run(None, sound)[0]
        kept = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        crossed = self._kv.run(None, {"encoder_hidden_states": hidden})
        kept |= dict(zip(self._crossed, crossed, strict=True))
        fixed = {name: value for name, value in kept.items() if name in self._asks}
        past = dict.fromkeys(self._carried, self._nothing)
        token = _START
        for _ in range(8 + int(len(samples) / EARS_RATE * _TOKENS_PER_SECOND)):
            if stop():
                return
            asked = {"input_ids": np.array([[token]], np.int64), **fixed, **past}
            logits, *present = self._step.run(None, asked)
            token = int(logits[0, -1].argmax())
            if token == _END:
                return
            yield token
            past = dict(zip(self._carried, present, strict=True))


def _past(name: str) -> str:
    return name.replace("present", "past_key_values")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Utterances differ in length, so memory kept for the next one seldom fits it: 80 MB saved.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


# ---------------------------------------------------------------- vocabulary


def read_vocabulary(data: bytes) -> list[bytes]:
    """The tokens' bytes, by id: each a length (one byte, or two from 128 up), then so many bytes.

    The three control tokens at the front are written out by name but spell nothing.
    """
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            if at == len(data):
                raise ValueError("the vocabulary ends within a length")
            length += 128 * data[at] - 128
            at += 1
        if at + length > len(data):
            raise ValueError(f"the vocabulary ends within token {len(tokens)}")
        token = data[at : at + length]
        tokens.append(b"" if _CONTROL.fullmatch(token) else token)
        at += length
    if len(tokens) < 3:
        raise ValueError(f"expected a vocabulary of thousands of tokens, got {len(tokens)}")
    return tokens


_CONTROL = re.compile(rb"<unk>|</?s>|<<ST_\d+>>")


# ---------------------------------------------------------------- long audio, and texts compared


def pieces(samples: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
    """Audio that is too long to hear at once, cut at its quietest places."""
    while len(samples) > _LONGEST:
        cut = _EARLIEST + _quietest(samples[_EARLIEST:_LONGEST])
        yield samples[:cut]
        samples = samples[cut:]
    yield samples


def _quietest(samples: NDArray[np.int16]) -> int:
    """The middle of the quietest 200 ms, as an offset in samples."""
    grain = EARS_RATE // 100
    count = len(samples) // grain
    frames = samples[: count * grain].astype(np.float64).reshape(count, grain)
    around = np.convolve((frames**2).mean(axis=1), np.ones(20), "valid")
    return (int(around.argmin()) + 10) * grain


def words(text: str) -> list[str]:
    """A text's words as they are compared: no case, no punctuation."""
    return re.findall(r"[\w']+", text.casefold())


def agreement(expected: str, heard: str) -> float:
    """Which part of the expected words was heard, in order: 0 to 1."""
    wanted, got = words(expected), words(heard)
    if not wanted:
        return float(not got)
    same = SequenceMatcher(None, wanted, got, autojunk=False).get_matching_blocks()
    return sum(block.size for block in same) / max(len(wanted), len(got))
