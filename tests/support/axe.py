"""axe-core's judgement of a page as people meet it who use a keyboard or hear it read: what it says is broken.

The script comes with axe-playwright-python, so nothing is fetched while testing.
"""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT


def violations(place, within: str = "body", **options: Any) -> list[str]:
    """What is broken in `place` (a page, or one frame of a page) inside `within` (a CSS selector), each in a line.
    Frames inside `place` are not looked into: they are asked by themselves. `options`: more of `axe.run`'s."""
    place.evaluate(f"() => {{ if (!window.axe) {{ {AXE_SCRIPT} }} }}")
    found = place.evaluate(
        """([within, options]) => axe.run(within, {
            resultTypes: ['violations'], iframes: false, rules: {'label-content-name-mismatch': {enabled: true}},
            ...options,
        }).then(all => all.violations)""",
        [within, options],
    )
    return [f"{one['id']}: {node['html'][:300]} {_why(node)}" for one in found for node in one["nodes"]]


def _why(node) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
