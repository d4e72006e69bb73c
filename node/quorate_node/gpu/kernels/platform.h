// What differs between a GPU and the host: types, how functions are declared, the carry flag, and loads that a compiler should make wide.
//
// The same headers are compiled by NVRTC for the device and by a C++17 compiler for the host. On the device the carry is the PTX register
// CC.CF, which nobody can name; on the host it is a field of `Carry`, so the very same chains of instructions run in the tests there.
#pragma once

#if defined(__CUDACC__)
#define QUORATE_FN __device__ __forceinline__
#define QUORATE_LARGE QUORATE_FN
#define QUORATE_POINT QUORATE_FN
#define QUORATE_FLAT QUORATE_FN
#define QUORATE_TABLE __device__ __constant__ const
#else
#define QUORATE_FN inline __attribute__((always_inline))
#define QUORATE_LARGE inline __attribute__((noinline))  // Of a product that the host forms in tests alone, one copy is enough.
#define QUORATE_POINT inline  // Of a point's sum the compiler decides; where it counts, QUORATE_FLAT says so.
#define QUORATE_FLAT inline __attribute__((flatten))
#define QUORATE_TABLE static const
#endif

namespace quorate {

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;

#if !defined(__CUDACC__)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are little-endian, and read as they lie");
#endif
static_assert(sizeof(u32) == 4 && sizeof(u64) == 8, "words of 32 and 64 bits");

struct Carry {
  u32 flag;
};

#if defined(__CUDA_ARCH__)

// volatile: the order of the chain is its meaning, and CC.CF is in no list of operands.
QUORATE_FN u32 add_cc(u32 a, u32 b, Carry&) {
  u32 r;
  asm volatile("add.cc.u32 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
QUORATE_FN u32 addc_cc(u32 a, u32 b, Carry&) {
  u32 r;
  asm volatile("addc.cc.u32 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
QUORATE_FN u32 addc(u32 a, u32 b, Carry&) {
  u32 r;
  asm volatile("addc.u32 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
QUORATE_FN u32 sub_cc(u32 a, u32 b, Carry&) {
  u32 r;
  asm volatile("sub.cc.u32 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
QUORATE_FN u32 subc_cc(u32 a, u32 b, Carry&) {
  u32 r;
  asm volatile("subc.cc.u32 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
QUORATE_FN u32 subc(u32 a, u32 b, Carry&) {
  u32 r;
  asm volatile("subc.u32 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
// (low, high) += a * b; the first of a chain takes no carry, the others do, all leave one. The two halves stand side by side so that ptxas
// makes one IMAD.WIDE of them.
QUORATE_FN void mad_wide_cc(u32& low, u32& high, u32 a, u32 b, Carry&) {
  asm volatile("mad.lo.cc.u32 %0, %2, %3, %0;\n\tmadc.hi.cc.u32 %1, %2, %3, %1;" : "+r"(low), "+r"(high) : "r"(a), "r"(b));
}
QUORATE_FN void madc_wide_cc(u32& low, u32& high, u32 a, u32 b, Carry&) {
  asm volatile("madc.lo.cc.u32 %0, %2, %3, %0;\n\tmadc.hi.cc.u32 %1, %2, %3, %1;" : "+r"(low), "+r"(high) : "r"(a), "r"(b));
}

#else

QUORATE_FN u32 add_cc(u32 a, u32 b, Carry& carry) {
  const u64 sum = (u64)a + b;
  carry.flag = (u32)(sum >> 32);
  return (u32)sum;
}
QUORATE_FN u32 addc_cc(u32 a, u32 b, Carry& carry) {
  const u64 sum = (u64)a + b + carry.flag;
  carry.flag = (u32)(sum >> 32);
  return (u32)sum;
}
QUORATE_FN u32 addc(u32 a, u32 b, Carry& carry) { return a + b + carry.flag; }
QUORATE_FN u32 sub_cc(u32 a, u32 b, Carry& carry) {
  const u64 difference = (u64)a - b;
  carry.flag = (u32)(difference >> 63);
  return (u32)difference;
}
QUORATE_FN u32 subc_cc(u32 a, u32 b, Carry& carry) {
  const u64 difference = (u64)a - b - carry.flag;
  carry.flag = (u32)(difference >> 63);
  return (u32)difference;
}
QUORATE_FN u32 subc(u32 a, u32 b, Carry& carry) { return a - b - carry.flag; }
QUORATE_FN void madc_wide_cc(u32& low, u32& high, u32 a, u32 b, Carry& carry) {
  const u64 product = (u64)a * b;
  low = addc_cc(low, (u32)product, carry);
  high = addc_cc(high, (u32)(product >> 32), carry);
}
QUORATE_FN void mad_wide_cc(u32& low, u32& high, u32 a, u32 b, Carry& carry) {
  carry.flag = 0;
  madc_wide_cc(low, high, a, b, carry);
}

#endif

QUORATE_FN void mul_wide(u32& low, u32& high, u32 a, u32 b) {
  const u64 product = (u64)a * b;
  low = (u32)product;
  high = (u32)(product >> 32);
}

#if defined(__CUDA_ARCH__)
QUORATE_FN u32 atomic_add(u32* at, u32 value) { return atomicAdd(at, value); }
QUORATE_FN void atomic_add(u64* at, u64 value) { atomicAdd(at, value); }
QUORATE_FN u32 atomic_or(u32* at, u32 value) { return atomicOr(at, value); }
#else
// The host runs a kernel's threads one after the other.
QUORATE_FN u32 atomic_add(u32* at, u32 value) {
  const u32 before = *at;
  *at = before + value;
  return before;
}
QUORATE_FN void atomic_add(u64* at, u64 value) { *at += value; }
QUORATE_FN u32 atomic_or(u32* at, u32 value) {
  const u32 before = *at;
  *at = before | value;
  return before;
}
#endif

// A value from memory that nobody writes meanwhile, 16 bytes at a time.
template <class T>
QUORATE_FN T load_wide(const T* at) {
#if defined(__CUDA_ARCH__)
  static_assert(sizeof(T) % 16 == 0 && alignof(T) % 16 == 0, "whole words of 16 bytes");
  T value;
#pragma unroll
  for (int i = 0; i < (int)(sizeof(T) / 16); ++i) ((uint4*)&value)[i] = __ldg((const uint4*)at + i);
  return value;
#else
  return *at;
#endif
}

// 32 bytes as eight little-endian words. On a device all records, keys and signatures lie at multiples of four.
QUORATE_FN void load_words(u32 words[8], const u8* bytes) {
#if defined(__CUDA_ARCH__)
#pragma unroll
  for (int i = 0; i < 8; ++i) words[i] = ((const u32*)bytes)[i];
#else
  __builtin_memcpy(words, bytes, 32);
#endif
}

}  // namespace quorate
