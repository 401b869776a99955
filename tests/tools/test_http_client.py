"""Requests of HTTP tools: bounded, signed, tried again where that does no harm."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from contextlib import asynccontextmanager
from email.utils import formatdate

import httpx2
import pytest

from tests.tools.shop import open_shop
from tools.addresses import NotAllowed, Reach
from tools.http_client import HttpClient, HttpPolicy, HttpRequest, TooLong, Unusable

QUICK = HttpPolicy(timeout=5.0, backoff=0.001, longest_wait=0.05)


@asynccontextmanager
async def at_the_shop(*more):
    async with open_shop() as shop, HttpClient(Reach.of([shop.address, *more])) as client:
        yield shop, client


async def get(client, shop, path, policy=QUICK, **fields):
    fields = {"method": "GET", **fields}
    return await client.send(HttpRequest(url=shop.address + path, **fields), policy)


async def test_an_answer_of_ten_megabytes_is_left_where_it_goes_over_the_limit():
    async with at_the_shop() as (shop, client):
        with pytest.raises(TooLong):
            await get(client, shop, "/huge")
    assert shop.sent < 10


async def test_a_body_that_never_ends_is_given_up_in_time():
    async with at_the_shop() as (shop, client):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await get(client, shop, "/slow", HttpPolicy(timeout=0.2))
        assert time.monotonic() - began < 2


async def test_a_compressed_answer_is_refused_for_it_may_be_a_bomb():
    async with at_the_shop() as (shop, client):
        with pytest.raises(Unusable, match="compressed"):
            await get(client, shop, "/typed?as=text/plain&zip")
        assert shop.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("method", "repeatable", "tries"),
    [
        *(("GET", False, 3), ("PUT", False, 3), ("DELETE", False, 3)),
        *(("POST", False, 1), ("POST", True, 3), ("PATCH", False, 1)),
    ],
)
async def test_only_what_does_no_harm_twice_is_tried_again(method, repeatable, tries):
    async with at_the_shop() as (shop, client):
        shop.failures = 9
        answer = await get(
            client, shop, "/flaky?after=0", method=method, repeatable=repeatable, key="k1"
        )
    assert answer.status == 503
    assert len(shop.seen) == tries
    keys = {one.headers.get("idempotency-key") for one in shop.seen}
    assert keys == {None if method == "GET" else "k1"}


async def test_a_server_that_recovers_answers_at_last():
    async with at_the_shop() as (shop, client):
        shop.failures = 2
        assert (await get(client, shop, "/flaky?after=0")).text == "at last"


@pytest.mark.virtual_clock
@pytest.mark.parametrize("after", ["2", formatdate(1_000_002, usegmt=True)])
async def test_the_wait_that_a_server_asks_for_is_kept(after):
    client = HttpClient(Reach.of(["http://x.test"]), clock=lambda: 1_000_000.0)
    response = httpx2.Response(503, headers={"Retry-After": after})
    assert client._retry_after(response) == 2.0
    await client.close()


async def test_a_wait_longer_than_a_caller_would_have_is_not_waited():
    async with at_the_shop() as (shop, client):
        shop.failures = 9
        assert (await get(client, shop, "/flaky?after=3600")).status == 503
    assert len(shop.seen) == 1


async def test_a_server_that_is_not_there_is_asked_again_even_for_a_change():
    async with open_shop() as shop:
        pass
    pauses = []
    async with HttpClient(
        Reach.of([shop.address]), chance=lambda: pauses.append(0) or 1.0
    ) as client:
        with pytest.raises(httpx2.ConnectError):
            await get(client, shop, "/echo", method="POST")
    assert len(pauses) == QUICK.tries


async def test_the_signature_can_be_verified_as_documented():
    async with at_the_shop() as (shop, client):
        url = "/echo?a=b%20c"
        await get(client, shop, url, method="POST", body="{é}".encode(), secret="hush")
        seen = shop.seen[0]
    fields = dict(part.split("=") for part in seen.headers["trunkline-signature"].split(","))
    signed = f"{fields['t']}.POST.{seen.target}.".encode() + seen.body
    assert hmac.compare_digest(fields["v1"], hmac.new(b"hush", signed, hashlib.sha256).hexdigest())
    assert abs(int(fields["t"]) - time.time()) < 60


# ---------------------------------------------------------------- redirects


async def test_a_redirect_within_what_is_allowed_is_followed_with_its_secrets():
    async with at_the_shop() as (shop, client):
        answer = await get(client, shop, "/away?to=/orders/7", headers={"X-Key": "k"})
        assert answer.status == 200
        assert shop.seen[1].headers["x-key"] == "k"


@pytest.mark.parametrize(
    "there",
    ["http://169.254.169.254/latest/meta-data", "http://localhost:1/", "//10.0.0.1/", "file:///x"],
)
async def test_a_redirect_to_a_private_address_is_not_followed(there):
    async with at_the_shop() as (shop, client):
        with pytest.raises((NotAllowed, Unusable, httpx2.UnsupportedProtocol)):
            await get(client, shop, f"/away?to={there}")
    assert len(shop.seen) == 1


async def test_a_redirect_to_an_allowed_name_that_leads_to_a_private_address_is_not_followed():
    async def resolve(host, port):
        return ["10.0.0.1"]

    async with open_shop() as shop:
        reach = Reach.of([shop.address, "http://partner.test"])
        async with HttpClient(reach, resolve=resolve) as client:
            with pytest.raises(NotAllowed, match="private network"):
                await get(client, shop, "/away?to=http://partner.test/x")


async def test_secrets_do_not_follow_a_redirect_to_another_server():
    async with open_shop() as partner, at_the_shop(partner.address) as (shop, client):
        await get(
            client,
            shop,
            f"/away?to={partner.address}/orders/7",
            headers={"X-Key": "k", "Accept": "text/plain"},
            secret="hush",
        )
        headers = partner.seen[0].headers
        assert headers["accept"] == "text/plain"
        assert not {"x-key", "trunkline-signature", "idempotency-key"} & set(headers)


@pytest.mark.parametrize("status", [301, 302])
async def test_a_change_is_not_redirected_unless_the_server_says_how(status):
    async with at_the_shop() as (shop, client):
        with pytest.raises(Unusable, match="changes something"):
            await get(client, shop, f"/away?status={status}&to=/echo", method="POST", body=b"1")


@pytest.mark.parametrize(("status", "then"), [(303, "GET"), (307, "POST"), (308, "POST")])
async def test_a_change_is_redirected_as_the_server_says(status, then):
    async with at_the_shop() as (shop, client):
        await get(client, shop, f"/away?status={status}&to=/echo", method="POST", body=b"1")
        assert (shop.seen[1].method, shop.seen[1].body) == (then, b"1" if then == "POST" else b"")


async def test_a_circle_of_redirects_ends():
    async with at_the_shop() as (shop, client):
        with pytest.raises(Unusable, match="more than 3 times"):
            await get(
                client, shop, "/away?to=/away%3Fto=/away%253Fto=/away%25253Fto=/away%2525253Fto=x"
            )


async def test_a_cancelled_request_lets_go_of_its_connection():
    async with at_the_shop() as (shop, client):
        task = asyncio.create_task(get(client, shop, "/slow"))
        while not shop.seen:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await get(client, shop, "/orders/1")).status == 200
