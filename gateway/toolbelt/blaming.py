"""Blaming: whose fault it is when tools cannot be opened, said as a fault of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import SettingsError
from tools import ToolDefinitionError, ToolLoadError


@contextmanager
def blamed(key: str) -> Iterator[None]:
    """What is wrong within is the fault of that key."""
    try:
        yield
    except (ToolLoadError, ToolDefinitionError, ValueError) as error:
        raise SettingsError(f"{key}: {error}") from error
