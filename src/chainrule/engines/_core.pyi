from collections.abc import Callable, Sequence
from typing import Any

class Core:
    def __init__(
        self,
        isa: str,
        layers: Sequence[tuple[int, int, int, int, tuple[float, ...], float, int]],
        input_rate: float,
        cost: tuple[int, tuple[float, ...], bool],
        l1: float,
        l2: float,
        seed: int,
        optimizer: tuple[int, tuple[float, ...], int],
        clip_value: float,
        clip_norm: float,
        X: Any,
        Y: Any,
        weights: Any | None,
    ) -> None: ...
    def run(
        self,
        theta: Any,
        state: Any,
        order: Any,
        batch_size: int,
        rates: Any,
        first_step: int,
        costs: Any,
        squares: Any,
        threads: int,
        stop: Callable[[], bool] | None = None,
    ) -> int: ...
    def evaluate(
        self,
        theta: Any,
        dtheta: Any | None,
        order: Any | None,
        threads: int,
        stop: Callable[[], bool] | None = None,
    ) -> float: ...
    def sums(
        self, theta: Any, dtheta: Any, order: Any, places: Any, step: int, threads: int
    ) -> float: ...
    def step(
        self,
        theta: Any,
        state: Any,
        gradient: Any,
        rate: float,
        number: int,
        squares: Any,
        threads: int,
    ) -> None: ...
    def plan(
        self, batch_size: int, threads: int, train: bool, gradient: bool
    ) -> tuple[str, list[tuple[str, str, str, str]]]: ...

class Predictor:
    def __init__(
        self,
        isa: str,
        layers: Sequence[tuple[int, int, int, int, tuple[float, ...], float, int]],
        theta: Any,
        threads: int,
    ) -> None: ...
    def __call__(self, X: Any, out: Any | None = None) -> Any: ...

class Checker:
    def __init__(
        self,
        isa: str,
        stages: list[tuple[Any, ...]],
        Y: Any,
        cost: tuple[int, tuple[float, ...], bool],
        kinks: list[float],
        bends: list[float],
    ) -> None: ...
    def costs(
        self,
        layer: int,
        samples: Any,
        units: Any,
        by: Any,
        careful: bool,
        J: Any,
        flags: Any,
        where: Any,
        threads: int,
    ) -> None: ...
    def own(self, layer: int, a: Any) -> None: ...

def tables() -> dict[str, dict[str, tuple[str, ...]]]: ...
def available_isas() -> list[str]: ...
def processors() -> int: ...
def elementwise(isa: str, function: int, x: Any, y: Any) -> None: ...
def permutation(key: int, order: Any) -> None: ...
def standardised(
    isa: str,
    schema: Any,
    array: Any,
    features: list[tuple[int, int, float, float, bool]],
    rows: Any,
    out: Any,
) -> bool: ...
