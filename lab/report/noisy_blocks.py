"""What a reader must know of noisy blocks: how many there were, and which of them count all the same."""

from collections.abc import Iterator, Sequence

from lab.model.outcome import Block


def warnings(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield sentences on attempts at blocks, in the order in which they were made; none where all were quiet."""
    noisy = [block for block in blocks if block.noise]
    if not noisy:
        return
    yield f"{len(noisy)} of {len(blocks)} attempts at a block were noisy; the first: {noisy[0].noise}"
    last = {block.block: block for block in blocks}
    if kept := [str(number + 1) for number, block in sorted(last.items()) if block.noise]:
        named = f"block {kept[0]} counts" if len(kept) == 1 else f"blocks {', '.join(kept)} count"
        yield (
            f"Of {len(last)} blocks, {named} although noisy, because no time or try was left. "
            "What was disturbed there is left out where enough is left."
        )
