"""The application's own state machine (DESIGN decision 11): the user's class in a process of its own, fed from the ordered log."""
