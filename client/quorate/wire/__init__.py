"""Wire and status types that client and node share. Plain data: no I/O, no clock, no logic beyond codecs."""
