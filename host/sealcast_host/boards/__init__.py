"""Boards: which there are, how one is spoken to, what is put on it, what is wrong with it."""
