// Verification, signature by signature, in four steps: prepare (bytes and hash), sum (Q = [s]B - [k]A), finish (is R the encoding of Q? with
// the inversions shared), slow (8 (Q - R) = O for those whose R is not). A step is a function of one item; kernels.cu and host.h run them.
//
// R is not decoded in the common case: equal bytes mean that R is canonical and equal to Q, which satisfies the equation with and without the
// factor 8. Only a mismatch needs R as a point (reference: gpu.md 0.5).
#pragma once

#include "hash.h"

namespace quorate {

#if defined(__CUDA_ARCH__)
QUORATE_FN void prefetch(const void*, u32) {}
#else
QUORATE_FN void prefetch(const void* at, u32 bytes) {
  for (u32 i = 0; i < bytes; i += 64) __builtin_prefetch((const char*)at + i);
}
#endif

// s and k as the sum reads them.
template <int base_bits, int key_bits>
QUORATE_FN void write_digits(u32* digits, const u32 s[8], const u32 k[8]) {
  u32 shifted[8];
  Windows<base_bits>::shift(shifted, s);
#pragma unroll
  for (int i = 0; i < 8; ++i) digits[i] = shifted[i];
  Windows<key_bits>::shift(shifted, k);
#pragma unroll
  for (int i = 0; i < 8; ++i) digits[8 + i] = shifted[i];
}

// A vote of the fixed set; `digits` are written where the result is PENDING.
template <class F, int bits>
QUORATE_FN u8 prepare_vote(const Job<F>& job, u64 item, u32* digits) {
  const Vote& vote = job.votes[item];
  if (vote.ballot >= job.ballot_count || job.ballots[vote.ballot].length > MESSAGE_BYTES_MAX) return MALFORMED;
  if (vote.validator >= job.validator_count) return UNKNOWN_VALIDATOR;
  u32 r[8], s[8], key[8], k[8];
  load_words(s, vote.s);
  if (!below_order(s)) return S_NOT_REDUCED;
  load_words(r, vote.r);
  const u8 wrong = look_at_point(r, R_NOT_CANONICAL, R_SMALL_ORDER);
  if (wrong != PENDING) return wrong;
  load_words(key, job.validator_keys + 32 * (u64)vote.validator);
  challenge(k, r, key, job.ballots[vote.ballot]);
  write_digits<bits, bits>(digits, s, k);
  return PENDING;
}

template <class F>
QUORATE_FN void keep_point(const Job<F>& job, u64 item, const Extended<F>& q) {
  const u64 each = F::stored_words * job.count;
  store(job.points, job.count, item, q.X);
  store(job.points + each, job.count, item, q.Y);
  store(job.points + 2 * each, job.count, item, q.Z);
}

template <class F, int bits>
QUORATE_FLAT void sum_vote(const Job<F>& job, u64 item) {
  if (job.verdicts[item] != PENDING) return;
  typedef Table<bits> table;
  const Precomputed<F>* of_key = job.tables + (u64)job.votes[item].validator * table::entries;
  const u32* digits = job.digits + 16 * item;
  Extended<F> q = neutral<F>();
#pragma unroll 1
  for (int window = 0; window < table::windows::count; ++window) {
#if !defined(__CUDA_ARCH__)
    if (window + 4 < table::windows::count) {
      const i32 later = table::windows::digit(digits + 8, window + 4);
      prefetch(of_key + (u64)(window + 4) * table::magnitudes + (later < 0 ? -later : later), sizeof(Precomputed<F>));
    }
#endif
    // One copy of the sum's code for both tables: it is what a device's instruction cache must hold.
#pragma unroll 1
    for (int which = 0; which < 2; ++which)
      q = added(q, table::entry(which ? of_key : job.base_table, window, table::windows::digit(digits + 8 * which, window)));
  }
  keep_point(job, item, q);
}

constexpr int GENERIC_KEY_BITS = 4, GENERIC_BASE_BITS = 8;
constexpr u32 GENERIC_MULTIPLES = 1u << (GENERIC_KEY_BITS - 1);

// A signature with a key that nobody has seen: the key is decoded and its small multiples are made.
template <class F>
QUORATE_FLAT u8 prepare_generic(const Job<F>& job, u64 item, u32* digits) {
  const u8 *signature = job.signatures + 64 * item, *key_bytes = job.keys + 32 * item;
  u32 r[8], s[8], key[8], k[8];
  load_words(s, signature + 32);
  if (!below_order(s)) return S_NOT_REDUCED;
  load_words(key, key_bytes);
  u8 wrong = look_at_point(key, KEY_NOT_CANONICAL, KEY_SMALL_ORDER);
  if (wrong != PENDING) return wrong;
  Extended<F> p;
  if (!decode(p.X, p.Y, key)) return KEY_NOT_ON_CURVE;
  load_words(r, signature);
  wrong = look_at_point(r, R_NOT_CANONICAL, R_SMALL_ORDER);
  if (wrong != PENDING) return wrong;
  challenge(k, signature, key_bytes, job.text + job.offsets[item], job.offsets[item + 1] - job.offsets[item]);
  write_digits<GENERIC_BASE_BITS, GENERIC_KEY_BITS>(digits, s, k);
  p.X = negate(p.X);
  p.Z = F::small(1);
  p.T = mul(p.X, p.Y);
  Cached<F>* multiples = job.multiples + GENERIC_MULTIPLES * item;
  const Cached<F> step = cached(p);
  multiples[0] = step;
#pragma unroll 1
  for (u32 i = 1; i < GENERIC_MULTIPLES; ++i) {
    p = added(p, step);
    multiples[i] = cached(p);
  }
  return PENDING;
}

template <class F>
QUORATE_FLAT void sum_generic(const Job<F>& job, u64 item) {
  if (job.verdicts[item] != PENDING) return;
  typedef Windows<GENERIC_KEY_BITS> windows;
  const Cached<F>* multiples = job.multiples + GENERIC_MULTIPLES * item;
  const u32* digits = job.digits + 16 * item;
  Extended<F> q = neutral<F>();
#pragma unroll 1
  for (int window = windows::count - 1; window >= 0; --window) {
    const i32 d = windows::digit(digits + 8, window);
    const Cached<F> entry = d == 0 ? neutral_cached<F>() : load_wide(multiples + (d < 0 ? -d : d) - 1);
    q = added(q, signed_entry(entry, d < 0));
    if (window == 0) break;
#pragma unroll 1
    for (int i = 0; i < GENERIC_KEY_BITS; ++i) q = doubled(q, i == GENERIC_KEY_BITS - 1);
  }
  typedef Table<GENERIC_BASE_BITS> table;
#pragma unroll 1
  for (int window = 0; window < table::windows::count; ++window)
    q = added(q, table::entry(job.base_table, window, table::windows::digit(digits, window)));
  keep_point(job, item, q);
}

template <class F>
QUORATE_FN const u8* commitment(const Job<F>& job, u64 item) {
  return job.votes ? job.votes[item].r : job.signatures + 64 * item;
}

// Thread `thread` of job.stride: one inversion for all its signatures.
template <class F>
QUORATE_FN void finish(const Job<F>& job, u64 thread) {
  const F* type = nullptr;
  const u64 each = F::stored_words * job.count;
  u32* prefixes = job.points + 3 * each;
  F product = F::small(1);
  u64 after = thread;
#pragma unroll 1
  for (; after < job.count; after += job.stride) {
    if (job.verdicts[after] != PENDING) continue;
    store(prefixes, job.count, after, product);
    product = mul(product, load(job.points + 2 * each, job.count, after, type));
  }
  F inverse = invert(product);
#pragma unroll 1
  while (after > thread) {
    after -= job.stride;
    if (job.verdicts[after] != PENDING) continue;
    const F z = mul(inverse, load(prefixes, job.count, after, type));
    inverse = mul(inverse, load(job.points + 2 * each, job.count, after, type));
    u32 found[8], given[8], different = 0;
    encode(found, load(job.points, job.count, after, type), load(job.points + each, job.count, after, type), z);
    load_words(given, commitment(job, after));
#pragma unroll
    for (int i = 0; i < 8; ++i) different |= found[i] ^ given[i];
    if (different == 0)
      job.verdicts[after] = ACCEPTED;
    else
      job.slow[1 + atomic_add(job.slow, 1u)] = (u32)after;
  }
}

// 8 (Q - R) = O, for the bytes of an R that are canonical and of no small order.
template <class F>
QUORATE_FN u8 full_check(const F& X, const F& Y, const F& Z, const u8* r) {
  u32 words[8];
  load_words(words, r);
  Extended<F> minus;
  if (!decode(minus.X, minus.Y, words)) return R_NOT_ON_CURVE;
  minus.X = negate(minus.X);
  minus.Z = F::small(1);
  minus.T = mul(minus.X, minus.Y);
  // (X, Y, Z) without its T: all coordinates Z-fold, T = X Y.
  const Extended<F> q = {mul(X, Z), mul(Y, Z), square(Z), mul(X, Y)};
  return small_order(added(q, cached(minus))) ? ACCEPTED : EQUATION;
}

template <class F>
QUORATE_FN void slow(const Job<F>& job, u64 number) {
  if (number >= job.slow[0]) return;
  const F* type = nullptr;
  const u64 item = job.slow[1 + number], each = F::stored_words * job.count;
  job.verdicts[item] = full_check(load(job.points, job.count, item, type), load(job.points + each, job.count, item, type),
                                  load(job.points + 2 * each, job.count, item, type), commitment(job, item));
}

}  // namespace quorate
