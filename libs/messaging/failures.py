"""Which failures of a handler are poison, and which may pass."""

import asyncpg
import sqlalchemy.exc

from libs.messaging.errors import Poison


def is_poison(error: BaseException) -> bool:
    """Whether the same work can never succeed: a value that the database cannot store."""
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.orig is not None and is_poison(error.orig)
    # SQLAlchemy knows asyncpg's DataError only as an error of the database.
    cause = error.__cause__
    return (
        isinstance(error, Poison | asyncpg.DataError)
        or _is_unfit_argument(error)
        or (cause is not None and is_poison(cause))
    )


def _is_unfit_argument(error: BaseException) -> bool:
    """asyncpg could not even send a value: an InterfaceError, but not one of the connection."""
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)


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
            asyncpg.SerializationError,
            asyncpg.OperatorInterventionError,
            asyncpg.InsufficientResourcesError,
        ),
    ) or _wraps_transient(error)


def _wraps_transient(error: BaseException) -> bool:
    """SQLAlchemy's asyncpg adapter raises its own classes, chained to asyncpg's."""
    cause = error.__cause__
    return cause is not None and is_transient(cause)
