"""The one error that is meant for the person in front of the screen.

Raise `UserError` with one sentence that says what was got, what is allowed and what to do. Both UIs and the
command line show its text as it is. Any other exception is a defect: it stays loud and gets a traceback.
"""


class UserError(Exception):
    """A request that cannot be carried out, told in words a visitor understands."""
