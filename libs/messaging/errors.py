"""The errors of messaging that handlers and pure rules may raise."""


class Poison(Exception):
    """A message that can never be handled. It goes to the dead letters with this text as reason.

    The text reaches logs and headers: it names ids and fields, never what a message says.
    """
