"""Bytecode that runs in place: a board's modules as one image for its flash, and the stubs that lead into it."""
