#pragma once

#include "planner/run_settings.hpp"

#include <string>
#include <vector>

namespace pgbackfill::tools {

/// A flag or positional word of a command, as the parser defines it.
struct OptionEntry {
  std::vector<std::string> names;  ///< "-c", "--config"; of a positional its name alone
  std::string value;               ///< "FILE"; empty: it takes none
  std::vector<std::string> words;  ///< what the value may be, where that is one of a few words
  std::string help;
  bool required = false;
  bool positional = false;
  const planner::RunSetting* setting = nullptr;  ///< the key of [run] that it is

  bool takes_file() const { return value == "FILE"; }
};

struct CommandEntry {
  std::string name;  ///< "export alembic"
  std::string help;
  std::vector<OptionEntry> options;
};

/// The command line as data, read off its definition.
std::vector<CommandEntry> command_entries();

// What is made from it. `readme` is the text of README.md.

/// The README with the tables between its markers written anew. Throws std::runtime_error where a
/// marker is missing.
std::string readme_with_tables(const std::string& readme);
std::string command_man_page(const std::string& readme);  ///< pgbackfill(1)
std::string file_man_page(const std::string& readme);     ///< pgbackfill.toml(5)
std::string bash_completion();
std::string zsh_completion();

}  // namespace pgbackfill::tools
