"""What asyncpg raises, by what it says of PostgreSQL and of the transaction."""

import asyncpg

AGAIN = (
    asyncpg.DeadlockDetectedError,  # 40P01
    asyncpg.LockNotAvailableError,  # 55P03
    asyncpg.SerializationError,  # 40001
    asyncpg.InvalidCachedStatementError,  # a migration ran beside us
)
"""The transaction was rolled back through no fault of its own."""

LOST = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, starting, idle session
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.PostgresSystemError,  # it cannot read or write its files
    asyncpg.DataCorruptedError,  # no request's or record's fault: all waits until people mended it
    asyncpg.IndexCorruptedError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
)
"""PostgreSQL does not answer, or not with what was asked."""

NOT_YET = (
    *LOST,
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
"""What connecting may meet besides: no socket, no role, no database yet, an end at once."""
