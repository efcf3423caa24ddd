#!/usr/bin/env bash
# Runs the reference cases and the benchmarks on a CUDA machine that has PyTorch and no .NET: `benchmarks/gpu.sh pack DIR` where the SDK is,
# carry DIR over, then `DIR/gpu.sh run` there. The CUDA backend of TorchSharp is not downloaded: the programs are published without a backend
# and run over that machine's own PyTorch libraries, which have to be of the version that TorchSharp was built for (2.10).
set -euo pipefail

pack() {
  local to; mkdir -p "$1"; to=$(cd "$1" && pwd)
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  for project in benchmarks/MetricLearning.Benchmarks tests/MetricLearning.Conformance; do
    dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:TorchBackend=none -o "$to/$(basename "$project")"
  done
  mkdir -p "$to/benchmarks" "$to/docs/images"
  cp -r benchmarks/results "$to/benchmarks/"
  cp docs/benchmarks.md "$to/docs/"
  cp MetricLearning.sln benchmarks/gpu.sh "$to/"
  if [ -d ../shared/golden ]; then cp -r ../shared/golden "$to/"; fi
}

run() {
  cd "$(dirname "${BASH_SOURCE[0]}")"
  local torch
  torch=$(python3 -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib")); assert torch.cuda.is_available()')
  python3 -c 'import torch; print("PyTorch", torch.__version__, torch.cuda.get_device_name())'
  for program in MetricLearning.Conformance MetricLearning.Benchmarks; do
    export LD_LIBRARY_PATH="$torch:$PWD/$program"
    # Symbols that this PyTorch lacks would otherwise be found out only when they are called.
    if ldd -r "$program/libLibTorchSharp.so" 2>&1 | grep 'undefined symbol'; then echo "this PyTorch does not fit TorchSharp" >&2; exit 1; fi
    # TorchSharp loads the CPU library by name; the CUDA one registers its kernels when it is loaded before.
    export LD_PRELOAD="$torch/libtorch_cuda.so"
    case $program in
      MetricLearning.Conformance) [ ! -d golden ] || "$program/$program" golden ;;
      MetricLearning.Benchmarks)
        "$program/$program" --device cuda --check
        "$program/$program" --device cuda --record ;;
    esac
    unset LD_PRELOAD
  done
  echo "records: $PWD/benchmarks/results"
}

case "${1-}" in
  pack) pack "${2:?usage: gpu.sh pack DIR}" ;;
  run) run ;;
  *) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
