"""Objects of a list as the API server has sent them, taken apart only when somebody looks.

As Python's dicts an object takes ten times the room of its JSON, and the lists of a hundred clusters take it in small pieces that the
allocator cannot give back. A look needs the objects of one cluster; of all the others it needs to know whose they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from quorate_operator.clients.kinds import KINDS
from quorate_operator.objects.identity import CLUSTER_LABEL, Object
from quorate_operator.objects.injection import INJECT_LABEL


class _Labels(msgspec.Struct):
    cluster: str = msgspec.field(default="", name=CLUSTER_LABEL)
    wish: str = msgspec.field(default="", name=INJECT_LABEL)


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""
    uid: str = ""
    labels: _Labels | None = None


class _Head(msgspec.Struct):
    metadata: _Metadata


class _Continue(msgspec.Struct):
    next: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    items: list[msgspec.Raw] | None = None
    metadata: _Continue = msgspec.field(default_factory=_Continue)


_head = msgspec.json.Decoder(_Head).decode
_page = msgspec.json.Decoder(_Page).decode


@dataclass(frozen=True, slots=True)
class Packed:
    """`cluster`, `wish`: what its labels say of the cluster that it belongs to, or wants a member of."""

    kind: str
    namespace: str
    name: str
    uid: str
    cluster: str
    wish: str
    _raw: msgspec.Raw

    def unpacked(self) -> Object:
        """Anew each time: who changes it changes nobody else's."""
        found: Object = msgspec.json.decode(self._raw)
        # Who has set which field: half of every object, and nobody here reads it.
        found["metadata"].pop("managedFields", None)
        # Lists leave out what is the same for all of their items.
        return {"apiVersion": KINDS[self.kind].api_version, "kind": self.kind, **found}


def page_of(kind: str, data: bytes) -> tuple[list[Packed], str]:
    """One page of a list, and where the next one begins; empty after the last. Raises `msgspec.MsgspecError`."""
    page = _page(data)
    found = []
    for raw in page.items or ():
        metadata = _head(raw).metadata
        labels = metadata.labels or _Labels()
        found.append(Packed(kind, metadata.namespace, metadata.name, metadata.uid, labels.cluster, labels.wish, raw))
    return found, page.metadata.next
