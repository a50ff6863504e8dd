"""What programs send to the API, made into what its functions take: what is clear is taken, and what is not is told by
the name of its parameter. Gradio's own checks name none, or end in a stack trace. Knows values, no widget and no job.
"""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from starlette import requests
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from core.errors import UserError
from core.gan.request import SampleRequest
from core.settings import Request, Setting, settings_of, shown
from core.style.request import ClipRequest, InstantRequest, StyleRequest
from ui.generate import sample_api
from ui.server import files

FILE = {"_type": "gradio.FileData"}
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
UPLOAD = "upload it to gradio_api/upload and send what that answers; in Python write handle_file(...)"


# ---------------------------------------------------------------- one value


def _file(value: Any) -> Any:
    """A file as Gradio has it: of its path, or what an upload answered, also alone in a list or with a caption."""
    for _ in range(2):
        if isinstance(value, list) and len(value) == 1:
            (value,) = value
        elif isinstance(value, dict) and "image" in value:
            value = value["image"]
    if value is None or value == []:
        return None
    if isinstance(value, list) and len(value) > 1:
        raise UserError(f"There are {len(value)} files; send one.")
    about = value if isinstance(value, dict) else {"path": value}
    path, name = about.get("path") or about.get("url"), about.get("orig_name")
    if not isinstance(path, str) or not path:
        raise UserError(f"{shown(value)} is no file; {UPLOAD}.")
    file = {"path": path, "orig_name": name if isinstance(name, str) else None, "meta": FILE}
    try:
        files.require_named(file)
    except gr.Error as error:
        if files.is_address(path):
            raise UserError(error.message) from None
        what = "That file" if set(path) & {"/", "\\"} else shown(path)
        raise UserError(f"{what} was not uploaded here; {UPLOAD}.") from None
    return file


def _pictures(value: Any) -> Any:
    """Files as a gallery has them, of one or several."""
    if value is None:
        return None
    several = [one[0] if _captioned(one) else one for one in (value if isinstance(value, list) else [value])]
    return [{"image": file, "caption": None} for one in several if (file := _file(one))]


def _captioned(one: Any) -> bool:
    return isinstance(one, list) and len(one) == 2 and isinstance(one[1], str | None)


def _numbers(value: Any) -> str:
    """Numbers in one text, as they are written in a field."""
    if isinstance(value, str):
        return value
    several = value if isinstance(value, list) else [] if value is None else [value]
    if not all(type(one) in (int, float) and abs(one) < 1e15 for one in several):
        raise UserError(f'{shown(value)} was sent; send numbers, like [2, 1] or "2, 1".')
    return ", ".join(map(str, several))


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _label(value: Any) -> Any:
    """A class by its name, or by its number as a number."""
    return str(value) if type(value) is int else value or ""


def _generator(value: Any) -> Any:
    return SAMPLED["generator"] if value is None else value


def _of(about: Setting, default: Any) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if value is None:
            return default
        if about.type is bool and isinstance(value, str | int):
            value = TRUTH.get(str(value).strip().lower(), value)
        if about.choices and isinstance(value, str):
            value = value.strip().lower()
        return about.convert(value)

    return convert


Reader = Callable[[Any], Any]


def _settings(request: type[Request], defaults: Mapping[str, Any]) -> dict[str, Reader]:
    return {name: _of(about, defaults.get(name, about.default)) for name, about in settings_of(request).items()}


def _counting(request: type[InstantRequest]) -> dict[str, Reader]:
    return {name: reader for name, reader in _settings(request, {}).items() if name in request.counting}


STYLES: Mapping[str, Reader] = {"styles": _pictures, "style_weights": _numbers}
SAMPLED = {name: one.default for name, one in inspect.signature(sample_api.sample).parameters.items()}
# What each function of the API takes, in its order, and how that is read.
READ: Mapping[str, Mapping[str, Reader]] = {
    "paint": {"photo": _file, **STYLES, **_settings(StyleRequest, {})},
    "instant": {"photo": _file, **STYLES, **_counting(InstantRequest)},
    "clip": {"clip": _file, **STYLES, **_counting(ClipRequest)},
    "sample": {"generator": _generator, **_settings(SampleRequest, SAMPLED), "points": _texts, "label": _label},
}


# ---------------------------------------------------------------- all of them


def understood(function: str | None, sent: list[Any]) -> list[Any]:
    """The values a function of the API is asked with, as its widgets take them; what is left out at the end has its
    default. Others' values are left as they are. Raises `UserError`."""
    if function not in READ:
        return sent
    read = READ[function]
    if len(sent) > len(read):
        raise UserError(f"{len(sent)} values were sent; /{function} takes {len(read)}: {', '.join(read)}.")
    values = []
    for (name, reader), value in zip(read.items(), [*sent, *[None] * (len(read) - len(sent))], strict=True):
        try:
            values.append(reader(value))
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
    return values


# ---------------------------------------------------------------- by name


async def _by_name(request: requests.Request) -> Any:
    """`call/v2`, where values have names, as `call`, where they stand in order."""
    function = request.path_params["function"]
    read = READ.get(function)
    try:
        asked = json.loads(await request.body())
    except (ValueError, RecursionError):
        asked = None
    if read is None:
        return JSONResponse({"detail": f"There is no /{function[:40]}; there is /{' and /'.join(READ)}."}, 404)
    if not isinstance(asked, dict):
        return JSONResponse({"detail": f"Send a JSON object with {', '.join(read)}."}, 400)
    for name in asked:
        if name not in read:
            near = difflib.get_close_matches(name[:40], read, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(read)}."
            return JSONResponse({"detail": f"/{function} has no parameter {shown(name)}; {hint}"}, 400)
    return _InOrder(function, [asked.get(name) for name in read])


class _InOrder:
    """An answer: that of the route where values stand in order."""

    def __init__(self, function: str, values: list[Any]) -> None:
        self._function, self._body = function, json.dumps({"data": values}).encode()

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": self._body, "more_body": False}

        path = scope["path"].replace("/call/v2/", "/call/")
        inner = {**scope, "path": path, "raw_path": path.encode(), "headers": list(scope["headers"])}
        headers = MutableHeaders(scope=inner)
        headers["content-type"], headers["content-length"] = "application/json", str(len(self._body))
        await scope["app"].router(inner, receive, send)


ROUTES = [
    Route("/gradio_api/call/v2/{function}", _by_name, methods=["POST"]),
    Route("/gradio_api/call/v2/{function}/", _by_name, methods=["POST"]),
]
