// Votes counted in the same pass: weights by ballot, each validator once, and which ballots are certificates.
#pragma once

#include "job.h"

namespace quorate {

// Sums do not depend on the order of threads: of a validator's accepted votes for a ballot whichever comes first counts, and it is in no
// output which one that was. Weights cannot overflow: the set's total is below 2^63.
template <class F>
QUORATE_FN void count_vote(const Job<F>& job, u64 item) {
  const Vote& vote = job.votes[item];
  if (vote.ballot >= job.ballot_count) return;
  Tally& tally = job.tallies[vote.ballot];
  atomic_add(&tally.votes, 1u);
  if (job.verdicts[item] != ACCEPTED) return;
  atomic_add(&tally.accepted, 1u);
  const u64 words = (job.validator_count + 31) / 32;
  const u32 bit = 1u << (vote.validator % 32);
  if (atomic_or(&job.voted[vote.ballot * words + vote.validator / 32], bit) & bit) return;
  atomic_add(&tally.distinct, 1u);
  atomic_add(&tally.weight, job.weights[vote.validator]);
}

template <class F>
QUORATE_FN void decide(const Job<F>& job, u64 ballot) {
  if (ballot >= job.ballot_count) return;
  Tally& tally = job.tallies[ballot];
  tally.reached = tally.weight >= job.thresholds[ballot] && tally.accepted == tally.votes && tally.distinct == tally.accepted;
}

}  // namespace quorate
