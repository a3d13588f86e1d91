"""The Zpinc half: joins, notes, presence, handshakes, conversations. PROTOCOL.md sections 6 to 15, 22."""
