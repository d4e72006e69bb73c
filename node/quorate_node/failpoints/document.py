"""`docs/failpoints.md` and `--list-failpoints`, from the table: what is written there is what is there."""

from __future__ import annotations

import sys

from quorate_node.failpoints.errors import NAMES
from quorate_node.failpoints.sites import SITES
from quorate_node.failpoints.terms import PANIC_STATUS

_ERRORS = ", ".join(f"`{name}`" for name in NAMES)
INTRODUCTION = f"""# Failpoints

{len(SITES)} named places at which a test makes a member fail, wait or die. In the source each is a comment,

```python
# failpoint: log.write.after_commit
```

and a comment compiles to nothing: a node that was not started for faults has neither the calls nor the code that would carry them
out (`tests/unit/failpoints/test_off.py` compares the bytecode). With the variable `QUORATE_FAILPOINTS` in its environment, even
empty, a process turns the comments into calls while it loads its modules. Tests in one process ask for it by a call, and can give each
simulated member a registry of its own.

## Setting them

| variable | |
|---|---|
| `QUORATE_FAILPOINTS` | `name=terms;name=terms` from the start; empty: only counted, and set later |
| `QUORATE_FAILPOINTS_LISTEN` | `127.0.0.1:PORT` of an endpoint that sets them; loopback only; without it there is none |
| `QUORATE_FAILPOINTS_SEED` | seed of the percentages |

```console
$ QUORATE_FAILPOINTS='log.write.before_commit=100*off->panic' QUORATE_FAILPOINTS_LISTEN=127.0.0.1:7399 quorate-node --config node.toml
$ curl -X PUT -d '10%sleep(50)' http://127.0.0.1:7399/failpoints/messages.receive
$ curl http://127.0.0.1:7399/failpoints/messages.receive
{{"terms": "10%sleep(50)", "hits": 812, "fired": 79, "held": 0}}
$ curl -X DELETE http://127.0.0.1:7399/failpoints/messages.receive
```

A wrong name, term or place is refused with what would be right (exit status 2 at the start, 400 or 404 at the endpoint).
`quorate-node --list-failpoints` prints the names.

## Terms

`[COUNT*][PERCENT%]ACTION[(ARGUMENT)]`, joined by `->`: the first that is due is carried out. `5*off->2*error(EIO)` fails the sixth and
the seventh time.

| action | what happens |
|---|---|
| `off` | nothing; with a count it lets so many pass |
| `sleep(MS)` | a delay. Where the place is awaited the loop goes on; elsewhere its thread is held up |
| `pause` | wait until the failpoint is set anew or removed |
| `error` `error(NAME)` | raise an error: one that nobody expects, an errno (`EIO`, `ENOSPC`) as `OSError`, or one of {_ERRORS} |
| `skip` | leave the place out, where the table allows it |
| `print(TEXT)` | a line on standard error |
| `panic` `panic(STATUS)` | the process ends at once, with nothing flushed, closed or answered; status {PANIC_STATUS} |

An awaited place suspends only beside an `await` that is there without it, so no failpoint tries an interleaving that production
cannot have.

## What they cost

Off: nothing, the bytecode is that of a source without them. A flag asked at each place would take 3 ns and a branch that no test of
the production program takes. On, a place that is not set takes 60 ns without a registry and 350 ns with one (Python 3.11, one core
of a shared machine), and about 0.3 s more to load the modules; so no place is reached once a command, only once a batch, frame, sync
or step.

## In one process

Such a test makes its own registry. `effects` says what sleeping, showing and dying mean there:

```python
from quorate_node.failpoints import Failpoints, instrument, use, use_here

instrument()                                    # before any other room is imported
failpoints = Failpoints(effects, Random(seed))  # hits are counted in failpoints.hits
use(failpoints)                                 # for the process; within(failpoints): for the tasks begun inside
process.context.run(use_here, failpoints)       # for one simulated member, whose tasks and callbacks run in copies of its context
failpoints.configure("engine.before_apply", "3*off->1*panic")
```

With the same effects and seed it does the same again: it draws one number for each percentage that it asks.

## Disks

What happens below the program, a sync that the kernel holds up or fails, is not for failpoints: `tests/cluster/shim/disk_fault.py`
puts a library before the process' own system calls, and can delay, fail and tear them.

## The places

"""


def table() -> str:
    lines = ["| name | reached when | good for | skip | where |", "|---|---|---|---|---|"]
    for name, site in sorted(SITES.items()):
        where = ", ".join(f"`{file}`" for file in site.files)
        lines.append(f"| `{name}` | {site.when} | {site.good_for} | {'yes' if site.skip else ''} | {where} |")
    return "\n".join(lines) + "\n"


def document() -> str:
    return INTRODUCTION + table() + "\nWritten by `python -m quorate_node.failpoints.document`.\n"


def listing() -> str:
    """A name a line, and when it is reached."""
    width = max(map(len, SITES))
    return "".join(f"{name:<{width}}  {site.when}\n" for name, site in sorted(SITES.items()))


if __name__ == "__main__":
    sys.stdout.write(document())
