"""Whose files are whose in the style app, and which of them a request may name.

Gradio's events carry files as paths on this computer, so a request can name any. What visitors bring, and what they
are given, is kept in a folder of their own below Gradio's; every event's values pass `require_named` before a byte is
read. Whoever shows no cookie shares one folder: the names in it are digests that nobody guesses. Gradio has a check of
its own, which is off in a mounted app (`as_launched`), follows links and knows no visitors.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
from gradio import route_utils
from gradio.exceptions import ComponentProcessingError
from gradio.utils import get_upload_folder
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.errors import UserError
from core.files import in_words
from core.visitors import identity, policy
from ui.server import visitor

ADDRESSES = ("http://", "https://")
MOST_VALUES, MOST_FILES = 2000, 40  # in one event
MOST_FOLLOWED = 1000  # uploads whose progress is remembered
EVERYBODY = "everybody"  # what the page shows before anybody asks
UNKNOWN = "unknown"  # visitors without a cookie

_owner: ContextVar[str] = ContextVar("owner", default=EVERYBODY)


def as_launched(blocks: gr.Blocks) -> gr.Blocks:
    """Gradio checks paths, and serves no SVG as it is, in an app that was launched; mounted, it would never know."""
    blocks.has_launched = blocks.is_running = True
    return blocks


# ---------------------------------------------------------------- whose they are


@contextlib.contextmanager
def of(cookies: Mapping[str, str]) -> Iterator[None]:
    """Files are read and written inside for the visitor who shows these cookies."""
    secret = visitor.secret_in(cookies)
    before = _owner.set(identity.name_of(secret) if secret else UNKNOWN)
    try:
        yield
    finally:
        _owner.reset(before)


def folder(owner: str | None = None) -> str:
    """Where the files of whoever is asking, or of `owner`, are. In private mode there is one owner."""
    every = get_upload_folder()
    return os.path.join(every, owner or _owner.get()) if policy.public() else every


# A widget's own folder for files. It tries to set one when it is made.
FOLDER = property(lambda _: folder(), lambda _, __: None)


def require_named(values: Any) -> None:
    """Raises `gr.Error` when a file that may not be read is named anywhere in these values of an event."""
    for path in _paths(values):
        _check_path(path)


def require_few(values: Any) -> None:
    """Raises `gr.Error` when these values of an event, or the files they name, are far more than a page sends: Gradio
    looks at each, and others wait."""
    everything = list(itertools.islice(_everything(values), MOST_VALUES))
    files = sum(isinstance(value, dict) and "path" in value for value in everything)
    if len(everything) == MOST_VALUES or files > MOST_FILES:
        raise gr.Error(f"That is too much at once; up to {MOST_FILES} files can be given.", print_exception=False)


def _paths(values: Any) -> Iterator[Any]:
    """Whatever is said to be a file's path, however deep."""
    return (value["path"] for value in _everything(values) if isinstance(value, dict) and "path" in value)


def _everything(values: Any) -> Iterator[Any]:
    """Values, and all that is in them, however deep."""
    waiting = [values]
    while waiting:
        yield (value := waiting.pop())
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)


def is_address(path: Any) -> bool:
    return isinstance(path, str) and path.lower().startswith(ADDRESSES)


def _check_path(path: Any) -> None:
    if is_address(path):
        if policy.public():  # however large it is, Gradio would fetch and keep it
            raise gr.Error("Addresses are not fetched on this shared computer; upload the file.", print_exception=False)
        return
    if not _readable(path):
        raise gr.Error("That file was not uploaded here; upload it.", print_exception=False)


def _readable(path: Any) -> bool:
    """Whether it leads, links followed, to an ordinary file of whoever is asking, or of everybody."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        homes = [os.path.realpath(home) for home in (folder(), folder(EVERYBODY))]
        return any(real.is_relative_to(home) for home in homes) and stat.S_ISREG(real.stat().st_mode)
    except (OSError, ValueError, TypeError):  # not there, a name that cannot be, no name at all
        return False


@contextlib.contextmanager
def written_or_told() -> Iterator[None]:
    """What Gradio cannot write for whoever asks, as on a full disk, is told them in words."""
    try:
        with in_words("What came of it", Path(folder())):
            try:
                yield
            except ComponentProcessingError as error:
                if isinstance(error.__cause__, OSError):
                    raise error.__cause__ from None
                raise
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None


@contextlib.contextmanager
def fetched_or_told(values: Any) -> Iterator[None]:
    """What Gradio cannot fetch from an address that is named in these values is told in words."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        addresses = [path for path in _paths(values) if is_address(path)]
        if not addresses:
            raise
        raise gr.Error(f"{addresses[0][:200]} cannot be fetched ({type(error).__name__}); upload the file.",
                       print_exception=False) from None  # fmt: skip


# ---------------------------------------------------------------- in and out, in place of Gradio's own ways


async def _take_in(request: Request) -> Response:
    from gradio.routes import file_upload_statuses

    blocks, progress = request.app.get_blocks(), request.query_params.get("upload_id")
    most = math.inf if blocks.max_file_size is None else blocks.max_file_size
    with of(request.cookies):
        try:
            with in_words("The upload", Path(folder())):
                paths, _, _ = await route_utils.upload_fn(
                    request, folder(), most, progress, upload_progress=file_upload_statuses if progress else None
                )
        except UserError as error:
            return PlainTextResponse(str(error), 507)
        except MultiPartException as error:
            return PlainTextResponse(error.message, 413 if "maximum allowed size" in error.message else 400)
        finally:
            _forget(file_upload_statuses)
    blocks.upload_file_set.update(paths)  # Gradio deletes them after a day
    return JSONResponse(paths)


def _forget(progress: route_utils.FileUploadProgress) -> None:
    """Of how uploads go, Gradio forgets only what somebody has listened to until the end."""
    for kept in (progress._statuses, progress._signals):
        for old in list(kept)[:-MOST_FOLLOWED]:
            del kept[old]


async def _hand_out(request: Request) -> Response:
    path = request.path_params["path"]
    with of(request.cookies):
        if not _readable(path):
            raise HTTPException(403, f"File not allowed: {path}.")
    try:
        return route_utils.file_fetch(path, request, request.app.get_blocks(), get_upload_folder())
    except ValueError:  # of a header: Gradio reads one range only
        raise HTTPException(416, "Ask for one range of bytes.") from None


class _FilesOnly(route_utils.GradioMultiPartParser):
    """Of a form, the files, and so many: Gradio keeps what else there is in memory, however large it is."""

    def __init__(self, *given: Any, **limits: Any) -> None:
        super().__init__(*given, **{**limits, "max_files": MOST_FILES, "max_fields": 0})


def routes() -> list[Route]:
    route_utils.GradioMultiPartParser = _FilesOnly  # `upload_fn` takes no limits
    return [
        Route("/gradio_api/upload", _take_in, methods=["POST"]),
        Route("/gradio_api/file={path:path}", _hand_out),
        Route("/gradio_api/file/{path:path}", _hand_out),
    ]
