"""How both UIs tell who is asking: by a secret in a cookie that only the visitor's own browser keeps.

The cookie is set by `ui.gate`. Where a browser keeps none (some do not, inside another site's frame), the session of
the open page stands in for it, and what was made is gone when the page is loaded again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from core import policy, visitors

COOKIE = "ganvas"
_SECRET = re.compile(r"[\w-]{43}", re.ASCII)


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def secret_in(cookies: Mapping[str, str]) -> str:
    """The visitor's secret, or "" where there is none or one that we never made."""
    secret = cookies.get(COOKIE, "")
    return secret if _SECRET.fullmatch(secret) else ""


def of_request(request) -> str:
    """The visitor behind a Gradio request; "" in private mode."""
    if not policy.public():
        return ""
    return visitors.name_of(secret_in(request.cookies) or f"session {request.session_hash or new_secret()}")


def of_page() -> str | None:
    """The visitor for whom a Streamlit page is run; None outside of pages."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return None
    return visitors.name_of(_page_secret() or f"session {context.session_id}")


def remembered() -> bool:
    """Whether the page's visitor will be known again after a reload."""
    return bool(_page_secret())


def _page_secret() -> str:
    import streamlit as st

    return secret_in(st.context.cookies)
