"""How the shared ledger and the directory reach every member: pending entries, ranges of blocks, adverts, addresses.

Nothing here relies on a message arriving: what is lost is offered or asked for again.
"""
