// Edwards25519 (-x^2 + y^2 = 1 + d x^2 y^2) in extended coordinates: Hisil, Wong, Carter and Dawson 2008. The formulas are complete.
//
// Nothing here is secret (signatures are checked, never made), so branches and table indexes may depend on the data.
#pragma once

#include "field.h"

namespace quorate {

// x = X/Z, y = Y/Z, T = XY/Z.
template <class F>
struct Extended {
  F X, Y, Z, T;
};

// A point in a table, Z = 1: y + x, y - x, 2dxy.
template <class F>
struct alignas(F::entry_alignment) Precomputed {
  F ypx, ymx, t2d;
};

// A point that is added to others, any Z: Y + X, Y - X, Z, 2dT.
template <class F>
struct alignas(F::entry_alignment) Cached {
  F YpX, YmX, Z, T2d;
};

template <class F>
QUORATE_FN Extended<F> neutral() {
  return {F::small(0), F::small(1), F::small(1), F::small(0)};
}
template <class F>
QUORATE_FN Precomputed<F> neutral_precomputed() {
  return {F::small(1), F::small(1), F::small(0)};
}
template <class F>
QUORATE_FN Cached<F> neutral_cached() {
  return {F::small(1), F::small(1), F::small(1), F::small(0)};
}

// Twice the point; its T only where an addition follows (`with_t`).
template <class F>
QUORATE_POINT Extended<F> doubled(const Extended<F>& p, bool with_t) {
  const F a = square(p.X), b = square(p.Y), c = square(p.Z);
  const F h = add(a, b);
  const F e = sub(h, square(add(p.X, p.Y)));
  const F g = sub(a, b);
  const F f = add(add(c, c), g);
  Extended<F> r;
  r.X = mul(e, f);
  r.Y = mul(g, h);
  r.Z = mul(f, g);
  r.T = with_t ? mul(e, h) : e;
  return r;
}

template <class F>
QUORATE_FN Extended<F> joined(const F& a, const F& b, const F& c, const F& d) {
  const F e = sub(b, a), f = sub(d, c), g = add(d, c), h = add(b, a);
  return {mul(e, f), mul(g, h), mul(f, g), mul(e, h)};
}

template <class F>
QUORATE_POINT Extended<F> added(const Extended<F>& p, const Precomputed<F>& q) {
  const F a = mul(sub(p.Y, p.X), q.ymx), b = mul(add(p.Y, p.X), q.ypx), c = mul(p.T, q.t2d);
  return joined(a, b, c, add(p.Z, p.Z));
}

template <class F>
QUORATE_POINT Extended<F> added(const Extended<F>& p, const Cached<F>& q) {
  const F a = mul(sub(p.Y, p.X), q.YmX), b = mul(add(p.Y, p.X), q.YpX), c = mul(p.T, q.T2d), d = mul(p.Z, q.Z);
  return joined(a, b, c, add(d, d));
}

template <class F>
QUORATE_FN Cached<F> cached(const Extended<F>& p) {
  return {add(p.Y, p.X), sub(p.Y, p.X), p.Z, mul(p.T, constant_2d<F>())};
}

// The entry or its opposite: the first two change places, the last its sign.
template <class F>
QUORATE_FN Precomputed<F> signed_entry(const Precomputed<F>& q, bool negative) {
  return {select(negative, q.ymx, q.ypx), select(negative, q.ypx, q.ymx), select(negative, negate(q.t2d), q.t2d)};
}
template <class F>
QUORATE_FN Cached<F> signed_entry(const Cached<F>& q, bool negative) {
  return {select(negative, q.YmX, q.YpX), select(negative, q.YpX, q.YmX), q.Z, select(negative, negate(q.T2d), q.T2d)};
}

// Affine coordinates of an encoding whose y is below the prime; false where the curve has no such point. x = 0 with the sign set is not
// looked for: both points with x = 0 are of small order, and refused by their y before.
template <class F>
QUORATE_POINT bool decode(F& x, F& y, const u32 encoded[8]) {
  u32 w[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) w[i] = encoded[i];
  const u32 sign = w[7] >> 31;
  w[7] &= 0x7fffffffu;
  y = F::from_words(w);
  const F yy = square(y);
  const F u = sub(yy, F::small(1)), v = add(mul(yy, constant_d<F>()), F::small(1));
  const F v3 = mul(square(v), v);
  x = mul(mul(u, v3), power_for_root(mul(u, mul(square(v3), v))));
  const F vxx = mul(v, square(x));
  const bool root = equal(vxx, u), other = equal(add(vxx, u), F::small(0));
  if (other) x = mul(x, constant_sqrt_minus_one<F>());
  u32 words[8];
  to_words(words, x);
  if ((words[0] & 1u) != sign) x = sub(F::small(0), F::from_words(words));
  return root || other;
}

// The encoding of (X/Z, Y/Z), given 1/Z.
template <class F>
QUORATE_FN void encode(u32 words[8], const F& X, const F& Y, const F& inverse) {
  u32 x[8];
  to_words(x, mul(X, inverse));
  to_words(words, mul(Y, inverse));
  words[7] |= (x[0] & 1u) << 31;
}

// Whether 8 p = O.
template <class F>
QUORATE_FN bool small_order(Extended<F> p) {
#pragma unroll 1
  for (int i = 0; i < 3; ++i) p = doubled(p, false);
  return equal(p.X, F::small(0)) && equal(p.Y, p.Z);
}

}  // namespace quorate
