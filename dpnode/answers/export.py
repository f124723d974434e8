"""Writing the ledger to a file beside a running node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dpnode.answers.reading import source_of
from dpnode.answers.verify import beside
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.ledger import LedgerExport
from dpnode.control.questions.owning import ShareHistory
from dpnode.control.server import Responder
from dpnode.node import Node
from dpnode.reading.export import export
from dpnode.reading.share_history import history
from dpnode.reading.source import Report, StoredView, read_head
from dpnode.store import questions
from dpnode.store.offline import Reading


async def answer(node: Node, question: LedgerExport | ShareHistory, responder: Responder) -> Answer:
    """Go through what stands on the disk at this moment: into a file, or for one owner's past."""
    live = await source_of(node)

    def work(opened: Reading, report: Report) -> dict[str, Any]:
        meta = opened.ask(questions.meta())
        source = replace(live, view=StoredView(opened), head=read_head(meta), meta=meta)
        if isinstance(question, ShareHistory):
            return history(source, opened, question, report)
        return export(source, opened, question, report)

    return Done(value=await beside(node, responder, work))


ANSWERS: dict[type[Any], Any] = {LedgerExport: answer, ShareHistory: answer}
