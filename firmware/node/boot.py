"""A board's /boot.py: collect garbage early and often, before the heap is in pieces."""

import gc

gc.threshold(4096)
