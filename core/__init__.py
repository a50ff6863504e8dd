"""Everything Ganvas does, without a user interface.

Plain rooms (`pictures`, `visitors`, `hub`, `runs`) and modules (`settings`, `errors`, `jobs`) import neither torch nor
a UI. Engines (`style`, `gan`) and the feature networks (`perceptual`) need torch and are imported by the first job.
"""

__version__ = "0.1.0"
