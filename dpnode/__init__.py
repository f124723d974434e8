"""The only room with a clock, a socket, a disk and dice: it carries inputs into the cores and effects out of them."""
