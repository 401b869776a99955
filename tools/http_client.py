"""Sends the requests of HTTP tools: bounded, signed, tried again where that does no harm."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from types import TracebackType

import httpx2

from tools.addresses import NotAllowed, PinnedTransport, Reach, Resolve

SIGNATURE = "Trunkline-Signature"
IDEMPOTENCY = "Idempotency-Key"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT = SAFE | {"PUT", "DELETE"}
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # may go better the next time
REDIRECTS = frozenset({301, 302, 303, 307, 308})
BEFORE_SENDING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class TooLong(Exception):
    """The answer is longer than may be read; nothing beyond the limit was taken in."""


class Unusable(Exception):
    """The answer cannot be used; the message says why, without any of its words."""


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """How requests are made. Times in seconds."""

    timeout: float = 10.0  # for all tries together
    connect: float = 3.0
    tries: int = 3
    backoff: float = 0.25  # before the second try, doubled each time, with jitter
    longest_wait: float = 5.0  # that a server may ask for with Retry-After
    limit: int = 64 * 1024  # bytes of an answer
    redirects: int = 3


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, as it is to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    key: str = ""  # the idempotency key
    secret: str = field(default="", repr=False)  # to sign with; empty: not signed
    repeatable: bool = False  # the server heeds the key, so that it may be sent twice

    @property
    def idempotent(self) -> bool:
        return self.repeatable or self.method in IDEMPOTENT


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    media_type: str
    body: bytes = field(repr=False)
    charset: str = "utf-8"

    @property
    def text(self) -> str:
        return self.body.decode(self.charset, errors="replace")


class HttpClient:
    """The connections that a source of HTTP tools shares; close it at the end."""

    def __init__(
        self,
        reach: Reach,
        *,
        resolve: Resolve | None = None,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.reach = reach
        self._chance = chance
        self._clock = clock
        self._around = around  # entered while a server is waited for
        self._client = httpx2.AsyncClient(
            transport=PinnedTransport(reach, resolve),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "trunkline", "Accept-Encoding": "identity"},
        )

    async def send(self, request: HttpRequest, policy: HttpPolicy) -> HttpAnswer:
        """The last answer. Raises httpx2.HTTPError, TimeoutError, NotAllowed, TooLong, Unusable."""
        async with asyncio.timeout(policy.timeout):
            for attempt in range(1, policy.tries + 1):
                wait = self._backoff(policy, attempt)
                try:
                    with self._around():
                        answer, asked = await self._follow(request, policy)
                except httpx2.TransportError as error:
                    unsent = isinstance(error, BEFORE_SENDING)
                    if attempt == policy.tries or not (request.idempotent or unsent):
                        raise
                else:
                    if attempt == policy.tries or not _worth_another(request, answer):
                        return answer
                    wait = max(wait, asked)
                    if wait > policy.longest_wait:
                        return answer  # the caller would not wait that long
                await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _backoff(self, policy: HttpPolicy, attempt: int) -> float:
        """Half of the doubled back-off to all of it: clients do not march in step."""
        return policy.backoff * 2.0 ** (attempt - 1) * (0.5 + self._chance() / 2)

    async def _follow(self, request: HttpRequest, policy: HttpPolicy) -> tuple[HttpAnswer, float]:
        """The answer at the end of the redirects, and how long it asks to wait before the next."""
        for _ in range(policy.redirects + 1):
            async with self._open(request, policy) as response:
                if response.status_code in REDIRECTS and "location" in response.headers:
                    request = _redirected(request, response)
                    self.reach.check_url(httpx2.URL(request.url))
                    continue
                body = await _read(response, policy.limit)
                media_type, charset = _media_type(response)
                answer = HttpAnswer(response.status_code, media_type, body, charset)
                return answer, self._retry_after(response)
        raise Unusable(f"it redirected more than {policy.redirects} times")

    def _open(self, request: HttpRequest, policy: HttpPolicy) -> _Opened:
        built = self._client.build_request(
            request.method,
            request.url,
            headers=self._headers(request),
            content=request.body or None,
            timeout=httpx2.Timeout(policy.timeout, connect=policy.connect),
        )
        return _Opened(self._client, built)

    def _headers(self, request: HttpRequest) -> dict[str, str]:
        headers = dict(request.headers)
        if request.key and request.method not in SAFE:
            headers[IDEMPOTENCY] = request.key
        if request.secret:
            moment = int(self._clock())
            target = httpx2.URL(request.url).raw_path.decode("ascii")
            signed = sign(request.secret, moment, request.method, target, request.body)
            headers[SIGNATURE] = signed
        return headers

    def _retry_after(self, response: httpx2.Response) -> float:
        """Seconds that the server asks for, in either form; 0 where it asks for none."""
        asked = response.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdigit():
            return float(asked[:9])
        try:
            return max(0.0, parsedate_to_datetime(asked).timestamp() - self._clock())
        except (TypeError, ValueError):
            return 0.0


def sign(secret: str, moment: int, method: str, target: str, body: bytes) -> str:
    """The signature header: `t=<unix seconds>,v1=<hex HMAC-SHA256>`.

    Signed is `<t>.<METHOD>.<path with query>.` and then the body, byte by byte. A receiver makes
    the same, compares in constant time, and refuses a `t` that lies minutes away from its clock.
    """
    signed = f"{moment}.{method}.{target}.".encode() + body
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class _Opened:
    """A response whose body has not been read, closed at the end."""

    def __init__(self, client: httpx2.AsyncClient, request: httpx2.Request) -> None:
        self._client = client
        self._request = request

    async def __aenter__(self) -> httpx2.Response:
        self._response = await self._client.send(self._request, stream=True)
        return self._response

    async def __aexit__(self, *_: object) -> None:
        await self._response.aclose()


async def _read(response: httpx2.Response, limit: int) -> bytes:
    """The body, counted as it comes: what is too long is never held."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unusable("it answered compressed, though it was asked not to")
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLong
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise TooLong
    return bytes(body)


def _media_type(response: httpx2.Response) -> tuple[str, str]:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    charset = response.charset_encoding or "utf-8"
    try:
        "".encode(charset)
    except LookupError:
        charset = "utf-8"
    return kind, charset


def _worth_another(request: HttpRequest, answer: HttpAnswer) -> bool:
    return answer.status in AGAIN and request.idempotent


def _redirected(request: HttpRequest, response: httpx2.Response) -> HttpRequest:
    """The request that a redirect asks for; secrets stay behind when it leads elsewhere."""
    here = httpx2.URL(request.url)
    try:
        there = here.join(response.headers["location"])
    except httpx2.InvalidURL as error:
        raise Unusable("it redirected to something that is no URL") from error
    moved = replace(request, url=str(there))
    if response.status_code == 303 and request.method != "HEAD":
        headers = _without(request.headers, {"content-type"})
        moved = replace(moved, method="GET", body=b"", headers=headers)
    elif response.status_code in (301, 302) and request.method not in SAFE:
        raise Unusable("it redirected a request that changes something")
    if (there.scheme, there.raw_host, there.port) != (here.scheme, here.raw_host, here.port):
        if request.method not in SAFE and moved.method not in SAFE:
            raise Unusable("it redirected a request that changes something to another server")
        moved = replace(moved, headers=_kept(moved.headers), secret="", key="")
    return moved


def _without(headers: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """What is not secret: the operator's own headers may hold keys under any name."""
    return {name: value for name, value in headers.items() if name.lower() == "accept"}


__all__ = [
    "IDEMPOTENCY",
    "SIGNATURE",
    "HttpAnswer",
    "HttpClient",
    "HttpPolicy",
    "HttpRequest",
    "NotAllowed",
    "TooLong",
    "Unusable",
    "sign",
]
