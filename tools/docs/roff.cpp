#include "tools/docs/roff.hpp"

#include <sstream>
#include <vector>

namespace pgbackfill::tools {
namespace {

void append_plain(std::string& roff, char c) {
  if (c == '\\') {
    roff += "\\e";
  } else if (c == '-') {
    roff += "\\-";
  } else {
    roff += c;
  }
}

/// A line that begins with a dot or an apostrophe would be a request.
std::string guarded_line(std::string roff) {
  if (roff.starts_with('.') || roff.starts_with('\'')) roff.insert(0, "\\&");
  return roff;
}

std::vector<std::string> cells(const std::string& row) {
  std::vector<std::string> found(1);
  for (std::size_t i = 1; i + 1 < row.size(); ++i) {
    if (row[i] == '\\' && row[i + 1] == '|') {
      found.back() += row[++i];
    } else if (row[i] == '|') {
      found.emplace_back();
    } else {
      found.back() += row[i];
    }
  }
  for (std::string& cell : found) {
    const std::size_t from = cell.find_first_not_of(' ');
    cell = from == std::string::npos ? std::string()
                                     : cell.substr(from, cell.find_last_not_of(' ') - from + 1);
  }
  return found;
}

/// The first cell as the tag, the others as its text.
std::string table_row(const std::string& row) {
  const std::vector<std::string> found = cells(row);
  std::string text;
  for (std::size_t i = 1; i < found.size(); ++i) {
    if (!found[i].empty()) text += (text.empty() ? "" : "; ") + found[i];
  }
  return ".TP\n" + guarded_line(roff_inline(found.front())) + "\n" +
         guarded_line(roff_inline(text)) + "\n";
}

/// Line by line; what a line means depends on the ones before it only by these.
struct Converter {
  std::string roff;
  std::string paragraph;  ///< lines so far, joined; inline marks may span lines
  bool code = false;
  bool table_head = true;

  void end_paragraph() {
    if (!paragraph.empty()) roff += guarded_line(roff_inline(paragraph)) + "\n";
    paragraph.clear();
  }

  void line(const std::string& text) {
    if (text.starts_with("```")) {
      end_paragraph();
      code = !code;
      roff += code ? ".PP\n.EX\n" : ".EE\n";
    } else if (code) {
      roff += guarded_line(roff_text(text)) + "\n";
    } else if (text.starts_with('|')) {
      end_paragraph();
      if (!table_head && !text.starts_with("|---")) roff += table_row(text);
      table_head = false;
    } else {
      table_head = true;
      prose(text);
    }
  }

  void prose(const std::string& text) {
    if (text.starts_with("<!--")) return;
    if (text.starts_with("## ")) {
      end_paragraph();
      roff += ".SH " + roff_text(text.substr(3)) + "\n";
    } else if (text.starts_with("### ")) {
      end_paragraph();
      roff += ".SS " + roff_inline(text.substr(4)) + "\n";
    } else if (text.starts_with("- ")) {
      end_paragraph();
      roff += ".IP \\(bu 2\n";
      paragraph = text.substr(2);
    } else if (text.empty()) {
      end_paragraph();
    } else {
      if (paragraph.empty()) roff += ".PP\n";
      const std::size_t from = text.find_first_not_of(' ');
      paragraph += (paragraph.empty() ? "" : " ") + text.substr(from);
    }
  }
};

}  // namespace

std::string roff_text(std::string_view text) {
  std::string roff;
  for (const char c : text) append_plain(roff, c);
  return roff;
}

std::string roff_inline(std::string_view markdown) {
  std::string roff;
  bool code = false;
  bool strong = false;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    const std::string_view rest = markdown.substr(i);
    if (rest.front() == '`') {
      code = !code;
      roff += code ? "\\fB" : "\\fR";
    } else if (code) {
      append_plain(roff, rest.front());
    } else if (rest.starts_with("**")) {
      strong = !strong;
      roff += strong ? "\\fB" : "\\fR";
      ++i;
    } else if (rest.starts_with("\\*")) {
      roff += '*';
      ++i;
    } else if (rest.starts_with("](")) {
      i += rest.find(')');
    } else if (rest.front() == '[' && rest.find("](") < rest.find(']') + 1) {
      // The opening of a link; brackets of other kinds stay.
    } else {
      append_plain(roff, rest.front());
    }
  }
  return roff;
}

std::string roff_from_markdown(std::string_view markdown) {
  Converter converter;
  std::istringstream stream{std::string(markdown)};
  for (std::string line; std::getline(stream, line);) converter.line(line);
  converter.end_paragraph();
  return converter.roff;
}

}  // namespace pgbackfill::tools
