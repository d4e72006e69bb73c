// kernels.cu on the host: what CUDA's compiler knows by itself, and the kernels by name. For tests; a thread of the host is a whole device.
#pragma once

#define QUORATE_EMULATED

struct EmulatedIndex {
  unsigned x;
};
static thread_local EmulatedIndex threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local

#include "kernels.cu"

struct Emulated {
  const char* name;
  void (*run)(const void*);
};

#define EMULATE(kernel, type) {#kernel, [](const void* at) { kernel((const type*)at); }}
#define EMULATE_WIDTH(bits)                                                                              \
  EMULATE(vote_prepare_##bits, Job<F>), EMULATE(vote_sum_##bits, Job<F>), EMULATE(vote_together_##bits, Job<F>), \
      EMULATE(table_bases_##bits, TableJob<F>), EMULATE(table_entries_##bits, TableJob<F>)

static const Emulated EMULATED[] = {
    EMULATE_WIDTH(8),
    EMULATE_WIDTH(12),
    EMULATE_WIDTH(16),
    EMULATE(generic_prepare, Job<F>),
    EMULATE(generic_sum, Job<F>),
    EMULATE(finish_all, Job<F>),
    EMULATE(slow_all, Job<F>),
    EMULATE(count_votes, Job<F>),
    EMULATE(decide_ballots, Job<F>),
    EMULATE(sha256_chunks, ChunkJob),
};
