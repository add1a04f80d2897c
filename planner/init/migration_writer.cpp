#include "planner/init/proposal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace pgbackfill::planner {
namespace {

/// A TOML basic string.
std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\u{:04x}", byte);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

/// A key of an inline table, quoted where TOML wants it.
std::string key_of(std::string_view text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  return bare ? std::string(text) : toml_string(text);
}

/// For the inside of a comment: one line whatever it holds.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string list_of(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ", ") + toml_string(value);
  return "[" + list + "]";
}

std::string size_of(const sql::Table& table) {
  const auto megabytes = static_cast<double>(table.blocks) * 8 / 1024;
  const std::string rows =
      table.reltuples < 0 ? "never analyzed" : fmt::format("{:.0f} rows", table.reltuples);
  return fmt::format("{}, {:.0f} MB", rows, megabytes);
}

class Writer {
 public:
  explicit Writer(const Proposal& proposal) : proposal_(proposal) {}

  std::string text() {
    head();
    ensure();
    tenant();
    for (const ProposedTable& table : proposal_.tables) one_table(table);
    left_out();
    for (const ProposedUnique& unique : proposal_.uniques) one_unique(unique);
    for (const sql::EnumType* type : proposal_.enums) one_enum(*type);
    return std::move(text_);
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  std::string written(const sql::QualifiedName& name) const {
    return toml_string(name.display(proposal_.schema));
  }

  void head() {
    line(
        "# A proposal, made from the catalog by pgbackfill init. Nothing was changed. What begins");
    line("# with \"?\" is a guess: look at it. Then: pgbackfill plan -c THIS_FILE");
    line("version = 1");
    line("");
    line("[database]");
    line("schema = {}", toml_string(proposal_.schema));
    line("");
    line("[run]");
    line("online = true");
    line("# user_triggers = \"refuse\"   # what your UPDATE triggers do while rows are written");
    line("");
  }

  void ensure() {
    const bool whole = std::none_of(
        proposal_.default_notes.begin(), proposal_.default_notes.end(),
        [](const std::string& note) { return note.find("needs a value") != std::string::npos; });
    line("# The organization that everything existing goes to.");
    for (const std::string& note : proposal_.default_notes) line("# {}", one_line(note));
    if (proposal_.default_row.empty()) {
      line("");
      return;
    }
    const std::string_view mark = whole ? "" : "# ";
    std::string row;
    for (const auto& [name, value] : proposal_.default_row) {
      row += fmt::format("{}{} = {}", row.empty() ? "" : ", ", key_of(name), toml_string(value));
    }
    line("{}[[ensure]]", mark);
    line("{}table = {}", mark, written(proposal_.organizations->name));
    line("{}key = {}", mark, list_of({proposal_.key->name}));
    line("{}row = {{ {} }}", mark, row);
    line("");
  }

  void tenant() {
    line("[tenant]");
    line("column = {}", toml_string(proposal_.column));
    line("type = {}", toml_string(proposal_.key->type));
    const std::string references =
        fmt::format("{}({})", proposal_.organizations->name.display(proposal_.schema),
                    reference_part(proposal_.key->name));
    line("references = {}", toml_string(references));
    line("value = {{ constant = {} }}   # of tables without one of their own",
         toml_string(proposal_.default_id));
    line("foreign_key = \"fk_{{table}}_{{column}}_{{references}}\"");
    line("index = \"ix_{{table}}_{{column}}\"");
    line("");
    line("# {} tables, parents first. While all roots have the constant, so have their children:",
         proposal_.tables.size());
    line(
        "# without the parent no row is written, which is quickest. With several organizations, "
        "map");
    line("# the roots ([[lookup]]) and keep the parents.");
    line("");
  }

  /// A column as "references" takes it: quoted where it has to be.
  static std::string reference_part(const std::string& name) {
    return sql::QualifiedName{"", name}.display("");
  }

  static std::string parent_value(const ParentChoice& choice, const std::string& schema) {
    return fmt::format("{{ parent = {}, via = {} }}",
                       toml_string(choice.parent->name.display(schema)), toml_string(choice.via));
  }

  void one_table(const ProposedTable& proposed) {
    const sql::Table& table = *proposed.table;
    line("[[table]]                       # {}", size_of(table));
    line("name = {}", written(table.name));
    if (table.row_key() == nullptr) line("# no primary key: it is read by its blocks");
    value(proposed);
    for (const ParentChoice& choice : proposed.alternatives) {
      line("# {}value = {}{}", choice.certain ? "or " : "? or ",
           one_line(parent_value(choice, proposal_.schema)),
           choice.certain ? "" : "   # which may be NULL: say what such rows get (otherwise)");
    }
    indexes(table);
    line("");
  }

  void value(const ProposedTable& proposed) {
    const std::string reference =
        proposed.own_reference.empty()
            ? ""
            : fmt::format("value = {{ sql = {} }}",
                          toml_string(sql::quote_identifier(proposed.own_reference)));
    // Writing its rows would fire them, which is for the file's reader to decide.
    const bool triggers = !proposed.table->triggers.empty();
    if (!reference.empty() && (triggers || !proposed.own_certain)) {
      line("# ? it refers to {} by {}{}: {}",
           proposal_.organizations->name.display(proposal_.schema),
           one_line(proposed.own_reference), proposed.own_certain ? "" : ", which may be NULL",
           one_line(reference));
    } else if (!reference.empty()) {
      line("{}   # the organization that it refers to already", reference);
    }
    if (proposed.parent) {
      const std::string parent = "value = " + parent_value(*proposed.parent, proposal_.schema);
      if (triggers) {
        line("# ? {}", one_line(parent));
      } else {
        line("{}", parent);
      }
    }
    if (triggers && (proposed.parent || !reference.empty())) {
      std::string names;
      for (const std::string& name : proposed.table->triggers) {
        names += (names.empty() ? "" : ", ") + name;
      }
      line("#   not taken by itself: writing its rows may fire {}; see user_triggers",
           one_line(names));
    }
  }

  /// Queries that went by these columns will go by the organization and them.
  void indexes(const sql::Table& table) {
    for (const sql::Index& index : table.indexes) {
      const bool plain = !index.unique && index.valid && !index.partial && !index.has_expressions &&
                         index.method == "btree";
      const bool reference =
          std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                      [&](const sql::ForeignKey& key) { return key.columns == index.columns; });
      if (!plain || reference || index.columns.front() == proposal_.column) continue;
      std::vector<std::string> columns{proposal_.column};
      columns.insert(columns.end(), index.columns.begin(), index.columns.end());
      std::string name = "ix_" + table.name.name;
      for (const std::string& column : columns) name += "_" + column;
      line("# indexes = [ {{ name = {}, columns = {} }} ]   # beside {}",
           one_line(toml_string(sql::fit_identifier(name))), one_line(list_of(columns)),
           one_line(index.name));
    }
  }

  void left_out() {
    if (proposal_.left_out.empty()) return;
    line("# Left out:");
    for (const auto& [table, reason] : proposal_.left_out) {
      line("#   {}: {}", one_line(table), one_line(reason));
    }
    line("");
  }

  void one_unique(const ProposedUnique& unique) {
    line("# ? unique over all rows today; {}", unique.per_tenant
                                                   ? "two organizations may well have the same"
                                                   : "looks like what must never be shared");
    line("# [[unique]]");
    line("# table = {}", one_line(written(unique.table->name)));
    line("# columns = {}", one_line(list_of(unique.columns)));
    line("# scope = \"{}\"", unique.per_tenant ? "tenant" : "global");
    line("");
  }

  void one_enum(const sql::EnumType& type) {
    std::string columns;
    for (const sql::EnumColumn& column : type.columns) {
      columns += fmt::format("{}{}.{}", columns.empty() ? "" : ", ",
                             column.table.display(proposal_.schema), column.column);
    }
    line("# of {}", one_line(columns));
    line("# [[enum]]");
    line("# type = {}", one_line(written(type.name)));
    line("# values = {}   # as they are; write what they shall be", one_line(list_of(type.labels)));
    line("# map = {{ }}   # old = \"new\"");
    line("");
  }

  const Proposal& proposal_;
  std::string text_;
};

}  // namespace

std::string migration_file_text(const Proposal& proposal) { return Writer(proposal).text(); }

}  // namespace pgbackfill::planner
