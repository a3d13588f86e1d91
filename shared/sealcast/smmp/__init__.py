"""The SMMP half: the ratcheting group. PROTOCOL.md sections 16 to 21."""
