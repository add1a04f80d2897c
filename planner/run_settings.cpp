#include "planner/run_settings.hpp"

#include "planner/file/nearest_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

namespace pgbackfill::planner {
namespace {

using Form = RunSetting::Form;
using Defect = std::optional<std::string>;

constexpr std::int64_t kMostDdlWorkers = 64;
constexpr std::int64_t kMostBatchRows = 10'000'000;
constexpr std::int64_t kMostPasses = 256;
constexpr std::int64_t kMostQuarantined = 1'000'000;

template <typename T>
RunSetting integer(std::string key, T RunOptions::*member, std::int64_t min, std::int64_t max,
                   std::string help) {
  const auto take = [=](const std::string& text, RunOptions& options) -> Defect {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
      return fmt::format("must be from {} to {}", min, max);
    }
    options.*member = static_cast<T>(value);
    return std::nullopt;
  };
  return {std::move(key), Form::kInteger, std::move(help), take, {}};
}

template <typename T>
RunSetting choice(std::string key, T RunOptions::*member,
                  std::vector<std::pair<std::string, T>> words, std::string help) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  const auto take = [member, words = std::move(words), names](const std::string& text,
                                                              RunOptions& options) -> Defect {
    for (const auto& [name, value] : words) {
      if (name != text) continue;
      options.*member = value;
      return std::nullopt;
    }
    return fmt::format("must be one of {}", fmt::join(names, ", "));
  };
  return {std::move(key), Form::kString, std::move(help), take, names};
}

RunSetting flag(std::string key, bool RunOptions::*member, std::string help) {
  const auto take = [member](const std::string& text, RunOptions& options) -> Defect {
    if (text != "true" && text != "false") return "must be true or false";
    options.*member = text == "true";
    return std::nullopt;
  };
  return {std::move(key), Form::kBoolean, std::move(help), take, {}};
}

enum class Zero { kRefused, kAllowed };

RunSetting duration(std::string key, std::chrono::milliseconds RunOptions::*member, Zero zero,
                    std::string help) {
  const auto take = [=](const std::string& text, RunOptions& options) -> Defect {
    if (zero == Zero::kAllowed && (text == "0s" || text == "0ms")) {
      options.*member = std::chrono::milliseconds{0};
      return std::nullopt;
    }
    const auto value = parse_duration(text);
    if (!value) return "must be a duration of at most a day like 250ms, 2s or 1min";
    options.*member = *value;
    return std::nullopt;
  };
  return {std::move(key), Form::kString, std::move(help), take, {}};
}

RunSetting size(std::string key, std::int64_t RunOptions::*member, std::string help) {
  const auto take = [member](const std::string& text, RunOptions& options) -> Defect {
    const auto value = parse_size(text);
    if (!value) return "must be a size like 512kB, 64MB or 10GB";
    options.*member = *value;
    return std::nullopt;
  };
  return {std::move(key), Form::kString, std::move(help), take, {}};
}

RunSetting replica_lag() {
  const auto take = [](const std::string& text, RunOptions& options) -> Defect {
    const auto time = parse_duration(text);
    const auto bytes = parse_size(text);
    if (!time && !bytes) return "must be a duration like 10s, or a size like 64MB";
    options.max_replica_lag = {time.value_or(std::chrono::milliseconds{0}), bytes.value_or(0)};
    return std::nullopt;
  };
  return {"max_replica_lag",
          Form::kString,
          "how far a streaming replica may be behind before the writers pause",
          take,
          {}};
}

RunSetting duty_cycle() {
  const auto take = [](const std::string& text, RunOptions& options) -> Defect {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool number = error == std::errc{} && end == text.data() + text.size();
    if (!number || !(value > 0) || value > 1) return "must be a number above 0, up to 1";
    options.duty_cycle = value;
    return std::nullopt;
  };
  return {"duty_cycle", Form::kNumber, "share of its time that each writer writes", take, {}};
}

RunSetting throttle_query() {
  const auto take = [](const std::string& text, RunOptions& options) -> Defect {
    if (text.empty()) return "must be a query of one number or boolean";
    options.throttle_query = text;
    return std::nullopt;
  };
  return {"throttle_query",
          Form::kString,
          "a query of one number or boolean: the writers pause while it is true or above 0",
          take,
          {}};
}

RunSetting accept() {
  const auto take = [](const std::string& text, RunOptions& options) -> Defect {
    if (text != kAcceptFunctionBodies) {
      return fmt::format("must be one of {}", kAcceptFunctionBodies);
    }
    options.accept.insert(text);
    return std::nullopt;
  };
  return {"accept",
          Form::kStrings,
          "what would be refused and is known and wanted; function-bodies: functions whose text "
          "names a label that changes",
          take,
          {std::string(kAcceptFunctionBodies)}};
}

std::vector<RunSetting> all_settings() {
  std::vector<RunSetting> settings;
  settings.push_back(
      integer("workers", &RunOptions::workers, 1, kMostWorkers, "writer connections"));
  settings.push_back(integer("ddl_workers", &RunOptions::ddl_workers, 1, kMostDdlWorkers,
                             "tables whose index builds and validations run side by side; unless "
                             "told, half of this machine's cores, at least two"));
  settings.push_back(choice<MethodChoice>("method", &RunOptions::method,
                                          {{"auto", MethodChoice::kAuto},
                                           {"copy", MethodChoice::kCopy},
                                           {"update", MethodChoice::kUpdate},
                                           {"catalog", MethodChoice::kCatalog}},
                                          "how rows get their value"));
  settings.push_back(choice<OrderChoice>(
      "order", &RunOptions::order,
      {{"auto", OrderChoice::kAuto}, {"block", OrderChoice::kBlock}, {"key", OrderChoice::kKey}},
      "how tables are read"));
  settings.push_back(flag("online", &RunOptions::online,
                          "false: in a maintenance window, without regard for live writers"));
  settings.push_back(
      duration("batch_time", &RunOptions::batch_time, Zero::kRefused, "what a batch may take"));
  settings.push_back(integer("batch_rows", &RunOptions::batch_rows, 0, kMostBatchRows,
                             "rows of a batch; 0: adapts to the batch time"));
  settings.push_back(integer("passes", &RunOptions::passes, 0, kMostPasses,
                             "passes over a window; 0: chosen per table"));
  settings.push_back(duration("lock_timeout", &RunOptions::lock_timeout, Zero::kRefused,
                              "how long a DDL statement waits for locks"));
  settings.push_back(choice<HeldHorizon>(
      "on_held_horizon", &RunOptions::on_held_horizon,
      {{"continue", HeldHorizon::kContinue}, {"wait", HeldHorizon::kWait}},
      "while a long transaction keeps old row versions: continue in one pass, or wait"));
  settings.push_back(replica_lag());
  settings.push_back(size("max_wal_rate", &RunOptions::max_wal_rate,
                          "WAL that the server may write in a second before the writers pause"));
  settings.push_back(size("max_slot_wal", &RunOptions::max_slot_wal,
                          "WAL that a replication slot may retain before the writers pause"));
  settings.push_back(throttle_query());
  settings.push_back(duty_cycle());
  settings.push_back(choice<std::string>(
      "wal_compression", &RunOptions::wal_compression,
      {{"off", "off"}, {"on", "on"}, {"pglz", "pglz"}, {"lz4", "lz4"}, {"zstd", "zstd"}},
      "how the server compresses the full pages in the WAL of what is written; unless told, as it "
      "is set to"));
  settings.push_back(integer("max_quarantined", &RunOptions::max_quarantined, 0, kMostQuarantined,
                             "rows that the server refuses to change and that may be set aside "
                             "before the job stops"));
  settings.push_back(choice<CrossTenant>(
      "cross_tenant", &RunOptions::cross_tenant,
      {{"warn", CrossTenant::kWarn}, {"refuse", CrossTenant::kRefuse}},
      "rows whose parents lie in different organizations: warn of them, or refuse to start"));
  settings.push_back(choice<UserTriggers>(
      "user_triggers", &RunOptions::user_triggers,
      {{"refuse", UserTriggers::kRefuse},
       {"fire", UserTriggers::kFire},
       {"skip", UserTriggers::kSkip}},
      "the application's triggers on rows that are written: refuse to start, let them fire, or "
      "skip them"));
  settings.push_back(duration("enforce_when_quiet", &RunOptions::enforce_when_quiet, Zero::kAllowed,
                              "stage enforce waits until no row has come without its organization "
                              "for as long"));
  settings.push_back(accept());
  return settings;
}

constexpr std::array<std::string_view, 9> kLive{"workers",      "ddl_workers",     "batch_time",
                                                "batch_rows",   "lock_timeout",    "max_wal_rate",
                                                "max_slot_wal", "max_replica_lag", "duty_cycle"};

}  // namespace

std::string RunSetting::flag() const {
  std::string name = "--" + key;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

const std::vector<RunSetting>& run_settings() {
  static const std::vector<RunSetting> settings = [] {
    std::vector<RunSetting> all = all_settings();
    for (RunSetting& setting : all) {
      setting.live = std::find(kLive.begin(), kLive.end(), setting.key) != kLive.end();
    }
    return all;
  }();
  return settings;
}

const RunSetting* find_live_setting(std::string_view key) {
  const auto found =
      std::find_if(run_settings().begin(), run_settings().end(),
                   [&](const RunSetting& setting) { return setting.live && setting.key == key; });
  return found == run_settings().end() ? nullptr : &*found;
}

std::optional<std::string> live_setting_defect(const std::string& key, const std::string& value) {
  if (const RunSetting* setting = find_live_setting(key)) {
    RunOptions scratch;
    const auto defect = setting->take(value, scratch);
    if (!defect) return std::nullopt;
    return fmt::format("\"{}\" {}, not \"{}\"", key, *defect, value);
  }
  std::vector<std::string> live;
  bool known = false;
  for (const RunSetting& setting : run_settings()) {
    known = known || setting.key == key;
    if (setting.live) live.push_back(setting.key);
  }
  return fmt::format("{} \"{}\"{}; {} can be changed while a run goes on",
                     known ? "only the next run can have another" : "there is no setting", key,
                     known ? "" : did_you_mean(key, live), fmt::join(live, ", "));
}

}  // namespace pgbackfill::planner
