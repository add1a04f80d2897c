#pragma once

#include "engine/engine.hpp"
#include "engine/mutex.hpp"

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace spdlog {
class logger;
}

namespace pgbackfill::tools {

/// The error stream: plain lines, log lines, and on a terminal a block at the bottom that is
/// redrawn in place and never mixed up with the lines. No colours. Thread-safe.
class Console {
 public:
  /// Interactive when `err` is std::cerr, standard error is a terminal and TERM is not "dumb".
  explicit Console(std::ostream& err);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// From now on everything is one JSON object a line, {"time" (UTC), "level" (info, warning or
  /// error), "message"}, and there is no block. Before any other use.
  void write_json() noexcept;

  bool interactive() const noexcept { return interactive_; }
  /// Size of the terminal now; 80 by 24 where it has none.
  std::pair<int, int> size() const;

  /// A line for people without time or level.
  void line(std::string_view text);
  void log(engine::LogLevel level, std::string_view message);
  engine::LogSink sink();

  /// Replaces the block; an empty one takes it away. Does nothing unless interactive.
  void draw(std::vector<std::string> block);

 private:
  void write(std::string_view text);
  std::string erase_block() const;  // REQUIRES: mutex_ held
  std::string block_text() const;   // REQUIRES: mutex_ held

  // Constant after construction.
  std::ostream& err_;
  bool interactive_;
  bool json_ = false;
  std::unique_ptr<spdlog::logger> logger_;

  engine::Mutex mutex_;
  std::vector<std::string> block_;  // guarded by mutex_
};

/// Whether standard output is a terminal that `out` writes to.
bool is_terminal(const std::ostream& out);

/// How wide a page for `out` may be: as wide as its terminal, else as fits into a ticket.
std::size_t page_width(const std::ostream& out);

}  // namespace pgbackfill::tools
