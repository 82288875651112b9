"""The diagram of losses says what the gradients do: checked against the gradients themselves."""

import copy
import re

import pandas as pd
import pytest
import torch
from factories import make_run

from daexplore import methods
from daexplore.alignment import METHODS
from daexplore.app.components.training.loss_diagram import loss_diagram_html
from daexplore.domains import DomainOutputs

PROGRESS = 0.9

LOSS_TERMS = {name: method.loss for name, method in methods.METHODS.items() if method.loss}


def outputs(seed: int) -> DomainOutputs:
    """Latents, and logits that do not hang on them, so that each path has a gradient of its own."""
    draw = torch.Generator().manual_seed(seed)
    latents = (torch.randn(24, 6, generator=draw) + seed).requires_grad_()
    logits = (2 * torch.randn(24, 2, generator=draw)).requires_grad_()
    return DomainOutputs(latents, logits, torch.arange(24) % 2 if seed == 0 else None)


def total(method: torch.nn.Module, pair: tuple[DomainOutputs, DomainOutputs]) -> torch.Tensor:
    # Some methods remember what they have seen.
    method = copy.deepcopy(method)
    torch.manual_seed(3)
    return method.penalty(method(*pair, PROGRESS), torch.tensor(0.3))


def test_every_method_is_drawn_and_the_terms_are_those_it_returns() -> None:
    assert set(LOSS_TERMS) == set(METHODS)
    for name, force in LOSS_TERMS.items():
        assert set(METHODS[name](6, 2)(outputs(0), outputs(1), PROGRESS)) == set(force.terms), name


@pytest.mark.parametrize("name", list(METHODS))
def test_arrows_are_where_the_gradients_are(name: str) -> None:
    torch.manual_seed(0)
    method, force = METHODS[name](6, 2), LOSS_TERMS[name]
    pair = outputs(0), outputs(1)
    total(method, pair).backward()
    reaches = {part: any(each.grad is not None and bool(each.grad.abs().sum() > 0) for each in leaves) for part, leaves in {  # noqa: E501
        "latents": [one.latents for one in pair], "logits": [one.logits for one in pair]}.items()}  # fmt: skip  # noqa: E501
    assert force.also_classifier == reaches["logits"]
    assert reaches["latents"] or reaches["logits"]
    assert force.learns == ("domain classifier" in force.box)
    if not reaches["latents"]:
        return
    before = float(total(method, pair).detach())
    with torch.no_grad():
        for one in pair:
            if one.latents.grad is not None:
                one.latents.sub_(1e-3 * one.latents.grad / one.latents.grad.norm())
    # Stepping as the encoder would: the loss falls, or rises where the sign is reversed.
    assert (float(total(method, pair).detach()) > before) == force.reversed


def test_sizes_are_those_of_the_last_epoch_and_widths_grow_with_them(tmp_path) -> None:
    run = make_run(tmp_path, "dann", n=40, epochs=2)
    rows = [("loss/task", 0.25), ("loss/domain", 0.5)]
    history = pd.DataFrame(
        [{"split": "train", "name": name, "value": value} for name, value in rows]
    )
    small = loss_diagram_html(run.method, {"dann": 1.0}, history)
    large = loss_diagram_html(run.method, {"dann": 2.0}, history)
    assert "task 0.250" in small
    assert "λ 1 × 0.500" in small
    assert "λ 2 × 0.500" in large
    widths = [
        [float(width) for width in re.findall(r"stroke-width='([\d.]+)' stroke-dasharray", text)]
        for text in (small, large)
    ]
    assert [len(each) for each in widths] == [1, 1]
    assert widths[1][0] > widths[0][0]
    assert "sign reversed, and pulls it so that the domain classifier cannot separate" in small


def test_before_the_first_epoch_there_are_no_sizes_and_a_method_of_ones_own_is_named() -> None:
    text = loss_diagram_html(
        "mmd+mine",
        {"mmd": 1.0, "own.module:Mine<b>": 1.0},
        pd.DataFrame({"split": [], "name": [], "value": []}),
    )
    assert "λ 1 × …" in text
    assert "own.module:Mine&lt;b&gt; is your own method" in text
