"""torchvision beside a CPU build of torch, where its import fails otherwise."""

from __future__ import annotations

import sys


def importable_torchvision():
    """torchvision, also where its compiled operators cannot be loaded beside a CPU build of torch. Its import then
    fails for want of two operators that nothing here uses; declaring them is enough."""
    try:
        import torchvision
    except RuntimeError:
        import torch

        for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou) -> Tensor")
        import torchvision
    return torchvision
