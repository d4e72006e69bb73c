#!/bin/sh
# What the fault tests can use beyond Python: libfaketime, for wall clocks that jump. Installed where that is allowed and it is not there;
# without it those tests are skipped and say so.
set -u
for library in /usr/lib/*/faketime/libfaketime.so.1; do
  [ -e "$library" ] && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing libfaketime"
  { apt-get install -y -q libfaketime || { apt-get update -q && apt-get install -y -q libfaketime; }; } >/dev/null 2>&1 ||
    echo "libfaketime could not be installed: the tests of jumping clocks are skipped"
else
  echo "libfaketime is not there and cannot be installed: the tests of jumping clocks are skipped"
fi
exit 0
