"""A configuration as TOML, each value with its origin: what `--print-config` shows, and what `--config` takes again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from quorate_node.config.model import NodeConfig
from quorate_node.config.settings_table import plain, settings


def toml_value(value: object) -> str:
    """JSON's texts, numbers, booleans and lists are TOML's, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def render(config: NodeConfig, origins: Mapping[str, str]) -> str:
    lines = []
    for section, table in settings().items():
        lines.append(f"[{section}]")
        values = getattr(config, section)
        for key, setting in table.items():
            origin = origins.get(setting.path)
            lines.append(f"{key} = {toml_value(plain(getattr(values, key)))}" + (f"  # {origin}" if origin else ""))
        lines.append("")
    return "\n".join(lines)
