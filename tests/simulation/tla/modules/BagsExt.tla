---- MODULE BagsExt ----
\* Stand-in for the module of the same name of the TLA+ community modules: what etcd's trace specification uses of it, defined anew.
LOCAL INSTANCE Naturals
LOCAL INSTANCE Bags

\* One more copy of an element.
BagAdd(bag, element) == bag (+) SetToBag({element})

\* Op(what came of the others, element), over all copies of all elements.
FoldBag(Op(_, _), base, bag) ==
    LET fold[rest \in SUBSET DOMAIN bag] ==
            IF rest = {} THEN base
            ELSE LET element == CHOOSE e \in rest : TRUE
                     times[n \in 0..bag[element]] == IF n = 0 THEN fold[rest \ {element}] ELSE Op(times[n - 1], element)
                 IN times[bag[element]]
    IN fold[DOMAIN bag]
====
