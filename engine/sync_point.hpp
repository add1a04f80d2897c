#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::engine {

/// Named places where a test may stop or kill the process, to see what is left behind. Between
/// kBatchInCopy and kBatchSent a batch leaves as one message, so that COPY, UPDATE, ledger row and
/// COMMIT are the server's to do or not: there is no place between them on this side.
enum class SyncPoint {
  kLedgerCreated,      ///< schema pgbackfill is there, the job not yet
  kJobCreated,         ///< the job and its steps are in the ledger
  kStageBegun,         ///< before a stage's first step
  kStageDone,          ///< after its last
  kStepBeforeProbe,    ///< a DDL step, before the catalog is asked
  kStepBeforeDdl,      ///< noted as running
  kStepBeforeRecord,   ///< carried out, not yet noted as done (nor committed, if in a transaction)
  kStepBeforeCommit,   ///< noted as done in the step's own transaction
  kStepRecorded,       ///< committed
  kStaleFound,         ///< rows that differ from their source are known
  kStaleMended,        ///< the first of them are mended
  kRangesAdded,        ///< a table is split, nothing of the round read
  kWindowRead,         ///< rows are in memory
  kBatchBeforeCopy,    ///< nothing of the batch is sent
  kBatchInCopy,        ///< half of its rows are
  kBatchSent,          ///< all of it, no answer read
  kBatchCommitted,     ///< the answer is read
  kRangeDone,          ///< its last batch is committed, the coordinator does not know
  kRoundOver,          ///< all ranges of a round are done
  kBackfillComplete,   ///< no row of the table lacks its value, the step is not noted as done
  kRollbackBegun,      ///< the job is noted as being rolled back, nothing is taken back
  kRollbackStepBegun,  ///< before a step's inverse
  kRollbackBeforeRecord,  ///< carried out, not noted (nor committed, if in a transaction)
  kRollbackBeforeCommit,  ///< noted in the inverse's own transaction
  kRollbackStepRecorded,  ///< committed
  kRollbackBeforeEnd,     ///< all steps are taken back, the job is not noted as rolled back
};

inline constexpr std::array<std::string_view, 26> kSyncPointNames{"ledger-created",
                                                                  "job-created",
                                                                  "stage-begun",
                                                                  "stage-done",
                                                                  "step-before-probe",
                                                                  "step-before-ddl",
                                                                  "step-before-record",
                                                                  "step-before-commit",
                                                                  "step-recorded",
                                                                  "stale-found",
                                                                  "stale-mended",
                                                                  "ranges-added",
                                                                  "window-read",
                                                                  "batch-before-copy",
                                                                  "batch-in-copy",
                                                                  "batch-sent",
                                                                  "batch-committed",
                                                                  "range-done",
                                                                  "round-over",
                                                                  "backfill-complete",
                                                                  "rollback-begun",
                                                                  "rollback-step-begun",
                                                                  "rollback-before-record",
                                                                  "rollback-before-commit",
                                                                  "rollback-step-recorded",
                                                                  "rollback-before-end"};

/// Arms one point from text: NAME=kill or NAME:N=kill ends the process with SIGKILL when it comes
/// there for the first or the Nth time; stop instead of kill sends it SIGSTOP. Says what is wrong
/// with the text. Not while other threads run.
std::optional<std::string> arm_sync_point(std::string_view text);

/// Where the process may be armed from; read once at its start.
inline constexpr const char* kSyncPointVariable = "PGBACKFILL_SYNC_POINT";

/// Marks a place. Costs one comparison while nothing is armed. Thread-safe.
void sync_point(SyncPoint point) noexcept;

}  // namespace pgbackfill::engine
