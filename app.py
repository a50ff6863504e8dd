"""Ganvas, composed: the Streamlit pages at `/` and the Gradio style app at `/style`, one process, one port.

    python app.py            or            streamlit run app.py

Composition only: what pages do is in `pages/`, how paintings are shown in `style_app.py`, who may come in and how it
all ends in `ui/`, everything else in `core/`.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route

from core import faults
from core.runs import processes, stuck
from core.visitors import identity, policy, sweep
from ui.server import network, serving, stopping, visitor
from ui.server.gate import Gate
from ui.server.late import Late

ROOT = Path(__file__).parent
STUDIO = ROOT / "pages" / "studio.py"


def _style_app() -> Any:
    serving.settle()  # where `streamlit run` has started this, nobody has yet
    import style_app  # and Gradio, for which no other page shall wait

    return style_app.mounted()


_style = Late("The style app", _style_app)
identity.identify_with(visitor.of_page)


@contextlib.asynccontextmanager
async def _lifespan(_: st.App) -> AsyncIterator[None]:
    # Where it is not there already, Streamlit puts the script's folder before all others while a script runs. When it
    # is taken away, an import that looks through them in another thread misses the next one, and all that is in it.
    if (folder := os.path.abspath(STUDIO.parent)) not in sys.path:
        sys.path.append(folder)
    if policy.public() and (note := network.note()):
        print(note, flush=True)
    async with _style.running():
        with stopping.tidy() as ending:

            def look_after_runs() -> None:
                if not ending:
                    processes.start_next()

            with (
                faults.again(sweep.sweep, sweep.EVERY_SECONDS),
                faults.again(look_after_runs, stuck.LOOK_SECONDS),
            ):
                yield


app = st.App(
    STUDIO,
    routes=[Route("/style", lambda _: RedirectResponse("style/")), Mount("/style", app=_style)],
    middleware=[Middleware(Gate)],
    lifespan=_lifespan,
)


def _config(host: str, port: int) -> dict[str, Any]:
    config = {"server.port": port, "server.address": host, "server.headless": True}
    if policy.public():
        config |= {
            "server.maxUploadSize": policy.limits().upload_bytes // 10**6,
            "server.maxMessageSize": 50,
            "client.showErrorDetails": "none",
        }
    if policy.public() or os.environ.get("SPACE_ID"):
        # The gate checks where a request comes from, and does it behind a proxy and in another site's frame too,
        # where Streamlit's own cookie is not kept and its name for this host is not the one browsers use.
        config |= {"server.enableCORS": False, "server.enableXsrfProtection": False}
    return config


def main() -> None:
    serving.get_ready()
    host, port = serving.host(), serving.port()
    print(f"Ganvas is starting at http://{'localhost' if host == '127.0.0.1' else serving.in_address()}:{port}",
          flush=True)  # fmt: skip
    app.run(config=_config(host, port))


if __name__ == "__main__":
    main()
