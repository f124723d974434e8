"""Verifying the whole ledger beside a running node: in a thread, over a connection of its own.

One read transaction fixes the moment, so what is compared in the end belongs together although the ledger goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import trio

from dpnode.belonging import lost
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.ledger import LedgerRebuild, LedgerVerify
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.reading.source import Report
from dpnode.reading.verify import verify
from dpnode.shelf import META_CHECKED
from dpnode.store.offline import Reading, reading
from dpnode.store.rows import Commit
from ledger.canonical import decode, encode

T = TypeVar("T")


async def beside(node: Node, responder: Responder, work: Callable[[Reading, Report], T]) -> T:
    """Run `work` in a thread over its own connection to the database; ends at its next report when cancelled."""

    def report(value: dict[str, Any]) -> None:
        trio.from_thread.run(responder.progress, value)

    def run() -> T:
        with reading(node.home.database) as opened:
            return work(opened, report)

    return await trio.to_thread.run_sync(run)


async def answer(node: Node, question: LedgerVerify, responder: Responder) -> Answer:
    """Replay everything; then it is known up to where every signature was checked."""
    assert node.core is not None
    value = await beside(node, responder, verify)
    meta = await node.store.meta()
    checked = decode(meta[META_CHECKED]) if META_CHECKED in meta else 0
    if value["height"] > checked:
        await node.store.commit(Commit(meta=[(META_CHECKED, encode(value["height"]))]))
    return Done(value=value)


async def rebuild(node: Node, question: LedgerRebuild, responder: Responder) -> Answer:
    """Never beside a running node; where there is no network, nor was any, that is what is said."""
    if lost(node.home) is None:
        node.assembled  # noqa: B018 - raises the sentence that there is no network yet
    raise Problem(FailKind.REFUSED, "the node runs on this ledger: `dpnode down` first, then `dpnode ledger rebuild`")


ANSWERS: dict[type[Any], Any] = {LedgerVerify: answer, LedgerRebuild: rebuild}
