"""The server's own secret, by which it knows again what it gave out. It is kept beside the runs, so that it outlives a
restart where they do. Plain: knows nothing of what is signed.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hmac
import os
import secrets
import sys
from pathlib import Path

FILE = "secret"
BYTES = 32


def signature(home: Path, text: str) -> str:
    """HMAC-SHA-256 of a text under the secret kept in `home`: 43 characters that fit in a cookie."""
    mac = hmac.digest(_key(home), text.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


@functools.cache
def _key(home: Path) -> bytes:
    """Made at first use. Where it cannot be kept it lasts as long as the process."""
    try:
        return _read(home / FILE) or _kept(home / FILE)
    except OSError as error:
        print(f"The secret cannot be kept in {home} ({error.strerror}), and visitors are new after a restart; let "
              "GANVAS_HOME name another folder.", file=sys.stderr)  # fmt: skip
        return secrets.token_bytes(BYTES)


def _read(path: Path) -> bytes:
    """The secret in a file; empty where there is none, or no whole one."""
    with contextlib.suppress(FileNotFoundError):
        key = path.read_bytes()
        with contextlib.suppress(OSError):  # some mounted storage knows no modes
            path.chmod(0o600)
        return key if len(key) == BYTES else b""
    return b""


def _kept(path: Path) -> bytes:
    """A new one, written whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{FILE}-{secrets.token_hex(8)}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(BYTES))
    os.replace(part, path)
    return path.read_bytes()
