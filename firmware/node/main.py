"""Starts the node. A board runs it at boot (copied to /main.py, beside the packages sealcast and node); the unix port as

    MICROPYPATH=.frozen:shared:firmware/prebuilt/x64:firmware micropython firmware/node/main.py path/to/sealcast.json
"""

import sys

from node.app import main

sys.exit(main(sys.argv[1:]))
