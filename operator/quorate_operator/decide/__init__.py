"""PURE. From the world as it was observed to the one step that is due. `order.py` is the list; read it first."""
