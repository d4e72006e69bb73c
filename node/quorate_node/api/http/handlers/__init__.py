"""Handlers of the general server, one file a concern. `HANDLERS` maps the names of the route table to them."""
