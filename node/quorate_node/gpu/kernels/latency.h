// One vote by two warps, for batches too small to fill a device: 64 table entries are added by 32 lanes and a tree, while a lane of the other
// warp decodes R, so that the full equation is checked and nothing is inverted.
#pragma once

#include "verify.h"

namespace quorate {

template <class F>
struct Together {
  Extended<F> sum[32];
  u32 digits[16];
  F rx, ry;
  u32 verdict;
  u32 on_curve;
};

// `Block` runs pieces of work by warp: `lanes(warp, f)` calls f(lane) for 32 lanes, whose writes to shared memory the same warp's next piece
// sees; `join()` lets both warps see all. On the host it is a loop.
template <class F, int bits, class Block>
QUORATE_FN void verify_together(Block& block, Together<F>& shared, const Job<F>& job, u64 item) {
  typedef Table<bits> table;
  static_assert(table::windows::count <= 32, "a lane for each window");
  block.lanes(1, [&](u32 lane) {
    if (lane != 0) return;
    u32 words[8];
    load_words(words, job.votes[item].r);
    shared.on_curve = decode(shared.rx, shared.ry, words);
  });
  block.lanes(0, [&](u32 lane) {
    if (lane == 0) shared.verdict = prepare_vote<F, bits>(job, item, shared.digits);
  });
  block.lanes(0, [&](u32 lane) {
    if (shared.verdict != PENDING) return;
    Extended<F> q = neutral<F>();
    if (lane < (u32)table::windows::count) {
      const Precomputed<F>* of_key = job.tables + (u64)job.votes[item].validator * table::entries;
      q = added(q, table::entry(job.base_table, lane, table::windows::digit(shared.digits, lane)));
      q = added(q, table::entry(of_key, lane, table::windows::digit(shared.digits + 8, lane)));
    }
    shared.sum[lane] = q;
  });
#pragma unroll 1
  for (u32 half = 16; half > 0; half /= 2) {
    block.lanes(0, [&](u32 lane) {
      if (shared.verdict == PENDING && lane < half) shared.sum[lane] = added(shared.sum[lane], cached(shared.sum[lane + half]));
    });
  }
  block.join();
  block.lanes(0, [&](u32 lane) {
    if (lane != 0) return;
    u8 verdict = (u8)shared.verdict;
    if (verdict == PENDING) {
      verdict = R_NOT_ON_CURVE;
      if (shared.on_curve) {
        Extended<F> minus;
        minus.X = negate(shared.rx);
        minus.Y = shared.ry;
        minus.Z = F::small(1);
        minus.T = mul(minus.X, minus.Y);
        verdict = small_order(added(shared.sum[0], cached(minus))) ? ACCEPTED : EQUATION;
      }
    }
    job.verdicts[item] = verdict;
  });
  block.join();
}

}  // namespace quorate
