"""The steps, one a file. Each looks at the world alone and may be called at any time: `order.py` says which comes before which."""
