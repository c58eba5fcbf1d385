"""Collect the sentences that the pipeline and the workers store, so that pages can show them in another language.

They are written in English where they arise, with figures filled in, long before anybody reads them. This finds them
in the source, as patterns, and writes `portal/scans/sentences.py`; run it (`make messages`) when one was changed.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = (
    "inference/correction.py",
    "inference/io",
    "inference/lobes.py",
    "inference/memory.py",
    "inference/preprocess/infected_lung.py",
    "inference/preprocess/lungs.py",
    "inference/registration.py",
    "inference/segmenters/lobes.py",
    "inference/segmenters/weights.py",
    "portal/dicom/peers.py",
    "portal/dicom/priors.py",
    "portal/jobs/intake.py",
    "portal/jobs/leases.py",
    "portal/jobs/routing.py",
    "portal/jobs/runner.py",
    "portal/jobs/services.py",
    "portal/scans/matching.py",
    "portal/scans/times.py",
)
TARGET = REPOSITORY / "portal" / "scans" / "sentences.py"
HEAD = '''"""Sentences that are stored in English. Written by scripts/collect_sentences.py; do not edit."""

# ruff: noqa: E501
# fmt: off

from django.utils.translation import gettext_noop

#: Patterns of `str.format`; a place in braces stands for what was filled in.
SENTENCES = (
'''


def sentences() -> list[str]:
    """Every sentence of the sources as a pattern with numbered places."""
    found: set[str] = set()
    for source in SOURCES:
        path = REPOSITORY / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(_in_module(ast.parse(file.read_text())))
    return sorted(found)


def module_text() -> str:
    """Content of `portal/scans/sentences.py`."""
    # gettext_noop with one literal each: what makemessages finds.
    return HEAD + "".join(f"    gettext_noop({_quoted(sentence)}),\n" for sentence in sentences()) + ")\n"


def _in_module(tree: ast.Module) -> Iterator[str]:
    aside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    aside |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
        id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
    }
    # What stands in `_(...)` is translated where it arises.
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_")
    aside |= {id(part) for call in calls for part in call.args}
    for node in ast.walk(tree):
        if id(node) in aside:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # `{name}` of a text that is formatted later is a place as well.
            pattern = _numbered(re.sub(r"\{\w+\}", "{}", node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            pattern = _numbered("".join(str(part) for part in parts))
        else:
            continue
        if re.match(r"[A-Z0-9{].* .*[.]$", pattern, re.DOTALL):
            yield pattern


def _numbered(pattern: str) -> str:
    places = iter(range(pattern.count("{}")))
    return re.sub(r"\{\}", lambda _: f"{{{next(places)}}}", pattern)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


if __name__ == "__main__":
    TARGET.write_text(module_text())
