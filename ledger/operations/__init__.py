"""What members can do, one family to a file; each rule is numbered in `ledger/SPEC.md`.

A family exports `OPERATIONS` and, where something happens by itself at a block time, `DUE`. `registry.py` gathers
them; nothing else in the room knows which families there are.
"""
