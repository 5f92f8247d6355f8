"""Place in any program: each stage of it checked alone, the first wrong one going backwards."""

from .dispatch import check_stages
from .marks import stage

__all__ = ["check_stages", "stage"]
