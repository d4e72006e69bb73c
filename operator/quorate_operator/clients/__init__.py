"""The operator's two conversations: with the API server, and with members. Nothing here decides anything."""
