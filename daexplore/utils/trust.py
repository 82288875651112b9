"""Names of code outside this package that the user has asked for on this machine.

A run folder may name a network in another package. To import it because the folder says so would
let a run from somebody else execute code. So only names are imported that were given on the
command line here, which are kept in a file of the user.
"""

import json
import os
from pathlib import Path

from platformdirs import user_config_dir

from daexplore.utils.files import atomic_write

__all__ = ["is_trusted", "trust", "trust_named", "trusted_names"]


def is_trusted(name: str) -> bool:
    """Whether ``trust`` was called with this name on this machine."""
    return name in trusted_names()


def trust(name: str) -> None:
    """Allow ``package.module:attribute`` to be imported when a run names it."""
    names = sorted({*trusted_names(), name})
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as part:
        part.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def trust_named(network: str | None) -> None:
    """Trust a network that was named on the command line, where it is code of another package."""
    if network is not None and ":" in network and not network.startswith(("timm:", "zoobot:")):
        trust(network)


def _file() -> Path:
    folder = os.environ.get("DAEXPLORE_CONFIG") or user_config_dir("daexplore")
    return Path(folder) / "trusted.json"


def trusted_names() -> list[str]:
    """Names that were given on this machine, sorted."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(name) for name in found] if isinstance(found, list) else []
