"""The settings of identity: who is let in, and what tokens must say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from gateway.identity.policy import TokenPolicy
from gateway.identity.who import unknown
from gateway.private import Private
from gateway.section import Secret, Section

Expiry = Literal["end", "finish", "go_on"]
SHORTEST_SECRET = 32  # bytes, as RFC 7518 asks for HS256


class Auth(Section):
    """Who is let in beside server.token, which may do everything."""

    keys: bool = Field(
        default=False,
        description="Take API keys, made with trunkline keys add; needs store.url.",
    )
    jwt_secret: Secret = Field(
        default=Private(""),
        description="Take JSON Web Tokens signed with this (HS256), such as trunkline token makes;"
        " at least 32 characters.",
        examples=["a long random word of at least 32 characters"],
    )
    jwks: str = Field(
        default="",
        description="Take JSON Web Tokens of your identity provider (RS256, ES256): the URL or the"
        " file of its key set; needs audience.",
        examples=["https://login.example.com/.well-known/jwks.json"],
    )
    issuer: str = Field(default="", description="Who must have issued a token; empty: anyone.")
    audience: str = Field(
        default="", description="For whom a token must be; empty: any.", examples=["trunkline"]
    )
    tenant_claim: str = Field(
        default="tenant", min_length=1, description="Where a token names its tenant."
    )
    tenant: str = Field(
        default="default",
        min_length=1,
        pattern=r"^[^*]+$",
        description="Whose calls those are that come without a tenant.",
    )
    jwt_scopes: tuple[str, ...] = Field(
        default=("calls:place",), description="What a token may do that names no scopes."
    )
    expired: Expiry = Field(
        default="end",
        description='What becomes of a live call whose token or key expires: "end", "finish" (it'
        ' ends when the assistant has spoken), or "go_on".',
    )
    leeway_s: int = Field(
        default=30, ge=0, le=600, description="How far an issuer's clock may be off."
    )

    @field_validator("jwt_secret")
    @classmethod
    def _long(cls, secret: Private[str]) -> Private[str]:
        if secret and len(secret.reveal().encode()) < SHORTEST_SECRET:
            raise ValueError(f"should have at least {SHORTEST_SECRET} characters")
        return secret

    @field_validator("jwt_scopes")
    @classmethod
    def _known(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if said := unknown(scopes):
            raise ValueError(f"should name scopes: {said}")
        return scopes

    def token_policy(self) -> TokenPolicy:
        """The same, as those who read tokens know it."""
        return TokenPolicy(
            self.jwt_secret.reveal(),
            self.issuer,
            self.audience,
            self.tenant_claim,
            self.tenant,
            frozenset(self.jwt_scopes),
            self.leeway_s,
        )

    @property
    def on(self) -> bool:
        """Whether anybody but the operator has a way to show who they are."""
        return bool(self.keys or self.jwt_secret or self.jwks)


def root_auth(folder: Path, values: dict[str, Any]) -> None:
    """A file is meant from the settings file's folder; a URL stays as it is."""
    value = values.get("jwks")
    if isinstance(value, str) and value and "://" not in value:
        values["jwks"] = str(folder / Path(value).expanduser())
