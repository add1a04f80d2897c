#include "engine/backfill/sampler.hpp"

#include "engine/ledger/ledger.hpp"

namespace pgbackfill::engine {
namespace {

constexpr std::chrono::seconds kInterval{2};

}  // namespace

Sampler::Sampler(sql::Connection& connection, int job_id, ProgressBoard& board)
    : ledger_(connection, job_id),
      board_(board),
      kept_(ledger_.exists()),
      since_(std::chrono::steady_clock::now()),
      wal_(Ledger(connection).wal_position()) {
  const ProgressSnapshot now = board_.snapshot();
  rows_ = now.rows;
  throttle_ = now.throttle;
  board_.take_batch_times();
}

void Sampler::look() {
  if (!kept_) return;
  const ProgressSnapshot now = board_.snapshot();
  const bool turned = now.throttle.empty() != throttle_.empty();
  if (turned || std::chrono::steady_clock::now() - since_ >= kInterval) write(now);
  throttle_ = now.throttle;
}

void Sampler::end() {
  const ProgressSnapshot now = board_.snapshot();
  if (kept_ && now.rows != rows_) write(now);
}

void Sampler::write(const ProgressSnapshot& now) {
  const auto time = std::chrono::steady_clock::now();
  Sample sample;
  sample.seconds = std::chrono::duration<double>(time - since_).count();
  sample.rows = now.rows - rows_;
  sample.times = board_.take_batch_times();
  since_ = time;
  rows_ = now.rows;
  try {
    wal_ = ledger_.add(sample, wal_, throttle_);
  } catch (const sql::Error& error) {
    // Samples are for people: a full disk, which the writers wait out, must not end the run here.
    if (error.connection_lost()) throw;
  }
}

}  // namespace pgbackfill::engine
