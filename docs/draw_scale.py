"""Draws docs/scale.png from the lines that `python -m quorate_node.simulator.scale -o json` prints, read from standard input.

    python -m quorate_node.simulator.scale -o json | python docs/draw_scale.py

Needs matplotlib, which nothing else here does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

PANELS = (
    (
        "Messages",
        "a second, or each",
        (
            ("idle", "messages_per_s", "at rest, a second"),
            ("load", "messages_per_s", "1,000 commands a second"),
            ("election", "messages", "an election"),
            ("read", "messages_per_round", "a round for reads"),
        ),
    ),
    (
        "The leader's traffic",
        "bytes a second, both ways",
        (("idle", "leader_bytes_per_s", "at rest"), ("load", "leader_bytes_per_s", "1,000 commands of 256 B a second")),
    ),
    (
        "Waiting",
        "milliseconds",
        (
            ("load", "commit_p50_ms", "commit, median"),
            ("load", "commit_p99_ms", "commit, 99th percentile"),
            ("read", "read_p50_ms", "linearizable read, median"),
            ("death", "leader_ms", "new leader after a death"),
            ("partition", "leader_ms", "new leader after a partition"),
        ),
    ),
    (
        "The leader's processor",
        "cores, protocol and codec only",
        (("idle", "", "at rest"), ("load", "", "1,000 commands a second")),
    ),
)


def main() -> None:
    results = [json.loads(line) for line in sys.stdin if line.strip()]
    plt.switch_backend("Agg")
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    for axis, (title, unit, curves) in zip(axes.flat, PANELS, strict=True):
        for scenario, name, label in curves:
            members, values = [], []
            for result in results:
                measure = next(each for each in result["measures"] if each["name"] == scenario)
                members.append(result["members"])
                values.append(measure["figures"][name] if name else measure["leader_cpu"])
            axis.plot(members, values, marker="o", markersize=4, label=label)
        axis.set(title=title, xlabel="members", ylabel=unit, xscale="log", yscale="log")
        axis.set_xticks([result["members"] for result in results], [str(result["members"]) for result in results])
        axis.minorticks_off()
        if len(curves) > 4:
            axis.set_ylim(top=axis.get_ylim()[1] * 30)  # Room for the legend, which would cover a curve.
        axis.grid(visible=True, alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(Path(__file__).with_name("scale.png"), dpi=110)


if __name__ == "__main__":
    main()
