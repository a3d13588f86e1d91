"""Keys, suites of primitives, randomness, signing. PROTOCOL.md sections 3 to 5."""


def best_suite():
    """The fastest crypto suite that is installed: native, else host, else soft."""
    try:
        from . import native as suite
    except ImportError:
        try:
            from . import host as suite
        except ImportError:
            from . import soft as suite
    return suite
