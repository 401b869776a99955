"""Tokens: JSON Web Tokens, signed with a secret of ours or with keys that others publish.

RFC 7519 (JWT), RFC 7518 (algorithms), RFC 8725 (what not to trust in them).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping
from typing import Any

import jwt

from gateway.errors import TrunklineError
from gateway.identity.jwks import PublishedKeys
from gateway.identity.policy import TokenPolicy
from gateway.identity.revoked import credential
from gateway.identity.who import EVERY, Identity, known

LONGEST = 8 * 1024  # characters
LONGEST_NAME = 200  # characters, as the API takes names
PUBLISHED = ("RS256", "ES256")
SECRET = "HS256"


class TokenError(TrunklineError):
    """The token does not let in whoever shows it; says why, and nothing of what is in it."""


class Tokens:
    """Reads tokens. `published`: keys for RS256 and ES256, where there are any."""

    def __init__(self, policy: TokenPolicy, published: PublishedKeys | None = None) -> None:
        self._policy = policy
        self._published = published

    async def verify(self, word: str) -> Identity:
        """Who shows it. Raises TokenError."""
        if len(word) > LONGEST:
            raise TokenError(f"Expected a token of at most {LONGEST} characters.")
        try:
            header = jwt.get_unverified_header(word)
            key, algorithm = await self._key(header)
            return self._read(self._decode(word, key, algorithm), algorithm)
        except jwt.ExpiredSignatureError:
            raise TokenError("The token has expired; get another.") from None
        except jwt.ImmatureSignatureError:
            raise TokenError("The token is not valid yet; see that the clocks agree.") from None
        except jwt.InvalidAudienceError:
            raise TokenError("The token is for another audience.") from None
        except jwt.InvalidIssuerError:
            raise TokenError("The token is of an issuer that is not trusted here.") from None
        except jwt.MissingRequiredClaimError as error:
            raise TokenError(f"The token lacks the claim {error.claim!r}.") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise TokenError("The token is no valid one, or was changed on its way.") from None

    async def _key(self, header: Mapping[str, Any]) -> tuple[Any, str]:
        """The one kind of key that fits the algorithm: whoever signs does not choose it."""
        algorithm = header.get("alg")
        if algorithm == SECRET and self._policy.secret:
            return self._policy.secret, SECRET
        if algorithm in PUBLISHED and self._published is not None:
            key = await self._published.find(header.get("kid"), algorithm)
            if key is not None:
                return key, algorithm
            raise TokenError("The token is signed with a key that is not known here.")
        raise TokenError("The token is signed in a way that is not taken here.")

    def _decode(self, word: str, key: Any, algorithm: str) -> dict[str, Any]:
        policy = self._policy
        claims: dict[str, Any] = jwt.decode(
            word,
            key,
            algorithms=[algorithm],
            audience=policy.audience or None,
            issuer=policy.issuer or None,
            leeway=policy.leeway,
            options={"require": ["exp", "sub"], "verify_aud": bool(policy.audience)},
        )
        return claims

    def _read(self, claims: Mapping[str, Any], algorithm: str) -> Identity:
        subject, tenant = claims["sub"], claims.get(self._policy.tenant_claim, self._policy.tenant)
        if not (_is_name(subject) and _is_name(tenant)):
            raise TokenError(
                f"Expected as the token's subject and tenant texts of 1 to {LONGEST_NAME} "
                "characters that can be printed."
            )
        if tenant == EVERY and algorithm != SECRET:
            raise TokenError("Only tokens signed with auth.jwt_secret may be for every tenant.")
        named = _words(claims.get("scope", claims.get("scopes", claims.get("scp"))))
        scopes = self._policy.scopes if named is None else known(named)
        number = claims.get("jti")
        shown = credential(number) if isinstance(number, str) and number else "jwt"
        expires = float(claims["exp"]) + self._policy.leeway
        return Identity("token", shown, tenant, subject, scopes, expires)


def _is_name(claim: Any) -> bool:
    """Whether that can name somebody. A part of one would name others, too."""
    return isinstance(claim, str) and 0 < len(claim) <= LONGEST_NAME and claim.isprintable()


def _words(claim: Any) -> Collection[str] | None:
    if isinstance(claim, str):
        return claim.split()
    if isinstance(claim, list):
        return [word for word in claim if isinstance(word, str)]
    return None


def issue(
    policy: TokenPolicy, tenant: str, caller: str, scopes: Collection[str], seconds: float
) -> str:
    """A token of ours. Raises TokenError where there is no secret to sign it with."""
    if not policy.secret:
        raise TokenError(
            "auth.jwt_secret is empty, so that no token can be signed; set it in trunkline.toml or "
            "as TRUNKLINE_AUTH__JWT_SECRET, for example to " + secrets.token_urlsafe(32)
        )
    if not (_is_name(caller) and _is_name(tenant)):
        raise TokenError(
            f"Expected a caller and a tenant of 1 to {LONGEST_NAME} characters that can be printed."
        )
    now = int(time.time())
    claims = {
        "sub": caller,
        policy.tenant_claim: tenant,
        "scope": " ".join(sorted(scopes)),
        "iat": now,
        "exp": now + int(seconds),
        "jti": secrets.token_hex(8),
    }
    claims |= {"aud": policy.audience} if policy.audience else {}
    claims |= {"iss": policy.issuer} if policy.issuer else {}
    return jwt.encode(claims, policy.secret, algorithm=SECRET)
