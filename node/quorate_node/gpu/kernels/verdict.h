// The verdicts (crypto/verdict/rule.py has the same numbers, in the order of the checks) and what is decided by looking at bytes.
#pragma once

#include "platform.h"

namespace quorate {

enum Verdict : u8 {
  ACCEPTED = 0,
  MALFORMED = 1,
  UNKNOWN_VALIDATOR = 2,
  S_NOT_REDUCED = 3,
  KEY_NOT_CANONICAL = 4,
  KEY_SMALL_ORDER = 5,
  KEY_NOT_ON_CURVE = 6,
  R_NOT_CANONICAL = 7,
  R_SMALL_ORDER = 8,
  R_NOT_ON_CURVE = 9,
  EQUATION = 10,
  PENDING = 255,  // Not decided so far; never leaves a batch.
};

// The y of the points of small order, 0 and 1 and p - 1 apart.
QUORATE_TABLE u32 ORDER_EIGHT_Y[2][8] = {
    {0x706a17c7u, 0x4fd84d3du, 0x760b3cbau, 0x0f67100du, 0xfa53202au, 0xc6cc392cu, 0x77fdc74eu, 0x7a03ac92u},
    {0x8f95e826u, 0xb027b2c2u, 0x89f4c345u, 0xf098eff2u, 0x05acdfd5u, 0x3933c6d3u, 0x880238b1u, 0x05fc536du},
};

// What is wrong with the bytes of a point: `not_canonical`, `small_order`, or nothing (PENDING).
QUORATE_FN u8 look_at_point(const u32 encoded[8], u8 not_canonical, u8 small_order) {
  const u32 top = encoded[7] & 0x7fffffffu;
  u32 ones = 0xffffffffu, any = 0;
#pragma unroll
  for (int i = 1; i < 7; ++i) {
    ones &= encoded[i];
    any |= encoded[i];
  }
  if (ones == 0xffffffffu && top == 0x7fffffffu) {
    if (encoded[0] >= 0xffffffedu) return not_canonical;
    if (encoded[0] == 0xffffffecu) return small_order;
  }
  if (any == 0 && top == 0 && encoded[0] <= 1) return small_order;
#pragma unroll
  for (int which = 0; which < 2; ++which) {
    u32 different = top ^ ORDER_EIGHT_Y[which][7];
#pragma unroll
    for (int i = 0; i < 7; ++i) different |= encoded[i] ^ ORDER_EIGHT_Y[which][i];
    if (different == 0) return small_order;
  }
  return PENDING;
}

}  // namespace quorate
