"""A process that commits numbers one after another and says each aloud once it is durable: made to be killed."""

import sys
from pathlib import Path

import trio

from dpnode.store.store import open_store
from tests.dpnode.store.material import commit_number


async def main(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        head = await store.head()
        height = head.height + 1 if head else 0
        number = int((await store.meta()).get("number", b"-1"))
        while True:
            number += 1
            commit = commit_number(number, height)
            await store.commit(commit)
            height += len(commit.blocks)
            print(number, flush=True)


trio.run(main, Path(sys.argv[1]))
