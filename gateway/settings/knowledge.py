"""The settings of knowledge: how documents' meaning is found, and how large they may be."""

from __future__ import annotations

from pydantic import Field, model_validator

from gateway.private import Private
from gateway.section import Secret, Section


class Knowledge(Section):
    """Documents that search_knowledge searches; they are kept in the store."""

    largest_mb: int = Field(
        default=20, ge=1, le=500, description="Size of a document; a larger one is refused."
    )
    base_url: str = Field(
        default="",
        description="Of an OpenAI-compatible server that makes embeddings; without it, the model"
        " that ships with the embedded assistant does, where it is installed.",
        examples=["http://localhost:11434/v1"],
    )
    model: str = Field(default="", description="A model there.", examples=["nomic-embed-text"])
    api_key: Secret = Field(default=Private(""), description="Its key.", examples=["sk-..."])

    @model_validator(mode="after")
    def _whole(self) -> Knowledge:
        if bool(self.base_url) != bool(self.model):
            raise ValueError("should have both a base_url and a model, or neither")
        return self
