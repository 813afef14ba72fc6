"""Free ports on the loopback interface."""

import random
import socket
from contextlib import suppress

# Below the range that systems hand out to outgoing connections: while a server of ours is stopped in the middle of a
# test, nobody's connection can take its port.
FIRST_PORT, LAST_PORT = 15_000, 32_000


def free_port() -> int:
    """A free TCP port on 127.0.0.1, which no other process is likely to get."""
    # of the operating system: test processes that share a seed must not share ports
    chance = random.SystemRandom()
    while True:
        port = chance.randint(FIRST_PORT, LAST_PORT)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
