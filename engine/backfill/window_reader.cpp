#include "engine/backfill/window_reader.hpp"

#include "planner/backfill/batch_sql.hpp"
#include "planner/backfill/method_cost.hpp"
#include "sql/binary_codec.hpp"
#include "sql/copy_stream.hpp"

#include <algorithm>
#include <cstdlib>

namespace pgbackfill::engine {
namespace {

using planner::Method;
using planner::ReadOrder;
using planner::TableBackfill;

/// Windows of a key-order range hold several batches, so that the reader keeps ahead.
constexpr std::int64_t kBatchesPerKeyWindow = 4;

std::int64_t block_number(const std::vector<std::string>& bound) {
  return std::strtoll(bound.at(0).c_str(), nullptr, 10);
}

/// Takes one COPY row apart and appends its stage row to the window's payload.
class RowEncoder {
 public:
  RowEncoder(Window& window) : window_(window), table_(window.job->table) {}

  /// False at the end of the COPY data.
  bool add(std::string_view message) {
    sql::CopyRowReader reader(message);
    if (reader.at_end()) return false;
    const sql::TupleId id = sql::decode_tuple_id(reader.next().value());
    last_block_ = id.block;
    const auto start = static_cast<std::uint32_t>(window_.payload.size());
    sql::CopyEncoder encoder(window_.payload);
    const bool by_key = planner::finds_by_key(table_);
    const std::size_t identity = by_key ? table_.key.size() : 1;
    encoder.row(static_cast<std::int16_t>(identity + 1 + table_.assignments.size()));
    if (by_key) {
      key(reader, encoder);
    } else {
      encoder.tuple_id(id);
    }
    encoder.bytes(reader.next().value());  // xmin
    if (!values(reader, encoder)) {
      window_.payload.resize(start);
      return true;
    }
    const auto length = static_cast<std::uint32_t>(window_.payload.size()) - start;
    window_.rows.push_back({start, length, id.block, id.offset});
    return true;
  }

  const std::vector<std::string>& last_key() const noexcept { return last_key_; }
  std::uint32_t last_block() const noexcept { return last_block_; }

 private:
  void key(sql::CopyRowReader& reader, sql::CopyEncoder& encoder) {
    for (std::size_t i = 0; i < table_.key.size(); ++i) encoder.bytes(reader.next().value());
    if (table_.order == ReadOrder::kBlock) return;
    last_key_.clear();
    for (std::size_t i = 0; i < table_.key.size(); ++i) {
      last_key_.emplace_back(reader.next().value());
    }
  }

  bool values(sql::CopyRowReader& reader, sql::CopyEncoder& encoder) {
    bool any = false;
    for (std::size_t i = 0; i < table_.assignments.size(); ++i) {
      std::optional<std::string_view> read;
      if (planner::reads_column(table_.assignments[i])) read = reader.next();
      const auto value = window_.job->resolver.value(i, read);
      any = any || value.has_value();
      if (value) {
        encoder.bytes(*value);
      } else {
        encoder.null();
      }
    }
    return any;
  }

  Window& window_;
  const TableBackfill& table_;
  std::vector<std::string> last_key_;
  std::uint32_t last_block_ = 0;
};

/// Blocks of one COPY. Its snapshot holds pruning back while it lasts, so it must be over well
/// before a writer comes to the same group again; a server-side lookup makes a row cost more.
std::int64_t slice_blocks(const TableBackfill& table) {
  constexpr double kRowsPerSlice = 6000;
  constexpr double kComputedRowsPerSlice = 1000;
  const bool computed = std::any_of(
      table.assignments.begin(), table.assignments.end(),
      [](const auto& assignment) { return assignment.resolve == planner::ResolveKind::kServer; });
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>((computed ? kComputedRowsPerSlice : kRowsPerSlice) /
                                   planner::rows_per_block(table)));
}

/// Reads the window slice by slice. When it turns out to hold more rows than a window may (the
/// estimate was off), it ends where the last complete block did.
void read_blocks(sql::Connection& connection, Window& window) {
  const TableBackfill& table = window.job->table;
  const std::int64_t end = block_number(window.bounds.upper);
  const std::int64_t step = slice_blocks(table);
  RowEncoder encoder(window);
  std::int64_t room = planner::kMaxWindowRows;
  for (std::int64_t lower = block_number(window.bounds.lower); lower < end; lower += step) {
    const std::int64_t upper = std::min(end, lower + step);
    const planner::Bounds slice{{std::to_string(lower)}, {std::to_string(upper)}};
    sql::CopyOut copy = connection.copy_out(planner::read_rows(table, slice, false, room));
    std::string_view message;
    while (copy.next(message)) room -= encoder.add(message) ? 1 : 0;
    if (room > 0) continue;
    // The last block may have been cut off in its middle; a window holds many blocks' rows.
    const std::int64_t cut = encoder.last_block();
    window.bounds.upper = {std::to_string(cut)};
    while (!window.rows.empty() && window.rows.back().block >= cut) window.rows.pop_back();
    return;
  }
}

/// Returns the number of rows read, those without a value included.
std::int64_t read_keys(sql::Connection& connection, Window& window, std::int64_t limit) {
  RowEncoder encoder(window);
  std::int64_t read = 0;
  sql::CopyOut copy = connection.copy_out(
      planner::read_rows(window.job->table, window.bounds, window.after_lower, limit));
  std::string_view message;
  while (copy.next(message)) read += encoder.add(message) ? 1 : 0;
  window.cursor = encoder.last_key();
  return read;
}

void block_window(sql::Connection& connection, Window& window, const ReadPosition& position,
                  const planner::RunOptions& run) {
  const TableBackfill& table = window.job->table;
  window.shape = window.job->shape(run);
  const std::int64_t lower = block_number(position.lower);
  const std::int64_t end = block_number(position.task.range.upper);
  window.bounds.upper = {std::to_string(std::min(end, lower + window.shape.blocks()))};
  if (table.method == Method::kCopy) read_blocks(connection, window);
  window.cursor = window.bounds.upper;
  window.last = block_number(window.bounds.upper) >= end;
}

void key_window(sql::Connection& connection, Window& window) {
  const TableBackfill& table = window.job->table;
  const std::int64_t rows = window.job->sizer.rows();
  if (table.method == Method::kCopy) {
    const std::int64_t limit = std::min(rows * kBatchesPerKeyWindow, planner::kMaxWindowRows);
    window.last = read_keys(connection, window, limit) < limit;
    return;
  }
  const sql::Result next =
      connection.execute(planner::read_upper_key(table, window.bounds, window.after_lower, rows));
  window.last = next.rows() == 0;
  if (window.last) return;
  window.bounds.upper.clear();
  for (int column = 0; column < next.columns(); ++column) {
    window.bounds.upper.emplace_back(next.text(0, column));
  }
  window.cursor = window.bounds.upper;
}

}  // namespace

ReadPosition::ReadPosition(RangeTask range_task)
    : task(std::move(range_task)),
      lower(task.range.cursor.empty() ? task.range.lower : task.range.cursor) {}

std::unique_ptr<Window> read_window(sql::Connection& connection, ReadPosition& position,
                                    const planner::RunOptions& run) {
  auto window = std::make_unique<Window>();
  window->job = position.task.job;
  window->range_id = position.task.range.range_id;
  window->claim = position.task.claim;
  window->bounds = {position.lower, position.task.range.upper};
  window->after_lower = position.after_lower;
  if (window->job->table.order == ReadOrder::kBlock) {
    block_window(connection, *window, position, run);
  } else {
    key_window(connection, *window);
  }
  position.exhausted = window->last;
  if (!window->last) {
    position.lower = window->cursor;
    // An update window ends before its upper key, a copied one with its last row.
    position.after_lower =
        window->job->table.order == ReadOrder::kKey && window->job->table.method == Method::kCopy;
  }
  return window;
}

}  // namespace pgbackfill::engine
