"""Setting of the What-if perturbation, and its form in the address."""

import math
from dataclasses import dataclass

from daexplore.errors import InputError

__all__ = ["DIALS", "DRAWS", "MAX_SEED", "Dial", "parse_dial"]

DIALS = ("psf", "depth", "pixel", "redshift")
"""Which dials there are."""

DRAWS = (1, 8, 32)
"""How many draws of the noise can be chosen."""

MAX_SEED = 999
"""Of the noise."""


@dataclass(frozen=True)
class Dial:
    """A perturbation and its level.

    Attributes:
        name: one of ``DIALS``.
        level: where it is turned to, in its own unit; None: where the survey recorded.
        seed: of the noise.
        draws: of the noise.
    """

    name: str = "depth"
    level: float | None = None
    seed: int = 0
    draws: int = 8

    def __str__(self) -> str:
        level = "" if self.level is None else f"{self.level:.6g}"
        parts = [self.name, level, str(self.seed), str(self.draws)]
        plain = ["", "", str(Dial.seed), str(Dial.draws)]
        while len(parts) > 1 and parts[-1] == plain[len(parts) - 1]:
            parts.pop()
        return ":".join(parts)


def parse_dial(text: str) -> Dial:
    """A dial as ``str`` writes it.

    Raises:
        InputError: anything else.

    >>> parse_dial("psf:0.25:7")
    Dial(name='psf', level=0.25, seed=7, draws=8)
    >>> str(parse_dial("depth::0:32"))
    'depth::0:32'
    """
    name, *rest = text.split(":")
    level, seed, draws = (*rest, "", "", "")[:3]
    try:
        dial = Dial(
            name, float(level) if level else None, int(seed or Dial.seed), int(draws or Dial.draws)
        )
    except ValueError:
        dial = Dial("")
    known = dial.name in DIALS and 0 <= dial.seed <= MAX_SEED and dial.draws in DRAWS
    if len(rest) > 3 or not known or not (dial.level is None or math.isfinite(dial.level)):
        raise InputError(
            f"The address asks for the dial {text[:60]!r}; expected dial:level:seed:draws, of which"
            f" all but the first may be left out, with a dial of {', '.join(DIALS)}, a seed from 0"
            f" to {MAX_SEED} and {', '.join(map(str, DRAWS))} draws."
        )
    return dial
