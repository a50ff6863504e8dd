"""Everything Ganvas does, without a user interface.

Plain modules (`settings`, `errors`, `images`, `weights`, `jobs`, `runs`) import neither torch nor a UI.
Engines (`style`, `gan`) and the feature networks (`perceptual`) need torch and are imported by the first job.
"""

__version__ = "0.1.0"
