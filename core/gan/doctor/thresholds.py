"""Where the doctor draws its lines. All of them stand here.

They were set by looking at runs of `bench/doctor.py`: what healthy ones never reach and sick ones soon do, with room on
both sides; beside each stands what was seen. `python bench/doctor.py FOLDER report` says how often they are right.
"""

from __future__ import annotations

EARLY_STEPS = 100  # before, no run has shown anything
LEARNED = 0.4  # steps times the rate: before, one that learns slowly looks as one that does not
SOON, AT_ONCE = 0.5, 0.25  # of that time: before, any generator makes the same picture, and any D tells all apart
SLOWEST = 2000  # steps at most that this may take
LONG = 4  # times as long is long enough to have come nearer to the real pictures
RECENT = 0.3  # of the steps so far: what lasted so long is no mood
VALUES = 4  # that have to agree, of a curve; where fewer are recent, the last ones

ONE = 0.0005  # diversity, below: it makes one picture, and never made more. Healthy, at the first step: 0.001
IDENTICAL = 0.005  # diversity, below: collapse, whatever else. Always the same: 0.000; never learned: 0.02
FELL = 0.5  # diversity over its own best, below, where it was once above SAME: collapse
SAME = 0.25  # diversity, below: collapse, unless D or G wins. Healthy by then: 0.4 and more
RISING = 1.1  # diversity over what it was before it was recent, above: it is on its way
WORSE_THAN_A_GUESS = 1.3  # D's mean loss over that of a guess, above: diverging. Healthy: 0.1 to 1.05; seen: 1.4
SURE = 0.95  # belief in real pictures less that in generated ones, above: D wins. Healthy: 0 to 0.86; beaten: 1
BEATEN = 9.0  # G's mean loss, above: D wins, with losses that are logarithms. Healthy: no more than 6.5
FOOLED = 0.05  # the belief above, below this, while samples are alike: G wins. Seen: -0.03; healthy: -0.02, but varied
UNLEARNED = 0.1  # diversity, below: so alike that nothing was learned. Seen: 0.03; healthy: 0.2 and more
BETRAYED = -0.2  # the belief above, below this, however varied samples are: G wins
COPIES = 0.7  # by_heart, below: learned by heart
FEW = 50  # pictures
NEAR_FEW = 1.05  # by_heart_pixels of so few, below: learned by heart. Ten pictures: 0.8 to 0.95; of 600: 1.1 to 1.5
FAR = 2.4  # by_heart_pixels, above, after it had time to learn: diverging. Healthy: 0.8 to 2.0; seen: 2.5 to 2.9
LOST = 3.5  # KID over its best, above: diverging. Healthy: 2.4
NEVER = 0.97  # KID over its first, above after a long time: diverging. Healthy: 0.6 to 0.8
BETTER = 0.03  # KID got better by more than this in the last half of the steps: learning
PATIENCE = 0.5  # of the steps without a better KID: done
