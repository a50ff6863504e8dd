"""A stand-in for the `spaces` package, as far as zerogpu.py uses it, so that it can be tried without ZeroGPU.

As there, a marked generator runs in a forked process: what goes in and out is pickled, an error that is not Gradio's
loses its words, who asks is read from the Gradio request around the call, and the start is reported when a Gradio app
is launched. Seen in spaces 0.51.3. What happens is noted in the file `LENT_LOG`; a visitor with the token "poor" has
no GPU time left.
"""

import functools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from gradio.context import LocalContext

forking = multiprocessing.get_context("fork")


def note(words: str) -> None:
    with open(os.environ["LENT_LOG"], "a") as log:
        log.write(words + "\n")


def GPU(duration: Callable[..., int]) -> Callable:
    def mark(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(task)
        def called(*args: Any) -> Iterator[Any]:
            request = LocalContext.request.get(None)
            token = request.headers.get("x-ip-token") if request else None
            note(f"lent to {token} for {duration(*args)} s")
            if token == "poor":
                raise gr.Error("You have exceeded your ZeroGPU quota.", print_exception=False)
            inward, outward = forking.SimpleQueue(), forking.SimpleQueue()
            worker = forking.Process(target=work, args=(task, inward, outward), daemon=True)
            worker.start()
            inward.put(args)
            events = 0
            while (came := outward.get())[0] == "event":
                events += 1
                yield came[1]
            worker.join()
            note(f"given back by {token} after {events} events")
            if came[0] == "error":
                raise gr.Error(came[1])

        return called

    return mark


def work(task: Callable[..., Iterator[Any]], inward: Any, outward: Any) -> None:
    note(f"worked in {os.getpid()}")
    try:
        for event in task(*inward.get()):
            outward.put(("event", event))
        outward.put(("end", None))
    except Exception as error:
        outward.put(("error", type(error).__name__))


_launch = gr.Blocks.launch


def reporting(*args: Any, **named: Any) -> Any:
    note("reported")
    gr.Blocks.launch = _launch
    return _launch(*args, **named)


gr.Blocks.launch = reporting
