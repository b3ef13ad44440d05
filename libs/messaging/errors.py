"""The fates of a message that was not handled: poison, or worth another try."""

import asyncpg
import sqlalchemy.exc


class Poison(Exception):
    """A message that can never be handled. It goes to the dead letters with this reason."""


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: the database is away, or a lock was lost."""
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
            asyncpg.SerializationError,
            asyncpg.OperatorInterventionError,
            asyncpg.InsufficientResourcesError,
        ),
    ) or _wraps_transient(error)


def _wraps_transient(error: BaseException) -> bool:
    """SQLAlchemy's asyncpg adapter raises its own classes, chained to asyncpg's."""
    cause = error.__cause__
    return cause is not None and is_transient(cause)
