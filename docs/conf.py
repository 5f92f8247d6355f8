"""Sphinx's configuration: docs/ and the docstrings as one site, by ``sphinx-build -W docs site``.

Sphinx with furo, and not MkDocs: the docstrings are reStructuredText, which autodoc reads as it is,
and a page that no table of contents reaches or a link that leads nowhere fails the build.
"""

from __future__ import annotations

import chainrule

project = "chainrule"
author = "the chainrule authors"
version = release = chainrule.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = f"chainrule {release}"
exclude_patterns = ["images"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "none"  # the first line of a docstring's signature has them
autodoc_member_order = "bysource"
# Type names in signatures are written short; what they link to is not looked up.
nitpicky = False
suppress_warnings = ["myst.header"]
