// The field of 2^255 - 19 in five limbs of 51 bits, for 64-bit processors: what the host verifies with.
//
// With u = 2^51: products leave limbs below 1.01 u. Sums add, `sub` adds 4 (it takes four times the prime first, so its second argument may
// be up to 3.9 u). Factors may be up to 8 u: five products of 8 u by 8 u, four of them 19-fold, stay below 2^115, and their carry below 2^64.
#pragma once

#include "platform.h"

namespace quorate {

__extension__ typedef unsigned __int128 u128;

struct Field5x51 {
  u64 limb[5];

  static constexpr u32 entry_alignment = 64;
  static constexpr u32 stored_words = 10;
  static constexpr u64 mask = (1ull << 51) - 1;

  static QUORATE_FN Field5x51 from_words(const u32 words[8]) {
    u64 w[4];
    for (int i = 0; i < 4; ++i) w[i] = (u64)words[2 * i] | (u64)words[2 * i + 1] << 32;
    Field5x51 r = {{w[0] & mask, (w[0] >> 51 | w[1] << 13) & mask, (w[1] >> 38 | w[2] << 26) & mask, (w[2] >> 25 | w[3] << 39) & mask, w[3] >> 12}};
    return r;  // Bit 255, where it is set, stays in the last limb.
  }

  static QUORATE_FN Field5x51 small(u32 value) {
    Field5x51 r = {{value, 0, 0, 0, 0}};
    return r;
  }
};

QUORATE_FN Field5x51 carried(u128 r0, u128 r1, u128 r2, u128 r3, u128 r4) {
  const u64 mask = Field5x51::mask;
  Field5x51 r;
  r1 += (u64)(r0 >> 51);
  r2 += (u64)(r1 >> 51);
  r3 += (u64)(r2 >> 51);
  r4 += (u64)(r3 >> 51);
  // The last carry may have 64 bits: 19-fold it needs 128.
  const u128 low = ((u64)r0 & mask) + (u128)(u64)(r4 >> 51) * 19;
  r.limb[0] = (u64)low & mask;
  r.limb[1] = ((u64)r1 & mask) + (u64)(low >> 51);
  r.limb[2] = (u64)r2 & mask;
  r.limb[3] = (u64)r3 & mask;
  r.limb[4] = (u64)r4 & mask;
  r.limb[2] += r.limb[1] >> 51;
  r.limb[1] &= mask;
  return r;
}

QUORATE_FN Field5x51 mul(const Field5x51& a, const Field5x51& b) {
  const u64 a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3], a4 = a.limb[4];
  const u64 b0 = b.limb[0], b1 = b.limb[1], b2 = b.limb[2], b3 = b.limb[3], b4 = b.limb[4];
  const u64 c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
  return carried((u128)a0 * b0 + (u128)a1 * c4 + (u128)a2 * c3 + (u128)a3 * c2 + (u128)a4 * c1,
                 (u128)a0 * b1 + (u128)a1 * b0 + (u128)a2 * c4 + (u128)a3 * c3 + (u128)a4 * c2,
                 (u128)a0 * b2 + (u128)a1 * b1 + (u128)a2 * b0 + (u128)a3 * c4 + (u128)a4 * c3,
                 (u128)a0 * b3 + (u128)a1 * b2 + (u128)a2 * b1 + (u128)a3 * b0 + (u128)a4 * c4,
                 (u128)a0 * b4 + (u128)a1 * b3 + (u128)a2 * b2 + (u128)a3 * b1 + (u128)a4 * b0);
}

QUORATE_FN Field5x51 square(const Field5x51& a) {
  const u64 a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3], a4 = a.limb[4];
  const u64 d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, c3 = 19 * a3, c4 = 19 * a4;
  return carried((u128)a0 * a0 + (u128)d1 * c4 + (u128)d2 * c3, (u128)d0 * a1 + (u128)d2 * c4 + (u128)a3 * c3,
                 (u128)d0 * a2 + (u128)a1 * a1 + (u128)(2 * a3) * c4, (u128)d0 * a3 + (u128)d1 * a2 + (u128)a4 * c4,
                 (u128)d0 * a4 + (u128)d1 * a3 + (u128)a2 * a2);
}

QUORATE_FN Field5x51 add(const Field5x51& a, const Field5x51& b) {
  Field5x51 r;
  for (int i = 0; i < 5; ++i) r.limb[i] = a.limb[i] + b.limb[i];
  return r;
}

QUORATE_FN Field5x51 sub(const Field5x51& a, const Field5x51& b) {
  const u64 low = (1ull << 53) - 76, other = (1ull << 53) - 4;
  Field5x51 r;
  r.limb[0] = a.limb[0] + low - b.limb[0];
  for (int i = 1; i < 5; ++i) r.limb[i] = a.limb[i] + other - b.limb[i];
  return r;
}

// The one representative below 2^255 - 19.
QUORATE_FN void to_words(u32 words[8], const Field5x51& a) {
  const u64 mask = Field5x51::mask;
  u64 t[5];
  for (int i = 0; i < 5; ++i) t[i] = a.limb[i];
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i) {
      t[i + 1] += t[i] >> 51;
      t[i] &= mask;
    }
    t[0] += 19 * (t[4] >> 51);
    t[4] &= mask;
  }
  // Below 2^255 + 19 now. Adding 19 reaches bit 255 exactly where the value is the prime or more.
  u64 over = t[0] + 19;
  for (int i = 1; i < 5; ++i) over = t[i] + (over >> 51);
  t[0] += 19 * (over >> 51);
  for (int i = 0; i < 4; ++i) {
    t[i + 1] += t[i] >> 51;
    t[i] &= mask;
  }
  t[4] &= mask;
  const u64 w[4] = {t[0] | t[1] << 51, t[1] >> 13 | t[2] << 38, t[2] >> 26 | t[3] << 25, t[3] >> 39 | t[4] << 12};
  for (int i = 0; i < 4; ++i) {
    words[2 * i] = (u32)w[i];
    words[2 * i + 1] = (u32)(w[i] >> 32);
  }
}

QUORATE_FN Field5x51 select(bool first, const Field5x51& a, const Field5x51& b) {
  Field5x51 r;
  const u64 keep = 0ull - (u64)first;
  for (int i = 0; i < 5; ++i) r.limb[i] = (a.limb[i] & keep) | (b.limb[i] & ~keep);
  return r;
}

// Values of many items, each in one place: a processor's cache has lines, not lanes.
QUORATE_FN void store(u32* at, u64, u64 item, const Field5x51& a) {
  __builtin_memcpy(at + item * 10, a.limb, sizeof a.limb);
}
QUORATE_FN Field5x51 load(const u32* at, u64, u64 item, const Field5x51*) {
  Field5x51 r;
  __builtin_memcpy(r.limb, at + item * 10, sizeof r.limb);
  return r;
}

}  // namespace quorate
