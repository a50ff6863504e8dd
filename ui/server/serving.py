"""Where the studio listens: host and port from the environment, told plainly when they cannot be had."""

import os
import socket
import sys


def host() -> str:
    """This computer only; on a Space, or where `HOST` says so, the world."""
    return os.environ.get("HOST") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")


def port() -> int:
    """`PORT`, or Gradio's name for it, or 7860. Ends the program when it is no port."""
    text = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or "7860"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"The port is {text!r}; set PORT to a number from 1 to 65535.")
    return int(text)


def require_free(number: int) -> None:
    """Ends the program with one sentence when another program listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host(), number))
        except OSError as error:
            sys.exit(f"Port {number} cannot be used ({error.strerror}); choose another, for example PORT={number + 1}.")
