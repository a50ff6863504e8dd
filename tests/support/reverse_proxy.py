"""What stands before a Space: HTTPS under another host name, a proxy that tells where requests come from, a frame.

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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="reverse proxy")
    thread.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _answer(reader, writer, inner, keeps_host)
        writer.close()

    server = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=2**20), loop
    ).result()
    try:
        yield Proxy(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


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
    behind, before = await asyncio.open_connection("127.0.0.1", inner)
    before.write("\r\n".join([first, *told, *kept, "", ""]).encode("latin-1"))
    both = {asyncio.ensure_future(_pour(reader, before)), asyncio.ensure_future(_pour(behind, writer))}
    try:  # when the server has said all, or the visitor has gone, it is over
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        before.close()


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
