"""The settings of privacy: what is kept of calls, covered in them, for how long, and locked how."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field, field_validator

from gateway.call.plan import Keep, PrivacyPolicy
from gateway.privacy.vault import Keys, read_keys
from gateway.private import Private
from gateway.redaction.detect import KINDS, Policy
from gateway.section import Secret, Section


class TenantPrivacy(Section):
    """What is different for the calls of one tenant."""

    recording: Keep | None = Field(default=None, description="Instead of privacy.recording.")
    transcripts: Keep | None = Field(default=None, description="Instead of privacy.transcripts.")
    retention_days: float | None = Field(
        default=None, ge=0, le=36_500, description="Instead of privacy.retention_days."
    )


class Privacy(Section):
    """What may be kept of callers. Where it is kept is said under [taps] and [store]."""

    recording: Keep = Field(
        default="on",
        description='"on", "off", or "consent": only after the caller has agreed.',
    )
    transcripts: Keep = Field(
        default="on",
        description="The same for the words: in transcripts, journals and the books.",
    )
    consent_phrase: str = Field(
        default=PrivacyPolicy().phrase,
        min_length=1,
        description="What the caller is asked at the beginning, where consent is needed.",
    )
    consent_key: str = Field(
        default="1",
        pattern=r"^[0-9*#]$",
        description="Key of the telephone that agrees, too.",
    )
    redact: tuple[str, ...] = Field(
        default=KINDS,
        description="What is covered in transcripts, journals, the books, logs and recordings.",
    )
    long_number: int = Field(
        default=9, ge=5, le=40, description='From how many digits on it is a "number".'
    )
    tone: bool = Field(default=True, description="Cover it in recordings, too, with a tone.")
    recording_format: Literal["wav", "opus"] = Field(
        default="wav", description='"wav", or "opus": about a tenth of the size.'
    )
    retention_days: float = Field(
        default=0, ge=0, le=36_500, description="Calls are erased after so many days; 0: never."
    )
    keys: Secret = Field(
        default=Private(""),
        description="Locks recordings, transcripts and journals: a name, a colon and 32 bytes in"
        " base64. Several, with commas: the first locks, all unlock. Set it in the environment.",
        examples=["2026:q7uQ0rJc0h1v4nV9mCq3V0mX6bq8k0o7xv1yqk2l3m4"],
    )
    tenants: dict[str, TenantPrivacy] = Field(
        default={},
        description="What is different for the calls of one tenant.",
        examples=['[privacy.tenants.acme]\nrecording = "consent"\nretention_days = 30'],
    )

    @field_validator("redact")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if strange := [kind for kind in kinds if kind not in KINDS]:
            raise ValueError(f"should name {', '.join(KINDS)}, but names {strange[0][:40]!r}")
        return kinds

    @field_validator("keys")
    @classmethod
    def _readable(cls, secret: Private[str]) -> Private[str]:
        read_keys(secret.reveal())
        return secret

    def lock(self) -> Keys:
        """The keys, read."""
        return read_keys(self.keys.reveal())

    def policy(self, tenant: str) -> PrivacyPolicy:
        """What may be kept of that tenant's calls, as the call knows it."""
        own = self.tenants.get(tenant, TenantPrivacy())
        return PrivacyPolicy(
            own.recording or self.recording,
            own.transcripts or self.transcripts,
            self.consent_phrase,
            self.consent_key,
        )

    def redaction(self) -> Policy:
        """What is covered."""
        return _policy(tuple(self.redact), self.long_number)

    def days(self) -> dict[str, float]:
        """For how long tenants keep their calls that have a rule of their own."""
        every = {name: one.retention_days for name, one in self.tenants.items()}
        return {name: days for name, days in every.items() if days is not None}


@cache
def _policy(redact: tuple[str, ...], long_number: int) -> Policy:
    """One for all calls."""
    return Policy(frozenset(kind for kind in KINDS if kind in redact), long_number)
