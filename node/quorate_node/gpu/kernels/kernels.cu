// The device's entry points: a thread an item (two warps for `vote_together`), a job's address as the only argument.
//
// Names end in the width of the tables' windows. jobs.py launches them in this order: prepare, sum, finish, slow, count, decide.
#include "field_8x32.h"
#include "latency.h"
#include "sha256.h"
#include "tally.h"
#include "verify.h"

using namespace quorate;

typedef Field8x32 F;

namespace {

struct DeviceBlock {
#if defined(QUORATE_EMULATED)
  // The host runs a block's threads one after the other: the first does the work of all lanes.
  template <class Work>
  __device__ __forceinline__ void lanes(u32, Work&& work) {
    for (u32 lane = 0; threadIdx.x == 0 && lane < 32; ++lane) work(lane);
  }
  __device__ __forceinline__ void join() {}
#else
  template <class Work>
  __device__ __forceinline__ void lanes(u32 warp, Work&& work) {
    if (threadIdx.x / 32 != warp) return;
    work(threadIdx.x % 32);
    __syncwarp();
  }
  __device__ __forceinline__ void join() { __syncthreads(); }
#endif
};

__device__ __forceinline__ u64 thread_number() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

}  // namespace

#define VOTE_KERNELS(bits)                                                                                    \
  extern "C" __global__ void __launch_bounds__(128, 4) vote_prepare_##bits(const Job<F>* at) {                \
    const Job<F> job = *at;                                                                                   \
    const u64 item = thread_number();                                                                         \
    if (item < job.count) job.verdicts[item] = prepare_vote<F, bits>(job, item, job.digits + 16 * item);      \
  }                                                                                                           \
  extern "C" __global__ void __launch_bounds__(128, 4) vote_sum_##bits(const Job<F>* at) {                    \
    const Job<F> job = *at;                                                                                   \
    const u64 item = thread_number();                                                                         \
    if (item < job.count) sum_vote<F, bits>(job, item);                                                       \
  }                                                                                                           \
  extern "C" __global__ void __launch_bounds__(64, 8) vote_together_##bits(const Job<F>* at) {                \
    __shared__ Together<F> shared;                                                                            \
    const Job<F> job = *at;                                                                                   \
    DeviceBlock block;                                                                                        \
    if (blockIdx.x < job.count) verify_together<F, bits>(block, shared, job, blockIdx.x);                     \
  }                                                                                                           \
  extern "C" __global__ void __launch_bounds__(128, 4) table_bases_##bits(const TableJob<F>* at) {            \
    const TableJob<F> job = *at;                                                                              \
    make_bases<F, bits>(job, thread_number());                                                                \
  }                                                                                                           \
  extern "C" __global__ void __launch_bounds__(128, 3) table_entries_##bits(const TableJob<F>* at) {          \
    const TableJob<F> job = *at;                                                                              \
    make_entries<F, bits>(job, thread_number());                                                              \
  }

VOTE_KERNELS(8)
VOTE_KERNELS(12)
VOTE_KERNELS(16)

extern "C" __global__ void __launch_bounds__(128, 4) generic_prepare(const Job<F>* at) {
  const Job<F> job = *at;
  const u64 item = thread_number();
  if (item < job.count) job.verdicts[item] = prepare_generic(job, item, job.digits + 16 * item);
}

extern "C" __global__ void __launch_bounds__(128, 4) generic_sum(const Job<F>* at) {
  const Job<F> job = *at;
  const u64 item = thread_number();
  if (item < job.count) sum_generic(job, item);
}

extern "C" __global__ void __launch_bounds__(128, 4) finish_all(const Job<F>* at) {
  const Job<F> job = *at;
  const u64 thread = thread_number();
  if (thread < job.stride && thread < job.count) finish(job, thread);
}

// A grid of any size: mismatches are few, or an attack.
extern "C" __global__ void __launch_bounds__(128, 4) slow_all(const Job<F>* at) {
  const Job<F> job = *at;
  for (u64 number = thread_number(); number < job.slow[0]; number += (u64)gridDim.x * blockDim.x) slow(job, number);
}

extern "C" __global__ void __launch_bounds__(128, 4) count_votes(const Job<F>* at) {
  const Job<F> job = *at;
  const u64 item = thread_number();
  if (item < job.count) count_vote(job, item);
}

extern "C" __global__ void __launch_bounds__(128, 4) decide_ballots(const Job<F>* at) {
  const Job<F> job = *at;
  decide(job, thread_number());
}

extern "C" __global__ void __launch_bounds__(128, 4) sha256_chunks(const ChunkJob* at) {
  const ChunkJob job = *at;
  const u64 item = thread_number();
  if (item < job.count) hash_chunk(job, item);
}
