// What every representation of the field has in common: constants, powers, comparison.
#pragma once

#include "platform.h"

namespace quorate {

template <class F>
QUORATE_FN F constant_d() {
  const u32 w[8] = {0x135978a3u, 0x75eb4dcau, 0x4141d8abu, 0x00700a4du, 0x7779e898u, 0x8cc74079u, 0x2b6ffe73u, 0x52036ceeu};
  return F::from_words(w);
}
template <class F>
QUORATE_FN F constant_2d() {
  const u32 w[8] = {0x26b2f159u, 0xebd69b94u, 0x8283b156u, 0x00e0149au, 0xeef3d130u, 0x198e80f2u, 0x56dffce7u, 0x2406d9dcu};
  return F::from_words(w);
}
template <class F>
QUORATE_FN F constant_sqrt_minus_one() {
  const u32 w[8] = {0x4a0ea0b0u, 0xc4ee1b27u, 0xad2fe478u, 0x2f431806u, 0x3dfbd7a7u, 0x2b4d0099u, 0x4fc1df0bu, 0x2b832480u};
  return F::from_words(w);
}

template <class F>
QUORATE_FN F negate(const F& a) {
  return sub(F::small(0), a);
}

template <class F>
QUORATE_FN bool equal(const F& a, const F& b) {
  u32 left[8], right[8], different = 0;
  to_words(left, a);
  to_words(right, b);
#pragma unroll
  for (int i = 0; i < 8; ++i) different |= left[i] ^ right[i];
  return different == 0;
}

// a^(2^times): a loop, so that a chain of 254 squarings is not 254 copies of one.
template <class F>
QUORATE_POINT F square_times(F a, int times) {
#pragma unroll 1
  for (int i = 0; i < times; ++i) a = square(a);
  return a;
}

// a^(2^250 - 1), and a^11 on the way: the common part of the two powers below.
template <class F>
QUORATE_POINT F power_250_ones(const F& a, F& eleventh) {
  const F a2 = square(a);
  const F a9 = mul(a, square_times(a2, 2));
  eleventh = mul(a9, a2);
  const F ones5 = mul(square(eleventh), a9);
  const F ones10 = mul(square_times(ones5, 5), ones5);
  const F ones20 = mul(square_times(ones10, 10), ones10);
  const F ones40 = mul(square_times(ones20, 20), ones20);
  const F ones50 = mul(square_times(ones40, 10), ones10);
  const F ones100 = mul(square_times(ones50, 50), ones50);
  const F ones200 = mul(square_times(ones100, 100), ones100);
  return mul(square_times(ones200, 50), ones50);
}

// 1 / a = a^(p - 2); 0 for 0.
template <class F>
QUORATE_FN F invert(const F& a) {
  F eleventh;
  const F ones = power_250_ones(a, eleventh);
  return mul(square_times(ones, 5), eleventh);
}

// a^((p - 5) / 8) = a^(2^252 - 3).
template <class F>
QUORATE_FN F power_for_root(const F& a) {
  F eleventh;
  const F ones = power_250_ones(a, eleventh);
  return mul(square_times(ones, 2), a);
}

}  // namespace quorate
