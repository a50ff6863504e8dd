"""Where the doctor draws its lines. All of them stand here."""

from __future__ import annotations

EARLY_STEPS = 100  # before, no run has shown anything
LEARNED = 0.2  # steps times G's rate: before, one that learns slowly looks as one that does not
SLOWEST = 2000  # steps at most that this may take
RECENT = 0.3  # of the steps so far: what lasted so long is no mood
VALUES = 4  # that have to agree, of a curve

IDENTICAL = 0.005  # diversity, below: collapse, whatever else there is
FELL = 0.5  # diversity over its own best, below, where it was once above SAME: collapse
SAME = 0.35  # diversity, below: collapse, unless D or G wins
WORSE_THAN_A_GUESS = 2.0  # D's mean loss over that of a guess, above: diverging
COPIES = 0.7  # by_heart, below: learned by heart
SURE = 0.93  # belief in real pictures minus that in generated ones, above: D wins
FOOLED = 0.05  # the same, below, while D's sign says it does not know real ones either: G wins
LOST = 3.0  # KID over its best, above: diverging
NEVER = 0.85  # KID over its first, above after a while: diverging
BETTER = 0.03  # KID got better by more than this in the last half of the steps: learning
SWING = 0.15  # losses vary by more than this share of their mean: oscillating
PATIENCE = 0.5  # of the steps without a better KID: done
