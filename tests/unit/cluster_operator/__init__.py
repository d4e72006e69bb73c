"""The operator. Not called `operator`: a test package of that name would stand in the standard library's place."""
