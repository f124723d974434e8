"""What the network has agreed and done: signed, ordered, final, for good.

The room is pure: no clock but a block's time, no disk, no socket, no dice. `SPEC.md` beside this file is the law the
code keeps; a rule's number stands in the code that keeps it.
"""
