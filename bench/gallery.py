"""The gallery of public bugs under the gradient check: verdict, place, mistake, for every seed.

A wrong case should be called wrong at its place, with the mistake named; a right one never. Needs
torch and jax.

    python bench/gallery.py              # prints Markdown; --seeds 10, --sentences, --only PART
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "gradcheck"))

from gallery.catalogue import kept_cases, open_cases
from gallery.scores import rows, score, totals


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="cases whose field or name holds this")
    parser.add_argument("--sentences", action="store_true", help="every sentence said of a case")
    parser.add_argument("--times", action="store_true", help="the slowest cases")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for title, cases in (("Open cases", open_cases()), ("Cases kept apart", kept_cases())):
        chosen = [c for c in cases if args.only in c.field or args.only in c.name]
        if not chosen:
            continue
        scores = [score(case, args.seeds) for case in chosen]
        print(f"## {title}\n")
        print("\n".join(totals(scores)) + "\n")
        print("\n".join(rows(scores)) + "\n")
        if args.times:
            for s in sorted(scores, key=lambda s: -s.seconds)[:15]:
                print(f"- {s.seconds:.2f} s {s.case.name}")
        if args.sentences:
            for s in scores:
                for text, n in s.sentences.items():
                    print(f"- {s.case.name} ({n}): {text}")


if __name__ == "__main__":
    main()
