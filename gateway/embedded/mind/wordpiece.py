"""WordPiece as BERT's uncased models read it: text to token ids, with the vocabulary beside it."""

from __future__ import annotations

import gzip
import unicodedata
from functools import cache
from importlib.resources import files

CLS, SEP, UNKNOWN = 101, 102, 100
LONGEST_WORD = 100  # characters; a longer word is unknown, as in BERT


@cache
def vocabulary() -> dict[str, int]:
    """Every piece with its id, read once."""
    packed = files("gateway.embedded.mind").joinpath("vocabulary.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").rstrip("\n").split("\n")
    return {piece: number for number, piece in enumerate(lines)}


def token_ids(text: str, limit: int = 128) -> list[int]:
    """The ids of a text between [CLS] and [SEP], `limit` of them at most."""
    ids = [number for word in _words(text) for number in _pieces(word)]
    return [CLS, *ids[: limit - 2], SEP]


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFD", text.lower())
    spaced = []
    for char in plain:
        kind = unicodedata.category(char)
        if kind == "Mn" or (kind.startswith("C") and char not in "\t\n\r") or char == "\ufffd":
            continue
        spaced.append(f" {char} " if _stands_alone(char, kind) else char)
    return "".join(spaced).split()


def _stands_alone(char: str, kind: str) -> bool:
    ascii_sign = char.isascii() and char.isprintable() and not char.isalnum() and char != " "
    return ascii_sign or kind.startswith("P") or "\u4e00" <= char <= "\u9fff"


def _pieces(word: str) -> list[int]:
    if len(word) > LONGEST_WORD:
        return [UNKNOWN]
    known, found, start = vocabulary(), [], 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(len(word), start, -1):
            number = known.get(prefix + word[start:end])
            if number is not None:
                found.append(number)
                start = end
                break
        else:
            return [UNKNOWN]
    return found
