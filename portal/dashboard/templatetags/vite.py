"""Links to what Vite has built, by the name of the source file."""

import json
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@cache
def _manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((settings.FRONTEND_DIST / "manifest.json").read_text())
    return manifest


@register.simple_tag
def vite_script(source: str) -> SafeString:
    """`<script type="module">` of one island."""
    return format_html('<script type="module" src="{}"></script>', static(f"app/{_manifest()[source]['file']}"))


@register.simple_tag
def vite_style(source: str) -> SafeString:
    """`<link rel="stylesheet">` of one style sheet, or of an island's own styles."""
    entry = _manifest()[source]
    files = [entry["file"]] if source.endswith(".css") else entry.get("css", [])
    return format_html_join("\n", '<link rel="stylesheet" href="{}">', ((static(f"app/{name}"),) for name in files))
