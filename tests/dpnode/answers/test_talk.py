"""What the owners of two nodes are told of a call, from the asking to the award."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio
import trio.testing

from dpnode.control.questions.job import InboxApprove, JobShow
from tests.dpnode.answers.nodes import asked, until
from tests.dpnode.answers.trade import HeldStore, trading


async def test_a_proposal_is_shown_only_once_it_is_on_disk(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        call = await trade.call()
        driver = trade.ada.driver
        assert driver is not None
        held = HeldStore(trade.ada.store)
        driver._store = held
        await asked(trade.bob, InboxApprove(id=call))
        with trio.fail_after(20):
            await held.came.wait()
        assert trade.ada.core.conversation.negotiation.calls()[0].received, "the core has it already"
        shown: list[dict[str, Any]] = []

        async def look() -> None:
            shown.append(await asked(trade.ada, JobShow(id=call)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert shown == []
            held.may.set()
        assert len(shown[0]["proposals"]) == 1
        await until(trade.ada, lambda: True)
