"""Which files a request may name: those that visitors brought, and those that the page gave them.

Gradio's events carry files as paths on this computer, so a request can name any. Every event's values pass `check`
before a byte is read. Gradio has a check of its own, which is off in a mounted app (`as_launched`) and follows links.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from core import policy

ADDRESSES = ("http://", "https://")


def as_launched(blocks: gr.Blocks) -> gr.Blocks:
    """Gradio checks paths, and serves no SVG as it is, in an app that was launched; mounted, it would never know."""
    blocks.has_launched = blocks.is_running = True
    return blocks


def check(values: Any) -> None:
    """Raises `gr.Error` when a file that may not be read is named anywhere in these values of an event."""
    waiting = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "path" in value:
                _check_path(value["path"])
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)


def _check_path(path: Any) -> None:
    if path is None:
        return
    if isinstance(path, str) and path.lower().startswith(ADDRESSES):
        if policy.public():  # however large it is, Gradio would fetch and keep it
            raise gr.Error("Addresses are not fetched on this shared computer; upload the file.", print_exception=False)
        return
    if not _allowed(path):
        raise gr.Error("That file was not uploaded here; upload it.", print_exception=False)


def _allowed(path: Any) -> bool:
    """Whether it leads, links followed, to an ordinary file in Gradio's folder."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        return real.is_relative_to(os.path.realpath(get_upload_folder())) and stat.S_ISREG(real.stat().st_mode)
    except (OSError, ValueError, TypeError):  # not there, a name that cannot be, no name at all
        return False
