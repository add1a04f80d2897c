#include "planner/export/alembic_revision.hpp"

#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <cctype>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {
namespace {

/// As SQLAlchemy's text() sees it: letters of any script are words.
bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || byte >= 0x80;
}

/// Where text() would take ":name" for a parameter, or "\:" for its escape of a colon.
bool needs_escape(std::string_view sql, std::size_t colon) {
  std::size_t end = colon + 1;
  while (end < sql.size() && (is_word(sql[end]) || sql[end] == '$')) ++end;
  if (end < sql.size() && sql[end] == ':') return false;
  const char before = colon == 0 ? ' ' : sql[colon - 1];
  if (before == '\\') return true;
  return end > colon + 1 && before != ':' && !is_word(before);
}

std::string escape_colons(std::string_view sql) {
  std::string text;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] == ':' && needs_escape(sql, i)) text += '\\';
    text += sql[i];
  }
  return text;
}

/// A Python literal in three quotes; lines stay lines.
std::string python(std::string_view text) {
  std::string literal = "\"\"\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool closing = c == '"' && (i + 1 == text.size() || text[i + 1] == '"');
    if (c == '\\' || closing) literal += '\\';
    if (c == '\r') {
      literal += "\\r";
    } else {
      literal += c;
    }
  }
  return literal + "\"\"\"";
}

std::string short_python(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') literal += '\\';
    literal += c;
  }
  return literal + "\"";
}

std::string body(const std::vector<std::string>& statements) {
  std::string text;
  for (const std::string& statement : statements) {
    text += fmt::format("    op.execute({})\n", python(escape_colons(statement)));
  }
  return text.empty() ? "    pass\n" : text;
}

std::string done_query(const std::vector<std::string>& probes) {
  std::vector<std::string> terms;
  for (const std::string& probe : probes) terms.push_back("(" + probe + ")");
  return "SELECT " + join(terms, "\n   AND ");
}

std::string downgrade(const EndState& state) {
  if (state.irreversible.empty()) return body(state.downgrade);
  return fmt::format("    raise RuntimeError({})\n", python("this revision cannot be taken back: " +
                                                            join(state.irreversible, "; ")));
}

}  // namespace

std::string alembic_revision(const AlembicRevision& revision, const EndState& state) {
  const bool base = revision.down_revision == "base";
  const std::string below = base ? "None" : short_python(revision.down_revision);
  std::string text = fmt::format(
      "{}\nimport sqlalchemy as sa\nfrom alembic import op\n\n"
      "revision = {}\ndown_revision = {}\nbranch_labels = None\ndepends_on = None\n\n",
      python(fmt::format("What pgbackfill does by {}\n\nRevision ID: {}\nRevises: {}\n\n"
                         "For a database that few rows are in, such as the tests' own. A database "
                         "that\npgbackfill has migrated is left as it is.\n",
                         revision.file, revision.revision, base ? "" : revision.down_revision)),
      short_python(revision.revision), below);
  std::string guard;
  if (!state.done.empty()) {
    text += fmt::format("# True where the job's end is there already.\nDONE = {}\n\n",
                        python(escape_colons(done_query(state.done))));
    guard =
        "    if not op.get_context().as_sql and op.get_bind().execute(sa.text(DONE)).scalar():\n"
        "        return\n";
  }
  text += fmt::format("\ndef upgrade() -> None:\n{}{}\n\ndef downgrade() -> None:\n{}", guard,
                      body(state.upgrade), downgrade(state));
  return text;
}

}  // namespace pgbackfill::planner
