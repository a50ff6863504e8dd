"""Proxies that the environment names (http_proxy and its like), as far as anything can be asked through them.

httpx, which the Hub and Gradio are asked with, ends in a stack trace where one of them makes no sense, at Gradio's
import already. So those are left out of this process's environment, and that is told.
"""

from __future__ import annotations

import os
import sys

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def settle() -> None:
    """Leave them out, and say so in the log."""
    for told in leave_out_unusable():
        print(told, file=sys.stderr, flush=True)


def leave_out_unusable() -> list[str]:
    """A sentence for each variable that was left out."""
    named = [name for name in os.environ if name.lower() in NAMES and os.environ[name].strip()]
    named.sort(key=lambda name: NAMES.index(name.lower()))
    if not named:
        return []
    import httpx

    told = []
    for name in named:
        value = os.environ[name].strip()
        try:
            if name.lower() == "no_proxy":
                httpx.Client().close()  # it is read together with the others, which are usable by now
            else:
                httpx.Client(proxy=value if "://" in value else f"http://{value}", trust_env=False).close()
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            del os.environ[name]
            told.append(
                f"{name} cannot be used ({error}) and is left out; where the Hub is reached through a proxy, "
                "name it like http://host:3128 or socks5://host:1080."
            )
    return told
