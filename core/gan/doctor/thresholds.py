"""Where the doctor draws its lines. All of them stand here.

They were set by looking at runs of `bench/doctor.py`: what healthy ones never reach and sick ones soon do, with room on
both sides; beside each stands what was seen. `python bench/doctor.py FOLDER report` says how often they are right.
"""

from __future__ import annotations

EARLY_STEPS = 100  # before, no run has shown anything
LEARNED = 0.2  # steps times G's rate: before, one that learns slowly looks as one that does not
SLOWEST = 2000  # steps at most that this may take
LONG = 4  # times as long is long enough to have come nearer to the real pictures
RECENT = 0.3  # of the steps so far: what lasted so long is no mood
VALUES = 4  # that have to agree, of a curve

IDENTICAL = 0.005  # diversity, below: collapse, whatever else. Always the same: 0.000; never learned: 0.02
FELL = 0.5  # diversity over its own best, below, where it was once above SAME: collapse
SAME = 0.27  # diversity, below: collapse, unless D or G wins. Healthy: 0.32 at the least by then; a small batch: 0.24
RISING = 1.1  # diversity over what it was before it was recent, above: it is on its way
WORSE_THAN_A_GUESS = 2.0  # D's mean loss over that of a guess, above: diverging. Healthy: 0.2 to 1
SURE = 0.95  # belief in real pictures less that in generated ones, above: D wins. Healthy: 0 to 0.86; beaten: 1
FOOLED = 0.05  # the same, below, and samples still alike: G wins. Seen: -0.03, with a diversity of 0.04
BETRAYED = -0.2  # the same, below, however varied samples are: G wins. Healthy: no less than -0.02
COPIES = 0.7  # by_heart, below: learned by heart
FEW = 50  # pictures
NEAR_FEW = 1.05  # by_heart_pixels of so few, below: learned by heart. Ten pictures: 0.8 to 0.95; of 600: 1.1 to 1.5
LOST = 3.0  # KID over its best, above: diverging
NEVER = 0.97  # KID over its first, above after a long time: diverging. Healthy: 0.6 to 0.8
BETTER = 0.03  # KID got better by more than this in the last half of the steps: learning
PATIENCE = 0.5  # of the steps without a better KID: done
