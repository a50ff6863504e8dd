"""Where the studio stands as a browser sees it: at the root of its host, or below a path that a proxy puts before it.

JupyterHub and Kaggle take that path off again before they ask here, and need not say what it was. So what a page gets
names no path: addresses are relative to the page, and the browser knows the rest. Where a proxy leaves its path in
place, `GANVAS_PATH` says what to take off. Knows requests, no page and no widget.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope


def before(url: str | None, page: str) -> str:
    """The path before that of `page` in its address, as a browser shows it: "", or like "/user/me"."""
    path = urlsplit(url or "").path.strip("/").removesuffix(page).strip("/")
    return f"/{path}" if path else ""


def without(scope: Scope) -> Scope:
    """A request as it would be asked at the root; one for the path itself, without a slash behind it, as it is."""
    path = _of_proxy()
    if not path or not scope["path"].startswith(f"{path}/"):
        return scope
    rest = scope["path"].removeprefix(path)
    return {**scope, "path": rest, "raw_path": quote(rest).encode()}


def with_slash(scope: Scope) -> str:
    """Where a browser has to go that asked for the path itself: what it loads is relative; "" for all others."""
    path = _of_proxy()
    return f"{path}/" if path and scope["path"] == path else ""


def _of_proxy() -> str:
    path = os.environ.get("GANVAS_PATH", "").strip().strip("/")
    return f"/{path}" if path else ""


def relative_on_pages() -> None:
    """From now on Gradio's addresses are relative on its pages, and whole for programs."""
    from gradio import route_utils

    if route_utils.get_root_url is not _root:
        _whole.append(route_utils.get_root_url)
        route_utils.get_root_url = _root


_whole: list[Any] = []  # Gradio's own way


def _root(request: Any, route_path: str, root_path: str | None) -> str:
    """In place of Gradio's. A page is asked for as such, and what it asks for itself comes with its address."""
    headers: Headers = request.headers
    if "referer" in headers or "text/html" in headers.get("accept", ""):
        return "."
    return _whole[0](request, route_path, root_path)
