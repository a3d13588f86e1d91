"""The node itself in a group with the reference, over a real broker."""
