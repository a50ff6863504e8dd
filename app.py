"""Ganvas, composed: the Streamlit pages at `/` and the Gradio style app at `/style`, one process, one port.

    python app.py            or            streamlit run app.py

Composition only: what pages do is in `pages/`, how paintings are shown in `style_app.py`, everything else in `core/`.
"""

import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import streamlit as st
from starlette.routing import Mount

import style_app

ROOT = Path(__file__).parent
_style = style_app.mounted()


@contextlib.asynccontextmanager
async def _lifespan(_: st.App) -> AsyncIterator[None]:
    """Gradio's queue starts in its own lifespan; nobody enters that of a mounted app but us."""
    async with _style.router.lifespan_context(_style):
        yield


app = st.App(ROOT / "pages" / "studio.py", routes=[Mount("/style", app=_style)], lifespan=_lifespan)


def port() -> int:
    """The port to serve on: `PORT`, or Gradio's name for it, or 7860."""
    text = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or "7860"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"The port is {text!r}; set PORT to a number from 1 to 65535.")
    return int(text)


def main() -> None:
    host, number = os.environ.get("HOST", "127.0.0.1" if not os.environ.get("SPACE_ID") else "0.0.0.0"), port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            sys.exit(f"Port {number} cannot be used ({error.strerror}); choose another, for example PORT={number + 1}.")
    print(
        f"Ganvas is starting at http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{number}", flush=True
    )
    app.run(config={"server.port": number, "server.address": host, "server.headless": True})


if __name__ == "__main__":
    main()
