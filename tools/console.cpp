#include "tools/console.hpp"

#include "tools/text_layout.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace pgbackfill::tools {
namespace {

/// Narrower than this, lines are cut by the terminal rather than by words.
constexpr std::size_t kNarrowest = 40;

/// Formats a log line and hands it on; locking is the receiver's.
class CallbackSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit CallbackSink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    write_({text.data(), text.size()});
  }
  void flush_() override {}

  std::function<void(std::string_view)> write_;
};

bool dumb_terminal() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term).empty() || std::string_view(term) == "dumb";
}

spdlog::level::level_enum level_of(engine::LogLevel level) {
  switch (level) {
    case engine::LogLevel::kWarning:
      return spdlog::level::warn;
    case engine::LogLevel::kError:
      return spdlog::level::err;
    case engine::LogLevel::kInfo:
      break;
  }
  return spdlog::level::info;
}

std::pair<int, int> terminal_size(int file) {
  winsize size{};
  if (ioctl(file, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
  return {size.ws_col, size.ws_row};
}

std::string json_line(engine::LogLevel level, std::string_view message) {
  constexpr std::array<const char*, 3> kLevels{"info", "warning", "error"};
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto ms = now.time_since_epoch().count() % 1000;
  const nlohmann::ordered_json line{
      {"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                           fmt::gmtime(std::chrono::system_clock::to_time_t(now)), ms)},
      {"level", kLevels.at(static_cast<std::size_t>(level))},
      {"message", message}};
  // A server may send what is not UTF-8.
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Console::Console(std::ostream& err)
    : err_(err),
      interactive_(&err == &std::cerr && isatty(STDERR_FILENO) == 1 && !dumb_terminal()) {
  auto sink = std::make_shared<CallbackSink>([this](std::string_view text) { write(text); });
  logger_ = std::make_unique<spdlog::logger>("pgbackfill", std::move(sink));
  logger_->set_pattern("%H:%M:%S %l: %v");
}

Console::~Console() { draw({}); }

std::pair<int, int> Console::size() const { return terminal_size(STDERR_FILENO); }

void Console::write_json() noexcept {
  json_ = true;
  interactive_ = false;
}

void Console::line(std::string_view text) {
  write(json_ ? json_line(engine::LogLevel::kError, text) : std::string(text) + "\n");
}

void Console::log(engine::LogLevel level, std::string_view message) {
  if (json_) {
    write(json_line(level, message));
    return;
  }
  logger_->log(level_of(level), "{}", message);
}

engine::LogSink Console::sink() {
  return [this](engine::LogLevel level, std::string_view message) { log(level, message); };
}

void Console::draw(std::vector<std::string> block) {
  if (!interactive_) return;
  const engine::MutexLock lock(mutex_);
  const std::string erase = erase_block();
  block_ = std::move(block);
  err_ << erase + block_text() << std::flush;
}

void Console::write(std::string_view text) {
  const engine::MutexLock lock(mutex_);
  err_ << erase_block().append(text) + block_text() << std::flush;
}

std::string Console::erase_block() const {
  if (block_.empty()) return {};
  return "\r\033[" + std::to_string(block_.size()) + "A\033[J";
}

std::string Console::block_text() const {
  std::string text;
  for (const std::string& line : block_) text += line + "\n";
  return text;
}

bool is_terminal(const std::ostream& out) {
  return &out == &std::cout && isatty(STDOUT_FILENO) == 1 && !dumb_terminal();
}

std::size_t page_width(const std::ostream& out) {
  if (!is_terminal(out)) return kPageWidth;
  return std::max<std::size_t>(kNarrowest,
                               static_cast<std::size_t>(terminal_size(STDOUT_FILENO).first));
}

}  // namespace pgbackfill::tools
