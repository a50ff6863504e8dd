"""Where on the network a request comes from, as far as that can be known.

Anybody can send a header that says `X-Forwarded-For: 1.2.3.4`, so it is believed only where a proxy stands in front and
adds to it: on a Space the Hub's, elsewhere as many as `GANVAS_PROXIES` says (1 for an nginx or a Caddy). A proxy adds
the address that it was called from at the end; what stands before that is hearsay.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

HERE = "127.0.0.1"
# Inside the Hub's own network: its machines, which may add themselves, and not whoever called them.
INNER = [ipaddress.ip_network(net) for net in (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128",
)]  # fmt: skip

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def believe_peers() -> None:
    """Before the server starts: uvicorn would believe what any program on this computer says of its callers."""
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")


def note() -> str:
    """For the log, where strangers come: by what they are counted, which a proxy that is not known would spoil."""
    if os.environ.get("SPACE_ID") or os.environ.get("GANVAS_PROXIES"):
        return ""
    return (
        "Strangers are counted by the address that calls this computer. Behind a proxy that is the proxy's, and all of "
        "them count as one: then set GANVAS_PROXIES to the number of proxies (0: there is none)."
    )


def true_client(scope: Scope) -> tuple[str, int] | None:
    """(host, port) of whoever sent this, for `scope["client"]`, so that both UIs are told the truth."""
    chain = [_address(part) for header in Headers(scope=scope).getlist("x-forwarded-for") for part in header.split(",")]
    if told := _told(chain):
        return str(told), 0
    client = scope.get("client")
    if client and "FORWARDED_ALLOW_IPS" not in os.environ and _address(client[0]) in chain:
        return HERE, 0  # `streamlit run`: uvicorn has believed a program on this computer, and nobody else
    return client


def _told(chain: Sequence[Address | None]) -> Address | None:
    """What the proxies in front say, if there are any."""
    proxies = os.environ.get("GANVAS_PROXIES", "")
    if proxies.isdecimal() and int(proxies):
        return chain[-int(proxies)] if len(chain) >= int(proxies) else None
    if not os.environ.get("SPACE_ID") or proxies:
        return None
    while len(chain) > 1 and chain[-1] and _inner(chain[-1]):
        chain.pop()
    return chain[-1] if chain else None


def _address(text: str) -> Address | None:
    """1.2.3.4, 1.2.3.4:5678, ::1 or [::1]:5678; None for anything else."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _inner(address: Address) -> bool:
    return any(address in net for net in INNER)


def host_of(client: Any) -> str:
    """The host of a request's `client`, which is None where a socket has no name."""
    return client.host if client else ""


def place_of(host: str) -> str:
    """What counts as one place: an address of IPv4; the /64 of an IPv6 one, in which one home picks as many as it
    likes."""
    address = _address(host)
    if address is None:
        return "nowhere"
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))
