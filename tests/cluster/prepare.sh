#!/bin/sh
# What the fault tests can use beyond Python: libfaketime, for wall clocks that jump, a C compiler, for disks that fail, and iproute2, for
# members in network namespaces. Installed where that is allowed and they are not there; without them those tests are skipped and say so.
set -u

# install WHAT-FOR PACKAGE...
install() {
  for_what=$1
  shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "$* is not there and cannot be installed: $for_what are skipped"
    return
  fi
  echo "installing $*"
  { apt-get install -y -q "$@" || { apt-get update -q && apt-get install -y -q "$@"; }; } >/dev/null 2>&1 ||
    echo "$* could not be installed: $for_what are skipped"
}

have_faketime() {
  for library in /usr/lib/*/faketime/libfaketime.so.1; do
    [ -e "$library" ] && return 0
  done
  return 1
}

have_compiler() {
  command -v "${CC:-cc}" >/dev/null 2>&1 && echo '#include <errno.h>' | "${CC:-cc}" -x c -c -o /dev/null - >/dev/null 2>&1
}

command -v ip >/dev/null 2>&1 || install "campaigns in network namespaces" iproute2
have_faketime || install "the tests of jumping clocks" libfaketime
have_compiler || install "the tests of failing disks" gcc libc6-dev
exit 0
