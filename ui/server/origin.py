"""Whose page a request comes from: by the name it was asked under, and the page that a browser says has sent it.

A page of another site can have its own name point here (DNS rebinding). Its requests then look as if they came from
our own page, but for that name; so only names that are known to be ours are answered. Knows headers, nothing else.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from ui.server import serving

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:@/?#\[\]]+)(?::\d*)?")
_told: set[str] = set()
HOST_OF_PROXY = "let the proxy pass on the Host it was asked by (nginx: proxy_set_header Host $http_host;), or "
MOST_TOLD = 100  # names written to the log; a scanner would fill it


def unknown(headers: Headers) -> str:
    """The header by which a request asks under a name that is not ours, like "Host: evil.example"; "" if none does."""
    for header in ("host", "x-forwarded-host"):
        for place in _places(headers, header):
            if not _ours(_name(place)):
                return _tell(f"{header.title()}: {place}", _name(place))
    return ""


def foreign(headers: Headers) -> bool:
    """Whether a page of another site has made the browser send this. Programs send no origin."""
    origin = headers.get("origin")
    if origin is None:
        return False
    there = urlsplit(origin).netloc.lower()
    hosts = {*_places(headers, "host"), *_places(headers, "x-forwarded-host")}
    if there in {*hosts, *_configured()} or any(_both_here(there, host) for host in hosts):
        return False
    if there and hosts:  # a proxy's fault looks the same
        _tell(f"Origin: {origin}, but Host: {headers.get('host')}", there, HOST_OF_PROXY)
    return True


def framed() -> str:
    """For a browser: whose pages may show a private studio inside. In another's, somebody could be led to press what
    they do not see. (Strangers' pages are shown on the Hub; there a frame's visitor is nobody known elsewhere.)"""
    hub = ["https://huggingface.co"] if os.environ.get("SPACE_ID") else []  # where its owner sees a private Space
    return " ".join(["frame-ancestors 'self'", *hub, *_configured()])


def _places(headers: Headers, header: str) -> list[str]:
    """All hosts, with their ports, that a header names."""
    return _split(",".join(headers.getlist(header)))


def _split(text: str) -> list[str]:
    return [place for place in re.split(r"[,\s]+", text.lower()) if place]


def _name(place: str) -> str:
    """`host:port` without the port; what is no host as it is."""
    found = HOST.fullmatch(place)
    return found[1].strip("[]").rstrip(".") if found else place


def _configured() -> list[str]:
    """The hosts, some with ports, that whoever runs this named."""
    return _split(f"{os.environ.get('GANVAS_HOSTS', '')},{os.environ.get('SPACE_HOST', '')}")


def _ours(name: str) -> bool:
    """Numbers cannot be made to point elsewhere, so they need not be known."""
    if name in ("localhost", *map(_name, _configured())):
        return True
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        pass
    here = serving.host().lower()
    if here in ("0.0.0.0", "::"):  # the world, which calls this computer by its name
        own = socket.gethostname().lower()
        return name in (own, f"{own.partition('.')[0]}.local")
    return name == here


def _both_here(one: str, other: str) -> bool:
    """localhost:7860 and 127.0.0.1:7860 are the same door."""
    same_port = one.rpartition(":")[2] == other.rpartition(":")[2]
    return {_name(one), _name(other)} <= {"localhost", "127.0.0.1", "::1", "0.0.0.0"} and same_port


def _tell(what: str, name: str, first: str = "") -> str:
    """Writes why a request is refused to the log, once: behind a proxy, that is for whoever runs this to mend."""
    if name not in _told and len(_told) < MOST_TOLD:
        _told.add(name)
        print(f"Refused, with {what!r}. If that is this studio, {first}set GANVAS_HOSTS={name!r}.", flush=True)
    return what
