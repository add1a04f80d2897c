#pragma once

#include "tools/shrink/selection.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

struct ShrinkOptions {
  std::string from;  ///< connection strings; empty: PG* variables
  std::string to;
  std::vector<std::string> roots;  ///< as SQL names them; empty: chosen
  ShrinkSize size;
  std::function<void(std::string_view)> on_progress;
};

/// Makes the schema of `from` in the empty database `to` by pg_dump and psql, and copies a part of
/// its rows that is whole by its foreign keys. Returns how many. Throws sql::Error or
/// std::runtime_error; `from` is only read.
std::int64_t shrink(const ShrinkOptions& options);

}  // namespace pgbackfill::tools
