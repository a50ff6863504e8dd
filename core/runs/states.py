"""What a run can be."""

from __future__ import annotations

# What a run can be. Those marked * have a living process.
NEW, CHECKING, READY = "new", "checking", "ready"  # CHECKING*: images are prepared and twenty steps measured
QUEUED, STARTING, RUNNING = "queued", "starting", "running"  # STARTING*, RUNNING*
PAUSED, FINISHED, FAILED = "paused", "finished", "failed"
INTERRUPTED, DAMAGED = "interrupted", "damaged"  # never written: its process is gone; its folder cannot be read
ALIVE = {CHECKING, STARTING, RUNNING}
WRITTEN = [NEW, CHECKING, READY, QUEUED, STARTING, RUNNING, PAUSED, FINISHED, FAILED]
