"""The page on the estimators: every test that its table of asks names is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.estimators import BackpropClassifier

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "estimators.md").read_text(encoding="utf-8")
SOURCES = "".join(path.read_text(encoding="utf-8") for path in HERE.parent.rglob("test_*.py"))


# Those of scikit-learn are listed in a section of their own.
OURS = re.sub(r"## scikit-learn's own tests.*?\n## ", "", PAGE, flags=re.S)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", OURS))))
def test_the_example_is_there(name: str) -> None:
    assert f"def {name}(" in SOURCES


def test_every_parameter_beyond_the_mlps_is_on_the_page() -> None:
    from sklearn.neural_network import MLPClassifier

    own = set(BackpropClassifier().get_params()) - set(MLPClassifier().get_params())
    for name in own:
        assert f"`{name}`" in PAGE, name


def test_estimators_do_without_a_framework() -> None:
    code = (
        "import sys; from chainrule.estimators import BackpropClassifier as B; "
        "B(max_iter=1).fit([[0.], [1.], [2.]], [0, 1, 1]); "
        "print({'torch', 'jax', 'tensorflow', 'keras', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_explain_shows_the_chain_rule() -> None:
    pytest.importorskip("sympy")
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    assert BackpropClassifier((3,), max_iter=2, random_state=0).fit(X, y).explain(X[:2], y[:2])
