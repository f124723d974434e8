"""Every bound on what members' machines may send, each with its unit and reason."""

from __future__ import annotations

FRAME_BYTES_MAX = (1 << 20) + (144 << 10)
"""The largest block there can be (SPEC B-9), the largest certificate, their envelope: else it could not be fetched."""
RANGE_BYTES_MAX = 1 << 20
"""Blocks in one answer: what fits a frame. About 2,800 entries."""
RANGES_QUEUED_MAX = 3
"""Answers waiting to be checked, all of them together: a root and a transaction cost as much for one. About 8,000
entries, a fifth of a second to check."""
RANGE_BYTES_MIN = 64 << 10
"""Less of a slow machine at a time would cost more in questions than it spares in waiting."""
RANGE_MS = 3_000
"""How long a machine should take to bring what is asked of it at a time: four of them on one slow line stay below the
deadline then."""
RANGE_SLOW_MS = 4_000
"""After so long without an answer, and four times what the quickest takes, somebody else who has nothing to do is asked
too: a frozen machine costs this much once."""
RANGES_LATER_MAX = 9
"""Ranges on their way or waiting for something below them: what three machines bring while a fourth is waited for."""
ASKED_AT_ONCE_MAX = 4
"""Machines that bring ranges at the same time: checking is slower than four ordinary lines."""
ENTRIES_PER_MESSAGE = 256
"""About 100 KiB and 20 ms of signature checks."""
ENTRIES_BYTES_PER_MESSAGE = 512 << 10
"""An entry may have 64 KiB: a message of 256 of them would not fit a frame."""
IDS_PER_MESSAGE = 4_096
"""32 bytes each: 128 KiB."""
ASKED_AGAIN_MS = 1_500
"""Whoever is asked for an entry has so long before somebody else is: less than the first repetition."""
RECENT_ENTRIES_MAX = 16_384
"""Ids remembered of entries that are final or asked for: about 2 MiB."""
POOL_ENTRIES_MAX = 65_536
"""Pending entries held for everybody: about 40 MiB of ordinary ones."""
POOL_BYTES_MAX = 64 << 20
"""What they may weigh: an entry may have 64 KiB, and 65,536 of those would be 4 GiB."""
POOL_BYTES_PER_KEY_MAX = 16 << 20
"""One author's part of it: two weeks of the default allowance."""
POOL_ENTRIES_PER_KEY_MAX = 16_384
"""One author's backlog after a week offline fits; a flood does not."""
CANDIDATES_PER_KEY_MAX = 2_000
"""One author's entries looked at for a block: the most that fit into one, so that a backlog costs no more."""
PROPOSE_AGAIN_MS = 60_000
"""When a witness looks again at pending entries that only time can make includable."""
TRIAL_ENTRIES_MAX = 1_000
"""Our own pending entries that a new one is tried on; beyond it the ledger alone judges."""
LAPSED_KEPT_MAX = 64
"""Entries of ours that ended in no block, kept for their owner: what somebody reads through, 4 MiB at worst."""
VOTES_PER_MESSAGE = 256
"""Three kinds in each of the 64 views that are kept ahead, and some: about 50 KiB."""
CERTIFICATES_PER_MESSAGE = 64
"""Up to 8 KiB each, so a message stays below the frame."""
OTHER_EPOCH_MS = 500
"""How often a machine that speaks of another epoch is told how far we are."""
FIRST_WORD_MS = 3_000
"""How long the only witness waits at its start for a member's word on how far the ledger is: its disk may be a copy
put back."""
ADVERTS_PER_MESSAGE = 64
"""Up to 8 KiB each, so a message stays below the frame."""
HAVE_PER_MESSAGE = 16_384
"""[member, version] pairs in a list of adverts or records: 40 bytes each."""
DEFINITION_BYTES_MAX = 65_536
"""One function's definition from a peer."""
DEFINITIONS_PER_MESSAGE = 8
ADDRESSES_PER_RECORD = 8
ADDRESS_BYTES_MAX = 200
RECORD_LIFE_MS = 3 * 86_400_000
"""How long a peer record counts; renewed at half."""
CLOCK_TOLERANCE_MS = 600_000
"""How far in the future a signed time may lie: the worst clock of a home machine that still syncs."""
FORWARD_MS_MIN = 2_000
"""First repetition of a pending entry to the other members; doubled each time."""
FORWARD_MS_MAX = 300_000
EXCHANGE_MS = 60_000
"""How often one peer is asked what adverts and records it has: what a lost message costs at most."""
RANGE_DEADLINE_MS = 15_000
"""A peer that owes blocks for longer is asked no more until it says something new."""
LOST_OWING_MAX = 3
"""Connections that may end while blocks are owed on them before the claim itself is doubted: a bad line loses one or
two, a peer that only wants a witness to wait loses each."""
SAID_BY_MEMBER_MAX = 32
"""Adverts (and records) of one member checked at once: an owner who lists a workshop's machines one by one makes as
many in a minute; a machine that signs a fresh one every millisecond is heard no more than that."""
SAID_BY_MEMBER_AGAIN_MS = 10_000
"""One more of a member after so long: 8,640 a day, where two are needed; each goes to the disk and to 8 others."""
SAID_BY_PEER_MAX = 16_384
"""Adverts (and records) of one machine checked at once: the whole directory, told to who comes back after a week."""
SAID_BY_PEER_AGAIN_MS = 50
"""One more of a machine after so long: 20 a second cost a fifth of a percent of a core, and 10,000 members who renew
twice a day need one in four seconds."""
FAN_OUT = 8
"""To how many peers something new is handed on; log2 of any network that fits one ledger, plus some."""
DAY_MS = 86_400_000
SNAPSHOT_STALE_ENTRIES = 50_000
"""A machine makes another snapshot, once it is asked, when its last one is so many entries old: replaying them takes a
few seconds, less than making one costs. Half of what makes a late joiner ask."""
OUTLINES_MAX = 4
"""Outlines that a late joiner looks at: 2.7 MiB each at worst. Members' machines that follow the ledger make theirs at
about the same heights."""
OUTLINE_AGAIN_MS = 500
"""How often a machine that makes a snapshot just now is asked whether it is done."""
OUTLINE_LATER_MS = 10_000
"""How often one is asked whose outline was one too many: others may be done with by then."""
PIECES_PER_MACHINE_MAX = 2
"""Pieces on their way from one machine: while one travels the next is read there."""
PIECES_ASKED_MAX = 8
"""From all of them: 16 MiB at worst."""
PIECE_DEADLINE_MS = 20_000
"""A piece of the ordinary 256 KiB comes within this on a line of 100 kbit/s."""
PIECE_FAILURES_MAX = 3
"""Questions that a machine leaves unanswered, one after the other, before nothing more is expected of it."""
PIECE_REST_MS = 2_000
"""How long a machine that did not answer is left in peace."""
LATE_PATIENCE_MS = 300_000
"""Without a piece for so long the ledger is replayed from its beginning instead: making the largest snapshot takes
less."""
LATE_ALONE_MS = 10_000
"""How long a machine that was named is waited for when all others were left aside: dialling takes so long at most."""
