"""Tools go where the operator allowed, and a name cannot lead them anywhere else."""

from __future__ import annotations

import httpx2
import pytest

from tests.tools.shop import open_shop
from tools.addresses import NotAllowed, PinnedTransport, Reach


@pytest.mark.parametrize(
    "url", ["https://api.example.com/v2/orders", "https://API.example.com:443/v2"]
)
def test_what_lies_beneath_a_base_url_is_allowed(url):
    Reach.of(["https://api.example.com/v2"]).check_url(httpx2.URL(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v2/../admin",
        "https://api.example.com/v2/%2e%2e/admin",
        "https://api.example.com/v2/%252e%252e%252fadmin",
        "https://api.example.com/v20",
        "https://api.example.com:444/v2",
        "http://api.example.com/v2",
        "https://api.example.com.evil.example/v2",
        "https://api.example.com@evil.example/v2",
        "https://evil.example\\@api.example.com/v2",
        "https://user:secret@api.example.com/v2",
    ],
)
def test_nothing_else_is_allowed(url):
    reach = Reach.of(["https://api.example.com/v2"])
    with pytest.raises((NotAllowed, httpx2.InvalidURL)) as caught:
        reach.check_url(httpx2.URL(url))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "fd00::1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    ],
)
def test_a_name_may_not_lead_to_a_private_address(address):
    reach = Reach.of(["https://api.example.com"])
    with pytest.raises(NotAllowed, match=r"api\.example\.com leads to"):
        reach.check_address("api.example.com", address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_a_public_address_may_be_reached(address):
    Reach.of(["https://api.example.com"]).check_address("api.example.com", address)


def test_a_private_network_may_be_allowed_or_written_out_as_an_address():
    Reach.of(["http://shop.internal"], ["10.0.0.0/8"]).check_address("shop.internal", "10.1.1.1")
    Reach.of(["http://10.1.1.1:8000"]).check_address("10.1.1.1", "10.1.1.1")
    Reach.of(["http://localhost:8000"]).check_address("localhost", "::1")
    with pytest.raises(NotAllowed):
        Reach.of(["http://10.1.1.1:8000"]).check_address("10.1.1.2", "10.1.1.2")
    with pytest.raises(NotAllowed):  # a hosts file that somebody has changed
        Reach.of(["http://localhost:8000"]).check_address("localhost", "10.1.1.1")


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("ftp://files.example.com", "should be http"),
        ("api.example.com", "should be http"),
        ("https://api.example.com/?q=1", "should be http"),
        ("https://me:word@api.example.com", "no password"),
        ("https://host:port", "is no URL"),
    ],
)
def test_a_wrong_base_url_is_named(base, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        Reach.of([base])
    assert "word" not in str(caught.value).replace("password", "")


async def test_a_name_that_changes_its_mind_gains_nothing():
    async with open_shop() as shop:
        port = httpx2.URL(shop.address).port
        answers = [["127.0.0.1"], ["169.254.169.254"]]

        async def resolve(host, port):
            return answers.pop(0)

        reach = Reach.of([f"http://shop.test:{port}"], ["127.0.0.0/8"])
        async with httpx2.AsyncClient(transport=PinnedTransport(reach, resolve)) as client:
            first = await client.get(f"http://shop.test:{port}/orders/7")
            assert first.json()["number"] == "7"
            assert shop.seen[0].headers["host"] == f"shop.test:{port}"
            with pytest.raises(NotAllowed):  # though the connection of before still stands
                await client.get(f"http://shop.test:{port}/orders/7")
    assert len(shop.seen) == 1


async def test_every_address_of_a_name_is_checked_before_one_is_tried():
    async def resolve(host, port):
        return ["93.184.215.14", "10.0.0.1"]

    transport = PinnedTransport(Reach.of(["http://shop.test"]), resolve)
    async with httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(NotAllowed, match=r"10\.0\.0\.1"):
            await client.get("http://shop.test/")


async def test_the_next_address_is_tried_where_one_takes_no_connection():
    async with open_shop() as shop:
        port = httpx2.URL(shop.address).port

        async def resolve(host, port):
            return ["::1", "127.0.0.1"]  # the shop listens on the second only

        reach = Reach.of([f"http://shop.test:{port}"], ["127.0.0.0/8", "::1/128"])
        async with httpx2.AsyncClient(transport=PinnedTransport(reach, resolve)) as client:
            assert (await client.get(f"http://shop.test:{port}/orders/1")).status_code == 200


async def test_an_unknown_name_is_a_failure_to_connect():
    transport = PinnedTransport(Reach.of(["http://nowhere.invalid"]))
    async with httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx2.ConnectError, match="cannot be found"):
            await client.get("http://nowhere.invalid/")
