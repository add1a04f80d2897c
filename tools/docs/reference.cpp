#include "tools/docs/reference.hpp"

#include "tools/parser.hpp"

#include <algorithm>
#include <sstream>

namespace pgbackfill::tools {
namespace {

/// Of "TEXT:{a,b}" the words in the braces.
std::vector<std::string> words_of(const std::string& type) {
  const std::size_t open = type.find('{');
  std::vector<std::string> words;
  if (open == std::string::npos) return words;
  std::istringstream stream(type.substr(open + 1, type.rfind('}') - open - 1));
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

OptionEntry option_entry(const CLI::Option& option) {
  OptionEntry entry;
  for (const std::string& name : option.get_snames()) entry.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) entry.names.push_back("--" + name);
  entry.positional = entry.names.empty();
  if (entry.positional) entry.names.push_back(option.get_name());
  if (option.get_items_expected_max() > 0) {
    const std::string type = option.get_type_name();
    entry.value = type.substr(0, type.find(':'));
    entry.words = words_of(type);
  }
  entry.help = option.get_description();
  entry.required = option.get_required();
  for (const planner::RunSetting& setting : planner::run_settings()) {
    if (setting.flag() == entry.names.back()) entry.setting = &setting;
  }
  return entry;
}

void add_entries(const CLI::App& app, const std::string& prefix,
                 std::vector<CommandEntry>& entries) {
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string name = prefix + sub->get_name();
    if (!sub->get_subcommands([](const CLI::App*) { return true; }).empty()) {
      add_entries(*sub, name + " ", entries);
      continue;
    }
    CommandEntry entry{name, sub->get_description(), {}};
    for (const CLI::Option* option : sub->get_options()) {
      if (option != sub->get_help_ptr()) entry.options.push_back(option_entry(*option));
    }
    entries.push_back(std::move(entry));
  }
}

}  // namespace

std::vector<CommandEntry> command_entries() {
  const Parser parser;
  std::vector<CommandEntry> entries;
  add_entries(parser.app, "", entries);
  return entries;
}

}  // namespace pgbackfill::tools
