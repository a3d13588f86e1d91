"""`python -m sealcast_host` is the same as the command `sealcast`."""

import sys


def main() -> int:
    """The command; a Ctrl-C that comes while it is loaded ends it as any other does."""
    try:
        from sealcast_host.cli.main import main as command

        return command()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
