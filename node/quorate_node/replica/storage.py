"""What the replica needs of a member's stores: who it is, small durable records, the log, and generations of the state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from quorate.wire.commands import ApplicationVersion, Command, CommandKind
from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.refused import forget_refused
from quorate_node.machine.application.snapshot_files import ApplicationSnapshot, at_index
from quorate_node.machine.application.snapshot_source import ApplicationSnapshotSource
from quorate_node.machine.interface import Machine, SnapshotSink
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.metadata import read_state
from quorate_node.machine.restore import restore_into_new_cluster
from quorate_node.machine.rules import THIS_RELEASE, Release
from quorate_node.machine.snapshot.file import receive_snapshot_file, write_snapshot_file
from quorate_node.machine.snapshot.source import CanonicalSnapshotSource
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import Persist
from quorate_node.replica.witness import WitnessMachine
from quorate_node.store import Identity, Stores
from quorate_node.store.errors import Backpressure, Damaged
from quorate_node.store.interface import StateStore
from quorate_node.store.kernel_synced_log import KernelSyncedLog

logger = logging.getLogger(__name__)

def applied_point(machine: Machine) -> SnapshotMetadata:
    """How far the machine is, as a point that a log can begin after."""
    return SnapshotMetadata(machine.applied_index, machine.applied_term, machine.configuration, machine.chain)


OpenMachine = Callable[[StateStore, int], KeyValueMachine]
"""(state, cluster id) -> the machine over it."""


class Storage:
    """One for the life of the process. What waits for the disk runs off the loop; what is a moment (small records) does not."""

    def __init__(
        self,
        stores: Stores,
        open_machine: OpenMachine,
        witness: bool,
        name: str,
        application: ApplicationHost | None = None,
        release: Release = THIS_RELEASE,
    ) -> None:
        self._stores = stores
        self._open_machine = open_machine
        self._name = name
        self._built: StateStore | None = None
        self._machine: KeyValueMachine | WitnessMachine | None = None
        self.witness = witness
        self._release = release
        self._application = application
        self._application_file: Path | None = None
        self._state_turn = asyncio.Lock()
        """A flush of the state and its exchange for another take turns: the exchange closes the state that the flush is about."""

    # --- identity and records ----------------------------------------------------------------------------------

    @property
    def cluster_id(self) -> int:
        identity = self._stores.directory.identity
        return identity.cluster_id if identity is not None else 0

    @property
    def member_id(self) -> int:
        identity = self._stores.directory.identity
        return identity.member_id if identity is not None else 0

    @property
    def boot_counter(self) -> int:
        return self._stores.directory.boot_counter

    @property
    def staging(self) -> Path:
        return self._stores.directory.staging()

    def load(self, name: str) -> bytes | None:
        return self._stores.directory.read_record(name, bytes)

    def save(self, name: str, data: bytes) -> None:
        """Durable on return."""
        self._stores.directory.write_record(name, data)

    async def adopt(self, cluster_id: int, member_id: int) -> None:
        """From now on this directory is that member; durable on return."""
        identity = Identity(cluster_id, member_id, self._name)
        # failpoint: identity.before_write, awaited
        await asyncio.get_running_loop().run_in_executor(None, self._stores.directory.set_identity, identity)

    # --- log ---------------------------------------------------------------------------------------------------

    @property
    def log(self) -> KernelSyncedLog:
        return self._stores.log

    async def reset_log(self, metadata: SnapshotMetadata) -> None:
        # failpoint: log.reset.before_write, awaited
        await asyncio.get_running_loop().run_in_executor(None, self.log.reset, metadata)

    async def rebase_log(self, applied: SnapshotMetadata) -> None:
        """Start the log after what the state durably holds. What it was found to have lost behind that stays lost."""
        await asyncio.get_running_loop().run_in_executor(None, self.log.rebase, applied)

    async def leave_damage_to_state(self, applied: SnapshotMetadata) -> None:
        """Give up damaged entries that the state (`applied`) has outlived: the log starts after it, or as far before it as the application
        may need what is whole. It stops for good where the log is shorter: nobody sends a snapshot to a member that is not behind."""
        floor = self.compaction_floor(applied.index)
        if floor is not None:
            # After an entry that is whole: the log itself then vouches for where it starts.
            start = max([floor] + [high for low, high in self.log.damaged() if low <= applied.index])
            try:
                if start < applied.index:
                    await self.compact_log(start, applied.configuration)
                    return
            except Damaged as error:
                logger.warning("the log cannot start after entry %d, as the application needs it: %s", start, error)
        await self.rebase_log(applied)

    async def enter_term(self, term: int) -> None:
        """Before anything of a newer term than this member's is on its disk; durable on return."""
        await asyncio.get_running_loop().run_in_executor(None, self.log.enter_term, term)

    async def forget_log_tail(self, index: int) -> None:
        """Drop the log from `index` on, damage included, durably."""
        await asyncio.get_running_loop().run_in_executor(None, self.log.forget_tail, index)

    async def write_log(self, persist: Persist) -> None:
        """Outside the protocol: founding and recovery. Durable and visible on return."""
        await asyncio.get_running_loop().run_in_executor(None, self.log.write, [persist])
        self.log.written([persist])

    # --- state -------------------------------------------------------------------------------------------------

    async def open_machine(self) -> KeyValueMachine | WitnessMachine:
        """The machine over the state in use."""
        machine = self._machine = self._over(self._stores.state)
        await self.follow_state(applied_point(machine))
        if self._application is not None and isinstance(machine, KeyValueMachine):
            await self._application.start(machine.applied_index, machine.state.application)
        return machine

    async def follow_state(self, applied: SnapshotMetadata) -> None:
        """A crash between a snapshot's state and its log leaves a log that ends before the state, or tells another history where the state
        is, of which nothing was committed: it starts anew after the state. What is damaged stays so, to be repaired."""
        log = self.log
        if applied.index > log.last_index():
            await self.rebase_log(applied)
        elif log.first_index() <= applied.index and not log.damaged():
            try:
                # By log matching an index and a term name one history. The chains do not: founders once began theirs elsewhere.
                continued = log.term(applied.index) == applied.term
            except Damaged:
                return  # It is known to be damaged now, and repaired like all that is.
            if not continued:
                logger.warning("the log tells another history than the state at %d: it begins anew after the state", applied.index)
                await self.reset_log(applied)

    def _over(self, state: StateStore) -> KeyValueMachine | WitnessMachine:
        return WitnessMachine(state) if self.witness else self._open_machine(state, self.cluster_id)

    async def clear_state(self) -> None:
        """Before a directory gets an identity: what a crash may have left of an earlier attempt is not content."""
        await asyncio.get_running_loop().run_in_executor(None, lambda: self._stores.switch_state(self._stores.build_state()))
        if self._application is not None:
            await self._application.install(0, None, None)

    async def restore_state(
        self, snapshot: AsyncIterator[bytes], cluster_id: int, first: Entry, configuration: Configuration, record: MemberRecord
    ) -> None:
        """A snapshot file's content as the state of a new cluster, with its first entry applied. Raises `Refused` for a bad file."""
        sink, application = await receive_snapshot_file(snapshot, self.staging)
        built = self._stores.build_state()
        try:
            await sink.install(built)
            # failpoint: restore.after_install, awaited
            restore_into_new_cluster(built, (), Configuration())
            self._open_machine(built, cluster_id).apply_membership(first, configuration, [record], [])
        except BaseException:
            built.close()
            raise
        await self._restore_application(built, first.index, application)
        # failpoint: restore.before_switch, awaited
        await asyncio.get_running_loop().run_in_executor(None, self._stores.switch_state, built)
        sink.discard()

    async def _restore_application(self, built: StateStore, index: int, snapshot: ApplicationSnapshot | None) -> None:
        """Its machine begins from the file's state, as it was before the new cluster's first entry."""
        if self._application is None:
            if snapshot is not None:
                logger.warning("the snapshot holds the state of %r and application.machine is empty: it is left out", snapshot.header.name)
            return
        registered, _ = read_state(built)
        moved = await asyncio.to_thread(at_index, snapshot, self.staging, index) if snapshot is not None else None
        await self._application.install(index, registered.application, moved.path if moved is not None else None)

    async def compact_log(self, index: int, configuration: Configuration) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.log.compact, index, configuration)

    async def prepare_state(self, sink: SnapshotSink, application: Path | None) -> SnapshotMetadata:
        """Fill a new generation beside the one in use; flushed on return. `application`: its own snapshot's file. Returns what it holds.

        Raises `Refused` (what came is damaged), `FormatTooNew` (this release cannot apply what follows it), `StoreError`.
        """
        built = self._stores.build_state()
        try:
            await sink.install(built)
            state, _ = read_state(built, self._release)
        except BaseException:
            built.close()  # Else its files stay locked, and no other could be prepared in this life.
            raise
        self._built = built
        self._application_file = application
        return SnapshotMetadata(state.applied_index, state.applied_term, state.configuration, state.chain)

    async def drop_prepared_state(self) -> None:
        """It is not wanted after all; the next one prepared, or the next start, removes its files."""
        built, self._built = self._built, None
        if built is not None:
            await asyncio.get_running_loop().run_in_executor(None, built.close)

    async def swap_state(self, metadata: SnapshotMetadata) -> None:
        """Have the machine go on with the prepared generation, and use it durably from now on. A witness takes the metadata alone."""
        machine = self._machine
        if isinstance(machine, WitnessMachine):
            machine.jump(metadata)
            await self.flush_state()
            return
        built, self._built = self._built, None
        assert built is not None and isinstance(machine, KeyValueMachine), "a state is prepared before it is swapped in"
        if self._application is not None:
            registered, _ = read_state(built, self._release)
            await self._application.install(metadata.index, registered.application, self._application_file)
        machine.replace_store(built)  # First: the old one is closed by the switch, and reads go on meanwhile.
        # failpoint: snapshot.install.before_switch, awaited
        async with self._state_turn:
            await asyncio.get_running_loop().run_in_executor(None, self._stores.switch_state, built)

    async def flush_state(self) -> None:
        async with self._state_turn:
            await asyncio.get_running_loop().run_in_executor(None, self._stores.state.flush)

    def state_size_bytes(self) -> int:
        return self._stores.state.size_bytes()

    def configuration(self) -> Configuration:
        return self._machine.configuration if self._machine is not None else Configuration()

    # --- space -------------------------------------------------------------------------------------------------

    def space_error(self) -> str | None:
        """In words, when free space fell so low that proposals must be refused (applies still have the reserve)."""
        if self._stores.space_available():
            return None
        settings = self._stores.settings
        needed = settings.effective_reserve_bytes() + settings.headroom_bytes
        return f"free space on the data volume is below {needed} bytes (store.reserve_bytes and store.headroom_bytes)"

    def free_bytes(self) -> int:
        return self._stores.free_bytes()

    def alarms(self) -> Sequence[str]:
        damaged = self.log.damaged()
        alarms = [f"Damaged: log indexes {damaged} are damaged on disk"] if damaged else []
        if self._application is not None and (message := self._application.status().message):
            alarms.append(f"Application: {message}")
        registered = self._machine.state.application if isinstance(self._machine, KeyValueMachine) else None
        if self._application is None and registered is not None:
            name, version = registered
            alarms.append(f"Application: the cluster's machine is {name!r} version {version}, this member none: set application.machine")
        return alarms

    # --- the application's own machine -------------------------------------------------------------------------

    def compaction_floor(self, applied_index: int) -> int | None:
        """Up to where the application's own snapshot lets the log go; None: as far as the state does."""
        return self._application.compaction_floor(applied_index) if self._application is not None else None

    def offer_application(self, index: int) -> asyncio.Future[ApplicationSnapshot | None]:
        """The application's snapshot after entry `index`, for a member that is behind."""
        if self._application is not None:
            return self._application.snapshot(index)
        nothing: asyncio.Future[ApplicationSnapshot | None] = asyncio.get_running_loop().create_future()
        nothing.set_result(None)
        return nothing

    def lacks_application(self) -> bool:
        """The application's machine has nothing here that it could go on from: another member's snapshot is needed."""
        return self._application is not None and self._application.lacks_state

    async def take_over_application(self, index: int, snapshot: Path) -> None:
        """Another member's, after entry `index`, which is applied here. Raises `Refused`, `OSError`."""
        machine = self._machine
        assert self._application is not None and machine is not None and machine.applied_index >= index, "whoever lacks it asked for it"
        await self._application.take_over(index, snapshot, lambda: machine.applied_index)

    def compacted(self, index: int) -> None:
        """The log up to `index` is gone, and with it what was noted about its entries."""
        if self._application is not None:
            state = self._stores.state
            batch = state.batch()
            forget_refused(batch, state.family("meta"), index)
            try:
                state.write(batch)
            except Backpressure:
                logger.info("marks of refused commands up to index %d stay until the next compaction: the state would stall", index)

    def application_waits(self) -> bool:
        """This member runs a class that no entry has registered yet."""
        machine = self._machine
        return self._application is not None and isinstance(machine, KeyValueMachine) and machine.state.application is None

    def application_command(self) -> Command | None:
        """What a leader proposes so that every member runs the class that it runs: never an older version than is registered."""
        machine = self._machine
        if self._application is None or not isinstance(machine, KeyValueMachine):
            return None
        status = self._application.status()
        registered = machine.state.application
        if not status.name or (registered is not None and registered[1] >= status.version):
            return None
        payload = msgspec.msgpack.encode(ApplicationVersion(status.name, status.version))
        return Command(CommandKind.APPLICATION_VERSION, 1, 0, 0, 0, "", 0, msgspec.Raw(payload))

    async def snapshot_file(self, machine: Machine) -> AsyncIterator[bytes]:
        """A whole snapshot of now as one file, in pieces of a chunk; with the application's, where its machine runs here."""
        source = machine.open_snapshot()
        assert isinstance(source, CanonicalSnapshotSource)
        offered = self.offer_application(machine.applied_index)  # in the same turn: the state of the same index
        application: ApplicationSnapshotSource | None = None
        try:
            snapshot = await offered
            if snapshot is not None:
                application = ApplicationSnapshotSource(snapshot)
            elif source.header.application_name:
                logger.warning("a snapshot is made without the application's state: its machine does not run here; ask another member")
            async for piece in write_snapshot_file(source, application):
                yield piece
        finally:
            source.close()
            if application is not None:
                application.close()

    async def close(self, flush: bool) -> None:
        """`flush` false: what the member holds is in doubt, so nothing more is written."""
        if self._application is not None:
            await self._application.stop()

        def close() -> None:
            try:
                if flush:
                    self._stores.state.flush()
            finally:
                self._stores.close()

        await asyncio.get_running_loop().run_in_executor(None, close)
