---- MODULE IOUtils ----
\* Stand-in for the module of the same name of the TLA+ community modules: the trace is in the module Json that is made for each run.
IOEnv == [JSON |-> "trace"]
atoi(text) == 0
====
