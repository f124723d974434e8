"""A store procedure is a generator: it yields statements, receives rows, returns its answer, touches nothing itself.

So one procedure runs unchanged under aiosqlite in the daemon, sqlite3 with the daemon stopped, and a driver that cuts
the power between any two writes. `drive` is the whole of the machinery; `Port` is what a driver has to offer.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Row = tuple[Any, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with its parameters."""

    sql: str
    parameters: Sequence[Any] = ()
    """One row of values or, when `many`, one row of values for each execution."""
    many: bool = False


Procedure = Generator[Statement, list[Row], T]


class Port(Protocol):
    """One open connection of some driver, in autocommit mode."""

    def run(self, statement: Statement) -> list[Row]:
        """Execute and return every row. Raises a named `StoreError` for the disk's and the owner's faults."""
        ...

    def abandon(self) -> None:
        """Roll back an open transaction, if there is one; never raises for what the disk does then."""
        ...


def one(sql: str, *parameters: Any) -> Statement:
    """A statement executed once."""
    return Statement(sql, parameters)


def many(sql: str, rows: Sequence[Sequence[Any]]) -> Statement:
    """A statement executed once per row, in one call of the driver."""
    return Statement(sql, rows, many=True)


def drive(port: Port, procedure: Procedure[T]) -> T:
    """Run a procedure to its end; whatever it or the driver raises leaves no transaction open."""
    try:
        statement = next(procedure)
        while True:
            statement = procedure.send(port.run(statement))
    except StopIteration as stop:
        answer: T = stop.value
        return answer
    except BaseException:
        procedure.close()
        port.abandon()
        raise


def transaction(procedure: Procedure[T]) -> Procedure[T]:
    """The procedure inside one write transaction: durable when this returns, undone when it raises."""
    yield one("BEGIN IMMEDIATE")
    answer = yield from procedure
    yield one("COMMIT")
    return answer


def snapshot(procedure: Procedure[T]) -> Procedure[T]:
    """The procedure inside one read transaction: every statement sees the same committed database."""
    yield one("BEGIN")
    answer = yield from procedure
    yield one("COMMIT")
    return answer
