"""The clients of a campaign, over both APIs: the binary stream by the client library, and HTTP with sessions of their own keeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence

from quorate.cluster import Cluster
from quorate.options import Options
from quorate.wire.commands import DeleteRange, LeaseGrant, LeaseKeepAlive, LeaseRevoke, Put, Range, SessionCreate, Txn
from quorate.wire.results import DoneResult, LeaseListResult, PutResult, RangeResult, Result, SessionResult, TxnResult
from quorate_node.simulator.history import NEVER_NS, Consistency, Operation, Outcome
from tests.cluster.campaign.recorder import Recorder
from tests.cluster.campaign.workload import Workload
from tests.cluster.harness.api import Api, Refused, Unknown

TIMEOUT_S = 3.0
SESSION_TRIES_S = 30.0
PAUSE_S = 0.002
AFTER_FAILURE_S = 0.05
SESSION_TTL_MS = 60_000


class Stop:
    """Called once: every client ends after the operation under way."""

    def __init__(self) -> None:
        self._called = False

    def call(self) -> None:
        self._called = True

    def called(self) -> bool:
        return self._called


async def stream_client(cluster: Cluster, work: Workload, recorder: Recorder, stop: Stop, *, member: str = "", retry: bool = True) -> None:
    """Reads and writes on the binary stream; `member` names the one that this `cluster` is bound to, "" one that seeks the leader."""
    generator = work.generator
    while not stop.called() and not recorder.full:
        request = work.write() if generator.random() < 0.5 else work.read()
        result: Result | None = None
        if isinstance(request, Range):
            dice = generator.random()
            consistency = Consistency.LINEARIZABLE if dice < 0.6 else Consistency.LEASE if dice < 0.8 else Consistency.STALE
            call = cluster.range(request.key, request.range_end, consistency=consistency.value)
            result = await recorder.observe(call, request, client=work.client, member=member, consistency=consistency)
        elif isinstance(request, Put):
            put = cluster.put(request.key, request.value, retry=retry)
            result = await recorder.observe(put, request, client=work.client, member=member)
        elif isinstance(request, DeleteRange):
            result = await recorder.observe(cluster.delete(request.key, retry=retry), request, client=work.client, member=member)
        else:
            result = await recorder.observe(cluster.run_txn(request, retry=retry), request, client=work.client, member=member)
        learn(work, request, result)
        await asyncio.sleep(AFTER_FAILURE_S if result is None else PAUSE_S)


def learn(work: Workload, request: object, result: object) -> None:
    """Remember what the client saw of a key, so that its next swap has a chance."""
    if isinstance(request, Put) and isinstance(result, PutResult):
        work.seen[request.key] = request.value
    elif isinstance(request, Range) and isinstance(result, RangeResult) and not request.range_end:
        work.seen[request.key] = result.kvs[0].value if result.kvs else None
    elif isinstance(request, Txn) and isinstance(result, TxnResult):
        put = request.success[0].put
        assert put is not None
        read = result.results[0]
        if result.succeeded:
            work.seen[put.key] = put.value
        elif isinstance(read, RangeResult):
            work.seen[put.key] = read.kvs[0].value if read.kvs else None


async def lease_client(cluster: Cluster, work: Workload, recorder: Recorder, stop: Stop) -> None:
    """Grants a short lease, puts a key with it, renews it a while, and then revokes it or lets it go."""
    generator = work.generator
    while not stop.called() and not recorder.full:
        grant = LeaseGrant(generator.randrange(1_500, 4_000))
        granted = await recorder.observe(cluster.lease_grant(grant.ttl_ms), grant, client=work.client)
        if granted is None:
            await asyncio.sleep(AFTER_FAILURE_S)
            continue
        put = Put(b"e/%d" % generator.randrange(8), work.value(), granted.lease)
        await recorder.observe(cluster.put(put.key, put.value, lease=put.lease), put, client=work.client)
        for _ in range(generator.randrange(6)):
            await asyncio.sleep(grant.ttl_ms / 3000)
            if not await _renew(cluster, granted.lease, work, recorder):
                break
        if generator.random() < 0.4:
            revoke = LeaseRevoke(granted.lease)
            await recorder.observe(_done(cluster.lease_revoke(granted.lease)), revoke, client=work.client)


async def _done(call: Awaitable[int]) -> DoneResult:
    return DoneResult(await call)


async def _renew(cluster: Cluster, lease: int, work: Workload, recorder: Recorder) -> bool:
    """False when the lease is gone."""
    async def call() -> LeaseListResult:
        return LeaseListResult(0, tuple((await cluster.lease_keep_alive(lease)).items()))

    renewed = await recorder.observe(call(), LeaseKeepAlive((lease,)), client=work.client)
    return renewed is None or dict(renewed.leases).get(lease, -1) > 0


async def session_client(urls: Sequence[str], work: Workload, recorder: Recorder, stop: Stop) -> None:
    """Writes over HTTP within a session that it keeps itself: the same number again, at any member, until it knows."""
    async with Api(TIMEOUT_S) as api:
        while not stop.called() and not recorder.full:
            session = await _create_session(api, urls, work, recorder)
            sequence = 0
            alive = session > 0
            while alive and not stop.called() and not recorder.full:
                sequence += 1
                alive = await _write_until_known(api, urls, work, recorder, session, sequence, stop)
                await asyncio.sleep(PAUSE_S)


async def _create_session(api: Api, urls: Sequence[str], work: Workload, recorder: Recorder) -> int:
    url = work.generator.choice(urls)
    call = api.call(url, "POST", "/v1/sessions", {"ttl_ms": str(SESSION_TTL_MS)})
    request = SessionCreate(SESSION_TTL_MS)
    result = await recorder.observe_http(
        call, request, lambda answer: SessionResult(int(answer["session"])), client=work.client, member=url
    )
    if result is None:
        await asyncio.sleep(AFTER_FAILURE_S)
    return 0 if result is None else result.session


async def _write_until_known(
    api: Api, urls: Sequence[str], work: Workload, recorder: Recorder, session: int, sequence: int, stop: Stop
) -> bool:
    """False when the session is over. An outcome that stays unknown keeps its number: no later write may take it."""
    put = Put(b"r/%d" % work.generator.randrange(8), work.value())
    number, invoked_ns = recorder.begin()
    envelope = {"id": str(session), "seq": str(sequence), "acked_below": str(sequence)}
    attempts, revision, error_name, unknown = 0, 0, "", False
    outcome = Outcome.UNKNOWN
    url = ""
    while True:
        attempts += 1
        url = work.generator.choice(urls)
        try:
            revision = await api.put(url, put.key.decode(), put.value.decode(), envelope)
            outcome, error_name = Outcome.OK, ""
            break
        except Unknown:
            unknown, error_name = True, "Timeout"
        except Refused as refused:
            error_name = refused.error
            if refused.error.startswith("Session"):
                outcome = Outcome.UNKNOWN if unknown else Outcome.FAILED
                break
        if time.monotonic_ns() - invoked_ns > SESSION_TRIES_S * 1e9 and stop.called():
            outcome = Outcome.UNKNOWN if unknown else Outcome.FAILED
            break
        await asyncio.sleep(AFTER_FAILURE_S)
    recorder.record(
        Operation(
            number=number, client=work.client, request=put, invoked_ns=invoked_ns,
            completed_ns=NEVER_NS if outcome is Outcome.UNKNOWN else time.monotonic_ns(), outcome=outcome, member=url,
            result=PutResult(revision) if outcome is Outcome.OK else None, revision=revision, error=error_name,
            session=session, seq=sequence, attempts=attempts,
        )
    )  # fmt: skip
    return outcome is Outcome.OK


def options() -> Options:
    return Options(timeout_s=TIMEOUT_S)
