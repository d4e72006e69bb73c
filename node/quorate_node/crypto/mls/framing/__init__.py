"""Messages (section 6): what is framed, signed, tagged or encrypted, in the order in which a sender does it."""
