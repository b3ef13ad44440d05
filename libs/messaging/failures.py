"""What the failures of a handler mean, and how they are told without what they are about."""

import traceback
from collections.abc import Iterator

import asyncpg
import sqlalchemy.exc

from libs.messaging.errors import Poison
from libs.messaging.retries import Failure

OURS = ("services.", "libs.")
LONGEST_REASON = 300
"""Characters of a reason: it travels in a header."""


def failure_of(error: BaseException) -> Failure:
    """What an error that a handler raised says of the next try."""
    if is_poison(error):
        return Failure.POISON
    if is_full(error):
        return Failure.AWAY
    return Failure.PASSING if is_transient(error) else Failure.LASTING


def is_poison(error: BaseException) -> bool:
    """Whether the same work can never succeed: a value that the database cannot store."""
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.orig is not None and is_poison(error.orig)
    # SQLAlchemy knows asyncpg's DataError only as an error of the database.
    cause = error.__cause__
    return (
        isinstance(error, Poison | asyncpg.DataError | asyncpg.ProgramLimitExceededError)
        or _is_unfit_argument(error)
        or (cause is not None and is_poison(cause))
    )


def _is_unfit_argument(error: BaseException) -> bool:
    """asyncpg could not even send a value: an InterfaceError, but not one of the connection."""
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)


def is_full(error: BaseException) -> bool:
    """Whether the database can take no work of anybody: no disk or no connections are left.

    Not so if it is out of memory: that may be the work of the message.
    """
    return any(
        isinstance(each, asyncpg.DiskFullError | asyncpg.TooManyConnectionsError)
        for each in _chain(error)
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: the database is away, or a lock was lost."""
    if is_poison(error):
        return False
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig
        return error.connection_invalidated or (cause is not None and is_transient(cause))
    return isinstance(
        error,
        (
            OSError,
            TimeoutError,
            sqlalchemy.exc.TimeoutError,
            asyncpg.InterfaceError,
            asyncpg.PostgresConnectionError,
            asyncpg.DeadlockDetectedError,
            asyncpg.LockNotAvailableError,
            asyncpg.SerializationError,
            asyncpg.OperatorInterventionError,
            asyncpg.InsufficientResourcesError,
            # A password that was changed, a database that is restored, a standby: none of
            # them is about the message.
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
            asyncpg.ReadOnlySQLTransactionError,
        ),
    ) or _wraps_transient(error)


def _wraps_transient(error: BaseException) -> bool:
    """SQLAlchemy's asyncpg adapter raises its own classes, chained to asyncpg's."""
    cause = error.__cause__
    return cause is not None and is_transient(cause)


def reason_of(error: BaseException) -> str:
    """What went wrong and where, fit for logs and headers.

    The text of an error that is not ours is left out: it quotes values, and those are
    page texts and names.
    """
    if isinstance(error, Poison):
        return str(error)[:LONGEST_REASON]
    root = list(_chain(error))[-1]
    parts = [type(root).__name__]
    if isinstance(root, asyncpg.PostgresError):
        parts.append(f"({root.sqlstate})")
        if root.constraint_name or root.table_name:
            parts.append(f"of {root.constraint_name or root.table_name}")
    if place := _place_of(error):
        parts.append(f"at {place}")
    return " ".join(parts)[:LONGEST_REASON]


def stack_of(error: BaseException) -> str:
    """The lines of code that led to an error, without its text."""
    return "".join(traceback.format_tb(error.__traceback__))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it; SQLAlchemy's wrappers hide the one that tells most."""
    following: BaseException | None = error
    while following is not None:
        yield following
        wrapped = following.orig if isinstance(following, sqlalchemy.exc.DBAPIError) else None
        following = wrapped or following.__cause__


def _place_of(error: BaseException) -> str:
    """The innermost line of ours, or of whoever raised it."""
    frames = [
        (str(frame.f_globals.get("__name__", "")), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [frame for frame in frames if frame[0].startswith(OURS)]
    return ":".join(map(str, (ours or frames)[-1])) if frames else ""
