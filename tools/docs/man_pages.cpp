#include "tools/docs/reference.hpp"
#include "tools/docs/roff.hpp"
#include "tools/parser.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace pgbackfill::tools {
namespace {

std::string title(const std::string& name, int section) {
  return fmt::format(".TH {} {} \"\" \"pgbackfill {}\"\n", name, section, PGBACKFILL_VERSION);
}

/// From where `first` begins a line up to where `next` does.
std::string part(const std::string& readme, const std::string& first, const std::string& next) {
  const std::size_t from = readme.find("\n" + first);
  const std::size_t to = from == std::string::npos ? from : readme.find(next, from + 1);
  if (to == std::string::npos) {
    throw std::runtime_error(fmt::format("README.md lacks \"{}\"", first));
  }
  return readme.substr(from + 1, to - from - 1);
}

std::string option_text(const OptionEntry& option) {
  std::string names =
      fmt::format("\\fB{}\\fR", roff_text(fmt::format("{}", fmt::join(option.names, ", "))));
  if (option.positional) names = fmt::format("\\fI{}\\fR ...", roff_text(option.value));
  if (!option.positional && !option.value.empty()) {
    names += fmt::format(
        " \\fI{}\\fR",
        roff_text(option.words.empty() ? option.value
                                       : fmt::format("{}", fmt::join(option.words, "|"))));
  }
  return fmt::format(".TP\n{}\n{}{}\n", names, roff_inline(option.help),
                     option.required ? " (must be given)" : "");
}

std::string synopsis(const CommandEntry& command) {
  std::string text = fmt::format(".br\n\\fBpgbackfill {}\\fR", roff_text(command.name));
  for (const OptionEntry& option : command.options) {
    if (!option.required) continue;
    text += option.positional ? fmt::format(" \\fI{}\\fR...", option.value)
                              : fmt::format(" \\fB{}\\fR \\fI{}\\fR",
                                            roff_text(option.names.front()), option.value);
  }
  return text + " [\\fIoptions\\fR]\n";
}

}  // namespace

std::string command_man_page(const std::string& readme) {
  const Parser parser;
  std::string text = title("PGBACKFILL", 1);
  text += ".SH NAME\npgbackfill \\- make a live PostgreSQL database multi\\-tenant\n.SH SYNOPSIS\n";
  const std::vector<CommandEntry> commands = command_entries();
  for (const CommandEntry& command : commands) text += synopsis(command);
  text += ".SH DESCRIPTION\n" + roff_text(parser.app.get_description()) + "\n";
  text += ".SH COMMANDS\n";
  for (const CommandEntry& command : commands) {
    text += fmt::format(".SS {}\n{}.\n", roff_text(command.name), roff_inline(command.help));
    for (const OptionEntry& option : command.options) text += option_text(option);
  }
  text += ".SH EXIT STATUS\n" + roff_from_markdown(part(readme, "| exit |", "\n\n"));
  text +=
      ".SH ENVIRONMENT\nThe PG* variables of libpq, where neither \\fB\\-\\-dsn\\fR nor the file "
      "says "
      "where the database is.\n";
  return text + ".SH SEE ALSO\n.BR pgbackfill.toml (5)\n";
}

std::string file_man_page(const std::string& readme) {
  return title("PGBACKFILL.TOML", 5) +
         ".SH NAME\npgbackfill.toml \\- migration file of pgbackfill\n" +
         roff_from_markdown(part(readme, "## The migration file\n", "\n## ")) +
         ".SH SEE ALSO\n.BR pgbackfill (1)\n";
}

}  // namespace pgbackfill::tools
