// SHA-256 (FIPS 180-4) of pieces of memory, for Merkle leaves whose data is on the device already.
#pragma once

#include "platform.h"

namespace quorate {

QUORATE_TABLE u32 SHA256_ROUND[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
};

QUORATE_FN u32 rotated_right(u32 x, int by) { return x >> by | x << (32 - by); }

struct Sha256 {
  u32 state[8];

  QUORATE_FN void begin() {
    const u32 first[8] = {
        0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u,
    };
#pragma unroll
    for (int i = 0; i < 8; ++i) state[i] = first[i];
  }

  QUORATE_FN void block(u32 w[16]) {
    u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
#pragma unroll 1
    for (int round = 0; round < 64; round += 16) {
      if (round > 0) {
#pragma unroll
        for (int i = 0; i < 16; ++i) {
          const u32 before = w[(i + 1) & 15], late = w[(i + 14) & 15];
          w[i] += (rotated_right(before, 7) ^ rotated_right(before, 18) ^ before >> 3) + w[(i + 9) & 15] +
                  (rotated_right(late, 17) ^ rotated_right(late, 19) ^ late >> 10);
        }
      }
#pragma unroll
      for (int i = 0; i < 16; ++i) {
        const u32 t = h + (rotated_right(e, 6) ^ rotated_right(e, 11) ^ rotated_right(e, 25)) + ((e & f) ^ (~e & g)) + SHA256_ROUND[round + i] + w[i];
        const u32 u = (rotated_right(a, 2) ^ rotated_right(a, 13) ^ rotated_right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t;
        d = c;
        c = b;
        b = a;
        a = t + u;
      }
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
};

// SHA-256 of (prefix byte, data): RFC 9162's leaf with prefix 0, plain SHA-256 with prefix -1. 32 bytes to `digest`.
QUORATE_FN void sha256_prefixed(u8* digest, i32 prefix, const u8* data, u64 bytes) {
  const u64 shifted = prefix >= 0 ? 1 : 0, total = bytes + shifted;
  Sha256 hash;
  hash.begin();
  const u64 blocks = (total + 9 + 63) / 64;
#pragma unroll 1
  for (u64 block = 0; block < blocks; ++block) {
    u32 w[16];
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      u32 word = 0;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const u64 at = block * 64 + (u64)(4 * i + j);
        u32 byte = 0;
        if (at < shifted)
          byte = (u32)prefix;
        else if (at < total)
          byte = data[at - shifted];
        else if (at == total)
          byte = 0x80;
        word = word << 8 | byte;
      }
      w[i] = word;
    }
    if (block + 1 == blocks) {
      w[14] = (u32)(total >> 29);
      w[15] = (u32)(total << 3);
    }
    hash.block(w);
  }
#pragma unroll
  for (int i = 0; i < 32; ++i) digest[i] = (u8)(hash.state[i / 4] >> (24 - 8 * (i % 4)));
}

// Many pieces of one memory; jobs.py writes the same layout.
struct ChunkJob {
  u64 count;
  u64 prefix;          // A byte before each piece, or all ones for none.
  const u64* offsets;  // count + 1.
  const u8* data;
  u8* digests;  // 32 bytes each.
};

QUORATE_FN void hash_chunk(const ChunkJob& job, u64 item) {
  const i32 prefix = job.prefix > 255 ? -1 : (i32)job.prefix;
  sha256_prefixed(job.digests + 32 * item, prefix, job.data + job.offsets[item], job.offsets[item + 1] - job.offsets[item]);
}

}  // namespace quorate
