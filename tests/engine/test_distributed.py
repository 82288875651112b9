"""Two processes on halves of a batch must learn what one process learns on the whole: the MMD is
taken over the gathered batch.
"""

import os
import tempfile
from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from torch import nn

from daexplore.alignment import METHODS, build_alignment
from daexplore.config import AlignmentConfig, ModelConfig
from daexplore.domains import DomainBatch
from daexplore.engine.training.step import AdaptationStep
from daexplore.models import build_network

BATCH = 8


def make(method):
    torch.manual_seed(0)
    network = build_network(ModelConfig("deepmerge"), 1, 2, 16)
    # Batch norm sees each process's own images; with its running statistics the two ways are the
    # same function.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    adapter = AdaptationStep(
        network, [(build_alignment(AlignmentConfig(method), 32, 2), 1.0)], "mixed"
    )
    generator = torch.Generator().manual_seed(1)
    source, target = torch.randn(2, BATCH, 1, 16, 16, generator=generator)
    # In double precision: the order of sums, which differs between the two ways, says nothing about
    # the method.
    return adapter.double().eval(), DomainBatch(
        source.double(), torch.arange(BATCH) % 2, target.double() + 0.5
    )


def rank_step(rank, method, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    adapter, batch = make(method)
    wrapped = nn.parallel.DistributedDataParallel(adapter)
    losses = wrapped(DomainBatch(*(part[rank::2] for part in batch)), 0.9)
    losses["total"].backward()
    gradients = {name: parameter.grad for name, parameter in adapter.named_parameters()}
    torch.save(
        {"gradients": gradients, "losses": {k: v.detach() for k, v in losses.items()}},
        Path(folder) / f"{rank}.pt",
    )
    torch.distributed.barrier()
    # No destructors: that of gloo's process group, straight after a backward pass, can wait for a
    # thread that waits for the interpreter.
    os._exit(0)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_two_processes_agree_with_each_other_and_with_one(method):
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(rank_step, (method, folder), nprocs=2)
        ranks = [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    adapter, batch = make(method)
    losses = adapter(batch, 0.9)
    losses["total"].backward()
    for name, parameter in adapter.named_parameters():
        torch.testing.assert_close(
            ranks[0]["gradients"][name], ranks[1]["gradients"][name], rtol=0, atol=0
        )
        torch.testing.assert_close(
            ranks[0]["gradients"][name], parameter.grad, rtol=1e-6, atol=1e-9
        )
    if method == "mmd":
        for rank in ranks:
            torch.testing.assert_close(rank["losses"]["mmd"], losses["mmd"].detach())
