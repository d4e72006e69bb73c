// The field of 2^255 - 19 in eight 32-bit limbs: the device's, and tested on the host.
//
// A value is any 256-bit number that is congruent: 2^256 = 38, so what runs over the top comes back 38-fold. Products are summed in two
// accumulators, of the even and of the odd columns, so that each 32 x 32 product is one fused multiply-add with carry: 73 of them a
// multiplication, 45 a squaring.
#pragma once

#include "platform.h"

namespace quorate {

struct alignas(16) Field8x32 {
  u32 limb[8];

  static constexpr u32 entry_alignment = 16;
  static constexpr u32 stored_words = 8;

  static QUORATE_FN Field8x32 from_words(const u32 words[8]) {
    Field8x32 r;
#pragma unroll
    for (int i = 0; i < 8; ++i) r.limb[i] = words[i];
    return r;
  }

  static QUORATE_FN Field8x32 small(u32 value) {
    Field8x32 r = {{value, 0, 0, 0, 0, 0, 0, 0}};
    return r;
  }
};

// acc[0..2n-1] += (a[0], a[2], .. n of them) * b; the carry goes to acc[2n] where `over` says that there may be one.
template <int n, bool over>
QUORATE_FN void accumulate(u32* acc, const u32* a, u32 b) {
  Carry carry;
  mad_wide_cc(acc[0], acc[1], a[0], b, carry);
#pragma unroll
  for (int i = 1; i < n; ++i) madc_wide_cc(acc[2 * i], acc[2 * i + 1], a[2 * i], b, carry);
  if (over) acc[2 * n] = addc(acc[2 * n], 0, carry);
}

// even + 2^32 odd: 16 limbs.
QUORATE_FN void merge(u32 even[16], const u32 odd[15]) {
  Carry carry;
  even[1] = add_cc(even[1], odd[0], carry);
#pragma unroll
  for (int i = 2; i < 15; ++i) even[i] = addc_cc(even[i], odd[i - 1], carry);
  even[15] = addc(even[15], odd[14], carry);
}

// What ran over 2^256, `over` of it, comes back 38-fold. After a second overflow the rest is below 38 * 2^12, so limb 0 takes it.
QUORATE_FN void fold(u32 r[8], u32 over) {
  Carry carry;
  r[0] = add_cc(r[0], over * 38u, carry);
#pragma unroll
  for (int i = 1; i < 8; ++i) r[i] = addc_cc(r[i], 0, carry);
  r[0] += addc(0, 0, carry) * 38u;
}

// 512 bits to 256.
QUORATE_FN Field8x32 reduce(const u32 wide[16]) {
  Field8x32 r;
  u32 even[9], odd[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) even[i] = wide[i];
  even[8] = 0;
  accumulate<4, true>(even, wide + 8, 38u);
#pragma unroll
  for (int i = 0; i < 4; ++i) mul_wide(odd[2 * i], odd[2 * i + 1], wide[9 + 2 * i], 38u);
  Carry carry;
  r.limb[0] = even[0];
  r.limb[1] = add_cc(even[1], odd[0], carry);
#pragma unroll
  for (int i = 2; i < 8; ++i) r.limb[i] = addc_cc(even[i], odd[i - 1], carry);
  fold(r.limb, addc(even[8], odd[7], carry));
  return r;
}

QUORATE_LARGE Field8x32 mul(const Field8x32& a, const Field8x32& b) {
  u32 even[16] = {0}, odd[15] = {0};
#pragma unroll
  for (int i = 0; i < 8; i += 2) {
    accumulate<4, true>(even + i, a.limb, b.limb[i]);
    accumulate<4, true>(odd + i, a.limb + 1, b.limb[i]);
    accumulate<4, true>(odd + i, a.limb, b.limb[i + 1]);
    if (i < 6)
      accumulate<4, true>(even + i + 2, a.limb + 1, b.limb[i + 1]);
    else
      accumulate<4, false>(even + 8, a.limb + 1, b.limb[7]);
  }
  merge(even, odd);
  return reduce(even);
}

QUORATE_LARGE Field8x32 square(const Field8x32& a) {
  // Each product of two different limbs once, in the columns of their sum; then all twice, then the squares.
  u32 even[16] = {0}, odd[15] = {0};
  const u32* x = a.limb;
  accumulate<4, false>(odd + 0, x + 1, x[0]);
  accumulate<3, false>(even + 2, x + 2, x[0]);
  accumulate<3, true>(odd + 2, x + 2, x[1]);
  accumulate<3, true>(even + 4, x + 3, x[1]);
  accumulate<3, true>(odd + 4, x + 3, x[2]);
  accumulate<2, true>(even + 6, x + 4, x[2]);
  accumulate<2, true>(odd + 6, x + 4, x[3]);
  accumulate<2, true>(even + 8, x + 5, x[3]);
  accumulate<2, true>(odd + 8, x + 5, x[4]);
  accumulate<1, true>(even + 10, x + 6, x[4]);
  accumulate<1, true>(odd + 10, x + 6, x[5]);
  accumulate<1, true>(even + 12, x + 7, x[5]);
  accumulate<1, true>(odd + 12, x + 7, x[6]);
  merge(even, odd);
  Carry carry;
  even[1] = add_cc(even[1], even[1], carry);
#pragma unroll
  for (int i = 2; i < 15; ++i) even[i] = addc_cc(even[i], even[i], carry);
  even[15] = addc(even[15], even[15], carry);
  mad_wide_cc(even[0], even[1], x[0], x[0], carry);
#pragma unroll
  for (int i = 1; i < 8; ++i) madc_wide_cc(even[2 * i], even[2 * i + 1], x[i], x[i], carry);
  return reduce(even);
}

QUORATE_FN Field8x32 add(const Field8x32& a, const Field8x32& b) {
  Field8x32 r;
  Carry carry;
  r.limb[0] = add_cc(a.limb[0], b.limb[0], carry);
#pragma unroll
  for (int i = 1; i < 8; ++i) r.limb[i] = addc_cc(a.limb[i], b.limb[i], carry);
  fold(r.limb, addc(0, 0, carry));
  return r;
}

QUORATE_FN Field8x32 sub(const Field8x32& a, const Field8x32& b) {
  Field8x32 r;
  Carry carry;
  r.limb[0] = sub_cc(a.limb[0], b.limb[0], carry);
#pragma unroll
  for (int i = 1; i < 8; ++i) r.limb[i] = subc_cc(a.limb[i], b.limb[i], carry);
  const u32 borrow = 0u - subc(0, 0, carry);  // 0 or 1: subc leaves 0 or all ones.
  r.limb[0] = sub_cc(r.limb[0], borrow * 38u, carry);
#pragma unroll
  for (int i = 1; i < 8; ++i) r.limb[i] = subc_cc(r.limb[i], 0, carry);
  r.limb[0] -= (0u - subc(0, 0, carry)) * 38u;
  return r;
}

// The one representative below 2^255 - 19.
QUORATE_FN void to_words(u32 words[8], const Field8x32& a) {
  // The top bit comes back 19-fold; then at most one subtraction of the prime is left, which is an addition of 19 that reaches bit 255.
  Carry carry;
  u32 t[8];
  t[0] = add_cc(a.limb[0], (a.limb[7] >> 31) * 19u, carry);
#pragma unroll
  for (int i = 1; i < 7; ++i) t[i] = addc_cc(a.limb[i], 0, carry);
  t[7] = addc(a.limb[7] & 0x7fffffffu, 0, carry);
  u32 over[8];
  over[0] = add_cc(t[0], 19u, carry);
#pragma unroll
  for (int i = 1; i < 7; ++i) over[i] = addc_cc(t[i], 0, carry);
  over[7] = addc(t[7], 0, carry);
  const u32 reached = 0u - (over[7] >> 31);
  over[7] &= 0x7fffffffu;
#pragma unroll
  for (int i = 0; i < 8; ++i) words[i] = (over[i] & reached) | (t[i] & ~reached);
}

QUORATE_FN Field8x32 select(bool first, const Field8x32& a, const Field8x32& b) {
  Field8x32 r;
#pragma unroll
  for (int i = 0; i < 8; ++i) r.limb[i] = first ? a.limb[i] : b.limb[i];
  return r;
}

// Values of many items, limb by limb: neighbouring threads touch neighbouring words.
QUORATE_FN void store(u32* at, u64 count, u64 item, const Field8x32& a) {
#pragma unroll
  for (int i = 0; i < 8; ++i) at[i * count + item] = a.limb[i];
}
QUORATE_FN Field8x32 load(const u32* at, u64 count, u64 item, const Field8x32*) {
  Field8x32 r;
#pragma unroll
  for (int i = 0; i < 8; ++i) r.limb[i] = at[i * count + item];
  return r;
}

}  // namespace quorate
