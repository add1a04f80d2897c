#include "planner/values/check_lookup.hpp"

#include "planner/file/lookup_file.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"
#include "sql/binary_codec.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <unordered_map>

namespace pgbackfill::planner {
namespace {

// The type that the keys of the file are read as: the widest of the columns that use it. Empty
// when they differ, which is reported, or when there are none.
std::string common_key_type(const LookupSpec& lookup, const std::vector<LookupUser>& users,
                            std::vector<SpecError>& errors) {
  std::string widest;
  bool agree = true;
  for (const LookupUser& user : users) {
    if (widest.empty()) widest = user.type;
    if (!same_family(user.type, users.front().type)) {
      errors.push_back(
          {user.position,
           fmt::format("lookup \"{}\" is used by \"{}.{}\" ({}) and by \"{}.{}\" ({}); one lookup "
                       "serves keys of one type",
                       lookup.name, users.front().table, users.front().column, users.front().type,
                       user.table, user.column, user.type)});
      agree = false;
    }
    if (user.type == "bigint" || (user.type == "integer" && widest == "smallint")) {
      widest = user.type;
    }
  }
  return agree ? widest : std::string();
}

// Where the same value has several spellings, entries equal to an earlier one.
class SpellingCheck {
 public:
  explicit SpellingCheck(const std::string& type)
      : active_(type_family(type) == TypeFamily::kInteger ||
                type_family(type) == TypeFamily::kUuid),
        wire_(sql::wire_type(type)) {}

  // Reports the key of an entry when it is not a value of the type or was there already.
  void check(const LookupSpec& lookup, std::size_t entry, const std::string& type,
             LookupDefects& defects) {
    if (!active_) return;
    const std::string& key = lookup.entries[entry].first;
    const auto value = sql::encode_text(wire_, key);
    if (!value) {
      defects.add(lookup.lines[entry],
                  fmt::format("{} \"{}\" is not a value of type {}", lookup.key_header, key, type));
      return;
    }
    const auto [first, added] = first_entry_.emplace(*value, entry);
    if (!added) {
      defects.add(
          lookup.lines[entry],
          fmt::format("{} \"{}\" is the same {} as \"{}\" on line {}", lookup.key_header, key, type,
                      lookup.entries[first->second].first, lookup.lines[first->second]));
    }
  }

 private:
  bool active_;
  sql::WireType wire_;
  std::unordered_map<std::string, std::size_t> first_entry_;
};

}  // namespace

bool is_value_of(std::string_view type, std::string_view text) {
  const TypeFamily family = type_family(type);
  if (family != TypeFamily::kInteger && family != TypeFamily::kUuid) return true;
  return sql::encode_text(sql::wire_type(type), text).has_value();
}

void check_lookup(const JobSpec& spec, const LookupSpec& lookup,
                  const std::vector<LookupUser>& users, const std::string& value_type,
                  std::vector<SpecError>& errors) {
  const std::string key_type = common_key_type(lookup, users, errors);
  SpellingCheck keys(key_type);
  LookupDefects defects(beside_file(spec.file, lookup.file).string());
  for (std::size_t entry = 0; entry < lookup.entries.size(); ++entry) {
    keys.check(lookup, entry, key_type, defects);
    const std::string& value = lookup.entries[entry].second;
    if (!is_value_of(value_type, value)) {
      defects.add(lookup.lines[entry], fmt::format("{} \"{}\" is not a value of type {}",
                                                   lookup.value_header, value, value_type));
    }
  }
  defects.move_to(errors);
}

}  // namespace pgbackfill::planner
