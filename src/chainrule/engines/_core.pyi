from typing import Any

class Core:
    def __init__(
        self,
        isa: str,
        layers: list[tuple[int, int, int, float, float]],
        input_rate: float,
        cost: tuple[int, float, bool],
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
    ) -> int: ...
    def evaluate(
        self, theta: Any, dtheta: Any | None, order: Any | None, threads: int
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
    def predict(self, theta: Any, outputs: Any, threads: int) -> None: ...

def tables() -> dict[str, dict[str, tuple[str, ...]]]: ...
def available_isas() -> list[str]: ...
def processors() -> int: ...
def elementwise(isa: str, function: int, x: Any, y: Any) -> None: ...
