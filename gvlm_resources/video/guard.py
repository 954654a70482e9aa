"""Where a download may connect to: the public internet, and what the user named.

The guard resolves a name itself, judges every address it stands for, and connects to one of exactly those addresses.
A second look-up never happens, so a name that changes its address between the check and the connection gains nothing.
Redirects need no rule of their own: each one is a new connection, judged like the first.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from gvlm_resources.errors import SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_URL_CHARS = 8192
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f\\]")  # blanks and backslashes are read differently by different parsers
_SMUGGLED = "__youtubedl_smuggle"  # yt-dlp's own channel for options inside a URL's fragment


def check_url(url: str) -> tuple[str, int]:
    """Host and port of an http(s) URL that can be looked at safely. Raises SourceError `unsafe_url`.

    Looks at the text alone: no name is resolved.
    """
    if len(url) > _MAX_URL_CHARS or _NOT_IN_A_URL.search(url) or _SMUGGLED in url:
        raise _unsafe(f"this URL is too long or holds characters that no URL has: {url[:80]!r}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unsafe(f"{url[:200]!r} is no valid URL: {error}") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise _unsafe(f"only http and https are fetched, not {parts.scheme!r}")
    if "@" in parts.netloc:
        raise _unsafe("the URL carries a user name or password", "take it out: what is fetched must be open to anyone")
    if not host or port == 0:
        raise _unsafe(f"{url[:200]!r} names no host")
    return host, port or (443 if parts.scheme.lower() == "https" else 80)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, whatever notation it hides behind."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to this IPv6 address reach in the end, where it is one of those kinds."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


@dataclass(frozen=True)
class NetworkGuard:
    """Opens connections, to public addresses and to the `private_hosts` only (`host` or `host:port`, any case)."""

    private_hosts: Collection[str] = ()

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connected TCP socket. Raises SourceError `unsafe_url`, or OSError where nobody answers."""
        last: OSError | None = None
        for family, kind, protocol, _, address in self._resolve(host, port):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(timeout_s)
                connection.connect(address)
            except OSError as error:
                connection.close()
                last = error
            else:
                return connection
        raise last or OSError(f"{host} has no address")

    def _resolve(self, host: str, port: int) -> list[tuple]:
        """What getaddrinfo gives, once every address in it has passed."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label too long for IDNA
            raise OSError(f"{host[:80]!r} is no host name") from error
        if not self._is_allowed(host, port):
            for *_, address in found:
                self._judge(host, port, str(address[0]))
        return found

    def _is_allowed(self, host: str, port: int) -> bool:
        host = _plain(host)
        allowed = {_plain(name) for name in self.private_hosts}
        return host in allowed or f"{host}:{port}" in allowed

    def _judge(self, host: str, port: int, address: str) -> None:
        if is_public(ipaddress.ip_address(address.partition("%")[0])):
            return
        raise _unsafe(
            f"{host}:{port} is {address}, which is not on the public internet",
            f"if you trust it, add {host}:{port} to download.allow_private_hosts in your settings",
        )


def _plain(host: str) -> str:
    return host.lower().replace("[", "").replace("]", "").removesuffix(".")


def _unsafe(cause: str, remedy: str = "give the plain http(s) address of a public video page or file") -> SourceError:
    return SourceError("unsafe_url", cause, remedy=remedy)
