"""The world as it is: listed from the API server, asked of the members, and put together as plain data for `decide/`."""
