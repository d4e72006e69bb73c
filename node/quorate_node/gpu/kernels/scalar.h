// Numbers modulo L = 2^252 + 27742317777372353535851937790883648493, the order of the base point.
#pragma once

#include "platform.h"

namespace quorate {

QUORATE_TABLE u32 ORDER[8] = {0x5cf5d3edu, 0x5812631au, 0xa2f79cd6u, 0x14def9deu, 0u, 0u, 0u, 0x10000000u};
// floor(2^512 / L), for Barrett's reduction.
QUORATE_TABLE u32 ORDER_INVERSE[9] = {0x0a2c131bu, 0xed9ce5a3u, 0x086329a7u, 0x2106215du, 0xffffffebu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xfu};

QUORATE_FN bool below_order(const u32 s[8]) {
  Carry borrow;
  (void)sub_cc(s[0], ORDER[0], borrow);
#pragma unroll
  for (int i = 1; i < 8; ++i) (void)subc_cc(s[i], ORDER[i], borrow);
  return subc(0, 0, borrow) != 0;
}

// r = value mod L, for any 512 bits (Menezes, van Oorschot and Vanstone, algorithm 14.42, with words of 32 bits).
QUORATE_FN void reduce_512(u32 r[8], const u32 value[16]) {
  u32 product[18] = {0};
#pragma unroll
  for (int i = 0; i < 9; ++i) {
    u64 carry = 0;
#pragma unroll
    for (int j = 0; j < 9; ++j) {
      carry += (u64)value[7 + i] * ORDER_INVERSE[j] + product[i + j];
      product[i + j] = (u32)carry;
      carry >>= 32;
    }
    product[i + 9] = (u32)carry;
  }
  // rest = value - quotient * L, both modulo 2^288: below 3 L.
  u32 taken[9] = {0};
#pragma unroll
  for (int i = 0; i < 9; ++i) {
    u64 carry = 0;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      if (i + j > 8) continue;
      carry += (u64)product[9 + i] * ORDER[j] + taken[i + j];
      taken[i + j] = (u32)carry;
      carry >>= 32;
    }
    if (i == 0) taken[8] = (u32)carry;
  }
  u32 rest[9];
  Carry borrow;
  rest[0] = sub_cc(value[0], taken[0], borrow);
#pragma unroll
  for (int i = 1; i < 8; ++i) rest[i] = subc_cc(value[i], taken[i], borrow);
  rest[8] = subc(value[8], taken[8], borrow);
#pragma unroll
  for (int round = 0; round < 2; ++round) {
    u32 less[9];
    less[0] = sub_cc(rest[0], ORDER[0], borrow);
#pragma unroll
    for (int i = 1; i < 8; ++i) less[i] = subc_cc(rest[i], ORDER[i], borrow);
    less[8] = subc_cc(rest[8], 0, borrow);
    const u32 keep = subc(0, 0, borrow);  // All ones where it was below L.
#pragma unroll
    for (int i = 0; i < 9; ++i) rest[i] = (rest[i] & keep) | (less[i] & ~keep);
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) r[i] = rest[i];
}

// Signed windows of `bits` without a chain of carries: half a window is added to all windows but the highest, and taken from the digit when
// it is read. Digits are then -2^(bits-1) to 2^(bits-1) - 1, the highest 0 to 2^(253 - its first bit).
template <int bits>
struct Windows {
  static constexpr int count = (252 + bits) / bits;
  static constexpr int half = 1 << (bits - 1);

  static QUORATE_FN void shift(u32 r[8], const u32 s[8]) {
    u32 halves[8] = {0};
#pragma unroll
    for (int window = 0; window < count - 1; ++window) {
      const int bit = window * bits + bits - 1;
      halves[bit / 32] |= 1u << (bit % 32);
    }
    Carry carry;
    r[0] = add_cc(s[0], halves[0], carry);
#pragma unroll
    for (int i = 1; i < 8; ++i) r[i] = addc_cc(s[i], halves[i], carry);
  }

  // Digit number `window` of what `shift` made, where `r` may be memory of any kind.
  static QUORATE_FN i32 digit(const u32* r, int window) {
    const int bit = window * bits, word = bit / 32, offset = bit % 32;
    u32 value = r[word] >> offset;
    if (32 % bits != 0 && offset + bits > 32 && word < 7) value |= r[word + 1] << (32 - offset);
    value &= (1u << bits) - 1u;
    return (i32)value - (window < count - 1 ? half : 0);
  }
};

}  // namespace quorate
