// Tables of a point's multiples: for each window of a scalar its digit's multiple, ready to be added. No doublings are left for the votes.
//
// Layout: [key][window][magnitude 0..half], magnitude 0 the neutral element, so that no digit is a special case. The tables of validators
// hold multiples of -A, since Q = [s]B - [k]A.
#pragma once

#include "point.h"
#include "scalar.h"

namespace quorate {

template <int bits>
struct Table {
  typedef Windows<bits> windows;
  static constexpr u32 magnitudes = windows::half + 1;
  static constexpr u32 entries = windows::count * magnitudes;
  // Entries that one thread makes one after the other, with one inversion for all.
  static constexpr u32 run = windows::half < 128 ? windows::half : 128;
  static constexpr u32 runs = windows::half / run;

  // Entry of `window` for the digit `d` (sign applied), from the table of one key.
  template <class F>
  static QUORATE_FN Precomputed<F> entry(const Precomputed<F>* table, int window, i32 d) {
    const u32 magnitude = d < 0 ? (u32)-d : (u32)d;
    return signed_entry(load_wide(table + (u64)window * magnitudes + magnitude), d < 0);
  }
};

template <class F>
struct TableJob {
  u64 keys;              // How many.
  const u8* encoded;     // 32 bytes a key, all admitted before: canonical, on the curve, of prime order.
  Extended<F>* bases;    // [key][window]: scratch.
  F* prefixes;           // [thread][run]: scratch.
  Precomputed<F>* table; // The result.
  u64 negative;          // 1: of the opposite points.
  u64 first_run;         // Number of the first thread's run, where not all are made at once.
  u64 all_runs;
};

// Thread `key`: 2^(bits * window) times the key, for all windows.
template <class F, int bits>
QUORATE_FN void make_bases(const TableJob<F>& job, u64 key) {
  if (key >= job.keys) return;
  u32 words[8];
  load_words(words, job.encoded + 32 * key);
  Extended<F> p;
  (void)decode(p.X, p.Y, words);
  if (job.negative) p.X = negate(p.X);
  p.Z = F::small(1);
  p.T = mul(p.X, p.Y);
#pragma unroll 1
  for (int window = 0; window < Windows<bits>::count; ++window) {
    job.bases[key * Windows<bits>::count + window] = p;
#pragma unroll 1
    for (int i = 0; i < bits; ++i) p = doubled(p, i == bits - 1);
  }
}

// Thread `number` of all runs: magnitudes run * r + 1 to run * (r + 1) of one window of one key.
template <class F, int bits>
QUORATE_FN void make_entries(const TableJob<F>& job, u64 thread) {
  typedef Table<bits> table;
  const u64 number = job.first_run + thread;
  if (number >= job.all_runs) return;
  const u64 window = number / table::runs;  // Of all keys.
  const u32 first = (u32)(number % table::runs) * table::run;
  const Extended<F> base = job.bases[window];
  const Cached<F> step = cached(base);
  Precomputed<F>* out = job.table + window * table::magnitudes;
  F* prefix = job.prefixes + thread * table::run;
  Extended<F> p = neutral<F>();
#pragma unroll 1
  for (int bit = 16; bit >= 0; --bit) {
    p = doubled(p, true);
    if (first >> bit & 1) p = added(p, step);
  }
  if (first == 0) out[0] = neutral_precomputed<F>();
  // X, Y, Z wait in the entry's own place; products of all Z so far beside it (Montgomery's trick).
  F product = F::small(1);
#pragma unroll 1
  for (u32 i = 0; i < table::run; ++i) {
    p = added(p, step);
    out[first + 1 + i] = {p.X, p.Y, p.Z};
    prefix[i] = product;
    product = mul(product, p.Z);
  }
  F inverse = invert(product);
#pragma unroll 1
  for (u32 i = table::run; i-- > 0;) {
    const Precomputed<F> held = out[first + 1 + i];
    const F z = mul(inverse, prefix[i]), x = mul(held.ypx, z), y = mul(held.ymx, z);
    inverse = mul(inverse, held.t2d);
    out[first + 1 + i] = {add(y, x), sub(y, x), mul(mul(x, y), constant_2d<F>())};
  }
}

}  // namespace quorate
