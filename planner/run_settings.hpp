#pragma once

#include "planner/job_spec.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// More writer connections than that no run has.
inline constexpr int kMostWorkers = 256;

/// One key of [run], which is a flag of `run` too: the single place that knows its name, what it
/// may be and what it means.
struct RunSetting {
  /// How the migration file writes the value.
  enum class Form { kInteger, kNumber, kBoolean, kString, kStrings };

  std::string key;  ///< "batch_time"; its flag is --batch-time
  Form form = Form::kString;
  std::string help;
  /// Puts the value into the options. Where it is not one, says what it must be ("must be from 1
  /// to 256") and leaves them alone.
  std::function<std::optional<std::string>(const std::string& text, RunOptions& options)> take;

  std::vector<std::string> words;  ///< what it may be, where that is one of a few words
  bool live = false;               ///< may be changed while the run goes on

  std::string flag() const;
};

/// All of them, in the order in which help shows them.
const std::vector<RunSetting>& run_settings();

/// One that may be changed while the run goes on; nullptr: there is none of that name.
const RunSetting* find_live_setting(std::string_view key);

/// What is wrong with the key or the value of a setting that is to be changed while the run goes
/// on; nullopt: nothing.
std::optional<std::string> live_setting_defect(const std::string& key, const std::string& value);

}  // namespace pgbackfill::planner
