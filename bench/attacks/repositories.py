"""Repositories of the Hub that strangers fill: giants, names, many at once."""

from __future__ import annotations

import concurrent.futures
import json
import os
import time
from collections import Counter

from strangers import SAMPLE, Fell, Stranger, attack, picture


def _repository(me: Stranger, name: str, config: dict | bytes, tensors: bytes | None = None) -> None:
    import torch
    from safetensors.torch import save

    config = config if isinstance(config, bytes) else json.dumps(config).encode()
    me.studio.hub.add(name, {"config.json": config, "model.safetensors": tensors or save({"x": torch.zeros(1)})})


OURS = {"method": "dcgan", "size": 64, "channels": 3, "latent": 100, "width": 64, "norm": "batch"}


@attack("7")
def tiny_repositories_that_claim_giants(me: Stranger) -> str:
    """A config.json of a hundred bytes that asks for a network of gigabytes: refused by counting, in seconds."""
    configs = [
        {**OURS, "width": 4096}, {**OURS, "method": "connected", "size": 65536}, {**OURS, "latent": 2**31},
        {**OURS, "size": 2**20}, {**OURS, "method": "connected", "width": 20_000}, {**OURS, "size": 2**400, "width": 1},
        {**OURS, "width": -64}, {**OURS, "channels": 10**6}, {**OURS, "size": [64]}, {**OURS, "size": 1e308},
    ]  # fmt: skip
    told: list[str] = []
    with me.studio.memory_within(700e6), me.studio.answering(5):
        for number, config in enumerate(configs):
            _repository(me, f"giant/n{number}", config)
            began = time.monotonic()
            answer = me.call("sample", f"hub:giant/n{number}", *SAMPLE[1:])
            if '"pictures"' in answer or time.monotonic() - began > 15:
                raise Fell(f"{config} took {time.monotonic() - began:.0f} s: {answer[:80]}")
            told.append("refused in words" if "event: error" in answer and "null" not in answer else answer[:60])
    return str(dict(Counter(told)))


@attack("7")
def foreign_layers_that_unfold(me: Stranger) -> str:
    """Tensors of some hundred kilobytes whose up-convolutions unfold into pictures of gigabytes, and very many of
    them: refused by counting, and several of them at once as well."""
    import torch
    from safetensors.torch import save

    def net(layers: int, kernel: int = 4, width: int = 4) -> bytes:
        return save(
            {
                f"l{i}.weight": torch.randn(width, width if i < layers - 1 else 3, kernel, kernel) * 0.5
                for i in range(layers)
            }
        )

    told: list[str] = []
    files = [net(11), net(14), net(40), net(400, 1), net(6, 32), net(2000, 2, 2)]
    with me.studio.memory_within(1.2e9), me.studio.answering(6):
        for number, tensors in enumerate(files):
            _repository(me, f"unfold/n{number}", b"{}", tensors)
            _repository(me, f"unfold/m{number}", {"image_size": 2**20}, tensors)

        def one(name: str) -> str:
            answer = me.call("sample", f"hub:unfold/{name}", *SAMPLE[1:])
            return "refused in words" if "event: error" in answer and "null" not in answer else answer[:60]

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            told += pool.map(one, [f"{letter}{number}" for number in range(len(files)) for letter in "nm"])
    return str(dict(Counter(told)))


@attack("16", quick=True)
def hostile_names_of_repositories_and_files(me: Stranger) -> str:
    """Names that want to be paths, addresses, options or markup: a sentence each, and no file is made outside."""
    before = {str(path) for path in me.studio.home.iterdir()}
    names = ["../x", "a/../../b", "a/b:../../../x.pth", "a/b@../../x:g.pth", "a/b:/etc/passwd", "a/b\0c",
             "a/" + "b" * 5000,
             "http://127.0.0.1:1/a/b", "a/b:" + "d/" * 300 + "g.pth", "a/b:" + "é" * 300 + ".pth", "<img src=x>/b",
             "a/b:x\u202egpj.pth", "..%2f..%2fx/y", "file:///etc/passwd", "a/b@main:~/x.pth", "a/.git",
             "-rf/b"]  # fmt: skip
    files = {
        f"{name}.safetensors": picture(8)
        for name in ("../../up", "/abs", "a\nb", "x" * 300, "<img src=x onerror=a()>", "con", "日" * 120)
    }
    me.studio.hub.add("hostile/names", {**files, "config.json": b"{}"})
    names += [f"hostile/names:{name}" for name in files] + ["hostile/names"]
    told = Counter()
    for name in names:
        answer = me.call("sample", f"hub:{name}", *SAMPLE[1:])
        if '"pictures"' in answer:
            raise Fell(f"{name!r} is sampled")
        if "event: error" not in answer or "null" in answer.split("data:")[-1][:8] or "broke" in answer:
            told[f"no words for {name[:30]!r}: {answer[:60]!r}"] += 1
        else:
            told["a sentence"] += 1
    if more := {str(path) for path in me.studio.home.iterdir()} - before - {str(me.studio.home / "cache")}:
        raise Fell(f"files were made outside: {more}")
    if len(told) > 1:
        raise Fell(f"{dict(told)}")
    return str(dict(told))


@attack("17")
def parallel_fetches(me: Stranger) -> str:
    """Twenty repositories of 30 MB that send slowly, asked for at once: others sample meanwhile, memory stays."""
    for number in range(20):
        me.studio.hub.add(f"slow/n{number}", {"g.safetensors": os.urandom(30_000_000), "config.json": b"{}"})
        me.studio.hub.fail(f"slow/n{number}", "g.safetensors", "stall", after=500_000, seconds=5)
    with me.studio.memory_within(900e6), me.studio.answering(6), concurrent.futures.ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(me.call, "sample", f"hub:slow/n{number}", *SAMPLE[1:]) for number in range(20)]
        time.sleep(1)
        other = Stranger(me.studio, 3, cookie=True)
        began = time.monotonic()
        if '"pictures"' not in (answer := other.call("sample", *SAMPLE)):
            raise Fell(f"another visitor gets no sample: {answer[:100]}")
        waited = time.monotonic() - began
        told = Counter("pictures" if '"pictures"' in one.result() else "refused" for one in asked)
    me.studio.hub.heal()
    if waited > 10:
        raise Fell(f"another visitor waited {waited:.0f} s for a sample")
    return f"another visitor waited {waited:.1f} s; {dict(told)}"
