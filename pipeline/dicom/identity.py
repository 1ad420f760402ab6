"""Keys that tell patients apart without naming them: HMAC-SHA256 under a salt of this user."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
import tempfile
from pathlib import Path

SALT_BYTES = 32
KEY_HEX_DIGITS = 16
MAX_SHIFT_DAYS = 3650


def config_folder() -> Path:
    """The user's folder for settings: CALCINOSIS_CONFIG_DIR, or where the platform keeps them."""
    named = os.environ.get("CALCINOSIS_CONFIG_DIR")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "calcinosis"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "calcinosis"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "calcinosis"


def load_salt(folder: Path) -> bytes | None:
    """The salt kept in a folder, made on first use.

    Returns
    -------
    bytes or None
        None where it can be neither read nor made: then nobody gets a key.
    """
    path = folder / "salt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_salt(path)
        salt = path.read_bytes()
    except OSError:
        return None
    return salt if len(salt) == SALT_BYTES else None


def _make_salt(path: Path) -> None:
    """Write a new salt whole, readable by its owner only; the first of two writers wins."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".salt-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SALT_BYTES))
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


def keyed_hash(text: str, salt: bytes | None, *, kind: str) -> str | None:
    """The key of an identifier or a date of birth.

    Parameters
    ----------
    kind : str
        What the text is, so that an identifier and a date of the same digits get different keys.

    Returns
    -------
    str or None
        16 hexadecimal digits; None for an empty text or without salt.
    """
    if salt is None or not text:
        return None
    digest = hmac.new(salt, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()
    return digest[:KEY_HEX_DIGITS]


def date_shift_days(patient_key: str, salt: bytes) -> int:
    """Days by which a patient's dates go back: 1 to 3650, the same each time, unknown without the salt."""
    digest = hmac.new(salt, f"dates\0{patient_key}".encode(), hashlib.sha256).digest()
    return 1 + int.from_bytes(digest[:8], "big") % MAX_SHIFT_DAYS
