"""Questions that state and store alone can answer: written once, asked by the daemon and with no daemon alike.

Nothing here knows trio, the network room or the daemon. `source` says what an answer may look at and who drives it.
"""
