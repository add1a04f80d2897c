#include "planner/file/backup_section.hpp"

#include "planner/file/toml_section.hpp"

#include <fmt/format.h>

#include <cctype>
#include <set>
#include <string>
#include <string_view>

namespace pgbackfill::planner {
namespace {

bool word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// The name in "{name}" at the front of the text; empty when there is none.
std::string_view placeholder(std::string_view text) {
  std::size_t end = 1;
  while (end < text.size() && word_character(text[end])) ++end;
  const bool closed = end > 1 && end < text.size() && text[end] == '}';
  return closed ? text.substr(1, end - 1) : std::string_view();
}

/// Reports what cannot be filled in, and returns the names of what can.
std::set<std::string> check_placeholders(const TomlSection& section, const TomlValue& value) {
  std::set<std::string> known;
  char quote = '\0';
  const std::string_view command = value.text;
  for (std::size_t at = 0; at < command.size(); ++at) {
    const char c = command[at];
    if (c == '\\' && quote != '\'') {
      ++at;
    } else if (quote != '\0' ? c == quote : c == '\'' || c == '"') {
      quote = quote == '\0' ? c : '\0';
    }
    // ${name} is the shell's.
    if (c != '{' || (at > 0 && command[at - 1] == '$')) continue;
    const std::string name(placeholder(command.substr(at)));
    if (name.empty()) continue;
    if (name != "dir" && name != "dsn") {
      section.report(value.position,
                     fmt::format("\"command\" has {{{}}}; it may hold {{dir}} and {{dsn}} (a brace "
                                 "of the shell's own needs a blank behind it)",
                                 name));
    } else if (quote != '\0') {
      section.report(value.position,
                     fmt::format("\"command\" has {{{}}} within quotes; write it without, what "
                                 "stands for it is quoted",
                                 name));
    }
    known.insert(name);
  }
  return known;
}

}  // namespace

BackupSpec read_backup(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, "[backup]", {"command", "directory"}, errors);
  section.require({"command", "directory"});
  BackupSpec spec;
  spec.directory = section.text("directory").value_or("");
  if (const auto command = section.text("command")) {
    spec.command = *command;
    const TomlValue& written = *section.find("command");
    if (!check_placeholders(section, written).contains("dir")) {
      section.report(written.position,
                     "\"command\" does not say {dir}, the directory that the backup must go to");
    }
  }
  return spec;
}

}  // namespace pgbackfill::planner
