"""The settings of memory: of which callers, how much of it is told, and who sums up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gateway.private import Private
from gateway.section import Secret, Section


class Memory(Section):
    """What the assistant keeps of a caller from one call to the next; needs store.url."""

    callers: Literal["none", "known", "all"] = Field(
        default="none",
        description='Who is remembered: "none", "known" (named by a token, a ticket or a telephone'
        ' number), or "all": also those who are known by their address or their own word alone.',
    )
    calls: int = Field(
        default=3, ge=0, le=20, description="Of the latest calls a new one is told what they were."
    )
    days: int = Field(default=365, ge=1, le=3650, description="Older ones are not told.")
    window_tokens: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Tokens of a long call's history, about, beyond which the older half is put"
        " together into a summary; 0: never.",
        examples=[8000],
    )
    base_url: str = Field(
        default="",
        description="Of a chat-completions server that sums up calls when they are over; without"
        " it, sentences are picked out.",
        examples=["http://localhost:11434/v1"],
    )
    model: str = Field(default="", description="A model there.", examples=["llama3.2"])
    api_key: Secret = Field(default=Private(""), description="Its key.", examples=["sk-..."])

    @model_validator(mode="after")
    def _whole(self) -> Memory:
        if bool(self.base_url) != bool(self.model):
            raise ValueError("should have both a base_url and a model, or neither")
        return self
