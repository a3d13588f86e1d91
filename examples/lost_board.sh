#!/bin/sh
# A board was stolen: who stays, then all others move to a key that it never had. NAME: the channel, UID: the board.
#   examples/lost_board.sh greenhouse bench-7
set -eu
name=$1 uid=$2
sealcast lost "$name" "$uid" || true        # says who would stay
printf 'Enter: these stay, all others are out; Ctrl-C: nothing changes '
read -r _
sealcast lost "$name" "$uid" --yes          # the others move; sleepers follow when they wake
sealcast send "$name" --mode note "the channel has a new key; $uid is out"
