"""Whole modules, as `torch.save(model)` writes them, read without their code: objects that keep what was written of
them and can do nothing. Their tensors are what `state_dict` would be; their settings tell strides, epsilons, what
follows what. How `forward` uses them no file tells. Knows no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from torch import Tensor

from core.errors import UserError

TORCHS = "torch.nn.modules."
MAX_MODULES, MAX_DEPTH = 2000, 20  # of one module, and within each other
MAX_ATTRIBUTES, MAX_NAME = 100, 200
WRAPPERS = ("torch.nn.parallel.",)  # whose one module is as good as itself


class Inert:
    """An object of a class that is not here. It takes what a pickle writes into it, as plain attributes; nothing of its
    class is known or called but the name."""

    of: str  # the full name of its class

    def __init__(self, *_: Any) -> None:
        """Called where a pickle calls a function, or makes an object by calling its class; objects that are only
        restored are made without."""
        raise UserError(f"It wants to call {self.of[:80]}; weights never need that, so it was not opened.")

    def __setstate__(self, state: Any) -> None:
        """Stands here so that no attribute of that name is called instead."""
        if not isinstance(state, dict) or len(state) > MAX_ATTRIBUTES:
            raise ValueError("an object that is none")
        vars(self).update({key: value for key, value in state.items() if isinstance(key, str) and key[:2] != "__"})


def inert(of: str) -> type[Inert]:
    """What stands for the class of that full name."""
    return type("Inert", (Inert,), {"of": of})


@dataclass(frozen=True)
class Module:
    """What one module says of itself: the full name of its class, and its plain settings."""

    of: str
    settings: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its name, where it is one of torch's own; else none."""
        return self.of.rpartition(".")[2] if self.of.startswith(TORCHS) else ""


def of_part(modules: Mapping[str, Module], way: str) -> dict[str, Module]:
    """Those of the part that lies at the end of a way, by their names within it."""
    begin = f"{way}." if way else ""
    return {f"{name}."[len(begin) : -1]: module for name, module in modules.items() if f"{name}.".startswith(begin)}


def is_module(value: Any) -> TypeGuard[Inert]:
    return isinstance(value, Inert) and all(
        isinstance(vars(value).get(part), dict) for part in ("_modules", "_parameters", "_buffers")
    )


def laid_open(module: Inert) -> tuple[dict[str, Tensor], dict[str, Module]]:
    """Its tensors by name, as `state_dict` would name them; and all modules in it by name, in their order."""
    tensors: dict[str, Tensor] = {}
    modules: dict[str, Module] = {}
    for number, (name, inner) in enumerate(_walk(module, "", 0)):
        if number >= MAX_MODULES:
            raise UserError(f"It has more than {MAX_MODULES:,} modules; it was not opened.")
        held = vars(inner)
        kept = held.get("_non_persistent_buffers_set")
        left_out = kept if isinstance(kept, set) else set()
        for leaf, value in (*held["_parameters"].items(), *held["_buffers"].items()):
            if isinstance(value, Tensor) and _is_name(leaf) and leaf not in left_out:
                tensors[f"{name}.{leaf}".strip(".")] = value.detach()
        settings = {key: value for key, value in held.items() if key[:1] != "_" and _plain(value)}
        modules[name] = Module(inner.of, settings)
    return tensors, modules


def _walk(module: Inert, name: str, depth: int) -> Iterator[tuple[str, Inert]]:
    if depth > MAX_DEPTH:
        raise UserError(f"Its modules lie more than {MAX_DEPTH} deep in each other; it was not opened.")
    inner = {key: value for key, value in vars(module)["_modules"].items() if is_module(value) and _is_name(key)}
    if module.of.startswith(WRAPPERS) and list(inner) == ["module"]:
        yield from _walk(inner["module"], name, depth + 1)
        return
    yield name, module
    for key, value in inner.items():
        yield from _walk(value, f"{name}.{key}".strip("."), depth + 1)


def _is_name(key: Any) -> bool:
    return isinstance(key, str) and len(key) <= MAX_NAME


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) <= 4 and all(isinstance(part, int | float | None) for part in value)
    return value is None or isinstance(value, int | float | str)
