"""The reading questions as a running node answers them: the state in memory, the rest from its store.

The answers themselves stand in `dpnode.reading`, where the offline reader finds them as well.
"""

from __future__ import annotations

from typing import Any

from dpnode.answers.pending import own_pending, with_pending
from dpnode.control.answers import Answer, Done
from dpnode.control.questions import all_questions
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder
from dpnode.node import Node
from dpnode.reading.source import Asking, Source, read_head
from dpnode.reading.table import WHERE, reader_of
from ledger.operations.members import member_of_peer


async def source_of(node: Node) -> Source:
    """What a reading answer may look at now; raises `Problem` while this home has no network."""
    chain = node.core.chain
    meta = await node.store.meta()
    peers = [] if node.net is None else [peer.peer_id for peer in node.net.peers() if peer.linked]
    members = {member_of_peer(chain.state, peer) for peer in peers}
    return Source(
        view=chain.state,
        head=read_head(meta),
        meta=meta,
        me=node.identity.member,
        peer=node.core.me.peer,
        key=node.core.me.signer.public,
        connected=frozenset(member for member in members if member is not None),
        pending=len(node.core.ledger.pool),
        coming=with_pending(node) if own_pending(node) else None,
        coming_entries=own_pending(node),
        state_height=chain.head.height,
    )


async def drive(node: Node, asking: Asking[dict[str, Any]]) -> dict[str, Any]:
    """Run an answer to its end with the node's store."""
    try:
        procedure = next(asking)
        while True:
            procedure = asking.send(await node.store.ask(procedure))
    except StopIteration as stop:
        value: dict[str, Any] = stop.value
        return value


async def answer(node: Node, question: Question, responder: Responder) -> Answer:
    """The answer to any reading question."""
    reader = reader_of(question)
    assert reader is not None, question.name
    return Done(value=await drive(node, reader(await source_of(node), question)))


# Questions about jobs are answered by `dpnode.answers.job`, which adds what is not on the ledger.
ANSWERS: dict[type[Question], Any] = {
    kind: answer for name, kind in all_questions().items() if name in WHERE and not name.startswith("job.")
}
