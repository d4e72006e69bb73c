"""One AdmissionReview: whatever it holds, the answer allows the pod."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_operator.injection.review import API_VERSION, Cluster, Malformed, answer, asked, judged
from quorate_operator.objects.injection import INJECT_LABEL, INJECTION_ANNOTATION
from tests.unit.cluster_operator.resources import identity_of, spec_of

CLUSTER = Cluster(spec_of(), identity_of())


def review(pod: Any = None, **request: Any) -> dict[str, Any]:
    body = pod if pod is not None else {"metadata": {"labels": {INJECT_LABEL: "orders"}}, "spec": {"containers": [{"name": "app"}]}}
    fields = {"uid": "r1", "namespace": "shop", "kind": {"kind": "Pod"}, "operation": "CREATE", "object": body, **request}
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": fields}


def patch_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(base64.b64decode(response["response"]["patch"]))
    return found


def test_a_labelled_pod_is_patched() -> None:
    found = asked(review())
    assert (found.namespace, found.cluster) == ("shop", "orders")
    result, patch, why = judged(found, CLUSTER)
    assert (result, why) == ("injected", "")
    said = answer(found.uid, patch)
    assert said["response"]["uid"] == "r1" and said["response"]["allowed"] and said["response"]["patchType"] == "JSONPatch"
    assert patch_of(said) == patch and "warnings" not in said["response"]


@pytest.mark.parametrize("cluster", ["there is none", Cluster(spec_of(injection={"enabled": False}), identity_of())])
def test_one_that_cannot_have_it_is_let_through_and_told(cluster: Cluster | str) -> None:
    result, patch, why = judged(asked(review()), cluster)
    said = answer("r1", patch, why)
    assert result == "refused" and said["response"]["allowed"]
    assert said["response"]["warnings"][0].startswith(f"no Quorate member beside this pod: {why}"[:120])
    assert patch_of(said)[0]["value"][INJECTION_ANNOTATION] == f"refused: {why}"


@pytest.mark.parametrize(
    "request_of",
    [
        {"object": {"metadata": {}, "spec": {}}},
        {"object": {"metadata": {"labels": None}, "spec": {}}},
        {"operation": "UPDATE"},
    ],
)
def test_others_are_left_alone(request_of: dict[str, Any]) -> None:
    assert judged(asked(review(**request_of)), CLUSTER) == ("untouched", [], "")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "no AdmissionReview"),
        ({"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}, "no AdmissionReview of admission.k8s.io/v1"),
        ({"apiVersion": API_VERSION, "kind": "AdmissionReview"}, "no request"),
        (review(uid=""), "lacks its uid"),
        (review(namespace=None), "lacks its uid or its namespace"),
        (review(pod=7), "no pod"),
        (review(pod={"metadata": {}}), "no pod"),
        (review(kind={"kind": "Secret"}), "not for a pod"),
        (review(subResource="ephemeralcontainers"), "not for a pod"),
    ],
)
def test_what_is_no_review_of_a_pod_is_said(body: Any, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        asked(body)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda each: st.lists(each, max_size=3)))
def test_no_body_gives_anything_but_its_answer(body: Any) -> None:
    with pytest.raises(Malformed):
        asked(body)
