"""Lists that are not taken apart until somebody looks: what is known of each object without that, and that nothing is lost by it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_operator.clients.packed import page_of

LABELS = {"quorate.io/cluster": "orders", "app": "web"}


def item(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", **metadata}, "spec": {"deep": [{"a": None}]}}


def page(*items: dict[str, Any], **metadata: Any) -> bytes:
    return msgspec.json.encode({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})


def test_whose_it_is_is_known_without_a_look() -> None:
    (found,), next_page = page_of("Pod", page(item(namespace="shop", uid="u", labels=LABELS), **{"continue": "on"}))
    assert (found.kind, found.namespace, found.name, found.uid, found.cluster, found.wish) == ("Pod", "shop", "x", "u", "orders", "")
    assert next_page == "on"
    (wishing,), last = page_of("Pod", page(item(labels={"quorate.io/inject": "orders"})))
    assert (wishing.cluster, wishing.wish, last) == ("", "orders", "")


@pytest.mark.parametrize("labels", [{}, {"labels": None}, {"labels": {}}])
def test_an_object_without_labels_is_nobodys(labels: dict[str, Any]) -> None:
    (found,), _ = page_of("Node", page(item(**labels)))
    assert (found.namespace, found.uid, found.cluster, found.wish) == ("", "", "", "")


def test_unpacked_it_is_what_was_sent_with_its_kind_and_without_who_set_what() -> None:
    sent = item(namespace="shop", managedFields=[{"manager": "x", "fieldsV1": {"f:spec": {}}}])
    (found,), _ = page_of("StatefulSet", page(sent))
    whole = found.unpacked()
    assert (whole["apiVersion"], whole["kind"]) == ("apps/v1", "StatefulSet")
    assert {name: whole[name] for name in ("metadata", "spec")} == item(namespace="shop")
    whole["spec"]["deep"].clear()
    assert found.unpacked()["spec"] == {"deep": [{"a": None}]}, "each who looks has it for himself"


def test_an_empty_list_may_have_no_items_at_all() -> None:
    assert page_of("Pod", b'{"metadata":{},"items":null}') == page_of("Pod", b"{}") == ([], "")


VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()


@given(st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_is_in_it_comes_out_again(content: Any) -> None:
    (found,), _ = page_of("ConfigMap", page({"metadata": {"name": "x"}, "data": content}))
    assert found.unpacked()["data"] == content


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b'{"items":[{}]}', b'{"items":[{"metadata":{"name":7}}]}', b'{"items":7}'])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        page_of("Pod", data)
