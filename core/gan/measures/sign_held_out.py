"""Whether D takes real pictures for real that it has never seen; beside `sign_real` it tells what D knows by heart."""

from __future__ import annotations

from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float | None:
    opinions = moment.opinions
    return opinions.held_out.sign().mean().item() if opinions and len(opinions.held_out) else None
