---- MODULE FiniteSetsExt ----
\* Stand-in for the module of the same name of the TLA+ community modules: what etcd's trace specification uses of it, defined anew.
LOCAL INSTANCE Integers

Max(S) == CHOOSE x \in S : \A y \in S : x >= y
Min(S) == CHOOSE x \in S : \A y \in S : x <= y
====
