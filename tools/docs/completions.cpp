#include "planner/run_settings.hpp"
#include "tools/docs/reference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pgbackfill::tools {
namespace {

std::vector<std::string> flags_of(const CommandEntry& command) {
  std::vector<std::string> flags;
  for (const OptionEntry& option : command.options) {
    if (!option.positional) flags.insert(flags.end(), option.names.begin(), option.names.end());
  }
  flags.emplace_back("--help");
  return flags;
}

/// KEY=, for `set`.
std::vector<std::string> live_keys() {
  std::vector<std::string> keys;
  for (const planner::RunSetting& setting : planner::run_settings()) {
    if (setting.live) keys.push_back(setting.key + "=");
  }
  return keys;
}

std::vector<std::string> positional_words(const CommandEntry& command) {
  for (const OptionEntry& option : command.options) {
    if (option.positional && option.value == "KEY=VALUE") return live_keys();
  }
  return {};
}

/// The first words of the commands, each once; behind a first word its second ones.
std::vector<std::string> words_behind(const std::string& first) {
  std::vector<std::string> words;
  for (const CommandEntry& command : command_entries()) {
    const std::size_t space = command.name.find(' ');
    const std::string begin = command.name.substr(0, space);
    std::string word = begin;
    if (!first.empty()) {
      if (begin != first || space == std::string::npos) continue;
      word = command.name.substr(space + 1);
    }
    if (words.empty() || words.back() != word) words.push_back(word);
  }
  return words;
}

std::string bash_words(const std::string& pattern, const std::vector<std::string>& words) {
  return fmt::format("    {}) words='{}' ;;\n", pattern, fmt::join(words, " "));
}

/// Behind a flag, what its value may be.
std::string bash_values(const CommandEntry& command) {
  std::string text;
  for (const OptionEntry& option : command.options) {
    if (option.positional || option.value.empty()) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : option.names) {
      patterns.push_back(fmt::format("'{} {}'", command.name, name));
    }
    const std::string values = option.value == "true|false"
                                   ? "true false"
                                   : fmt::format("{}", fmt::join(option.words, " "));
    text += fmt::format(
        "    {}) {} ;;\n", fmt::join(patterns, " | "),
        option.takes_file() ? std::string("files=1") : fmt::format("values='{}'", values));
  }
  return text;
}

std::string zsh_quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted;
}

std::string zsh_option(const OptionEntry& option) {
  std::string action;
  if (option.takes_file()) {
    action = "_files";
  } else if (option.value == "true|false") {
    action = "(true false)";
  } else if (!option.words.empty()) {
    action = fmt::format("({})", fmt::join(option.words, " "));
  }
  if (option.positional) {
    return fmt::format(" \\\n      '*:{}:({})'", zsh_quoted(option.value),
                       fmt::join(live_keys(), " "));
  }
  const std::string value =
      option.value.empty() ? "" : fmt::format(":{}:{}", zsh_quoted(option.value), action);
  const std::string behind = fmt::format("[{}]{}", zsh_quoted(option.help), value);
  if (option.names.size() == 1) return fmt::format(" \\\n      '{}{}'", option.names[0], behind);
  return fmt::format(" \\\n      '({})'{{{}}}'{}'", fmt::join(option.names, " "),
                     fmt::join(option.names, ","), behind);
}

}  // namespace

std::string bash_completion() {
  std::string values;
  std::string words = bash_words("''", words_behind(""));
  std::string commands;
  for (const CommandEntry& command : command_entries()) {
    const std::size_t space = command.name.find(' ');
    if (space != std::string::npos) {
      const std::string first = command.name.substr(0, space);
      commands += fmt::format("'{}' | ", first);
      words += bash_words(fmt::format("'{}'", first), words_behind(first));
    }
    commands += fmt::format("'{}' | ", command.name);
    values += bash_values(command);
    std::vector<std::string> all = flags_of(command);
    const std::vector<std::string> positional = positional_words(command);
    all.insert(all.end(), positional.begin(), positional.end());
    words += bash_words(fmt::format("'{}'", command.name), all);
  }
  commands.resize(commands.size() - 3);
  return fmt::format(R"bash(# bash completion for pgbackfill; written by pgbackfill_docs
# shellcheck shell=bash
_pgbackfill() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command='' words='' values='-' files='' longer word
  # bash takes --flag=value apart at its sign.
  if [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD - 2]}}; fi
  if [[ $current == = ]]; then current=; fi
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    longer=${{command:+$command }}$word
    case $longer in
      {}) command=$longer ;;
    esac
  done
  COMPREPLY=()
  case "$command $before" in
{}  esac
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  case $command in
{}  esac
  if [[ $values != - ]]; then words=$values; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [[ ${{COMPREPLY[0]-}} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}}
complete -F _pgbackfill pgbackfill
)bash",
                     commands, values, words);
}

std::string zsh_completion() {
  std::string described;
  std::string cases;
  for (const CommandEntry& command : command_entries()) {
    const std::size_t space = command.name.find(' ');
    described +=
        fmt::format("    '{}:{}'\n", command.name.substr(0, space), zsh_quoted(command.help));
    std::string options;
    for (const OptionEntry& option : command.options) options += zsh_option(option);
    if (space == std::string::npos) {
      cases += fmt::format("    {}) _arguments{} ;;\n", command.name, options);
    } else {
      cases += fmt::format("    {}) _arguments '1: :({})'{} ;;\n", command.name.substr(0, space),
                           command.name.substr(space + 1), options);
    }
  }
  return fmt::format(R"zsh(#compdef pgbackfill
# Written by pgbackfill_docs.
_pgbackfill() {{
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a commands=(
{}  )
  _arguments -C '(- *)'{{-h,--help}}'[show help]' '(- *)--version[show the version]' \
    '1: :->command' '*:: :->rest'
  case $state in
    command) _describe -t commands command commands; return ;;
  esac
  case $words[1] in
{}  esac
}}
_pgbackfill "$@"
)zsh",
                     described, cases);
}

}  // namespace pgbackfill::tools
