"""What a campaign is judged by: the history by the common checkers, and the members by what they say of themselves at the end."""

from __future__ import annotations

import hashlib
import re
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from quorate.wire.results import EventType
from quorate_node.simulator.checkers.verdict import PROPERTIES, judge
from quorate_node.simulator.history import Change, History
from tests.cluster.campaign.follower import Follower
from tests.cluster.campaign.recorder import Recorder
from tests.cluster.campaign.site import CampaignMember, Site
from tests.cluster.harness.api import Refused, Unknown

TRACEBACK = re.compile(rb"Traceback \(most recent call last\)|AssertionError|Fatal Python error|exception was never retrieved")
SCAN_LIMIT = 5_000
SEARCHED_OPERATIONS_MAX = 60_000


@dataclass(frozen=True)
class Finding:
    """One property. `verdict`: ok, violated, undecided. `judged`: observations it rests on."""

    name: str
    verdict: str
    judged: int
    explanation: str = ""

    def told(self) -> dict[str, object]:
        return asdict(self)


def finding(name: str, judged: int, complaints: Sequence[str]) -> Finding:
    return Finding(name, "violated" if complaints else "ok", judged, "\n".join(complaints[:10]))


def changes_of(recorder: Recorder) -> list[Change]:
    """All changes in order of revision, as the members told them."""
    return [
        Change(
            revision,
            event.kv.key,
            event.kv.value if event.type == EventType.PUT else None,
            event.kv.lease if event.type == EventType.PUT else 0,
            event.kv.create_revision if event.type == EventType.PUT else 0,
            event.kv.version if event.type == EventType.PUT else 0,
        )
        for revision in sorted(recorder.changes)
        for event in recorder.changes[revision]
    ]


def judge_history(history: History) -> list[Finding]:
    """All that the history holds something of. The search, which believes no revision, is for short histories; the checker by revisions,
    which knows every change here, decides all by itself.
    """
    short = len(history.operations) <= SEARCHED_OPERATIONS_MAX
    names = [name for name in PROPERTIES if short or name != "linearizable-by-search"]
    found = [Finding(each.property, each.verdict.value, each.judged, each.counterexample) for each in judge(history, names).findings]
    return [each for each in found if each.judged or each.verdict != "ok"]


def one_history(recorder: Recorder, followers: Iterable[Follower], last_revision: int) -> list[Finding]:
    """Every revision was told, and by all members alike; a member missed only what was compacted while it was away."""
    missing = [revision for revision in range(2, last_revision + 1) if revision not in recorder.changes]
    gaps = [f"no member told revision {revision}" for revision in missing]
    return [
        finding("all members tell one history", len(recorder.changes), recorder.contradictions),
        finding("every revision was told", last_revision - 1, gaps),
    ]


async def same_state(site: Site) -> Finding:
    """A digest of every key with all its numbers, read from each member itself at one revision."""
    digests: dict[str, list[str]] = {}
    running = [member for member in site.everyone if member.running]
    silent = []
    for member in running:
        body = {"key": "", "prefix": True, "consistency": "stale", "limit": str(SCAN_LIMIT)}
        try:
            answer = await site.api.call(member.url, "POST", "/v1/range", body)
        except (Refused, Unknown) as error:
            silent.append(f"{member.name} does not answer: {error}")
            continue
        assert not answer["more"], f"more than {SCAN_LIMIT} keys"
        content = repr((answer["revision"], answer["kvs"])).encode()
        digests.setdefault(hashlib.sha256(content).hexdigest(), []).append(member.name)
    complaints = [f"{digest[:12]}: {', '.join(names)}" for digest, names in sorted(digests.items())] if len(digests) > 1 else []
    return finding("equal state at all members", len(running), complaints + silent)


def divergences(member: CampaignMember) -> float:
    """How often its state differed from the majority's; a member that tells nothing is judged by what it did before."""
    try:
        with urllib.request.urlopen(f"{member.url}/metrics", timeout=5.0) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("quorate_divergences_total"))


def _excerpt(name: str, content: bytes, at: int) -> str:
    line = content.count(b"\n", 0, at) + 1
    begin = content.rfind(b"\n", 0, max(0, content.rfind(b"\n", 0, at))) + 1
    return f"{name} node.log:{line}:\n" + "\n".join(content[begin : at + 4_000].decode(errors="replace").splitlines()[:28])


def sound_members(site: Site) -> list[Finding]:
    """What members say of themselves: no state that differed, nobody ended that was not told to, no traceback in a log."""
    running = [member for member in site.everyone if member.running]
    diverged = [f"{member.name} stopped itself" for member in running if divergences(member)]
    ended = [line for member in site.everyone for line in member.unexpected_ends]
    raised = []
    for member in site.everyone:
        content = member.log_path.read_bytes() if member.log_path.exists() else b""
        hits = [hit.start() for hit in TRACEBACK.finditer(content)]
        hits = [at for at in hits if not any(begin <= at < end for begin, end in member.tolerated)]
        raised += [_excerpt(member.name, content, at) for at in hits[:2]]
    return [
        finding("no member's state diverged", len(running), diverged),
        finding("no member ended by itself", len(site.everyone), ended),
        finding("no traceback in a member's log", len(site.everyone), raised),
    ]
