"""The page's template, style and scripts, and putting them together without anything escaping."""

from __future__ import annotations

import base64
import json
import re
import zlib
from functools import cache
from importlib.resources import files
from typing import Any

from ...mathematics.names import unknown

LANGUAGES = ("en", "de")
# A comment that has its lines for itself, as all have.
_COMMENT = re.compile(r"^\s*(//[^\n]*|/\*.*?\*/\s*)$", re.MULTILINE | re.DOTALL)


@cache
def asset(name: str) -> str:
    """Return the text of a file of this folder."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def compact(name: str) -> str:
    """Return a script or style without its comments, indentation and empty lines."""
    code = _COMMENT.sub("", asset(name))
    return "\n".join(line.strip() for line in code.splitlines() if line.strip())


@cache
def words(language: str) -> dict[str, str]:
    """Return the page's words in a language, by the English ones; of English itself none.

    Raises ValueError for a language that is not in ``LANGUAGES``.
    """
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    table: dict[str, str] = {} if language == "en" else json.loads(asset(f"words_{language}.json"))
    return table


@cache
def kernels() -> str:
    """Return the kernels as WebAssembly, deflated, in base64; src/core/wasm/build compiles them."""
    compiled = files(__name__).joinpath("kernels.wasm").read_bytes()
    return base64.b64encode(zlib.compress(compiled, 9)).decode()


@cache
def template(name: str) -> Any:
    """Return a jinja2 template of this folder, in which everything is escaped unless marked safe.

    Raises ImportError naming the extra if jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise ImportError("a page needs jinja2: pip install 'chainrule[explain]'") from None
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(asset(name))


def embedded_json(data: Any) -> str:
    """Return JSON that can stand in a ``<script>``: nothing in it can end the element.

    >>> embedded_json({"name": "</script>"})
    '{"name":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
