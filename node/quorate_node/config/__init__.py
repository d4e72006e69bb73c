"""The node's settings: one model, filled from a TOML file, the environment and flags (flags over environment over file over defaults)."""

from quorate_node.config.errors import ConfigurationError
from quorate_node.config.load import Loaded, load
from quorate_node.config.model import NodeConfig

__all__ = ["ConfigurationError", "Loaded", "NodeConfig", "load"]
