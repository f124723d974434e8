"""Two nodes that trade: Ada pays in her own credit, Bob prints and decides everything himself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import trio

from dpnode.control.questions.capability import CapabilityAdd
from dpnode.control.questions.holdings import CreditIssue, CreditOpen
from dpnode.control.questions.job import InboxApprove, InboxList, JobCall
from dpnode.node import Node
from dpnode.store.rows import Commit
from dpnode.store.store import Store
from tests.dpnode.answers.grown import Grown
from tests.dpnode.answers.nodes import Wire, asked, join_home, running, until, until_heard

PRINTER = (files("config") / "samples" / "offers" / "printer.toml").read_text("utf-8")
WANTED = {"material": "pla", "mass": "16 g", "length": "50 mm", "width": "50 mm", "height": "20 mm"}


@dataclass
class Trade:
    """Ada, who calls, and Bob, who prints."""

    ada: Node
    bob: Node
    wire: Wire

    async def call(self, **changes: Any) -> str:
        """Ada calls for two pieces: the call's id, once Bob was asked."""
        question = {"function": "3d-printing-fdm", "parameters": WANTED, "quantity": 2, "automatic": False, **changes}
        told = await asked(self.ada, JobCall(**question))
        await until(self.bob, lambda: self.bob.core.conversation.negotiation.deals())
        return str(told["call"])

    async def waiting(self) -> dict[str, Any]:
        """The one matter that waits at Bob's."""
        (row,) = (await asked(self.bob, InboxList()))["items"]
        return dict(row)

    async def proposed(self, **changes: Any) -> str:
        """As `call`, approved by Bob and received by Ada."""
        call = await self.call(**changes)
        await asked(self.bob, InboxApprove(id=call))
        await until(self.ada, lambda: self.ada.core.conversation.negotiation.calls()[-1].received)
        return call


@asynccontextmanager
async def trading(folder: Path, *, issued: str = "100.00 EUR", printer: str = PRINTER) -> AsyncIterator[Trade]:
    """Both nodes, connected; Bob's printer is known to Ada."""
    grown = Grown(folder / "ada")
    home = join_home(grown, folder / "bob", "Bob", 7)
    path = folder / "printer.toml"
    await trio.Path(path).write_text(printer)
    wire = Wire()
    async with running(grown.home, wire) as ada, running(home, wire) as bob:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        await asked(ada, CreditIssue(amount=issued))
        await until(bob, lambda: bob.core.chain.head.height >= ada.core.chain.head.height)
        await asked(bob, CapabilityAdd(path=str(path)))
        await until_heard(ada, lambda: ada.core.directory.directory.advert(bob.identity.member))
        yield Trade(ada=ada, bob=bob, wire=wire)


class HeldStore:
    """A disk that takes what it is given only when it may."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.came = trio.Event()
        self.may = trio.Event()

    async def commit(self, commit: Commit) -> None:
        """Make durable, once that is allowed."""
        self.came.set()
        await self.may.wait()
        await self._store.commit(commit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
