"""Exception for bad input; its message states what to do."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Input that cannot be used as it is: what was expected, what came, where, and what to do.

    The command line prints it and exits with code 2; the explorer shows it in an alert. Every other
    exception is a fault of ours.
    """
