"""The errors of messaging that handlers and pure rules may raise."""


class Poison(Exception):
    """A message that can never be handled. It goes to the dead letters with this reason."""
