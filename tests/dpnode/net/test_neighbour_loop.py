"""Looking for neighbours costs nothing while nobody comes or goes, also beside the store's bridge to asyncio."""

import asyncio
import time

import trio_asyncio  # type: ignore[import-untyped]  # noqa: F401 - its import changes what `asyncio.new_event_loop` gives, the point

from dpnode.net.neighbours import OwnLoop

_WATCHED_S = 2.0


def test_zeroconf_runs_a_plain_loop_and_rests_beside_the_bridge_to_asyncio() -> None:
    room = OwnLoop(interfaces=["127.0.0.1"])
    try:
        assert type(room.loop) is asyncio.SelectorEventLoop
        done = asyncio.run_coroutine_threadsafe(_used_over(_WATCHED_S), room.loop)
        assert done.result(timeout=10 * _WATCHED_S) < 0.1 * _WATCHED_S
    finally:
        room.close()


async def _used_over(seconds: float) -> float:
    """Seconds of processor this thread used while it had nothing to do."""
    before = time.thread_time()
    await asyncio.sleep(seconds)
    return time.thread_time() - before
