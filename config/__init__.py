"""What the owner decides: settings with their reasons, and the data that ships with a node.

`settings` says what can be set, `parse` reads a file into it, `data` hands out the files that ship. This room knows
nobody else in the house.
"""
