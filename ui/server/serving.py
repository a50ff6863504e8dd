"""Where the studio listens, and what it needs of its computer before it starts; told where that is missing."""

import atexit
import contextlib
import errno
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from core import console, device, files, proxies
from core.errors import UserError
from core.visitors import paintings
from ui.server import network, patience, stubs

OWN = "ganvas-files-"  # how the folder that a process makes for itself begins


def host() -> str:
    """This computer only; on a Space, or where `HOST` says so, the world."""
    named = os.environ.get("HOST", "").strip().strip("[]")  # as addresses of IPv6 stand in an address of a page
    return named or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")


def in_address() -> str:
    """The host as it stands in the address of a page."""
    return f"[{host()}]" if ":" in host() else host()


def port() -> int:
    """`PORT`, or Gradio's name for it, or 7860. Ends the program when it is no port."""
    text = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or "7860"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"The port is {text!r}; set PORT to a number from 1 to 65535.")
    return int(text)


def get_ready() -> None:
    """What either program does before it listens; ends the program where something is missing."""
    require_free(port())
    console.printable()
    settle()
    signal.signal(signal.SIGTERM, _end)
    network.believe_peers()
    patience.keep()


def _end(number: int, _: FrameType | None) -> None:
    """A signal would leave what lies in temporary folders: people's pictures."""
    paintings.close()
    _remove_uploads()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def settle() -> None:
    """What is needed of the surroundings, also where `streamlit run` starts the program."""
    require_folders()
    proxies.settle()
    device.wait_briefly()
    stubs.leave_unwritten()


def require_free(number: int) -> None:
    """Ends the program with one sentence when it cannot listen there."""
    nowhere = (
        f"HOST is {host()!r}, which is no address of this computer; set HOST to 127.0.0.1 (this computer only) or to "
        "0.0.0.0 (whoever can reach it)."
    )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host(), number, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        sys.exit(nowhere)
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            sys.exit(nowhere)
        other = number + 1 if 1024 <= number < 65535 else 7860
        sys.exit(f"Port {number} cannot be used ({error.strerror}); choose another, for example PORT={other}.")


def require_folders() -> None:
    """A home, and a folder for files on their way that is this process's own: those of others on this computer, whose
    Gradio may have made the usual one, can neither read it nor be in the way. Ends the program without.
    """
    try:
        if not Path("~").expanduser().is_absolute():
            raise RuntimeError
    except RuntimeError:  # libraries ask for one as well
        try:
            os.environ["HOME"] = str(files.home())
        except UserError as error:
            sys.exit(str(error))
    if not os.environ.get("GRADIO_TEMP_DIR"):
        try:
            own = tempfile.mkdtemp(prefix=OWN)
        except OSError as error:
            sys.exit(f"Nothing can be written to the folder for temporary files ({error}); let TMPDIR name another.")
        os.environ["GRADIO_TEMP_DIR"] = own
        atexit.register(_remove_uploads)
    place = files.uploads()
    try:
        files.make_folder(place)
        with files.in_words("Uploads", place), tempfile.TemporaryFile(dir=place):
            pass
    except UserError as error:
        sys.exit(str(error))


def _remove_uploads() -> None:
    """Of a folder that was made here."""
    if files.uploads().name.startswith(OWN):
        shutil.rmtree(files.uploads(), ignore_errors=True)


@contextlib.contextmanager
def past_proxies() -> Iterator[None]:
    """What the program asks of itself inside goes to no proxy."""
    names = ("no_proxy", "NO_PROXY")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
