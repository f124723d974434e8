"""Every bound of a conversation, each with its unit and reason (SPEC N-21).

What the owner may choose stands in `policy_keys`; these are the bounds that no policy loosens.
"""

ASKED_MAX = 64
"""Members asked by one call: a directory's best 64 hold the best offer, and a call is sent to each by itself."""
PROPOSALS_PER_MEMBER_MAX = 4
"""One answer to the call and one after each counter."""
ROUNDS_MAX = 3
"""Counters in one conversation, both directions together: after three, a new call is clearer."""
CALLS_MAX = 512
"""The customer's remembered calls; the oldest ended one is forgotten first."""
DEALS_MAX = 2048
"""The provider's remembered conversations (about 4 KiB each); ended and past their reply-by are forgotten first."""
FILES_MAX = 64
"""Files named by one call."""
TEXT_BYTES_MAX = 280
"""A sentence in a refusal or a note."""
NAME_BYTES_MAX = 120
"""A file's name."""
PART_BYTES_MAX = 200
"""A part's name, as in a proposal."""
QUANTITY_MAX = 1_000_000_000
"""Pieces in one call."""
FILE_BYTES_MAX = 1 << 40
"""One named file; what is really fetched has a bound of its own."""

CLOCK_SKEW_MS = 120_000
"""Two honest clocks differ by at most this (the ledger's S); a call is taken this long past its reply-by."""
REPLY_AHEAD_MS_MAX = 90 * 86_400_000
"""A call that awaits replies for longer is refused: it would have to be remembered for longer, too."""
LAPSE_GRACE_MS = 86_400_000
"""With no blocks at all an offer has lapsed a day past its time by our own clock (SPEC N-16)."""
AWARD_MARGIN_MS = 60_000
"""The policy awards this long before the first offer it holds lapses, so that the entry can become final."""
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
MINUTE_MS = 60_000
