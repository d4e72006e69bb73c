"""Events are bounded by kind: whoever makes requests, or edits a child again and again, does not decide how many there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from quorate_operator.act.allowance import BURST, EVERY_S, KINDS_MAX, Allowance
from quorate_operator.act.events import MESSAGE_CHARACTERS_MAX, Events
from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.decide.actions import Deny
from quorate_operator.decide.order import Decided
from quorate_operator.decide.outcome import Do
from quorate_operator.telling import tell
from tests.unit.cluster_operator.decide.worlds import settled
from tests.unit.cluster_operator.resources import identity_of

WORLD = settled()


class Told:
    """What was written, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0
        self.items: list[dict[str, Any]] = []
        self.failure: ApiFailure | None = None
        self.events = Events(cast(KubernetesApi, self), "operator-0", Allowance(lambda: self.now))

    async def create(self, item: dict[str, Any]) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        self.items.append(item)
        return item

    async def denied(self, number: int, reason: str = "ForeignPod") -> None:
        denial = Deny(f"csr-{number}", f"u{number}", "1", reason, "no live pod", approved=False)
        await tell(self.events, WORLD, Decided("certificates", Do(denial, "CertificateDenied", f"csr-{number}: no live pod")))

    @property
    def messages(self) -> list[str]:
        return [item["message"] for item in self.items]


async def test_of_a_thousand_denials_a_few_are_told() -> None:
    told = Told()
    for number in range(1000):
        await told.denied(number)
    assert told.messages == [f"csr-{number}: no live pod" for number in range(BURST)]
    assert {(item["type"], item["reason"]) for item in told.items} == {("Warning", "CertificateDenied")}


async def test_later_one_says_how_many_were_left_out_since() -> None:
    told = Told()
    for number in range(BURST + 7):
        await told.denied(number)
    told.now += EVERY_S * 1.5
    await told.denied(500)
    await told.denied(501)
    told.now += EVERY_S
    await told.denied(502)
    assert told.messages[BURST:] == [
        "csr-500: no live pod (and 7 more since the last of these)",
        "csr-502: no live pod (and 1 more since the last of these)",
    ]


async def test_another_reason_and_another_cluster_are_told_all_the_same() -> None:
    told = Told()
    for number in range(100):
        await told.denied(number)
    await told.denied(0, "Names")
    await told.events.warning(replace(identity_of("other"), uid="other"), "CertificateDenied", "theirs", "ForeignPod")
    assert told.messages[BURST:] == ["csr-0: no live pod", "theirs"]
    await told.events.normal(identity_of(), "Repairing", "a Service")
    assert told.messages[-1] == "a Service"


async def test_what_is_left_out_is_said_within_the_longest_message() -> None:
    told = Told()
    for _ in range(BURST + 1):
        await told.events.normal(identity_of(), "Repairing", "x" * 5000)
    told.now += EVERY_S
    await told.events.normal(identity_of(), "Repairing", "x" * 5000)
    assert len(told.messages[-1]) <= MESSAGE_CHARACTERS_MAX and told.messages[-1].endswith("x (and 1 more since the last of these)")


async def test_an_event_that_cannot_be_written_stops_nothing() -> None:
    told = Told()
    told.failure = ApiFailure(403, "Forbidden", "no")
    await told.denied(1)
    assert told.items == []


def test_kinds_are_bounded_too() -> None:
    now = 0.0
    allowance = Allowance(lambda: now)
    for _ in range(BURST):
        assert allowance.ask(("first",)) == 0
    for number in range(KINDS_MAX - 1):
        allowance.ask((str(number),))
    assert allowance.ask(("first",)) is None, "one that is used stays"
    for number in range(KINDS_MAX):
        allowance.ask((f"x{number}",))
    assert allowance.ask(("first",)) == 0 and len(allowance._buckets) == KINDS_MAX


def test_an_unused_allowance_never_grows_beyond_the_burst() -> None:
    now = [0.0]
    allowance = Allowance(lambda: now[0])
    allowance.ask(("kind",))
    now[0] = 1e6
    assert [allowance.ask(("kind",)) for _ in range(BURST + 1)] == [0] * BURST + [None]
