"""What workshops say on the way to an agreement, and when they may say it.

A pure core: no clock, socket, disk or dice. It may know the ledger, since a message may carry an entry; the ledger
never knows a message, since an entry must verify long after this protocol was replaced.
"""
