#include "tools/cli.hpp"

#include "engine/engine.hpp"
#include "engine/sync_point.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/commands.hpp"
#include "tools/connection_advice.hpp"
#include "tools/signals.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <utility>

namespace pgbackfill::tools {
namespace {

using Command = int (*)(const CommandLine&, CommandContext&);

template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;

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
  app.add_option_function<std::string>(name, take, description)
      ->check(CLI::IsMember(std::move(words)));
}

/// A key of [run] as a flag; what is not a value is refused as the migration file would.
void add_setting(CLI::App& app, RunFlags& flags, const planner::RunSetting& setting) {
  const auto defect = [&setting](const std::string& text) {
    planner::RunOptions scratch;
    const auto wrong = setting.take(text, scratch);
    return wrong ? fmt::format("{}, not \"{}\"", *wrong, text) : std::string();
  };
  const bool repeatable = setting.form == planner::RunSetting::Form::kStrings;
  CLI::Option* option = app.add_option_function<std::vector<std::string>>(
      setting.flag(),
      [&flags, &setting](const std::vector<std::string>& texts) {
        for (const std::string& text : texts) flags.given.emplace_back(&setting, text);
      },
      setting.help);
  option->check(CLI::Validator(defect, ""))->allow_extra_args(false);
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
      ->check(CLI::IsMember(std::move(formats)))
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

void add_run_flags(CLI::App& app, CommandLine& line) {
  app.add_option("--log-format", line.log_format, "form of progress, log and errors")
      ->check(CLI::IsMember(std::vector<std::string>{"text", "json"}))
      ->capture_default_str();
  add_choice(app, "--until", line.until, stage_choices(), "last stage to run");
  CLI::Option* join = app.add_flag("--join", line.join,
                                   "help the run that is under way, from here or another host, "
                                   "until its backfill is over");
  app.add_flag("--promote", line.promote,
               "with --join: go on as the run itself once the other is gone")
      ->needs(join);
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

/// The parser, its target and the command that was chosen.
struct Parser {
  CLI::App app{"Makes a live single-tenant PostgreSQL database multi-tenant, resumably.",
               "pgbackfill"};
  CommandLine line;
  Command command = nullptr;

  Parser() {
    app.set_version_flag("--version", "pgbackfill " PGBACKFILL_VERSION);
    app.require_subcommand(1);
    add_init();
    CLI::App& plan = add("plan", "Show what a run would do", plan_command, true);
    add_format(plan, line, {"text", "json", "sql"});
    // What changes a plan's findings.
    add_settings(plan, line, {"accept", "user_triggers"});
    CLI::App& run =
        add("run", "Take the migration to its end, or go on with it", run_command, true);
    add_run_flags(run, line);
    CLI::App& rollback =
        add("rollback", "Take the migration back, step by step", rollback_command, true);
    add_choice(
        rollback, "--to", line.to, stage_choices(),
        "last stage that stays done, from which `run` goes on; without it all is taken back");
    rollback.add_flag("--yes", line.yes, "go on although something will be lost");
    add_settings(rollback, line, {"user_triggers"});
    CLI::App& status = add("status", "Show how far the migration is", status_command, false);
    status.add_flag("--watch", line.watch, "redraw every second until it is finished");
    add_format(status, line, {"text", "json"});
    CLI::App& report =
        add("report", "Write the newest job down as one HTML page", report_command, false);
    report
        .add_option("-o,--output", line.output,
                    "where to; an earlier report there is overwritten. With -c the page says what "
                    "verify finds, too")
        ->type_name("FILE")
        ->required();
    add("pause", "Pause the run under way, from anywhere", pause_command, false);
    add("resume", "Let a paused run go on", resume_command, false);
    add("stop", "Stop the run under way, as a signal does", stop_command, false);
    add_live_settings(add("set", "Change settings of the run under way", set_command, false), line);
    CLI::App& verify =
        add("verify", "Compare the database with what the file asks for", verify_command, true);
    verify.add_flag("--isolation", line.isolation,
                    "try out besides, in a transaction that is rolled back, that organizations "
                    "stay apart");
    add_format(verify, line, {"text", "json", "junit"});
    add_export();
  }

  /// The one command that makes a migration file instead of reading one.
  void add_init() {
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

  void add_output(CLI::App& subcommand) {
    subcommand
        .add_option("-o,--output", line.output, "write it there instead of to standard output")
        ->type_name("FILE");
  }

  void add_export() {
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

  CLI::App& add(const std::string& name, const std::string& description, Command chosen,
                bool config_required) {
    CLI::App& subcommand = *app.add_subcommand(name, description);
    subcommand.callback([this, chosen] { command = chosen; });
    add_common(subcommand, line, config_required);
    return subcommand;
  }
};

/// The parser says only that a subcommand is missing when it meets an unknown one.
std::string parse_error_text(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining();
  if (!app.get_subcommands().empty() || unknown.empty()) return error.what();
  return fmt::format("there is no subcommand or option \"{}\"", unknown.front());
}

std::string help_hint(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return fmt::format("see pgbackfill {}--help",
                     chosen.empty() ? std::string() : chosen.front()->get_name() + " ");
}

/// Runs a command and turns whatever it throws into a message and an exit code.
int guarded(Command command, const CommandLine& line, CommandContext& context) {
  Console& console = context.console;
  try {
    return command(line, context);
  } catch (const planner::SpecErrors& errors) {
    for (const planner::SpecError& error : errors.errors()) console.line(error.to_string());
    return kExitUsage;
  } catch (const engine::Refused& refused) {
    // The others have been logged where they were found.
    for (const planner::Finding& finding : refused.findings()) {
      if (finding.refuses) print_finding(console, finding);
    }
    console.line(fmt::format("pgbackfill: refused: {}", refused.what()));
    return kExitRefused;
  } catch (const sql::Error& error) {
    console.line("pgbackfill: " + (is_connect_failure(error)
                                       ? connect_failure_text(error, context.dsn)
                                       : std::string(error.what())));
  } catch (const std::exception& error) {
    console.line(fmt::format("pgbackfill: {}", error.what()));
  }
  return kExitFailed;
}

}  // namespace

void RunFlags::apply(planner::RunOptions& options) const {
  for (const auto& [setting, text] : given) setting->take(text, options);
}

std::string choose_dsn(const CommandLine& line, const planner::JobSpec& spec) {
  return line.dsn ? *line.dsn : spec.dsn;
}

void print_finding(Console& console, const planner::Finding& finding) {
  console.line((finding.refuses ? "error: " : "warning: ") + finding.to_string());
}

int run_cli(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) try {
  ignore_broken_pipes();
  if (const char* point = std::getenv(engine::kSyncPointVariable)) {
    if (const auto defect = engine::arm_sync_point(point)) {
      err << fmt::format("pgbackfill: {}: {}\n", engine::kSyncPointVariable, *defect);
      return kExitUsage;
    }
  }
  Parser parser;
  try {
    // CLI11 takes them last first.
    parser.app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::Success& request) {  // --help, --version
    return parser.app.exit(request, out, err);
  } catch (const CLI::ParseError& error) {
    err << fmt::format("pgbackfill: {} ({})\n", parse_error_text(parser.app, error),
                       help_hint(parser.app));
    return kExitUsage;
  }
  Console console(err);
  if (parser.line.log_format == "json") console.write_json();
  CommandContext context{out, console, parser.line.dsn.value_or("")};
  const int code = guarded(parser.command, parser.line, context);
  out.flush();
  if (code == kExitDone && !out) {
    console.line("pgbackfill: the result could not be written to standard output");
    return kExitFailed;
  }
  return code;
} catch (const std::exception& error) {
  err << "pgbackfill: " << error.what() << '\n';
  return kExitFailed;
}

}  // namespace pgbackfill::tools
