"""What a member says of its certificate, and when it raises an alarm."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from quorate_node.identity.facts import utc_now
from quorate_node.identity.report import CertificateReporter
from tests.unit.transport.certificates import NOW, Authority, member_uri, write_files

DAY = dt.timedelta(days=1)


def test_it_tells_when_it_ends_who_signed_it_and_whom_it_trusts(tmp_path: Path) -> None:
    new, old = Authority("new"), Authority("old")
    reporter = CertificateReporter(write_files(tmp_path / "tls", old.issue(member_uri(7, 9)), new, old))
    report = reporter.report()
    assert report is not None
    fingerprints = [each.certificate.fingerprint(SHA256()).hex() for each in (new, old)]
    assert (report.authority, report.trusted) == (fingerprints[1], tuple(fingerprints))
    assert report.expires_at == (NOW + DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert reporter.alarms() == ()


def test_new_files_are_told_of_without_a_restart(tmp_path: Path) -> None:
    one, two = Authority(), Authority()
    reporter = CertificateReporter(write_files(tmp_path / "tls", one.issue(), one))
    before = reporter.report()
    write_files(tmp_path / "tls", two.issue(), two)
    after = reporter.report()
    assert before is not None and after is not None and before.authority != after.authority


@pytest.mark.parametrize(
    ("left", "alarm"), [(0.3, ""), (0.2, "CertificateExpiring: it ends at"), (-0.1, "CertificateExpired: since")]
)
def test_the_alarm_comes_at_a_quarter_of_its_life(left: float, alarm: str, tmp_path: Path) -> None:
    authority = Authority()
    # Certificates of the test authority live three days.
    now = NOW + DAY - 3 * DAY * left
    files = write_files(tmp_path / "tls", authority.issue(), authority)
    found = CertificateReporter(files, lambda: "the API server is away", lambda: now).alarms()
    if alarm:
        assert found[0].startswith(alarm) and found[0].endswith(": the API server is away")
    else:
        assert found == ()


def test_a_certificate_that_cannot_be_read_is_an_alarm_and_no_report(tmp_path: Path) -> None:
    authority = Authority()
    files = write_files(tmp_path / "tls", authority.issue(), authority)
    reporter = CertificateReporter(files, now=utc_now)
    files.certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA")
    assert reporter.report() is None
    assert reporter.alarms()[0].startswith("CertificateUnreadable: ")
    write_files(tmp_path / "tls", authority.issue(), authority)
    assert reporter.report() is not None
