"""What a computer is to the core: where `sealcast.join` finds this machine's network and storage."""

from sealcast_host.agent.programs import join as join
