"""Which part of a reader's processor time goes into certificates, where three of four witnesses signed each.

A run of `catch_up_quorum` of its own, whose newcomer counts: a clock of the thread's processor time stands around every
decoding and every check of a certificate in that daemon (`_counted`). The whole is the processor time of its process,
all threads, as the system counts it.
"""

from __future__ import annotations

import json

from scripts.bench_parts._catching import caught_up
from scripts.bench_parts._counted import WRITTEN
from scripts.bench_parts._run import Figure, Run

CEILING_PERCENT = 5.0


def catch_up_certificates(run: Run) -> Figure:
    """Per cent."""
    owner = run.newcomer()
    caught = caught_up(run, run.large_of_four(), owner, module="scripts.bench_parts._counted")
    counted = json.loads((owner.home.root / WRITTEN).read_text("utf-8"))
    checks, signatures, checking_s = counted["check_certificate"]
    reads, _, reading_s = counted["read_certificate"]
    if not checks or signatures < 3 * checks:
        raise RuntimeError(f"{checks} certificates with {signatures} signatures were checked, not three in each")
    return Figure(
        value=(checking_s + reading_s) / caught.cpu_s * 100,
        unit="%",
        floor=CEILING_PERCENT,
        at_most=True,
        notes=(
            f"counted in the daemon: {checks:,} certificates checked, {signatures:,} signatures, in "
            f"{checking_s * 1e3:.1f} ms; {reads:,} decoded in {reading_s * 1e3:.1f} ms",
            f"of {caught.cpu_s:.2f} s of processor time for {caught.large.entries:,} entries in "
            f"{caught.large.height:,} blocks",
        ),
    )
