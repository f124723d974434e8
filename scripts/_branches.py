"""Fails when the tests reach less of the pure cores' branches than asked: `_branches.py coverage.json LEAST_PERCENT`.

Whole numbers only, so 94.99 % is not rounded into a pass; a report without branches is a failure, too.
"""

import json
import sys
from pathlib import Path


def main() -> int:
    """Print the figure and the files that fall short; 0 if it holds."""
    report = json.loads(Path(sys.argv[1]).read_text())
    least = int(sys.argv[2])
    seen = {name: one["summary"] for name, one in report["files"].items()}
    reached = sum(one["covered_branches"] for one in seen.values())
    all_of_them = sum(one["num_branches"] for one in seen.values())
    holds = all_of_them > 0 and reached * 100 >= least * all_of_them
    if not holds:
        short = {name: one["missing_branches"] for name, one in seen.items() if one["missing_branches"]}
        for name in sorted(short, key=lambda one: -short[one])[:10]:
            print(f"  {short[name]:4} branches not reached in {name}")
    print(f"branches of ledger and protocol: {reached} of {all_of_them} reached, at least {least} % asked")
    return 0 if holds else 1


sys.exit(main())
