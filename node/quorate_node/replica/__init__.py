"""The shell that pumps one protocol through store, transport and machine."""
