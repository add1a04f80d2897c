#include "tools/parser.hpp"

#include "planner/file/nearest_name.hpp"
#include "planner/run_settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace pgbackfill::tools {
namespace {

template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;

/// How help shows the words that a value may be.
std::string in_braces(const std::vector<std::string>& words) {
  return words.empty() ? std::string() : fmt::format("{{{}}}", fmt::join(words, ","));
}

CLI::Validator one_of(std::vector<std::string> words) {
  std::string shown = in_braces(words);
  const auto defect = [words = std::move(words)](const std::string& text) {
    if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
    return fmt::format("must be one of {}, not \"{}\"{}", fmt::join(words, ", "), text,
                       planner::did_you_mean(text, words));
  };
  return {defect, std::move(shown)};
}

/// An option whose value is one of a few words.
template <typename T>
void add_choice(CLI::App& app, const std::string& name, std::optional<T>& target,
                const Choices<T>& choices, const std::string& description) {
  std::vector<std::string> words;
  for (const auto& choice : choices) words.push_back(choice.first);
  const auto take = [&target, choices](const std::string& word) {
    for (const auto& [text, value] : choices) {
      if (text == word) target = value;
    }
  };
  app.add_option_function<std::string>(name, take, description)->check(one_of(std::move(words)));
}

const char* value_name(planner::RunSetting::Form form) {
  switch (form) {
    case planner::RunSetting::Form::kInteger:
      return "N";
    case planner::RunSetting::Form::kNumber:
      return "NUMBER";
    case planner::RunSetting::Form::kBoolean:
      return "true|false";
    case planner::RunSetting::Form::kString:
    case planner::RunSetting::Form::kStrings:
      break;
  }
  return "TEXT";
}

/// What the page for people shows besides.
void add_plan_details(CLI::App& app, CommandLine& line) {
  app.add_flag("-v,--verbose", line.verbose, "show every step (text format)");
  app.add_flag("--sample", line.sample,
               "try out what writing a row costs, on copies of some rows in temporary tables");
  app.add_option("--table", line.tables,
                 "show this table alone, with its steps (text format); any number of times")
      ->type_name("TABLE")
      ->allow_extra_args(false);
}

/// A key of [run] as a flag; what is not a value is refused as the migration file would.
void add_setting(CLI::App& app, RunFlags& flags, const planner::RunSetting& setting) {
  const auto defect = [&setting](const std::string& text) {
    planner::RunOptions scratch;
    const auto wrong = setting.take(text, scratch);
    return wrong ? fmt::format("{}, not \"{}\"{}", *wrong, text,
                               planner::did_you_mean(text, setting.words))
                 : std::string();
  };
  const bool repeatable = setting.form == planner::RunSetting::Form::kStrings;
  CLI::Option* option = app.add_option_function<std::vector<std::string>>(
      setting.flag(),
      [&flags, &setting](const std::vector<std::string>& texts) {
        for (const std::string& text : texts) flags.given.emplace_back(&setting, text);
      },
      setting.help);
  option->type_name(value_name(setting.form))
      ->check(CLI::Validator(defect, in_braces(setting.words)))
      ->allow_extra_args(false);
  if (!repeatable) option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
}

void add_common(CLI::App& app, CommandLine& line, bool config_required) {
  app.add_option("-c,--config", line.config, "migration file (TOML)")
      ->type_name("FILE")
      ->required(config_required);
  app.add_option("--dsn", line.dsn,
                 "connection string; overrides the file's, which overrides PG* variables")
      ->type_name("DSN");
}

void add_format(CLI::App& app, CommandLine& line, std::vector<std::string> formats) {
  app.add_option("--format", line.format, "form of the result")
      ->check(one_of(std::move(formats)))
      ->capture_default_str();
}

Choices<planner::Stage> stage_choices() {
  Choices<planner::Stage> stages;
  for (int i = 0; i < planner::kStageCount; ++i) {
    const auto stage = static_cast<planner::Stage>(i);
    stages.emplace_back(planner::to_string(stage), stage);
  }
  return stages;
}

/// Some of the keys of [run].
void add_settings(CLI::App& app, CommandLine& line, std::initializer_list<std::string_view> keys) {
  for (const planner::RunSetting& setting : planner::run_settings()) {
    if (std::find(keys.begin(), keys.end(), setting.key) != keys.end()) {
      add_setting(app, line.run, setting);
    }
  }
}

std::string address_defect(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos && colon > 0) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + colon + 1, end, port);
    if (read.ec != std::errc{} || read.ptr != end || port > 65535) port = -1;
  }
  return port >= 0
             ? std::string()
             : fmt::format("must be an address and a port like 127.0.0.1:9187, not \"{}\"", text);
}

void add_run_flags(CLI::App& app, CommandLine& line) {
  app.add_option("--log-format", line.log_format, "form of progress, log and errors")
      ->check(one_of({"text", "json"}))
      ->capture_default_str();
  add_choice(app, "--until", line.until, stage_choices(), "last stage to run");
  CLI::Option* join = app.add_flag("--join", line.join,
                                   "help the run that is under way, from here or another host, "
                                   "until its backfill is over");
  app.add_flag("--promote", line.promote,
               "with --join: go on as the run itself once the other is gone")
      ->needs(join);
  app.add_option("--metrics", line.metrics,
                 "answer Prometheus at http://ADDR:PORT/metrics while the run goes on; port 0: any "
                 "that is free")
      ->type_name("ADDR:PORT")
      ->check(CLI::Validator(address_defect, ""));
  for (const planner::RunSetting& setting : planner::run_settings()) {
    add_setting(app, line.run, setting);
  }
}

/// KEY=VALUE, as many as are given.
void add_live_settings(CLI::App& app, CommandLine& line) {
  const auto split = [](const std::string& text) {
    const std::size_t equals = text.find('=');
    return std::pair(text.substr(0, equals),
                     equals == std::string::npos ? std::string() : text.substr(equals + 1));
  };
  const auto defect = [split](const std::string& text) {
    if (text.find('=') == std::string::npos) {
      return fmt::format("write KEY=VALUE, not \"{}\"", text);
    }
    const auto [key, value] = split(text);
    return planner::live_setting_defect(key, value).value_or("");
  };
  app.add_option_function<std::vector<std::string>>(
         "setting",
         [&line, split](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) line.settings.push_back(split(text));
         },
         "keys of [run] that can be changed while a run goes on, and their new values")
      ->type_name("KEY=VALUE")
      ->required()
      ->check(CLI::Validator(defect, ""));
}

}  // namespace

Parser::Parser() {
  app.set_version_flag("--version", "pgbackfill " PGBACKFILL_VERSION);
  app.require_subcommand(1);
  add_init();
  add_run();
  add_rollback();
  add_read_commands();
  add_control_commands();
  add_export();
}

void Parser::add_run() {
  CLI::App& plan = add("plan", "Show what a run would do", plan_command, true);
  add_format(plan, line, {"text", "json", "sql"});
  add_plan_details(plan, line);
  // What changes a plan's findings.
  add_settings(plan, line, {"accept", "user_triggers"});
  CLI::App& run = add("run", "Take the migration to its end, or go on with it", run_command, true);
  add_run_flags(run, line);
}

void Parser::add_rollback() {
  CLI::App& rollback =
      add("rollback", "Take the migration back, step by step", rollback_command, true);
  add_choice(rollback, "--to", line.to, stage_choices(),
             "last stage that stays done, from which `run` goes on; without it all is taken back");
  rollback.add_flag("--yes", line.yes, "go on although something will be lost");
  add_settings(rollback, line, {"user_triggers"});
}

void Parser::add_read_commands() {
  CLI::App& status = add("status", "Show how far the migration is", status_command, false);
  status.add_flag("--watch", line.watch, "redraw every second until it is finished");
  add_format(status, line, {"text", "json"});
  CLI::App& verify =
      add("verify", "Compare the database with what the file asks for", verify_command, true);
  verify.add_flag("--isolation", line.isolation,
                  "try out besides, in a transaction that is rolled back, that organizations "
                  "stay apart");
  add_format(verify, line, {"text", "json", "junit"});
  add("report", "Write the newest job down as one HTML page", report_command, false)
      .add_option("-o,--output", line.output,
                  "where to; an earlier report there is overwritten. With -c the page says what "
                  "verify finds, too")
      ->type_name("FILE")
      ->required();
}

void Parser::add_control_commands() {
  add("pause", "Pause the run under way, from anywhere", pause_command, false);
  add("resume", "Let a paused run go on", resume_command, false);
  add("stop", "Stop the run under way, as a signal does", stop_command, false);
  add_live_settings(add("set", "Change settings of the run under way", set_command, false), line);
}

/// The one command that makes a migration file instead of reading one.
void Parser::add_init() {
  CLI::App& init = *app.add_subcommand("init", "Propose a migration file for a database");
  init.callback([this] { command = init_command; });
  init.add_option("--dsn", line.dsn, "connection string; else PG* variables")->type_name("DSN");
  add_output(init);
  init.add_option("--tenant", line.init.tenant,
                  "table and column of the organizations; looked for when not given")
      ->type_name("TABLE(COLUMN)");
  init.add_option("--column", line.init.column, "column that the tables are to get")
      ->capture_default_str();
  init.add_option("--schema", line.init.schema, "schema of the tables")->capture_default_str();
}

void Parser::add_output(CLI::App& subcommand) {
  subcommand
      .add_option("-o,--output", line.output, "write it there instead of to standard output (-)")
      ->type_name("FILE")
      ->transform([](std::string file) { return file == "-" ? std::string() : file; });
}

void Parser::add_export() {
  CLI::App& group = *app.add_subcommand("export", "Write what the job does for another tool");
  group.require_subcommand(1);
  CLI::App& alembic = *group.add_subcommand(
      "alembic", "As an Alembic revision, which brings a clean database to the same schema");
  alembic.callback([this] { command = export_alembic_command; });
  add_common(alembic, line, true);
  alembic.add_option("--revision", line.revision, "id of the revision")->required();
  alembic.add_option("--down-revision", line.down_revision, "the one before it, or base")
      ->required();
  add_output(alembic);
}

CLI::App& Parser::add(const std::string& name, const std::string& description, Command chosen,
                      bool config_required) {
  CLI::App& subcommand = *app.add_subcommand(name, description);
  subcommand.callback([this, chosen] { command = chosen; });
  add_common(subcommand, line, config_required);
  return subcommand;
}

namespace {

/// The innermost command that was chosen, and its words up to there.
const CLI::App& chosen_app(const CLI::App& app, std::string& words) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    words += at->get_name() + " ";
  }
  return *at;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

/// What to say of a word that the command does not know.
std::string unknown_text(const CLI::App& app, const CLI::App& chosen, const std::string& word) {
  if (!word.starts_with('-')) {
    const std::vector<std::string> commands = command_names(chosen);
    if (commands.empty()) return fmt::format("\"{}\" is not expected", word);
    return fmt::format("there is no subcommand \"{}\"{}", word,
                       planner::did_you_mean(word, commands));
  }
  const std::string flag = word.substr(0, word.find('='));
  const std::vector<std::string> flags = flag_names(chosen);
  if (&app != &chosen && std::find(flags.begin(), flags.end(), flag) != flags.end()) {
    return fmt::format("{} belongs behind the subcommand", flag);
  }
  return fmt::format("there is no option \"{}\"{}", flag, planner::did_you_mean(flag, flags));
}

}  // namespace

std::string Parser::error_text(const CLI::ParseError& error) const {
  std::string words;
  const CLI::App& chosen = chosen_app(app, words);
  std::string text = error.what();
  // The parser says first what is missing, though the reason may be that it is misspelt.
  std::vector<std::string> unknown = app.remaining(true);
  const auto flag = std::find_if(unknown.begin(), unknown.end(),
                                 [](const std::string& word) { return word.starts_with('-'); });
  if (!unknown.empty()) {
    // Behind a flag that is not known comes its value.
    const bool no_command = !command_names(chosen).empty() && !unknown.front().starts_with('-');
    text = unknown_text(app, chosen, no_command || flag == unknown.end() ? unknown.front() : *flag);
  } else if (!command_names(chosen).empty()) {
    text =
        fmt::format("a subcommand is missing: one of {}", fmt::join(command_names(chosen), ", "));
  }
  return fmt::format("{} (see pgbackfill {}--help)", text, words);
}

}  // namespace pgbackfill::tools
