"""What stands before a Space: HTTPS under another host name, a proxy that tells where requests come from, a frame. And
what a JupyterHub puts before a studio: a path (`below`).

    with proxied(port, folder) as proxy:
        browser = chromium.launch(args=proxy.chromium)
        page.goto(SPACE)        # the Space by itself
        page.goto(HUB)          # the Hub's page, which shows the Space in a frame of another origin

Requests are handed on with X-Forwarded-Host, -Proto and -For, and with the inner `Host`, or with the visitor's where
`keeps_host` says so: what the real one does is not documented. WebSockets and event streams pass as they come. Every
connection carries one request, so nothing but the head has to be understood.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from support.waiting import PATIENCE

SPACE_HOST = "somebody-ganvas.hf.space"
SPACE = f"https://{SPACE_HOST}"
HUB_HOST = "huggingface.co"
HUB = f"https://{HUB_HOST}"
DROPPED = ("host:", "connection:", "x-forwarded-")


@dataclass(frozen=True)
class Proxy:
    port: int

    @property
    def chromium(self) -> list[str]:
        """Arguments that lead a Chromium here whatever it asks for, with the rules for cookies of other sites that
        browsers are moving to."""
        return [
            f"--host-resolver-rules=MAP * 127.0.0.1:{self.port}", "--ignore-certificate-errors",
            "--test-third-party-cookie-phaseout",
        ]  # fmt: skip


@contextlib.contextmanager
def proxied(inner: int, folder: Path, keeps_host: bool = False) -> Iterator[Proxy]:
    """A proxy before the server at port `inner` of this computer; its certificate is made in `folder`."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={SPACE_HOST}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _listening(lambda reader, writer: _answer(reader, writer, inner, keeps_host), context) as port:
        yield Proxy(port)


@contextlib.contextmanager
def below(path: str, inner: int, *, strips: bool) -> Iterator[str]:
    """A proxy that shows the server at port `inner` below `path`, as JupyterHub does; yields that address. It takes the
    path off, or leaves it in place, and tells nothing. What is asked outside is a 404."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        method, asked, version = first.split()
        if not asked.startswith(f"{path}/"):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        asked = asked.removeprefix(path) if strips else asked
        upgraded = any(field.lower().startswith("upgrade:") for field in fields)
        kept = [field for field in fields if not field.lower().startswith("connection:")]
        kept.append(f"Connection: {'Upgrade' if upgraded else 'close'}")
        await _hand_on(reader, writer, inner, [f"{method} {asked} {version}", *kept])

    with _listening(answer) as port:
        yield f"http://127.0.0.1:{port}{path}"


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def _listening(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Has connections to a free port answered, by a thread of its own; yields the port."""
    begun: Future[tuple[int, Callable[[], object]]] = Future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def listen() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=2**20)
        begun.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(over.set)))
        await over.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=[listen()], daemon=True, name="reverse proxy")
    thread.start()
    port, end = begun.result(PATIENCE)
    try:
        yield port
    finally:
        end()
        thread.join()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inner: int, keeps_host: bool) -> None:
    first, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    values = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    if values.get("host") == HUB_HOST:
        path = first.split()[1]
        writer.write(_hub(path).encode())
        await writer.drain()
        return
    upgraded = "upgrade" in values.get("connection", "").lower()
    told = [
        f"Host: {values.get('host', '') if keeps_host else f'127.0.0.1:{inner}'}",
        f"X-Forwarded-Host: {values.get('host', '')}", "X-Forwarded-Proto: https",
        "X-Forwarded-For: 203.0.113.7", f"Connection: {'Upgrade' if upgraded else 'close'}",
    ]  # fmt: skip
    kept = [field for field in fields if not field.lower().startswith(DROPPED)]
    await _hand_on(reader, writer, inner, [first, *told, *kept])


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inner: int, head: Sequence[str]) -> None:
    """A request, of which the head is known, to the server, and its answer back."""
    behind, before = await asyncio.open_connection("127.0.0.1", inner)
    before.write("\r\n".join([*head, "", ""]).encode("latin-1"))
    both = {asyncio.ensure_future(_pour(reader, before)), asyncio.ensure_future(_pour(behind, writer))}
    try:  # when the server has said all, or the visitor has gone, it is over
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in both:
            one.cancel()
        before.close()
        await asyncio.gather(*both, return_exceptions=True)


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(2**16):
        target.write(data)
        await target.drain()


def _hub(path: str) -> str:
    """The Hub's page of the Space, with the Space's page `path` in a frame, as huggingface.co shows it."""
    allowed = "accelerometer; camera; clipboard-read; clipboard-write; fullscreen; microphone"
    sandbox = " ".join(
        f"allow-{what}" for what in ("downloads", "forms", "modals", "popups", "popups-to-escape-sandbox",
                                     "same-origin", "scripts")
    )  # fmt: skip
    page = (
        "<!doctype html><title>The Hub</title><body style='margin:0;background:#eee'>"
        "<p style='font:16px sans-serif;margin:8px'>somebody / ganvas</p>"
        f"<iframe id='space' src='{SPACE}{path}' allow='{allowed}' sandbox='{sandbox}' "
        "style='border:0;width:100%;height:calc(100vh - 40px)'></iframe>"
    )
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\nConnection: close"
    return f"{head}\r\n\r\n{page}"
