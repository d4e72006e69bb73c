"""etcd, the API server, the controller manager and the scheduler."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kubernetes.bed.certificates import Authority, KeyPair, service_account_key
from tests.kubernetes.bed.kubeconfig import write_kubeconfig
from tests.kubernetes.bed.layout import (
    API_PORT,
    API_SERVICE_ADDRESS,
    CLUSTER_DOMAIN,
    ETCD_PEER_PORT,
    ETCD_PORT,
    HOST_ADDRESS,
    SERVICE_RANGE,
)
from tests.kubernetes.bed.processes import Program, wait_for

READY_TIMEOUT_S = 120.0
PROBE_TIMEOUT_S = 2.0
SERVER = f"https://{HOST_ADDRESS}:{API_PORT}"


class ControlPlane:
    """Started in order: the controllers end themselves when they come before the API server is ready."""

    def __init__(self, programs: dict[str, Path], state: Path, logs: Path, authority: Authority) -> None:
        self._programs = programs
        self._state = state
        self._logs = logs
        self._authority = authority
        self.audit_log = logs / "audit.jsonl"
        keys = state / "certificates"
        self._service_accounts = service_account_key(keys / "service-accounts.key")
        self._admin = authority.issue("admin", "admin", organization="system:masters")
        self.kubeconfig = self._kubeconfig("admin", self._admin)
        self.etcd = self._etcd()
        self.api_server = self._api_server()
        self.controllers = self._controllers()
        self.scheduler = self._scheduler()
        context = ssl.create_default_context(cafile=str(authority.pair.certificate))
        context.load_cert_chain(self._admin.certificate, self._admin.key)
        self._context = context

    @property
    def running(self) -> list[Program]:
        return [self.etcd, self.api_server, self.controllers, self.scheduler]

    def start(self) -> None:
        self.etcd.start()
        self.api_server.start()
        self.wait_until_ready()
        self.controllers.start()
        self.scheduler.start()

    @contextmanager
    def api_server_away(self) -> Iterator[None]:
        """Within it nothing can be asked. Then it is back, with controllers that see it anew: elsewhere they end themselves when they
        cannot renew their leases; without that, what they remember stays old for as long as their back-off is (two minutes were seen).
        """
        self.api_server.stop()
        try:
            yield
        finally:
            for program in (self.scheduler, self.controllers):
                program.stop()
            self.api_server.start()
            self.wait_until_ready()
            self.controllers.start()
            self.scheduler.start()

    def wait_until_ready(self) -> None:
        wait_for("the API server is ready", self._missing, READY_TIMEOUT_S, [self.etcd, self.api_server])

    def stop(self) -> None:
        for program in reversed(self.running):
            program.stop()

    def _missing(self) -> str:
        try:
            with urllib.request.urlopen(f"{SERVER}/readyz", timeout=PROBE_TIMEOUT_S, context=self._context):
                return ""
        except (OSError, urllib.error.URLError) as error:
            return str(error)

    def client_kubeconfig(self, name: str, common_name: str, organization: str = "") -> Path:
        return self._kubeconfig(name, self._authority.issue(name, common_name, organization=organization))

    def _kubeconfig(self, name: str, client: KeyPair) -> Path:
        return write_kubeconfig(self._state / "kubeconfigs" / name, SERVER, self._authority.pair.certificate, client)

    def _etcd(self) -> Program:
        client, peer = f"http://127.0.0.1:{ETCD_PORT}", f"http://127.0.0.1:{ETCD_PEER_PORT}"
        # No fsync: this etcd need not outlive its machine, and a busy disk would make the API server late.
        flags = [
            "--unsafe-no-fsync",
            f"--data-dir={self._state / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
        ]
        flags += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
        return Program("etcd", [self._programs["etcd"], *flags], self._logs)

    def _api_server(self) -> Program:
        names = ("kubernetes.default.svc", "kubernetes.default", "localhost", "127.0.0.1", API_SERVICE_ADDRESS, HOST_ADDRESS)
        serving = self._authority.issue("kube-apiserver", "kube-apiserver", names=names)
        kubelets = self._authority.issue("kube-apiserver-kubelet-client", "kube-apiserver-kubelet-client", organization="system:masters")
        policy = self._state / "audit-policy.json"
        rule = {"level": "Metadata", "omitStages": ["RequestReceived"]}
        policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule]}))
        flags = [
            f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
            f"--secure-port={API_PORT}",
            f"--advertise-address={HOST_ADDRESS}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self._authority.pair.certificate}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
            f"--service-account-key-file={self._service_accounts}",
            f"--service-account-signing-key-file={self._service_accounts}",
            # Without it, exec and logs look up the node's name, which no DNS knows.
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={kubelets.certificate}",
            f"--kubelet-client-key={kubelets.key}",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit_log}",
            # Who reads it reads one file.
            "--audit-log-maxsize=4000",
            "--shutdown-delay-duration=0s",
        ]
        return Program("kube-apiserver", [self._programs["kube-apiserver"], *flags], self._logs)

    def _controllers(self) -> Program:
        kubeconfig = self.client_kubeconfig("kube-controller-manager", "system:kube-controller-manager")
        flags = [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={self._service_accounts}",
            f"--root-ca-file={self._authority.pair.certificate}",
            f"--cluster-signing-cert-file={self._authority.pair.certificate}",
            f"--cluster-signing-key-file={self._authority.pair.key}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            f"--flex-volume-plugin-dir={self._state / 'plugins'}",
            # Half of the default, since a test waits for it; kubelets renew their leases every 4 s.
            "--node-monitor-grace-period=20s",
            # The default of 20 requests a second makes a hundred clusters wait for their volumes and not for us.
            "--kube-api-qps=300",
            "--kube-api-burst=600",
        ]
        return Program("kube-controller-manager", [self._programs["kube-controller-manager"], *flags], self._logs)

    def _scheduler(self) -> Program:
        kubeconfig = self.client_kubeconfig("kube-scheduler", "system:kube-scheduler")
        flags = [f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}"]
        return Program("kube-scheduler", [self._programs["kube-scheduler"], *flags, "--leader-elect=false"], self._logs)
