"""A member on this computer: its channels and secrets, its session, its way to the broker."""
