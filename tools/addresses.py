"""Where tools may go on the network: an allow-list of base URLs, and no private address unawares.

A name is resolved once, every address that it leads to is checked, and the connection is made to
the address that was checked: a name that changes its mind in between gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import httpx2

# At its usual level it writes down each URL, and with it what a caller has said.
logging.getLogger("httpx2").setLevel(logging.WARNING)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address in its last 32 bits


class NotAllowed(Exception):
    """The operator has not allowed this; the message says what and how it could be, for a log."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What of the network tools may reach."""

    bases: tuple[httpx2.URL, ...] = ()  # such as https://api.example.com/v2
    networks: tuple[Network, ...] = ()  # private ones that names may lead to

    @classmethod
    def of(cls, bases: Sequence[str], networks: Sequence[str] = ()) -> Reach:
        """Raises ValueError that names the wrong one."""
        urls = tuple(_url(base) for base in bases)
        return cls(urls, tuple(ipaddress.ip_network(one) for one in networks))

    def check_url(self, url: httpx2.URL) -> None:
        """Raises NotAllowed where the URL is beneath none of the base URLs."""
        if any(_beneath(url, base) for base in self.bases):
            return
        shown = f"{url.scheme}://{url.netloc.decode('ascii')}"
        listed = ", ".join(map(str, self.bases)) or "none"
        raise NotAllowed(f"{shown} is beneath none of the base URLs that are allowed ({listed})")

    def check_address(self, host: str, address: str) -> None:
        """Raises NotAllowed where a name leads to a private address that was not allowed."""
        found = _plain(ipaddress.ip_address(address.partition("%")[0]))
        if _is_public(found) or any(found in network for network in self.networks):
            return
        plain = _is_address(host) or (host == "localhost" and found.is_loopback)
        if plain and any(base.host == host for base in self.bases):
            return  # the operator wrote it out, and it cannot mean anything else
        raise NotAllowed(
            f"{host} leads to {found}, an address of a private network that was not allowed"
        )


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Connects to addresses that were checked, with names as they were asked for."""

    def __init__(self, reach: Reach, resolve: Resolve | None = None) -> None:
        self._reach = reach
        self._resolve = resolve or resolve_name
        # One pool a name: a connection is never used for another name at the same address.
        self._pools: dict[str, httpx2.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send to the first address that takes the connection. Raises NotAllowed, httpx2 errors."""
        url = request.url
        self._reach.check_url(url)
        port = url.port or PORTS[url.scheme]
        addresses = await self._addresses(url.host, port)
        pool = self._pools.get(url.host)
        if pool is None:
            pool = self._pools[url.host] = httpx2.AsyncHTTPTransport(trust_env=False)
        for address in addresses[:-1]:
            try:
                return await pool.handle_async_request(_pinned(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await pool.handle_async_request(_pinned(request, addresses[-1]))

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        if _is_address(host):
            found: Sequence[str] = [host]
        else:
            try:
                found = await self._resolve(host, port)
            except OSError as error:
                raise httpx2.ConnectError(f"{host} cannot be found") from error
        if not found:
            raise httpx2.ConnectError(f"{host} has no address")
        for address in found:
            self._reach.check_address(host, address)
        return found


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, each once, in the order in which the system would try them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _pinned(request: httpx2.Request, address: str) -> httpx2.Request:
    """The same request to that address; the name stays in the Host header and the TLS handshake."""
    extensions = {**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")}
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,  # the Host header was made from the name
        stream=request.stream,
        extensions=extensions,
    )


def _url(base: str) -> httpx2.URL:
    try:
        url = httpx2.URL(base)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{base!r} is no URL: {error}") from None
    if url.scheme not in PORTS or not url.host or url.query or url.fragment:
        raise ValueError(f"{base!r} should be http:// or https:// and a host, and maybe a path")
    if url.userinfo:
        raise ValueError(f"the base URL of {url.host} should hold no password")
    return url


def _beneath(url: httpx2.URL, base: httpx2.URL) -> bool:
    if (url.scheme, url.raw_host, url.port) != (base.scheme, base.raw_host, base.port):
        return False
    if url.userinfo or ".." in unquote(url.path).replace("\\", "/").split("/"):
        return False
    root = base.path.rstrip("/")
    return not root or url.path == root or url.path.startswith(root + "/")


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
