"""How entries get their one order: Simplex among the witnesses (Chan and Pass, eprint 2023/463).

`votes.py` what is signed and when a quorum is reached; `replica.py` the state machine of one witness.
"""
