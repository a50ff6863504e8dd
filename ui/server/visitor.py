"""How both UIs tell who is asking: by a secret in a cookie that only the visitor's own browser keeps, and by address.

The cookie is set by `ui.server.gate`, and signed: one that somebody made up is none. Before there were signatures a
cookie was the secret alone; such a one still counts where things are kept in its name, for nobody else could know it,
and is replaced by a signed one when a page is opened. Where a browser keeps no cookie (some do not, inside another
site's frame), the session of the open page stands in for it, and what was made is gone when the page is loaded again.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping

from starlette.requests import HTTPConnection

from core import files
from core.visitors import identity, policy, secret
from core.visitors.identity import Visitor
from ui.server import network

COOKIE = "ganvas"
_GIVEN = re.compile(r"([\w-]{43})(?:\.([\w-]{43}))?", re.ASCII)


def new_cookie() -> str:
    """A cookie's value for somebody who has none: a secret and its signature."""
    return _signed(secrets.token_urlsafe(32))


def secret_in(cookies: Mapping[str, str]) -> str:
    """The visitor's secret, or "" where there is none or one that we never gave."""
    found = _GIVEN.fullmatch(cookies.get(COOKIE, ""))
    if not found:
        return ""
    given, signature = found.groups()
    if signature is None:
        return given if (files.home() / identity.FOLDER / identity.name_of(given)).is_dir() else ""
    return given if hmac.compare_digest(signature, secret.signature(files.home(), given)) else ""


def better_cookie(cookies: Mapping[str, str]) -> str | None:
    """What to set for whoever shows these; None where they have what they need."""
    given = secret_in(cookies)
    if not given:
        return new_cookie()
    return None if cookies[COOKIE] != given else _signed(given)


def _signed(given: str) -> str:
    return f"{given}.{secret.signature(files.home(), given)}"


# ---------------------------------------------------------------- who is asking


def _visitor(cookies: Mapping[str, str], session: str, host: str) -> Visitor:
    """`session`: what stands in for a secret. Its name may be made up, so it costs whoever does so no less, and it is
    nobody else's: it counts together with the address."""
    address = network.place_of(host)
    if given := secret_in(cookies):
        name = identity.name_of(given)
        return Visitor(name, name, address)
    return Visitor(identity.name_of(f"session {session} at {address}"), address, address)


def of_request(request) -> Visitor:
    """The visitor behind a Gradio request; the owner in private mode."""
    if not policy.public():
        return identity.OWNER
    session = request.session_hash or secrets.token_urlsafe(32)
    return _visitor(request.cookies, session, network.host_of(request.client))


def of_connection(connection: HTTPConnection, session: str = "") -> Visitor:
    """The visitor behind a request that no UI has seen yet."""
    return _visitor(connection.cookies, session, network.host_of(connection.client))


def of_page() -> Visitor | None:
    """The visitor for whom a Streamlit page is run; None outside of pages."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return None
    import streamlit as st

    host = st.context.ip_address or network.HERE  # which Streamlit leaves out
    return _visitor(st.context.cookies, context.session_id, host)


def remembered() -> bool:
    """Whether the page's visitor will be known again after a reload."""
    import streamlit as st

    return bool(secret_in(st.context.cookies))
