"""Gradio's import, without the stub files it keeps beside its components for editors.

To know whether one has to be written anew, Gradio (6.31) parses the source of each component and fills a template with
it, at every start: a third of the time its import takes. It also writes one beside every new kind of component.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

WRITES = "gradio.component_meta", "create_or_modify_pyi"  # the module, and its function


class _WithoutStubs(MetaPathFinder):
    """Finds Gradio's module that would write them, and takes that out of it as soon as it is imported."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        module, function = WRITES
        if fullname != module or not (spec := PathFinder.find_spec(fullname, path)) or not spec.loader:
            return None
        run = spec.loader.exec_module

        def run_and_take_out(made: ModuleType) -> None:
            run(made)
            setattr(made, function, lambda *_: None)

        spec.loader.exec_module = run_and_take_out  # type: ignore[method-assign]
        return spec


def leave_unwritten() -> None:
    """Before Gradio is imported; afterwards it changes nothing."""
    if not any(isinstance(finder, _WithoutStubs) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WithoutStubs())
