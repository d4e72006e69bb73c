"""docs/configuration.md, written from the model: `python -m quorate_node.config.document > docs/configuration.md`."""

from __future__ import annotations

import inspect
import sys

from quorate_node.config.settings_table import plain, sections, settings

HEAD = """# Configuration

`quorate-node` takes its settings from a TOML file (`--config FILE`, or the variable `QUORATE_CONFIG`), from the environment and from
flags. Flags win over the environment, the environment over the file, the file over the defaults below.

| source | `heartbeat_ms` of section `replica` |
|---|---|
| file | `heartbeat_ms = 50` under `[replica]` |
| environment | `QUORATE_REPLICA__HEARTBEAT_MS=50` |
| flag | `--set replica.heartbeat_ms=50` |

Lists have commas between their items in the environment and in flags. A name that does not exist is refused, with the nearest one that
does. `quorate-node --check` says whether the configuration is sound and ends with 0 or 2; `--print-config` prints every setting with its
origin, secrets left out. This page is made from the model (`make config-docs`); a test holds both equal.
"""


def default_in_words(value: object) -> str:
    shown = plain(value)
    if shown in ("", []):
        return "empty"
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def document() -> str:
    parts = [HEAD]
    for section, owner in sections().items():
        summary = (inspect.getdoc(owner) or "").split("\n\n")[0].replace("\n", " ")
        parts.append(f"## {section}\n\n{summary}\n\n| setting | type | default | |\n|---|---|---|---|")
        for setting in settings()[section].values():
            description = setting.description.replace("|", "\\|")
            parts[-1] += f"\n| `{setting.key}` | {setting.type_in_words()} | {default_in_words(setting.default)} | {description} |"
        parts[-1] += "\n"
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(document())
