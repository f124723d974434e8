"""Keeping the network open through its own crashes (mend 14).

Upstream runs its services as tasks that end everything with them when they fail. The room contains such a failure in
one exception, `NetCrashed`; here it is logged, told to the inbox and followed by a fresh start, with growing pauses.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

import trio

from dpnode.net.api import Dice, Gate, NetCrashed, NetError, NetEvent, NetSettings, Restarted
from dpnode.net.room import Net, open_room

log = logging.getLogger(__name__)

_PAUSE_S = (0.1, 30.0)
_SETTLED_S = 60.0


async def run_supervised(
    settings: NetSettings,
    seed: bytes,
    gate: Gate,
    inbox: trio.MemorySendChannel[NetEvent],
    prepare: Callable[[Net], None],
    *,
    dice: Dice | None = None,
    task_status: trio.TaskStatus[Net] = trio.TASK_STATUS_IGNORED,
) -> None:
    """See `dpnode.net.supervise`."""
    roll = dice or secrets.SystemRandom().random
    reason: str | None = None
    pause_s = _PAUSE_S[0]
    while True:
        began_s = trio.current_time()
        try:
            async with open_room(settings, seed, gate, inbox, dice=roll) as net:
                prepare(net)
                if reason is None:
                    task_status.started(net)
                else:
                    await inbox.send(Restarted(reason=reason))
                await trio.sleep_forever()
        except NetCrashed as crash:
            reason = str(crash)
        except NetError as error:
            if reason is None:
                raise  # the first start: the owner must hear of a wrong address at once
            log.warning("the network room cannot start again yet: %s", error)
        if trio.current_time() - began_s > _SETTLED_S:
            pause_s = _PAUSE_S[0]
        log.warning("the network room starts again in a moment (%s)", reason)
        await trio.sleep(pause_s * (0.5 + roll() / 2))
        pause_s = min(2 * pause_s, _PAUSE_S[1])
