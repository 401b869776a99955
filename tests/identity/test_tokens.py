"""Tokens: who they let in, and every way in which they must not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from httpx2 import AsyncClient, MockTransport, Request, Response

from gateway.errors import SettingsError
from gateway.identity.jwks import RETRY, SECONDS, PublishedKeys
from gateway.identity.revoked import credentials
from gateway.identity.tokens import TokenError, TokenPolicy, Tokens, issue

OURS = "a secret of at least thirty-two characters, or of sixty-four bytes"
POLICY = TokenPolicy(OURS, issuer="https://login", audience="trunkline")


@cache
def private(kind: str) -> Any:
    if kind == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def published(*kinds: str) -> bytes:
    makers = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}
    keys = [
        {**json.loads(makers[kind].to_jwk(private(kind).public_key())), "kid": kind, "use": "sig"}
        for kind in kinds
    ]
    return json.dumps({"keys": [*keys, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA"}, 7]}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"sub": "ada", "tenant": "acme", "exp": now + 3600, "iat": now}
    said |= {"iss": "https://login", "aud": "trunkline", "scope": "calls:read openid"}
    return {name: value for name, value in (said | changes).items() if value is not None}


def signed(algorithm: str = "HS256", key: Any = None, kid: str = "", **changes: Any) -> str:
    key = key or (OURS if algorithm == "HS256" else private(algorithm))
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid or algorithm})


@asynccontextmanager
async def reader(
    *kinds: str, policy: TokenPolicy = POLICY, now: list[float] | None = None
) -> AsyncIterator[tuple[Tokens, list[str]]]:
    """Tokens, with keys behind an address, and what was asked of that address."""
    asked: list[str] = []
    served = list(kinds)

    def answer(request: Request) -> Response:
        asked.append(request.url.path)
        return Response(200, content=published(*served)) if served else Response(500)

    clock = now or [0.0]
    async with AsyncClient(transport=MockTransport(answer)) as http:
        keys = PublishedKeys("https://login/jwks", http, lambda: clock[0])
        yield Tokens(policy, keys if kinds else None), asked
    served.clear()


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
async def test_a_good_token_says_who_and_whose_and_what(algorithm: str) -> None:
    async with reader("RS256", "ES256") as (tokens, asked):
        who = await tokens.verify(signed(algorithm, jti="7"))
        await tokens.verify(signed(algorithm))
    assert (who.kind, who.tenant, who.caller, who.credential) == ("token", "acme", "ada", "jwt_7")
    assert who.scopes == {"calls:read"}
    assert len(asked) == (0 if algorithm == "HS256" else 1)  # the keys are kept


async def test_two_long_ids_that_begin_alike_are_two_and_each_can_be_revoked() -> None:
    ids = ["7" * 200 + end for end in "ab"]
    async with reader() as (tokens, _):
        names = [(await tokens.verify(signed(jti=one))).credential for one in ids]
    assert len(set(names)) == 2
    for one, name in zip(ids, names, strict=True):
        assert len(name) <= 100
        assert credentials(one) == [name], "by its claim"
        assert name in credentials(name), "and as the books have it"


async def test_a_token_that_names_no_scopes_or_tenant_gets_those_of_the_settings() -> None:
    async with reader() as (tokens, _):
        who = await tokens.verify(signed(scope=None, tenant=None))
    assert (who.tenant, who.scopes) == ("default", {"calls:place"})


def forged(header: dict[str, Any], key: str = "") -> str:
    import base64

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part(header)}.{part(claims())}.{key}"


PUBLIC = (
    private("RS256")
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (signed(exp=int(time.time()) - 31), "has expired"),
        (signed(nbf=int(time.time()) + 3600), "not valid yet"),
        (signed(iat=int(time.time()) + 3600), "not valid yet"),
        (signed(aud="another"), "for another audience"),
        (signed(aud=None), "lacks the claim 'aud'"),
        (signed(iss="https://elsewhere"), "an issuer that is not trusted"),
        (signed(exp=None), "lacks the claim 'exp'"),
        (signed(sub=None), "lacks the claim 'sub'"),
        (signed(sub=7), "no valid one"),
        (signed(tenant=7), "texts"),
        (signed(tenant=""), "texts"),
        (signed(sub=""), "texts of 1 to 200"),
        (signed(sub="a" * 201), "texts of 1 to 200"),
        (signed(sub="ada\x00"), "can be printed"),
        (signed(tenant="t" * 201), "texts of 1 to 200"),
        (signed(exp="never"), "no valid one"),
        (signed("RS256", tenant="*"), "may be for every tenant"),
        (signed("ES256", key=ec.generate_private_key(ec.SECP256R1())), "no valid one"),
        (signed("RS256", kid="unknown"), "a key that is not known"),
        (signed(key="another secret of thirty-two characters!"), "no valid one"),
        (signed("HS512", key=OURS), "in a way that is not taken"),
        (forged({"alg": "none"}), "in a way that is not taken"),
        (forged({"alg": "None"}), "in a way that is not taken"),
        (forged({"alg": ["HS256"]}), "no valid one|not taken"),
        (forged({"typ": "JWT"}), "no valid one|not taken"),
        (forged({"alg": "HS256", "kid": {"a": 1}}), "no valid one"),
        (signed()[:-4] + "AAAA", "no valid one"),
        ("..", "no valid one"),
        ("a.b.c", "no valid one"),
        ("\ud800.x.y", "no valid one"),
        ("x" * 9000, "at most 8192 characters"),
    ],
)
async def test_a_token_that_is_not_good_is_turned_away(token: str, said: str) -> None:
    async with reader("RS256", "ES256") as (tokens, _):
        with pytest.raises(TokenError, match=said):
            await tokens.verify(token)


async def test_a_published_key_is_no_secret_to_sign_with() -> None:
    """The oldest trick: HS256 with the public key as its secret."""
    import hashlib
    import hmac
    from base64 import urlsafe_b64encode as encode

    whole = forged({"alg": "HS256", "kid": "RS256"})
    body = whole.rpartition(".")[0]
    mark = encode(hmac.new(PUBLIC, body.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    for policy in (POLICY, TokenPolicy(issuer="https://login", audience="trunkline")):
        async with reader("RS256", policy=policy) as (tokens, _):
            with pytest.raises(TokenError, match=r"no valid one|not taken"):
                await tokens.verify(f"{body}.{mark}")


async def test_an_unknown_key_leads_to_another_look_but_not_at_each_token() -> None:
    now = [0.0]
    async with reader("RS256", now=now) as (tokens, asked):
        await tokens.verify(signed("RS256"))
        for _ in range(5):
            with pytest.raises(TokenError):
                await tokens.verify(signed("ES256"))
        assert len(asked) == 1
        now[0] += RETRY
        with pytest.raises(TokenError):
            await tokens.verify(signed("ES256"))
        assert len(asked) == 2


async def test_keys_that_were_read_serve_on_while_their_address_is_down() -> None:
    now = [0.0]
    answers = [Response(200, content=published("RS256")), Response(500), Response(200, text="?")]
    async with AsyncClient(transport=MockTransport(lambda request: answers.pop(0))) as http:
        tokens = Tokens(POLICY, PublishedKeys("https://login/jwks", http, lambda: now[0]))
        for _ in range(3):
            assert (await tokens.verify(signed("RS256"))).caller == "ada"
            now[0] += 4000.0
    assert not answers


@pytest.mark.virtual_clock
async def test_keys_that_come_drop_by_drop_hold_nobody_up_for_long() -> None:
    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(SECONDS / 2)

    async with AsyncClient(
        transport=MockTransport(lambda request: Response(200, content=drops()))
    ) as http:
        began = asyncio.get_running_loop().time()
        tokens = Tokens(POLICY, PublishedKeys("https://login/jwks", http))
        with pytest.raises(TokenError):
            await tokens.verify(signed("RS256"))
        assert asyncio.get_running_loop().time() - began == pytest.approx(SECONDS)


async def test_keys_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    async with AsyncClient() as http:
        for text in (b"{}", b"[", b'{"keys": []}'):
            path.write_bytes(text)
            with pytest.raises(SettingsError, match=r"auth\.jwks: .*keys\.json"):
                PublishedKeys(str(path), http)
        path.write_bytes(published("ES256"))
        tokens = Tokens(POLICY, PublishedKeys(str(path), http))
        assert (await tokens.verify(signed("ES256"))).tenant == "acme"


async def test_a_token_of_ours_is_good_until_it_expires() -> None:
    async with reader() as (tokens, _):
        who = await tokens.verify(issue(POLICY, "acme", "ada", ["calls:place"], 60))
        assert (who.tenant, who.caller, who.scopes) == ("acme", "ada", {"calls:place"})
        every = await tokens.verify(issue(POLICY, "*", "ops", ["calls:stop"], 60))
        assert every.sees("acme")
        with pytest.raises(TokenError, match="has expired"):
            await tokens.verify(issue(POLICY, "acme", "ada", [], -31))
    with pytest.raises(TokenError, match=r"auth\.jwt_secret is empty"):
        issue(TokenPolicy(), "acme", "ada", [], 60)
