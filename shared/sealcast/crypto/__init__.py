"""Keys, suites of primitives, randomness, signing. PROTOCOL.md sections 3 to 5."""
