"""The result of a tool as text for the model, within its limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pydantic_core
from pydantic import BaseModel

from tools.context import Image
from tools.pictures import described

DONE = "done"  # what the model is told where a tool returns None
MOST = 1_000_000  # values of a generator; so many are too long as text, whatever they are
PICTURES = 4  # of one result that a model is shown; the others are told of


@dataclass(frozen=True, slots=True)
class Result:
    """What the model is told."""

    output: str
    failed: bool = False
    mend: bool = False  # the model called it wrongly, and may do it right
    images: tuple[Image, ...] = ()  # that the tool returned, for a model that sees


def told(value: Any, limit: int) -> Result:
    """The value as text; too long a one is refused whole, for half a result is a wrong one.

    Pictures in it are described in words, and handed on beside them.
    Raises what pydantic does where the value cannot be written as JSON.
    """
    if value is None:
        return Result(DONE)
    if surely_longer(value, limit):
        return _too_long(f"more than {limit}", limit)
    images: list[Image] = []
    value = _described(value, images)
    if images and isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = "\n".join(value)  # words and pictures, as they came
    if isinstance(value, str):
        output = value.encode(errors="replace").decode()
    else:
        output = pydantic_core.to_json(value, inf_nan_mode="null").decode()
    if (size := len(output.encode())) > limit:
        return _too_long(str(size), limit)
    return Result(output, images=tuple(images[:PICTURES]))


def _described(value: Any, images: list[Image]) -> Any:
    """The value with words where its pictures were; they are put beside it."""
    if isinstance(value, Image):
        images.append(value)
        return f"[an image: {described(value.media_type, value.data)}]"
    if isinstance(value, list | tuple):
        return [_described(one, images) for one in value]
    if isinstance(value, dict):
        return {key: _described(one, images) for key, one in value.items()}
    return whole(value)


def whole(value: Any) -> Any:
    """What a generator or a cursor gives as a list, taken where it may be: one may never end."""
    return list(islice(value, MOST)) if isinstance(value, Iterator) else value


def _too_long(size: str, limit: int) -> Result:
    words = f"The result is too long: {size} bytes, at most {limit}. Ask for less."
    return Result(words, failed=True)


def surely_longer(value: Any, limit: int) -> bool:
    """Whether the text would be longer, seen without writing it: that would hold up the loop."""
    waiting: list[Any] = [value]
    size = 0
    while waiting and size <= limit:
        one = waiting.pop()
        size += 1
        if isinstance(one, str | bytes):
            size += len(one)
        elif isinstance(one, dict):
            size += len(one)
            _take(waiting, one.values(), limit)
        elif isinstance(one, list | tuple | set | frozenset):
            _take(waiting, one, limit)
        elif isinstance(one, BaseModel):
            _take(waiting, vars(one).values(), limit)
    return size > limit


def _take(waiting: list[Any], values: Iterable[Any], limit: int) -> None:
    """At most so many that they alone are too long."""
    for number, value in enumerate(values):
        if number > limit:
            return
        waiting.append(value)
