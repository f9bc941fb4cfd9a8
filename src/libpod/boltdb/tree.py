"""Growing and shrinking the pages of one bucket.

Changes collect in dirty nodes. When they are written, nodes that became too small are joined with a
neighbour, nodes that became too large are split, and every one of them goes to a new place in the file:
pages of an older state stay as they are.
"""

from __future__ import annotations

from libpod.boltdb.layout import ELEMENT_SIZE, PAGE_HEADER_SIZE
from libpod.boltdb.nodes import Branch, Leaf, encode_branch, encode_leaf, split_points
from libpod.errors import DatabaseCorrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.boltdb.nodes import Node
    from libpod.boltdb.transaction import Transaction


def write_tree(tx: Transaction, root: Node) -> int:
    """Write *root* and every dirty node below it; return the page of the new root."""
    keys, pages = _write_node(tx, root)
    while len(pages) > 1:
        keys, pages = _write_branch(tx, keys, pages)
    return pages[0]


def balance(tx: Transaction, root: Node) -> Node:
    """Join what deletions have made too small, from the leaves up; return the root, which may be another
    one now.

    Pages that were not changed and turn out to be damaged are left alone: they are not needed for the change.
    """
    if isinstance(root, Leaf):
        return root
    _balance_children(tx, root)
    while isinstance(root, Branch) and len(root.children) == 1:
        child = _dirty_child(tx, root, 0)
        if child is None:
            return root
        tx.free(root.page, root.span)
        root = child
    if isinstance(root, Branch) and not root.children:
        tx.free(root.page, root.span)
        root = Leaf([], [], [])
        root.dirty = True
    return root


def collect_tree(
    tx: Transaction, root: int | Node, pages: dict[int, int]
) -> list[tuple[bytes, bytes | memoryview]]:
    """Add page and span of *root* and of all nodes below it to *pages*; return names and values of the
    buckets in it.
    """
    buckets: list[tuple[bytes, bytes | memoryview]] = []
    waiting: list[int | Node] = [root]
    while waiting:
        item = waiting.pop()
        node = tx.load(item) if isinstance(item, int) else item
        if node.page in pages:
            raise tx.corrupt(node.page, "it is used twice")
        if node.page:
            pages[node.page] = node.span
        if isinstance(node, Branch):
            waiting.extend(node.children)
        else:
            entries = zip(node.keys, node.values, node.flags, strict=True)
            buckets.extend((key, value) for key, value, flag in entries if flag)
    return buckets


def _balance_children(tx: Transaction, branch: Branch) -> None:
    for child in branch.children:
        if isinstance(child, Branch):
            _balance_children(tx, child)
    index = 0
    while index < len(branch.children):
        child = branch.children[index]
        if isinstance(child, int) or not child.unbalanced or not _too_small(tx, child):
            index += 1
            continue
        branch.unbalanced = True
        if not child.keys:
            tx.free(child.page, child.span)
            del branch.keys[index], branch.children[index]
        elif len(branch.children) == 1:
            return  # the level above joins this branch with its neighbour
        else:
            index = max(index - 1, 0)
            child.unbalanced = False
            _join(tx, branch, index)


def _too_small(tx: Transaction, node: Node) -> bool:
    """Tell whether *node* is less than a quarter of a page, or has fewer keys than its kind needs."""
    least = 1 if isinstance(node, Leaf) else 2
    return len(node.keys) < least or PAGE_HEADER_SIZE + sum(node.sizes()) <= tx.page_size // 4


def _join(tx: Transaction, branch: Branch, index: int) -> None:
    """Move what is in the child after *index* into the child at *index*, if both can be read."""
    left, right = _dirty_child(tx, branch, index), _dirty_child(tx, branch, index + 1)
    if isinstance(left, Leaf) and isinstance(right, Leaf):
        left.values += right.values
        left.flags += right.flags
    elif isinstance(left, Branch) and isinstance(right, Branch):
        left.children += right.children
    else:
        return
    left.keys += right.keys
    left.unbalanced = True
    tx.free(right.page, right.span)
    del branch.keys[index + 1], branch.children[index + 1]


def _dirty_child(tx: Transaction, branch: Branch, index: int) -> Node | None:
    """Return the child at *index*, read and made dirty; None when its page is damaged."""
    child = branch.children[index]
    if isinstance(child, int):
        upper = branch.keys[index + 1] if index + 1 < len(branch.keys) else None
        try:
            child = tx.own(tx.load(child, branch.keys[index], upper))
        except DatabaseCorrupt:
            return None  # whoever needs what is in it will be told
        branch.children[index] = child
    return child


def _write_node(tx: Transaction, node: Node) -> tuple[list[bytes], list[int]]:
    """Write *node* and the dirty nodes below it; return the first key and the id of each page that it
    became.
    """
    tx.free(node.page, node.span)
    if isinstance(node, Leaf):
        return _write_leaf(tx, node)
    keys: list[bytes] = []
    pages: list[int] = []
    for key, child in zip(node.keys, node.children, strict=True):
        if isinstance(child, int):
            keys.append(key)
            pages.append(child)
        else:
            child_keys, child_pages = _write_node(tx, child)
            keys += child_keys
            pages += child_pages
    return _write_branch(tx, keys, pages)


def _write_leaf(tx: Transaction, leaf: Leaf) -> tuple[list[bytes], list[int]]:
    sizes = leaf.sizes()
    firsts: list[bytes] = []
    pages: list[int] = []
    start = 0
    for end in split_points(sizes, tx.page_size):
        span = tx.pages_for(PAGE_HEADER_SIZE + sum(sizes[start:end]))
        page = tx.allocate(span)
        keys = leaf.keys[start:end]
        tx.write(page, span, encode_leaf(page, keys, leaf.values[start:end], leaf.flags[start:end], span - 1))
        firsts.append(keys[0] if keys else b"")
        pages.append(page)
        start = end
    return firsts, pages


def _write_branch(tx: Transaction, keys: list[bytes], children: list[int]) -> tuple[list[bytes], list[int]]:
    sizes = [ELEMENT_SIZE + len(key) for key in keys]
    firsts: list[bytes] = []
    pages: list[int] = []
    start = 0
    for end in split_points(sizes, tx.page_size):
        span = tx.pages_for(PAGE_HEADER_SIZE + sum(sizes[start:end]))
        page = tx.allocate(span)
        tx.write(page, span, encode_branch(page, keys[start:end], children[start:end], span - 1))
        firsts.append(keys[start])
        pages.append(page)
        start = end
    return firsts, pages
