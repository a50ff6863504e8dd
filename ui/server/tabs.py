"""Whose answers are whose: Gradio's names of open pages and of questions, and the account each belongs to.

Gradio gives answers to whoever names them, and stops what anybody names. Here a name belongs to whoever used it first,
and a question to whoever asked it. Names of others are answered like names that do not exist.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from core.visitors import policy
from ui.server import visitor

MOST = 20_000  # names remembered
NAMED = re.compile(r"/gradio_api/(?:heartbeat/([^/]+)|queue/data|call/(?:v2/)?[^/]+/([^/]+))/?$")

_owners: OrderedDict[str, str] = OrderedDict()  # name -> account


def belongs(name: str, account: str) -> bool:
    """Whether it is theirs; what nobody has used yet is from now on."""
    owner = _owners.setdefault(name, account)
    while len(_owners) > MOST:
        _owners.popitem(last=False)
    return owner == account


def anothers(scope: Scope) -> bool:
    """Whether answers for another visitor are asked for."""
    found = NAMED.search(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
    if not found:
        return False
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    name = found[1] or found[2] or query.get("session_hash", "")
    return not belongs(name, visitor.of_connection(HTTPConnection(scope), name).account)


async def _cancel(request: Request) -> Response:
    """Gradio's own way of stopping a question, for those who asked it."""
    from gradio.data_classes import CancelBody
    from pydantic import ValidationError

    try:
        body = CancelBody.model_validate_json(await request.body())
    except ValidationError:
        return JSONResponse({"detail": "Name a session_hash, a fn_index and an event_id."}, 422)
    if policy.public():
        account = visitor.of_connection(request, body.session_hash).account
        if not (belongs(body.session_hash, account) and belongs(body.event_id, account)):
            return JSONResponse({"success": False}, 404)
    own = next(r for r in request.app.routes if r.path == "/gradio_api/cancel" and r.endpoint is not _cancel)
    return JSONResponse(await own.endpoint(body))


ROUTES = [Route("/gradio_api/cancel", _cancel, methods=["POST"])]
