"""Device, precision and memory: what the machine offers, and a clear line where it does not."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from favae_cli import runtime
from favae_cli.errors import UserError
from favae_cli.nets import build

CPU = torch.device("cpu")
CUDA = torch.device("cuda")


def test_auto_takes_the_gpu_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.find_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.find_device("auto") == CUDA


@pytest.mark.parametrize("name", ["cuda", "cuda:3"])
def test_a_device_that_is_not_there_is_named_with_its_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=rf"trainer\.device={name}: torch sees 0 CUDA devices"):
        runtime.find_device(name)


@pytest.mark.parametrize(
    ("precision", "native", "expected"),
    [("fp32", True, False), ("auto", True, True), ("auto", False, False), ("bf16", False, True)],
)
def test_precision_follows_the_config_then_the_hardware(
    precision: str, native: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert runtime.use_bf16(precision, CPU) is expected


def test_a_precision_the_gpu_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    with pytest.raises(UserError, match=r"trainer\.precision=bf16: cuda cannot"):
        runtime.use_bf16("bf16", CUDA)
    assert runtime.use_bf16("auto", CUDA) is False


def test_prepare_sets_the_threads() -> None:
    threads = torch.get_num_threads()
    try:
        chosen = runtime.prepare(SimpleNamespace(device="cpu", precision="fp32", threads=1))
        assert chosen == runtime.Runtime(CPU)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_autocast_covers_the_networks_and_leaves_the_weights(bf16: bool, dtype: torch.dtype) -> None:
    chosen = runtime.Runtime(CPU, bf16)
    layer = chosen.place(torch.nn.Conv2d(3, 4, 3))

    with chosen.autocast():
        assert layer(torch.rand(1, 3, 5, 5)).dtype == dtype

    assert layer.weight.dtype == torch.float32
    assert layer.weight.is_contiguous(memory_format=chosen.memory_format)
    assert layer(torch.rand(1, 3, 5, 5)).dtype == torch.float32


def train(chosen: runtime.Runtime) -> list[torch.Tensor]:
    """The weights after three steps of a small auto-encoder from a fixed seed."""
    arch = SimpleNamespace(name="conv", channels=[8, 16], kernel=4, stride=2, padding=1, batch_norm=True, leak=0.01)
    generator = torch.Generator().manual_seed(0)
    encoder, decoder = (chosen.place(network) for network in build(arch, (16, 16, 3), 4, generator))
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(weights, lr=1e-2, fused=True)
    for _ in range(3):
        images = torch.rand(32, 3, 16, 16, generator=generator)
        optimiser.zero_grad()
        with chosen.autocast():
            mean, log_variance = encoder(images)
            decoded = decoder(mean)
        ((decoded - images).square().sum() + log_variance.exp().sum()).backward()
        optimiser.step()
    return [weight.detach() for weight in weights]


@pytest.mark.parametrize("bf16", [False, True])
def test_the_same_seed_gives_the_same_weights_to_the_last_bit(bf16: bool) -> None:
    chosen = runtime.Runtime(CPU, bf16)
    assert all(torch.equal(a, b) for a, b in zip(train(chosen), train(chosen), strict=True))


FAULTS = """
import resource, sys
from favae_cli.runtime import keep_memory
import torch
if sys.argv[1] == "keep" and not keep_memory():
    raise SystemExit("refused")
for _ in range(10):  # glibc needs a few rounds to settle on where aligned blocks go
    torch.ones(20_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.ones(20_000_000)
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_kept_memory_is_used_again_without_page_faults() -> None:
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, check=True).stdout)
        for mode in ("return", "keep")
    }
    assert faults["keep"] * 10 < faults["return"]


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert runtime.keep_memory() is False
