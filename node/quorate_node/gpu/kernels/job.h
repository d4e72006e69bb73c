// What a batch is, for every kernel and both field representations: pointers and counts, 8 bytes each (jobs.py writes the same layout).
//
// It lies in device memory, and kernels take its address: a captured graph reads the counts anew at each launch.
#pragma once

#include "table.h"
#include "verdict.h"

namespace quorate {

struct alignas(8) Vote {
  u8 r[32];
  u8 s[32];
  u32 validator;  // Number in the set.
  u32 ballot;     // Which message it signs, and where its weight goes.
};
static_assert(sizeof(Vote) == 72, "records.py packs 72 bytes");

constexpr u32 MESSAGE_BYTES_MAX = 47;

// With R and A one block of SHA-512.
struct alignas(4) Ballot {
  u8 message[MESSAGE_BYTES_MAX];
  u8 length;
};
static_assert(sizeof(Ballot) == 48, "records.py packs 48 bytes");

struct alignas(8) Tally {
  u64 weight;    // Of the validators that have an accepted vote, each once.
  u32 votes;     // All that came.
  u32 accepted;
  u32 distinct;  // Validators among the accepted.
  u32 reached;   // 1: weight >= threshold, and every vote accepted, and no validator twice: a certificate.
};
static_assert(sizeof(Tally) == 24, "records.py reads 24 bytes");

template <class F>
struct Job {
  u64 count;  // Signatures in this batch.
  // The fixed set: validators by number.
  const Vote* votes;
  const Ballot* ballots;
  u64 ballot_count;
  u64 validator_count;
  const u8* validator_keys;          // 32 bytes each.
  const Precomputed<F>* tables;      // Of the validators.
  const Precomputed<F>* base_table;  // Of the base point, 8-bit windows for generic batches, the tables' own width for the fixed set.
  // Unknown keys: each signature brings its own.
  const u8* keys;        // 32 bytes each.
  const u8* signatures;  // 64 bytes each.
  const u32* offsets;    // count + 1: where messages begin and end in `text`.
  const u8* text;
  Cached<F>* multiples;  // 8 a signature: scratch.
  // Both.
  u32* digits;    // 16 words a signature: s and k as `Windows::shift` leaves them; scratch.
  u32* points;    // X, Y, Z of Q and the products on the way to 1/Z: scratch, 4 * stored_words a signature.
  u8* verdicts;   // One a signature.
  u32* slow;      // [0] their number, then the numbers of the signatures whose R is not the encoding of Q: 1 + count words.
  // Weights, for the fixed set.
  const u64* weights;     // One a validator.
  const u64* thresholds;  // One a ballot.
  u32* voted;             // A bit a validator, ballot by ballot: (validator_count + 31) / 32 words each; zeroed before.
  Tally* tallies;         // One a ballot; zeroed before.
  u64 stride;             // Threads that share the inversions (`finish`): signature i belongs to thread i % stride.
};

}  // namespace quorate
