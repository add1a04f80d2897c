#include "sql/result.hpp"

#include <charconv>
#include <cstddef>
#include <stdexcept>
#include <system_error>

namespace pgbackfill::sql {
namespace {

std::string column_label(const PGresult* result, int column) {
  const char* name = result == nullptr ? nullptr : PQfname(result, column);
  if (name == nullptr) return "column " + std::to_string(column);
  return "column " + std::to_string(column) + " \"" + name + "\"";
}

[[noreturn]] void reject(const PGresult* result, int column, const std::string& why) {
  throw std::logic_error("result " + column_label(result, column) + ": " + why);
}

template <typename Number>
Number parse_number(const PGresult* result, int column, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    reject(result, column, "\"" + std::string(text) + "\" is not a number in range");
  }
  return value;
}

/// Reads the text form of a one-dimensional array, as array_out writes it.
class ArrayReader {
 public:
  explicit ArrayReader(std::string_view text) : rest_(text) {
    // Bounds other than 1 are written in front: [0:2]={a,b,c}.
    if (rest_.starts_with('[')) {
      const std::size_t equals = rest_.find('=');
      if (equals == std::string_view::npos) fail();
      rest_.remove_prefix(equals + 1);
    }
  }

  std::vector<std::string> read() {
    std::vector<std::string> values;
    expect('{');
    if (accept('}')) return finish(std::move(values));
    do {
      values.push_back(element());
    } while (accept(','));
    expect('}');
    return finish(std::move(values));
  }

 private:
  [[noreturn]] static void fail() { throw std::invalid_argument("not a one-dimensional array"); }

  std::vector<std::string> finish(std::vector<std::string> values) const {
    if (!rest_.empty()) fail();
    return values;
  }

  bool accept(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail();
  }

  char take() {
    if (rest_.empty()) fail();
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string element() {
    std::string value;
    if (accept('"')) {
      for (char c = take(); c != '"'; c = take()) value += c == '\\' ? take() : c;
      return value;
    }
    while (!rest_.empty() && rest_.front() != ',' && rest_.front() != '}') {
      const char c = take();
      if (c == '{' || c == '"') fail();
      value += c == '\\' ? take() : c;
    }
    return value == "NULL" ? std::string() : value;
  }

  std::string_view rest_;
};

}  // namespace

int Result::rows() const noexcept { return handle_ ? PQntuples(handle_.get()) : 0; }

int Result::columns() const noexcept { return handle_ ? PQnfields(handle_.get()) : 0; }

std::string_view Result::column_name(int column) const {
  const char* name = PQfname(handle_.get(), column);
  if (name == nullptr) throw std::out_of_range("the result has no such column");
  return name;
}

bool Result::is_null(int row, int column) const {
  if (row < 0 || row >= rows() || column < 0 || column >= columns()) {
    reject(handle_.get(), column,
           "no value at row " + std::to_string(row) + " of " + std::to_string(rows()) + " by " +
               std::to_string(columns()));
  }
  return PQgetisnull(handle_.get(), row, column) != 0;
}

std::string_view Result::text(int row, int column) const {
  if (is_null(row, column)) reject(handle_.get(), column, "unexpected NULL");
  return {PQgetvalue(handle_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(handle_.get(), row, column))};
}

std::optional<std::string> Result::optional_text(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  return std::string(text(row, column));
}

std::int64_t Result::integer(int row, int column) const {
  return parse_number<std::int64_t>(handle_.get(), column, text(row, column));
}

double Result::real(int row, int column) const {
  return parse_number<double>(handle_.get(), column, text(row, column));
}

bool Result::boolean(int row, int column) const {
  const std::string_view value = text(row, column);
  if (value == "t") return true;
  if (value == "f") return false;
  reject(handle_.get(), column, "\"" + std::string(value) + "\" is not a boolean");
}

std::vector<std::string> Result::text_array(int row, int column) const {
  const std::string_view value = text(row, column);
  try {
    return ArrayReader(value).read();
  } catch (const std::invalid_argument& error) {
    reject(handle_.get(), column, std::string(error.what()) + ": " + std::string(value));
  }
}

std::int64_t Result::affected() const {
  if (!handle_) return 0;
  const std::string_view count = PQcmdTuples(handle_.get());
  return count.empty() ? 0 : parse_number<std::int64_t>(handle_.get(), 0, count);
}

std::string text_array_literal(const std::vector<std::string>& values) {
  std::string literal = "{";
  for (const std::string& value : values) {
    if (literal.size() > 1) literal += ',';
    literal += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') literal += '\\';
      literal += c;
    }
    literal += '"';
  }
  literal += '}';
  return literal;
}

}  // namespace pgbackfill::sql
