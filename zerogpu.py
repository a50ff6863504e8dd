"""Ganvas on a ZeroGPU Space: the same studio, but every painting is made on a GPU that is lent for just that long.

    python zerogpu.py          (what the Space runs; `python -m core deploy owner/name --kind zerogpu`)

ZeroGPU lends its GPUs to calls of a marked function. Such a call happens in a forked process, so what goes in and
comes out is pickled; whose share of GPU time it uses is known from the Gradio request the painting was asked for in
(`core.jobs` works in the context of whoever submitted). Samples, first looks (which every move of a slider asks for),
training and everything else stay on the processor.
"""

# Before all others: it stands in for CUDA until there is some.
import spaces  # isort: split

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gradio as gr
from PIL import Image
from spaces.reloading import reload_server_ports

import app
from core import device
from core.errors import UserError
from core.settings import Progress, Result
from core.style import dispatch
from core.style.dispatch import Beforehand, Estimate
from core.style.optimise import engine
from core.style.request import StyleRequest
from ui.server import serving


def main() -> None:
    if os.environ.get("SPACES_ZERO_GPU"):  # on other hardware this is app.py
        dispatch.ENGINES[StyleRequest.kind] = __name__  # this file is the engine
        device.use("cpu")
        reload_server_ports.add(serving.port())  # visitors' connections there are not for the forked processes to hold
        _report()
    app.main()


def _report() -> None:
    """`spaces` reports the start when a Gradio app is launched. Ours is mounted, not launched; so a small one is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with gr.Blocks(analytics_enabled=False) as small:
        pass
    small.launch(server_name="127.0.0.1", server_port=free, prevent_thread_lock=True, quiet=True, ssr_mode=False)
    small.close(verbose=False)


def seconds(request: StyleRequest, *_: object) -> int:
    """How long the GPU is asked for: what is left over is not charged, but a short call waits less."""
    return min(120, round(20 + request.steps * (request.size / 512) ** 2 / 10))


@spaces.GPU(duration=seconds)
def _on_gpu(
    request: StyleRequest, photo: Image.Image, styles: Sequence[Image.Image], stop: str
) -> Iterator[Progress | Result | UserError]:
    """The painting engine where the GPU is. A `UserError` is passed on as an event: raised, it would lose its words."""
    import torch

    torch.set_num_threads(1)  # the threads of the process that was forked are not here, and must not be waited for
    device.use(None)
    try:
        yield from engine.paint(request, photo, styles, stopped=lambda: os.path.exists(stop))
    except UserError as error:
        yield error


# ---------------------------------------------------------------- the engine, as `core.style.dispatch` has it


def ready(request: StyleRequest) -> Beforehand:
    """Never: no lent GPU is like the one before, so there is nothing to measure."""
    first = engine.ready(request)
    if first and first.job is None:
        return first
    return Beforehand("Painted on a GPU that is lent for it, which counts as your GPU time.")


def estimate(request: StyleRequest, _photo_size: tuple[int, int]) -> Estimate:
    """What the GPU is asked for; no memory of this machine."""
    return Estimate(seconds(request), 0, device.free_memory())


def paint(
    request: StyleRequest,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Result]:
    """As `core.style.optimise` does, on a lent GPU. The wish to stop crosses to the other process as a file."""
    with tempfile.TemporaryDirectory(prefix="ganvas-") as folder:
        stop = Path(folder) / "stop"
        try:
            for event in _on_gpu(request, photo, styles, str(stop)):
                if isinstance(event, UserError):
                    raise event
                yield event
                if stopped():
                    stop.touch()
        except gr.Error as error:  # no GPU is free, the visitor's share is used up, it took too long
            raise UserError(str(error.message)) from None


if __name__ == "__main__":
    main()
