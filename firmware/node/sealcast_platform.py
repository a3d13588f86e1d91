"""What a board is to the core: where `sealcast.join` finds this machine's network and storage."""

from node import join as join
