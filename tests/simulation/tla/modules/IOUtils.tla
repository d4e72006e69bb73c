---- MODULE IOUtils ----
\* Stand-in for the module of the same name of the TLA+ community modules: the trace is in the module Json, made anew for each run.
LOCAL INSTANCE TLC

IOEnv == [JSON |-> "trace"]
atoi(text) == Assert(FALSE, "nothing here needs a number from the environment")

\* In place of TLCGet for a TLC that does not know these yet: how it runs is what `judge.py` says, and that the whole trace was matched
\* is read from its progress.
ThisTLCGet(what) == IF what = "config" THEN [mode |-> "bfs", worker |-> 1] ELSE 1
====
