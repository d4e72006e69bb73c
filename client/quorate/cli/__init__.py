"""The `quorate` command: one short file a verb, imported only when the verb is used."""
