"""Scores of the gallery's cases over several seeds, as lines of Markdown."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from gallery.record import Case, judge


@dataclass
class Score:
    """What the check said of one case, over its seeds."""

    case: Case
    verdicts: Counter[str] = field(default_factory=Counter)
    places: int = 0
    named: int = 0
    sentences: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def wanted(self) -> str:
        return "right" if self.case.right else "wrong"

    @property
    def seeds(self) -> int:
        return self.verdicts.total()


def score(case: Case, seeds: int) -> Score:
    """Check a case with each seed."""
    result = Score(case)
    start = time.process_time()
    for seed in range(seeds):
        try:
            found = judge(case, case.run(seed))
        except Exception as error:
            result.verdicts[f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"] += 1
            continue
        result.verdicts[found.verdict] += 1
        result.places += found.place
        result.named += found.named
        result.sentences.update(found.sentences)
    result.seconds = time.process_time() - start
    return result


def rows(scores: Sequence[Score]) -> list[str]:
    """Return the table: a line for each case."""
    lines = [
        "| field | case | thread | gradient | verdict | place | named |",
        "|---" * 7 + "|",
    ]  # fmt: skip
    for s in scores:
        said = ", ".join(f"{word} {n}" for word, n in s.verdicts.most_common())
        place = "" if s.case.right else f"{s.places}/{s.seeds}"
        named = "" if s.case.right else f"{s.named}/{s.seeds}"
        owner, number = s.case.link.split("#")
        link = f"[{s.case.link}](https://github.com/{owner}/issues/{number})"
        lines.append(
            f"| {s.case.field} | {s.case.name} | {link} | {s.wanted} | {said} | {place} | {named} |"
        )
    return lines


def totals(scores: Sequence[Score]) -> list[str]:
    """Return the sums over all cases and seeds, as a list."""
    wrong = [s for s in scores if not s.case.right]
    right = [s for s in scores if s.case.right]
    checks = sum(s.seeds for s in scores)
    # Where a kink or a chaotic map leaves two answers, undecidable is the right one.
    open_ones = sum(s.verdicts["undecidable"] for s in scores if s.case.decided or not s.case.right)
    failed = sum(n for s in scores for word, n in s.verdicts.items() if ":" in word)
    tried = max(sum(s.seeds for s in wrong), 1)
    return [
        f"- {len(wrong)} wrong and {len(right)} right cases, {checks} checks",
        f"- wrong called right: {sum(s.verdicts['right'] for s in wrong)}",
        f"- right called wrong: {sum(s.verdicts['wrong'] for s in right)}",
        f"- undecidable: {open_ones} ({open_ones / max(checks, 1):.1%})",
        f"- raised: {failed}",
        f"- place right: {sum(s.places for s in wrong)} of {tried}",
        f"- mistake named: {sum(s.named for s in wrong)} of {tried} "
        f"({sum(s.named for s in wrong) / tried:.1%})",
    ]
