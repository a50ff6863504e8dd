"""Which feature network paints. Plain: asks only what is on this computer, and imports no torch."""

from __future__ import annotations

from core.hub import cache


def available() -> dict[str, bool]:
    """Each feature network's name -> whether it can be used now, without a download."""
    return {"bundled": True, "vgg19": cache.find("vgg19") is not None}


def choose(name: str) -> str:
    """For "auto": "vgg19" if it is in the cache, else "bundled"; any other name as it is. Never goes online."""
    if name != "auto":
        return name
    return "vgg19" if available()["vgg19"] else "bundled"
