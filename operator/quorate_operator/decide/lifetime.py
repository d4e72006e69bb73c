"""Times as the API has them (RFC 3339, UTC), compared without a clock: how much of a certificate's life is left."""

from __future__ import annotations

import re

from quorate_operator.decide.world import Certificate

DEGRADED_BELOW = 0.25
"""Part of its life that is left: at half of it the member renews, so that here something has been wrong for weeks."""
_RFC_3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z")


def seconds(moment: str) -> int | None:
    """Since 1970; None for what is no such time. The count of days is Howard Hinnant's `days_from_civil`."""
    match = _RFC_3339.fullmatch(moment)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    # A year that begins in March ends with the leap day, which then moves nothing behind it.
    year -= month <= 2
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    era, year_of_era = divmod(year, 400)
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return (era * 146_097 + day_of_era - 719_468) * 86_400 + hour * 3600 + minute * 60 + second


def runs_out(certificate: Certificate, now: str) -> bool:
    """Less than a quarter of its life is left. False where a time cannot be read: then nothing is known."""
    begun, ends, at = seconds(certificate.not_before), seconds(certificate.expires_at), seconds(now)
    if begun is None or ends is None or at is None:
        return False
    return ends - at < DEGRADED_BELOW * (ends - begun)
