"""Two nodes of the test cluster share nothing: kubelets that do end each other's pods."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

from tests.kubernetes.bed.layout import BRIDGE_PREFIX, HOST_ADDRESS, POD_RANGE, SERVICE_RANGE, NodePlace

ONE, TWO = (NodePlace(number, Path("/state"), Path("/logs")) for number in (1, 2))


def test_two_nodes_have_nothing_in_common_but_the_state_and_the_logs() -> None:
    names = [name for name, value in vars(NodePlace).items() if isinstance(value, property)]
    assert len(names) >= 8
    assert [name for name in names if getattr(ONE, name) == getattr(TWO, name)] == []


def test_the_first_node_is_where_the_api_server_is() -> None:
    assert ONE.address == HOST_ADDRESS


def test_ranges_of_nodes_pods_and_services_do_not_meet() -> None:
    ranges = [ip_network(f"{HOST_ADDRESS}/{BRIDGE_PREFIX}", strict=False), ip_network(POD_RANGE), ip_network(SERVICE_RANGE)]
    assert not any(one.overlaps(two) for one in ranges for two in ranges if one is not two)
    assert ip_network(TWO.pod_range).subnet_of(ranges[1])
    assert ip_address(TWO.address) in ranges[0]


def test_the_names_of_bridges_are_short_enough_for_the_kernel() -> None:
    assert all(len(place.pod_bridge) <= 15 for place in (ONE, TWO))


def test_sockets_have_paths_that_are_short_enough_for_them() -> None:
    assert len(str(TWO.containerd_socket) + ".ttrpc") < 108
