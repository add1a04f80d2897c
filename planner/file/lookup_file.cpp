#include "planner/file/lookup_file.hpp"

#include "planner/file/csv.hpp"
#include "planner/file/text_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace pgbackfill::planner {
namespace {

constexpr std::size_t kMaxCsvBytes = std::size_t{512} << 20U;
constexpr std::size_t kShownDefects = 20;

class LookupReader {
 public:
  LookupReader(LookupSpec& lookup, LookupDefects& defects) : lookup_(lookup), defects_(defects) {}

  void read(std::string_view text, const std::string& value_column) {
    CsvReader csv(text);
    try {
      const std::optional<CsvRecord> header = csv.next();
      if (!header) {
        defects_.add(0, "is empty; it needs a header line with two columns");
        return;
      }
      if (!read_header(*header, value_column)) return;
      while (std::optional<CsvRecord> record = csv.next()) read_entry(std::move(*record));
    } catch (const CsvError& error) {
      defects_.add(error.line(), error.what());
    }
  }

 private:
  bool read_header(const CsvRecord& header, const std::string& value_column) {
    const auto& names = header.fields;
    if (names.size() != 2) {
      defects_.add(header.line, fmt::format("the header must name two columns (the key and \"{}\")"
                                            ", not {}",
                                            value_column, names.size()));
      return false;
    }
    if (names[0].empty() || names[1].empty() || names[0] == names[1]) {
      defects_.add(header.line, "the two columns of the header need different names");
      return false;
    }
    value_field_ = names[0] == value_column ? 0 : 1;
    lookup_.value_header = names[value_field_];
    lookup_.key_header = names[1 - value_field_];
    return true;
  }

  void read_entry(CsvRecord record) {
    if (record.fields.size() != 2) {
      defects_.add(record.line,
                   fmt::format("{} fields where the header has 2", record.fields.size()));
      return;
    }
    std::string& key = record.fields[1 - value_field_];
    std::string& value = record.fields[value_field_];
    if (key.empty()) defects_.add(record.line, fmt::format("empty {}", lookup_.key_header));
    if (value.empty()) defects_.add(record.line, fmt::format("empty {}", lookup_.value_header));
    if (key.empty() || value.empty()) return;
    const auto [first, added] = line_of_key_.emplace(key, record.line);
    if (!added) {
      defects_.add(record.line, fmt::format("{} \"{}\" is on line {} already", lookup_.key_header,
                                            key, first->second));
      return;
    }
    lookup_.entries.emplace_back(std::move(key), std::move(value));
    lookup_.lines.push_back(record.line);
  }

  LookupSpec& lookup_;
  LookupDefects& defects_;
  std::size_t value_field_ = 1;
  std::unordered_map<std::string, int> line_of_key_;
};

}  // namespace

void LookupDefects::add(int line, std::string message) {
  ++total_;
  if (kept_.size() >= kShownDefects) return;
  if (line == 0) message.insert(0, file_ + " ");
  kept_.push_back({{file_, line, 0}, std::move(message)});
}

void LookupDefects::move_to(std::vector<SpecError>& errors) {
  std::move(kept_.begin(), kept_.end(), std::back_inserter(errors));
  if (total_ > kShownDefects) {
    errors.push_back(
        {{file_, 0, 0}, fmt::format("{}: and {} more", file_, total_ - kShownDefects)});
  }
}

void read_lookup_file(const std::filesystem::path& path, const std::string& value_column,
                      LookupSpec& lookup, std::vector<SpecError>& errors) {
  std::string text;
  try {
    text = read_text_file(path, kMaxCsvBytes);
  } catch (const std::exception& error) {
    errors.push_back({lookup.position, fmt::format("lookup \"{}\": cannot read {}: {}", lookup.name,
                                                   path.string(), error.what())});
    return;
  }
  LookupDefects defects(path.string());
  if (const auto bad = find_invalid_utf8(text)) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(*bad);
    const auto line = 1 + std::count(text.begin(), end, '\n');
    defects.add(static_cast<int>(line), text[*bad] == '\0' ? "a NUL byte: not a text file"
                                                           : "not UTF-8: save the file as UTF-8");
  } else {
    LookupReader(lookup, defects).read(text, value_column);
  }
  defects.move_to(errors);
}

}  // namespace pgbackfill::planner
