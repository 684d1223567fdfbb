"""The one exception that people see: what happened, what was expected, how to fix it."""


class UserError(ValueError):
    """A mistake in the input, not in the program. The command line prints it and exits with code 2.

    Args:
        message: what happened, naming the file, column or option.
        expected: what would have been accepted.
        fix: what to do now.
    """

    def __init__(self, message: str, *, expected: str | None = None, fix: str | None = None):
        lines = [message]
        if expected:
            lines.append(f"expected: {expected}")
        if fix:
            lines.append(f"fix: {fix}")
        super().__init__("\n  ".join(lines))
        self.message, self.expected, self.fix = message, expected, fix


class NoSpace(UserError):
    """The disk is full: what was begun can go on once there is room."""

    def __init__(self, path: object):
        super().__init__(f"no space left on the disk while writing {path}", fix="free some space and run the same command again")


def first_line(error: BaseException) -> str:
    """What another library said, in one line; the error's name where it said nothing."""
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def did_you_mean(name: str, known: list[str]) -> str:
    """The sentence that helps with a misspelt name."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listed = "one of " + ", ".join(known)
    return f"did you mean '{close[0]}'? ({listed})" if close else listed
