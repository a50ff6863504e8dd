"""Ganvas, composed: the Streamlit pages at `/` and the Gradio style app at `/style`, one process, one port.

    python app.py            or            streamlit run app.py

Composition only: what pages do is in `pages/`, how paintings are shown in `style_app.py`, everything else in `core/`.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import streamlit as st
from starlette.routing import Mount

import style_app
from ui import serving

ROOT = Path(__file__).parent
_style = style_app.mounted()


@contextlib.asynccontextmanager
async def _lifespan(_: st.App) -> AsyncIterator[None]:
    """Gradio's queue starts in its own lifespan; nobody enters that of a mounted app but us."""
    async with _style.router.lifespan_context(_style):
        yield


app = st.App(ROOT / "pages" / "studio.py", routes=[Mount("/style", app=_style)], lifespan=_lifespan)


def main() -> None:
    host, port = serving.host(), serving.port()
    serving.require_free(port)
    print(f"Ganvas is starting at http://{'localhost' if host == '127.0.0.1' else host}:{port}", flush=True)
    app.run(config={"server.port": port, "server.address": host, "server.headless": True})


if __name__ == "__main__":
    main()
