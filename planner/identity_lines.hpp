#pragma once

#include "planner/job_spec.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// The text that tells whether two migration files ask for the same job, as operations write it.
/// It is kept in the ledger: a change makes half-done jobs of older versions look changed.
class IdentityLines {
 public:
  explicit IdentityLines(std::string schema) : schema_(std::move(schema)) {}

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  /// A name as written, the same however it was written.
  std::string display(const std::string& written) const;
  std::string describe(const ValueSource& value) const;

  std::vector<std::string> take() && { return std::move(lines_); }

 private:
  std::string schema_;
  std::vector<std::string> lines_;
};

/// In the order of their names: moving a block in the file does not change the job.
template <typename Spec, typename Name>
std::vector<std::pair<std::string, const Spec*>> sorted(const std::vector<Spec>& specs,
                                                        Name name_of) {
  std::vector<std::pair<std::string, const Spec*>> result;
  for (const Spec& spec : specs) result.emplace_back(name_of(spec), &spec);
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return result;
}

/// A value within quotes, on one line whatever it holds.
std::string shown(std::string_view value);
std::string shown_list(const std::vector<std::string>& values);
std::string shown_map(const std::map<std::string, std::string>& map);

/// 64-bit FNV-1a over texts.
class Digest {
 public:
  void add(std::string_view text);
  /// 16 hex digits.
  std::string hex() const;

 private:
  void add_byte(unsigned char byte);

  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace pgbackfill::planner
