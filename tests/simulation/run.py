"""Run seeds and print what came of each: ``python -m tests.simulation.run 17 18``.

The last column but one is the hash of everything that happened, equal wherever the same seed runs.
"""

import sys
import time

from tests.simulation.cluster import memoised
from tests.simulation.life import Town


def main() -> None:
    with memoised():
        for seed in map(int, sys.argv[1:]):
            began = time.perf_counter()
            town = Town(seed)
            town.run()
            head = next(iter(town.cluster.nodes.values())).parts.core.chain.head
            took_s = time.perf_counter() - began
            trace = town.cluster.trace.hexdigest()
            print(seed, head.height, head.entries, town.cluster.now_ms, trace, f"{took_s:.2f} s")


if __name__ == "__main__":
    main()
