"""What happens when the way to a model is gone in the middle of a call."""

from __future__ import annotations

from pydantic import Field

from gateway.call.plan import RecoveryPolicy
from gateway.section import Section


class Recovery(Section):
    """When the way to the model is gone: another session is sought, and told what was said."""

    patience_s: float = Field(
        default=20,
        ge=0,
        le=600,
        description="Seconds without any model after which the caller is told and the call ends;"
        " 0: at once, and no session is replaced before its end.",
    )
    assistants: tuple[str, ...] = Field(
        default=(),
        description="Who else is asked, in this order: names of [assistants], or embedded for the"
        " one that ships with Trunkline.",
        examples=[["backup", "embedded"]],
    )
    hold_after_ms: int = Field(
        default=700,
        ge=0,
        le=60_000,
        description="Quiet after which the caller hears a soft tone, and later on that it goes on"
        " in a moment.",
    )
    hold_file: str = Field(
        default="",
        description="A sound file with what the caller is then told, in place of the recorded"
        " English sentence; one or two seconds are best.",
        examples=["one_moment_please.wav"],
    )

    def policy(self) -> RecoveryPolicy:
        """The same, as the call knows it."""
        return RecoveryPolicy(
            assistants=1 + len(self.assistants),
            patience=round(self.patience_s * 1_000_000),
            hold_after=self.hold_after_ms * 1000,
        )
