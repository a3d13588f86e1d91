"""What drives a channel: session, link, storage, settings."""
