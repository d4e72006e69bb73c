"""Tree math by construction: real nodes with pointers, numbered by walking. Slow and without arithmetic on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Place:
    left: Place | None = None
    right: Place | None = None
    parent: Place | None = None
    index: int = field(default=-1)

    @property
    def height(self) -> int:
        return 0 if self.left is None else self.left.height + 1

    def walk(self) -> list[Place]:
        """In order: left, self, right."""
        if self.left is None or self.right is None:
            return [self]
        return [*self.left.walk(), self, *self.right.walk()]

    def ancestors(self) -> list[Place]:
        return [] if self.parent is None else [self.parent, *self.parent.ancestors()]

    def sibling(self) -> Place:
        assert self.parent is not None and self.parent.left is not None and self.parent.right is not None
        return self.parent.right if self is self.parent.left else self.parent.left


def naive_tree(leaves: int) -> list[Place]:
    """All places of a complete tree in array order: pairs are joined level by level until one is left."""
    row = [Place() for _ in range(leaves)]
    while len(row) > 1:
        above = []
        for left, right in zip(row[::2], row[1::2], strict=True):
            joined = Place(left, right)
            left.parent = right.parent = joined
            above.append(joined)
        row = above
    places = row[0].walk()
    for index, place in enumerate(places):
        place.index = index
    return places
