"""Options of the tests' clients: the real behaviour, in a fraction of the time."""

from __future__ import annotations

from quorate import Options
from quorate.backoff import Backoff

FAST = Options(timeout_s=2.0, connect_timeout_s=0.5, heartbeat_s=0.4, leader_check_s=0.2, backoff=Backoff(0.005, 0.05))
