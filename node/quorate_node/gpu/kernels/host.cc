// The host library: the same headers as the device's kernels, over a field of 64-bit limbs. Loaded through ctypes (library.py).
//
// With QUORATE_DEVICE_FIELD the field is the device's own instead, and each kernel runs thread by thread: what a GPU would do, for the tests.
#include <stdlib.h>
#include <string.h>

#if defined(QUORATE_DEVICE_FIELD)
#include "emulated.h"
#else
#include "field_5x51.h"
#endif
#include "latency.h"
#include "sha256.h"
#include "tally.h"
#include "verify.h"

using namespace quorate;

#if !defined(QUORATE_DEVICE_FIELD)
typedef Field5x51 F;
#endif

namespace {

// Signatures that share an inversion, and whose scratch stays in the first cache.
constexpr u64 TOGETHER = 64;

struct Scratch {
  u32 digits[16 * TOGETHER];
  u32 points[4 * F::stored_words * TOGETHER];
  u32 slow[1 + TOGETHER];
  Cached<F> multiples[GENERIC_MULTIPLES * TOGETHER];
};

struct HostBlock {
  template <class Work>
  void lanes(u32, Work&& work) {
    for (u32 lane = 0; lane < 32; ++lane) work(lane);
  }
  void join() {}
};

// The part of a batch from `first` on, with scratch of its own.
Job<F> part(const Job<F>& job, u64 first, Scratch& scratch) {
  Job<F> piece = job;
  piece.count = job.count - first < TOGETHER ? job.count - first : TOGETHER;
  piece.verdicts += first;
  if (piece.votes) piece.votes += first;
  if (piece.signatures) {
    piece.signatures += 64 * first;
    piece.keys += 32 * first;
    piece.offsets += first;
  }
  piece.digits = scratch.digits;
  piece.points = scratch.points;
  piece.slow = scratch.slow;
  piece.multiples = scratch.multiples;
  piece.stride = 1;
  scratch.slow[0] = 0;
  return piece;
}

// How many signatures needed the full equation.
template <class Prepare, class Sum>
u64 in_parts(const Job<F>& job, Prepare prepare, Sum sum) {
  static thread_local Scratch scratch;
  u64 slow_ones = 0;
  for (u64 first = 0; first < job.count; first += TOGETHER) {
    const Job<F> piece = part(job, first, scratch);
    for (u64 item = 0; item < piece.count; ++item) piece.verdicts[item] = prepare(piece, item);
    for (u64 item = 0; item < piece.count; ++item) sum(piece, item);
    finish(piece, 0);
    for (u64 number = 0; number < piece.slow[0]; ++number) slow(piece, number);
    slow_ones += piece.slow[0];
  }
  return slow_ones;
}

template <int bits>
u64 verify_votes(const Job<F>& job) {
  return in_parts(
      job, [](const Job<F>& piece, u64 item) { return prepare_vote<F, bits>(piece, item, piece.digits + 16 * item); },
      [](const Job<F>& piece, u64 item) { sum_vote<F, bits>(piece, item); });
}

template <int bits>
int make_tables(TableJob<F> job) {
  const u64 windows = job.keys * Windows<bits>::count;
  job.bases = (Extended<F>*)malloc(windows * sizeof(Extended<F>));
  job.prefixes = (F*)malloc(Table<bits>::run * sizeof(F));
  job.all_runs = windows * Table<bits>::runs;
  const bool enough = job.bases && job.prefixes;
  if (enough) {
    for (u64 key = 0; key < job.keys; ++key) make_bases<F, bits>(job, key);
    for (job.first_run = 0; job.first_run < job.all_runs; ++job.first_run) make_entries<F, bits>(job, 0);
  }
  free(job.bases);
  free(job.prefixes);
  return enough ? 0 : -1;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// Changes with any layout or meaning below; library.py asks for the one that it knows.
EXPORT u32 quorate_abi() { return 1; }
EXPORT u32 quorate_field_limbs() { return sizeof(F) / sizeof(((F*)0)->limb[0]); }
EXPORT u64 quorate_job_bytes() { return sizeof(Job<F>); }

// Bytes of the tables of so many keys; 0 for a width that there is no code for.
EXPORT u64 quorate_table_bytes(u32 bits, u64 keys) {
  switch (bits) {
    case 8: return keys * Table<8>::entries * sizeof(Precomputed<F>);
    case 12: return keys * Table<12>::entries * sizeof(Precomputed<F>);
    case 16: return keys * Table<16>::entries * sizeof(Precomputed<F>);
    default: return 0;
  }
}

// Tables of keys that were admitted before (on the curve, of prime order) to `out`, which is aligned to 64 bytes. -1: no memory or no such width.
EXPORT int quorate_make_tables(u32 bits, u64 keys, const u8* encoded, u32 negative, void* out) {
  TableJob<F> job = {};
  job.keys = keys;
  job.encoded = encoded;
  job.negative = negative;
  job.table = (Precomputed<F>*)out;
  switch (bits) {
    case 8: return make_tables<8>(job);
    case 12: return make_tables<12>(job);
    case 16: return make_tables<16>(job);
    default: return -1;
  }
}

// Verdicts of votes; how many took the slow path, or all ones for a width that there is no code for.
EXPORT u64 quorate_verify_votes(u32 bits, const void* at) {
  const Job<F>& job = *(const Job<F>*)at;
  switch (bits) {
    case 8: return verify_votes<8>(job);
    case 12: return verify_votes<12>(job);
    case 16: return verify_votes<16>(job);
    default: return ~0ull;
  }
}

EXPORT u64 quorate_verify_generic(const void* at) {
  return in_parts(
      *(const Job<F>*)at, [](const Job<F>& piece, u64 item) { return prepare_generic(piece, item, piece.digits + 16 * item); },
      [](const Job<F>& piece, u64 item) { sum_generic(piece, item); });
}

// The same verdicts by the full equation alone: no encoding is compared.
EXPORT void quorate_verify_full(const void* at) {
  static thread_local Scratch scratch;
  const Job<F>& job = *(const Job<F>*)at;
  const F* type = nullptr;
  for (u64 first = 0; first < job.count; ++first) {
    Job<F> piece = part(job, first, scratch);
    piece.count = 1;
    piece.verdicts[0] = prepare_generic(piece, 0, piece.digits);
    if (piece.verdicts[0] != PENDING) continue;
    sum_generic(piece, 0);
    const u64 each = F::stored_words;
    piece.verdicts[0] = full_check(load(piece.points, 1, 0, type), load(piece.points + each, 1, 0, type), load(piece.points + 2 * each, 1, 0, type),
                                   piece.signatures);
  }
}

// The small-batch kernel, block by block.
EXPORT int quorate_verify_together(u32 bits, const void* at) {
  const Job<F>& job = *(const Job<F>*)at;
  Together<F> shared;
  HostBlock block;
  for (u64 item = 0; item < job.count; ++item) {
    switch (bits) {
      case 8: verify_together<F, 8>(block, shared, job, item); break;
      case 12: verify_together<F, 12>(block, shared, job, item); break;
      case 16: verify_together<F, 16>(block, shared, job, item); break;
      default: return -1;
    }
  }
  return 0;
}

// Tallies of votes whose verdicts are there; tallies and the bits of who voted are zero before.
EXPORT void quorate_count_votes(const void* at) {
  const Job<F>& job = *(const Job<F>*)at;
  for (u64 item = 0; item < job.count; ++item) count_vote(job, item);
  for (u64 ballot = 0; ballot < job.ballot_count; ++ballot) decide(job, ballot);
}

EXPORT void quorate_sha256(const void* at) {
  const ChunkJob& job = *(const ChunkJob*)at;
  for (u64 item = 0; item < job.count; ++item) hash_chunk(job, item);
}

// One operation of the field on little-endian numbers of 256 bits, for the tests: 0 add, 1 subtract, 2 multiply, 3 square, 4 invert, and
// 5 (a + b) * (a - b), whose factors are not reduced.
EXPORT void quorate_field(u32 operation, const u32* a_words, const u32* b_words, u32* words) {
  const F a = F::from_words(a_words), b = F::from_words(b_words);
  switch (operation) {
    case 0: return to_words(words, add(a, b));
    case 1: return to_words(words, sub(a, b));
    case 2: return to_words(words, mul(a, b));
    case 3: return to_words(words, square(a));
    case 4: return to_words(words, invert(a));
    default: return to_words(words, mul(add(a, b), sub(a, b)));
  }
}

EXPORT void quorate_reduce_512(const u32* value, u32* words) { reduce_512(words, value); }

#if defined(QUORATE_DEVICE_FIELD)
// A kernel by name, over a grid of blocks of threads. -1: there is none of that name.
EXPORT int quorate_launch(const char* name, u32 blocks, u32 threads, const void* argument) {
  for (const Emulated& kernel : EMULATED) {
    if (strcmp(kernel.name, name)) continue;
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
      for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel.run(argument);
    return 0;
  }
  return -1;
}
#endif
