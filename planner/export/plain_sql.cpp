#include "planner/export/plain_sql.hpp"

#include "planner/plan/step_builder.hpp"

#include <algorithm>
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

/// Where a helper is first named. Plans write names of the ledger's schema in quotes, as hardly
/// any other text does; those of its own tables bare.
std::optional<std::size_t> helper_at(std::string_view text) {
  static const std::string quoted = sql::quote_identifier(kLedgerSchema) + ".";
  for (std::size_t at = text.find(quoted); at != std::string_view::npos;
       at = text.find(quoted, at + 1)) {
    if (!text.substr(at + quoted.size()).starts_with("\"lookup_")) return at;
  }
  for (const std::string_view table :
       {"pgbackfill.fill", "pgbackfill.ensured", "pgbackfill.spelling"}) {
    const std::size_t at = find_name(text, table);
    if (at != std::string_view::npos) return at;
  }
  return std::nullopt;
}

/// Of a trigger whose function is a helper.
bool concerns_trigger(std::string_view statement) {
  return (statement.starts_with("DROP TRIGGER ") ||
          (statement.starts_with("ALTER TABLE ") &&
           statement.find(" TRIGGER ") != std::string_view::npos)) &&
         statement.find("zzz_pgbackfill_") != std::string_view::npos;
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
  if (concerns_trigger(statement)) return;
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
