---- MODULE SequencesExt ----
\* Stand-in for the module of the same name of the TLA+ community modules: what etcd's trace specification uses of it, defined anew.
LOCAL INSTANCE Naturals
LOCAL INSTANCE Sequences

\* The set of a sequence's elements.
ToSet(seq) == { seq[k] : k \in DOMAIN seq }

\* Whether `whole` begins with `part`.
IsPrefix(part, whole) == Len(part) <= Len(whole) /\ \A k \in 1..Len(part) : part[k] = whole[k]

\* The first index in from..to at which Test holds; 0 if there is none.
SelectInSubSeq(seq, from, to, Test(_)) ==
    LET look[k \in from..to+1] == IF k > to THEN 0 ELSE IF Test(seq[k]) THEN k ELSE look[k + 1]
    IN IF from > to THEN 0 ELSE look[from]

SelectInSeq(seq, Test(_)) == SelectInSubSeq(seq, 1, Len(seq), Test)

\* The last index in from..to at which Test holds; 0 if there is none.
SelectLastInSubSeq(seq, from, to, Test(_)) ==
    LET look[k \in from-1..to] == IF k < from THEN 0 ELSE IF Test(seq[k]) THEN k ELSE look[k - 1]
    IN IF from > to THEN 0 ELSE look[to]

\* Op(element, what came of the elements before it), from the first element on.
FoldSeq(Op(_, _), base, seq) ==
    LET fold[k \in 0..Len(seq)] == IF k = 0 THEN base ELSE Op(seq[k], fold[k - 1])
    IN fold[Len(seq)]
====
