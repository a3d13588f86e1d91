"""`sealcast completion`: a script for the shell that completes commands, options, files and the channels known here."""

import argparse
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")
# Names come from others (invitations): none is ever expanded, and each is quoted as the shell reads it.
_BASH = r"""
_sealcast_channels() {
  local name quoted
  while IFS= read -r name; do
    printf -v quoted '%q' "$name"
    [[ $name == "$1"* || $quoted == "$1"* ]] && printf '%s\n' "$quoted"
  done < <(sealcast channel list -q 2>/dev/null)
}
"""
_PREAMBLE: Any = {
    "bash": _BASH,
    "zsh": "_sealcast_channels() {\n  local -a names\n"
    '  names=("${(@f)$(sealcast channel list -q 2>/dev/null)}")\n  compadd -a names\n}\n',
}
_CHANNELS = {"bash": "_sealcast_channels", "zsh": "_sealcast_channels"}


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument("shell", metavar="SHELL", choices=SHELLS, help=" or ".join(SHELLS))
    p.set_defaults(run=lambda args: completion(args.shell))


def completion(shell: str) -> int:
    import shtab

    from sealcast_host.cli.main import _parser, leaves

    parser = _parser([], whole=True)
    for verb in (a for a in parser._actions if isinstance(a, argparse._SubParsersAction)):
        for sub in verb.choices.values():
            for leaf in leaves(sub):
                for action in leaf._actions:
                    _complete(action, shtab)
    print(shtab.complete(parser, shell, preamble=_PREAMBLE))
    return 0


def _complete(action: Any, shtab: Any) -> None:
    if action.dest == "channel":
        action.complete = _CHANNELS
    elif action.metavar in ("FILE", "DIR"):
        action.complete = shtab.FILE if action.metavar == "FILE" else shtab.DIR


_ABOUT = """Print a script that completes sealcast's commands, options and channel names in a shell."""
_EXAMPLES = """\
examples:
  sealcast completion bash > ~/.local/share/bash-completion/completions/sealcast
  sealcast completion zsh > ~/.zfunc/_sealcast
"""
