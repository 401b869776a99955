"""Lines: what is different for calls to some numbers, or with some parameters."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from pydantic import Field

from gateway.call.plan import Keep
from gateway.section import Section


class Line(Section):
    """One rule: which calls it is for, and what is different for them."""

    bridge: str = Field(default="*", description="Name of the way in, such as twilio.")
    called: str = Field(default="*", description="The number or name that was called.")
    caller: str = Field(default="*", description="Who calls.")
    parameters: dict[str, str] = Field(
        default={}, description="What the provider must have sent with the call."
    )
    assistant: str = Field(default="", description="Which of [assistants]; empty: [assistant].")
    tenant: str = Field(
        default="", description="Whose calls those are, where no ticket says; empty: auth.tenant."
    )
    instructions: str | None = Field(default=None, description="Instead of the assistant's.")
    voice: str | None = Field(default=None, description="Instead of the assistant's.")
    language: str | None = Field(default=None, description="Instead of the assistant's.")
    greeting: str | None = Field(default=None, description="Instead of the assistant's.")

    recording: Keep | None = Field(default=None, description="Instead of [privacy]'s.")
    transcripts: Keep | None = Field(default=None, description="Instead of [privacy]'s.")

    def fits(self, bridge: str, called: str, caller: str, given: Mapping[str, str]) -> bool:
        """Whether it is for such a call."""
        wanted = ((self.bridge, bridge), (self.called, called), (self.caller, caller))
        return all(fnmatchcase(value, pattern) for pattern, value in wanted) and all(
            name in given and fnmatchcase(given[name], pattern)
            for name, pattern in self.parameters.items()
        )
