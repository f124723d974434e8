"""Converters between what others write (design and facility files) and what a workshop says: pure, and never surprised.

Every reader takes bytes and a file name that is used in messages only, and gives a frozen reading with a list of
findings. Dirt is a finding, not an exception: a stranger's file may be broken, and the owner must be told which file
and which key. Nothing is invented: what a file does not say stays unknown and is listed as such.
"""
