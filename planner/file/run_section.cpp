#include "planner/file/run_section.hpp"

#include "planner/file/nearest_name.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/run_settings.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace pgbackfill::planner {
namespace {

TomlValue::Kind kind_of(RunSetting::Form form) {
  switch (form) {
    case RunSetting::Form::kInteger:
      return TomlValue::Kind::kInteger;
    case RunSetting::Form::kNumber:
      return TomlValue::Kind::kFloat;
    case RunSetting::Form::kBoolean:
      return TomlValue::Kind::kBoolean;
    case RunSetting::Form::kStrings:
      return TomlValue::Kind::kArray;
    case RunSetting::Form::kString:
      break;
  }
  return TomlValue::Kind::kString;
}

void take_each(const TomlSection& run, const RunSetting& setting, RunOptions& options) {
  for (const PlacedText& text : run.texts(setting.key)) {
    if (const auto defect = setting.take(text.text, options)) {
      run.report(text.position, fmt::format("\"{}\" {}, not \"{}\"{}", setting.key, *defect,
                                            text.text, did_you_mean(text.text, setting.words)));
    }
  }
}

}  // namespace

RunOptions read_run(const TomlValue& value, std::vector<SpecError>& errors) {
  std::vector<std::string> keys;
  for (const RunSetting& setting : run_settings()) keys.push_back(setting.key);
  const TomlSection run(value, "[run]", std::move(keys), errors);
  RunOptions options;
  for (const RunSetting& setting : run_settings()) {
    if (setting.form == RunSetting::Form::kStrings) {
      take_each(run, setting, options);
      continue;
    }
    const TomlValue* found = run.find(setting.key);
    const bool whole_number = found != nullptr && setting.form == RunSetting::Form::kNumber &&
                              found->kind == TomlValue::Kind::kInteger;
    if (!whole_number) found = run.find(setting.key, kind_of(setting.form));
    if (found == nullptr) continue;
    const auto defect = setting.take(found->text, options);
    if (!defect) continue;
    const bool quoted = setting.form == RunSetting::Form::kString;
    run.report(found->position, fmt::format("\"{}\" {}, not {}{}{}{}", setting.key, *defect,
                                            quoted ? "\"" : "", found->text, quoted ? "\"" : "",
                                            did_you_mean(found->text, setting.words)));
  }
  return options;
}

}  // namespace pgbackfill::planner
