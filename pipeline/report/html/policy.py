"""What a page may do: run its own script, show its own pictures, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json


def content_policy(style: str, script: str, *more_script_sources: str) -> str:
    """Content security policy: nothing from outside, and no script or style but the page's own."""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", _hash(script), *more_script_sources]),
            f"style-src {_hash(style)}",
            "img-src data: blob:",
            "font-src data:",
            "connect-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def json_text(value: object) -> str:
    """For the inside of a script element: no tag can begin in it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
