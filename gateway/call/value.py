"""Value: what an event or an effect is, a dataclass of fields that are never set again.

Python's frozen dataclasses see to that with a call for each field of each object, hundreds a second
in every call. Here the type checker sees to it, and an object costs what a plain one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots that can be a key; setting a field of one fails the type check."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
