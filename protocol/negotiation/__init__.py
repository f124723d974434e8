"""The talk before the award: who asks, who offers, on what terms, and why (SPEC N).

`negotiation.Negotiation` is the one door: inputs in, effects out, no clock and no dice of its own.
"""
