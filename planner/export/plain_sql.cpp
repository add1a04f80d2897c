#include "planner/export/plain_sql.hpp"

#include "planner/plan/step_builder.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace pgbackfill::planner {
namespace {

constexpr std::string_view kNote = ") INSERT INTO pgbackfill.ensured ";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '"' || c == '$';
}

/// The next place from `from` on where `name` stands for itself.
std::size_t find_name(std::string_view text, std::string_view name, std::size_t from = 0) {
  for (std::size_t at = text.find(name, from); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    const bool begins = at == 0 || !is_word(text[at - 1]);
    const std::size_t end = at + name.size();
    if (begins && (end == text.size() || !is_word(text[end]))) return at;
  }
  return std::string_view::npos;
}

/// Where a helper is first named. Their kinds are listed so that a text which merely mentions the
/// schema is not taken for one.
std::optional<std::size_t> helper_at(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kKinds{"fill", "follow_", "sync_", "return_",
                                                          "ensured"};
  const std::string bare = std::string(kLedgerSchema) + ".";
  const std::string quoted = sql::quote_identifier(kLedgerSchema) + ".";
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string_view rest = text.substr(at);
    if (rest.starts_with(quoted)) {
      rest.remove_prefix(quoted.size());
    } else if (rest.starts_with(bare) && (at == 0 || !is_word(text[at - 1]))) {
      rest.remove_prefix(bare.size());
    } else {
      continue;
    }
    if (rest.starts_with('"')) rest.remove_prefix(1);
    if (std::any_of(kKinds.begin(), kKinds.end(),
                    [&](std::string_view kind) { return rest.starts_with(kind); })) {
      return at;
    }
  }
  return std::nullopt;
}

/// The INSERT alone, of one that notes in the ledger what it inserted.
std::optional<std::string> without_note(const std::string& statement) {
  constexpr std::string_view begin = "WITH inserted AS (";
  const std::size_t note = statement.rfind(kNote);
  if (!statement.starts_with(begin) || note == std::string::npos) return std::nullopt;
  const std::size_t returning = statement.rfind(" RETURNING ", note);
  return statement.substr(begin.size(), returning - begin.size());
}

}  // namespace

bool names_helper(std::string_view text) { return helper_at(text).has_value(); }

PlainSql::PlainSql(const Plan& plan) {
  for (const Step& step : plan.steps) {
    if (step.kind != StepKind::kLookup) continue;
    const sql::QualifiedName ours{"pg_temp", sql::fit_identifier("lookup_" + step.lookup)};
    lookups_.emplace_back(step.lookup_table, ours.quoted());
  }
}

std::string PlainSql::with_lookups(std::string statement) const {
  for (const auto& [ledgers, ours] : lookups_) {
    for (std::size_t at = find_name(statement, ledgers); at != std::string::npos;
         at = find_name(statement, ledgers, at + ours.size())) {
      statement.replace(at, ledgers.size(), ours);
    }
  }
  return statement;
}

bool PlainSql::names_lookup(std::string_view statement) const {
  return std::any_of(lookups_.begin(), lookups_.end(), [&](const auto& lookup) {
    return find_name(statement, lookup.first) != std::string_view::npos;
  });
}

void PlainSql::add(std::string statement, std::vector<std::string>& statements) const {
  if (auto insert = without_note(statement)) statement = *std::move(insert);
  if (statement.starts_with("ANALYZE ")) return;
  if (statement.starts_with(R"(DROP TRIGGER IF EXISTS "zzz_pgbackfill_)")) return;
  if (const auto helper = helper_at(statement)) {
    // An ALTER TABLE whose last action is a default by way of a helper.
    const std::size_t action = statement.rfind(", ALTER COLUMN ", *helper);
    if (!statement.starts_with("ALTER TABLE ") || action == std::string::npos) return;
    statement.resize(action);
  }
  for (const std::string_view begin : {"CREATE INDEX ", "CREATE UNIQUE INDEX ", "DROP INDEX "}) {
    constexpr std::string_view kConcurrently = "CONCURRENTLY ";
    if (statement.starts_with(begin) &&
        std::string_view(statement).substr(begin.size()).starts_with(kConcurrently)) {
      statement.erase(begin.size(), kConcurrently.size());
    }
  }
  statements.push_back(with_lookups(std::move(statement)));
}

}  // namespace pgbackfill::planner
