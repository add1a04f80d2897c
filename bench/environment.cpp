#include "bench/environment.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace pgbackfill::bench {
namespace {

constexpr std::array<std::string_view, 11> kSettings = {
    "shared_buffers",  "max_wal_size",     "checkpoint_timeout", "wal_level",
    "fsync",           "full_page_writes", "autovacuum",         "synchronous_commit",
    "wal_compression", "random_page_cost", "work_mem",
};

/// Above this share of the cores others are at work.
constexpr double kBusyShare = 0.3;

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

constexpr bool optimised() {
#ifdef __OPTIMIZE__
  return true;
#else
  return false;
#endif
}

constexpr bool asserting() {
#ifdef NDEBUG
  return false;
#else
  return true;
#endif
}

std::string setting(sql::Connection& session, std::string_view name) {
  return session.execute("SELECT current_setting($1)", {std::string(name)})
      .optional_text(0, 0)
      .value_or("");
}

}  // namespace

std::int64_t memory_bytes() {
  return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

Environment describe_environment(sql::Connection& session) {
  Environment facts = {
      {"cpu", cpu_model()},
      {"cores", std::to_string(std::thread::hardware_concurrency())},
      {"memory", fmt::format("{:.1f} GB", static_cast<double>(memory_bytes()) / (1 << 30))},
      {"load average", fmt::format("{:.2f}", load_average())},
      {"compiler", fmt::format("{} {}", __VERSION__, PGBACKFILL_BUILD_TYPE)},
      {"postgresql", setting(session, "server_version")},
  };
  for (const std::string_view name : kSettings) {
    facts.emplace_back(name, setting(session, name));
  }
  return facts;
}

std::vector<std::string> environment_warnings(sql::Connection& session) {
  std::vector<std::string> warnings;
  if (!optimised()) warnings.emplace_back("built without optimisation; use a Release build");
  if (asserting()) warnings.emplace_back("assertions are on (no NDEBUG); use a Release build");
  if (setting(session, "debug_assertions") == "on") {
    warnings.emplace_back("the server was built with assertions");
  }
  const double load = load_average();
  if (load > kBusyShare * std::thread::hardware_concurrency()) {
    warnings.push_back(fmt::format(
        "others are at work on this machine (load average {:.2f}); times are noisy", load));
  }
  return warnings;
}

}  // namespace pgbackfill::bench
