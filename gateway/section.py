"""What every section of the settings is made of: a closed table, and secrets that do not show."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator

from gateway.private import Private


def _hide(value: Any) -> Private[str]:
    if isinstance(value, Private):
        return value
    if not isinstance(value, str):
        raise ValueError("Input should be a valid string")
    return Private(value)


Secret = Annotated[Private[str], PlainValidator(_hide), PlainSerializer(str)]


class Section(BaseModel):
    """A table of the settings: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def is_tables(examples: list[Any] | None) -> bool:
    """Whether the value is tables of their own, of which there may be any number."""
    return examples is not None and isinstance(examples[0], str) and examples[0].startswith("[")
