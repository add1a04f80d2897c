#pragma once

#include "tools/commands.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace pgbackfill::tools {

/// The definition of the command line: commands, flags and their help are said here and nowhere
/// else; man pages, completions and the tables of the README are made from it.
struct Parser {
  using Command = int (*)(const CommandLine&, CommandContext&);

  CLI::App app{"Makes a live single-tenant PostgreSQL database multi-tenant, resumably.",
               "pgbackfill"};
  CommandLine line;
  Command command = nullptr;  ///< the one that was chosen

  Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// What is wrong, in one line that names the word, the nearest that there is, and where help is.
  std::string error_text(const CLI::ParseError& error) const;

 private:
  void add_read_commands();
  void add_control_commands();
  void add_init();
  void add_run();
  void add_rollback();
  void add_export();
  void add_output(CLI::App& subcommand);
  CLI::App& add(const std::string& name, const std::string& description, Command chosen,
                bool config_required);
};

}  // namespace pgbackfill::tools
