// k = SHA-512(R, A, message) mod L.
#pragma once

#include "job.h"
#include "sha512.h"

namespace quorate {

QUORATE_FN u64 big_endian(u32 first, u32 second) { return swapped((u64)second << 32 | first); }

// A vote: one block. Words are little-endian, as loaded.
QUORATE_FN void challenge(u32 k[8], const u32 r[8], const u32 key[8], const Ballot& ballot) {
  u64 w[16];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    w[i] = big_endian(r[2 * i], r[2 * i + 1]);
    w[4 + i] = big_endian(key[2 * i], key[2 * i + 1]);
  }
  // The message word by word, 0x80 behind its last byte, zeros behind that: also where the length stands in the record.
  const u32 length = ballot.length;
  u32 text[12];
#pragma unroll
  for (int i = 0; i < 12; ++i) {
    const u32 at = 4 * i;
    u32 word = 0;
    if (at <= length) {
#if defined(__CUDA_ARCH__)
      word = ((const u32*)&ballot)[i];
#else
      __builtin_memcpy(&word, (const u8*)&ballot + at, 4);
#endif
      if (length - at < 4) word = (word & ((1u << 8 * (length - at)) - 1u)) | 0x80u << 8 * (length - at);
    }
    text[i] = word;
  }
#pragma unroll
  for (int i = 0; i < 6; ++i) w[8 + i] = big_endian(text[2 * i], text[2 * i + 1]);
  w[14] = 0;
  w[15] = (64 + length) * 8;
  Sha512 hash;
  hash.begin();
  hash.block(w);
  u32 digest[16];
  hash.number(digest);
  reduce_512(k, digest);
}

// A message of any length.
QUORATE_FN void challenge(u32 k[8], const u8* r, const u8* key, const u8* message, u64 bytes) {
  const u64 total = 64 + bytes, blocks = (total + 17 + 127) / 128;
  Sha512 hash;
  hash.begin();
#pragma unroll 1
  for (u64 block = 0; block < blocks; ++block) {
    u64 w[16];
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      u64 word = 0;
#pragma unroll 1
      for (int j = 0; j < 8; ++j) {
        const u64 at = block * 128 + (u64)(8 * i + j);
        u32 byte = 0;
        if (at < 32)
          byte = r[at];
        else if (at < 64)
          byte = key[at - 32];
        else if (at < total)
          byte = message[at - 64];
        else if (at == total)
          byte = 0x80;
        word = word << 8 | byte;
      }
      w[i] = word;
    }
    if (block + 1 == blocks) w[15] = total * 8;
    hash.block(w);
  }
  u32 digest[16];
  hash.number(digest);
  reduce_512(k, digest);
}

}  // namespace quorate
