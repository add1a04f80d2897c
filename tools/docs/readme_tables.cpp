#include "tools/docs/reference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

namespace pgbackfill::tools {
namespace {

std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string value_text(const OptionEntry& option) {
  if (!option.words.empty()) return fmt::format("{}", fmt::join(option.words, "|"));
  return option.value;
}

/// An option with the commands that have it.
struct Shared {
  OptionEntry option;
  std::vector<std::string> commands;
};

bool same(const OptionEntry& a, const OptionEntry& b) {
  return a.names == b.names && a.help == b.help && a.words == b.words;
}

std::vector<Shared> shared_options() {
  std::vector<Shared> all;
  for (const CommandEntry& command : command_entries()) {
    for (const OptionEntry& option : command.options) {
      if (option.setting != nullptr) continue;
      const auto found = std::find_if(all.begin(), all.end(), [&](const Shared& shared) {
        return same(shared.option, option);
      });
      const std::string name = command.name + (option.required ? "\\*" : "");
      if (found == all.end()) {
        all.push_back({option, {name}});
      } else {
        found->commands.push_back(name);
      }
    }
  }
  return all;
}

std::string command_table() {
  std::string text = "| `pgbackfill …` | |\n|---|---|\n";
  for (const CommandEntry& command : command_entries()) {
    text += fmt::format("| `{}` | {} |\n", command.name, cell(command.help));
  }
  return text;
}

std::string option_table() {
  std::string text = "| flag (\\* must be given) | of | |\n|---|---|---|\n";
  for (const Shared& shared : shared_options()) {
    const std::string value = value_text(shared.option);
    const std::string name = shared.option.positional
                                 ? value + "…"
                                 : fmt::format("{}{}{}", fmt::join(shared.option.names, ", "),
                                               value.empty() ? "" : " ", value);
    text += fmt::format("| `{}` | {} | {} |\n", cell(name), fmt::join(shared.commands, ", "),
                        cell(shared.option.help));
  }
  return text;
}

std::string run_table() {
  std::string text = "| key | value | | |\n|---|---|---|---|\n";
  for (const CommandEntry& command : command_entries()) {
    if (command.name != "run") continue;
    for (const OptionEntry& option : command.options) {
      if (option.setting == nullptr) continue;
      text +=
          fmt::format("| `{}` | {} | {} | {} |\n", option.setting->key, cell(value_text(option)),
                      option.setting->live ? "live" : "", cell(option.help));
    }
  }
  return text;
}

/// Puts `text` between the markers of that name.
void replace_between(std::string& readme, const std::string& name, const std::string& text) {
  const std::string begin = fmt::format("<!-- {}: written by pgbackfill_docs -->\n", name);
  const std::string end = fmt::format("<!-- end of {} -->", name);
  const std::size_t from = readme.find(begin);
  const std::size_t to = readme.find(end);
  if (from == std::string::npos || to == std::string::npos || to < from) {
    throw std::runtime_error(fmt::format("README.md lacks the markers of \"{}\"", name));
  }
  readme.replace(from + begin.size(), to - from - begin.size(), text);
}

}  // namespace

std::string readme_with_tables(const std::string& readme) {
  std::string text = readme;
  replace_between(text, "commands", command_table());
  replace_between(text, "flags", option_table());
  replace_between(text, "keys of [run]", run_table());
  return text;
}

}  // namespace pgbackfill::tools
