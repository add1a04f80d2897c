# Writes OUTPUT, a C++ source with the text of every DIRECTORY/*.sql file and the lookup of
# statements.hpp over them.
file(GLOB files ${DIRECTORY}/*.sql)
list(SORT files)

set(texts "")
set(rows "")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  if(text MATCHES "\\)pgbackfill_sql\"")
    message(FATAL_ERROR "${file} holds the end mark of the literal that it is embedded in")
  endif()
  string(APPEND texts
    "constexpr std::string_view k_${name} = R\"pgbackfill_sql(${text})pgbackfill_sql\";\n")
  string(APPEND rows "    {\"${name}\", k_${name}},\n")
endforeach()

file(WRITE ${OUTPUT} "#include \"sql/statements.hpp\"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace pgbackfill::sql {
namespace {

${texts}
using Entry = std::pair<std::string_view, std::string_view>;
constexpr Entry kStatements[] = {
${rows}};

}  // namespace

std::string_view statement(std::string_view name) {
  const auto* entry = std::find_if(std::begin(kStatements), std::end(kStatements),
                                   [&](const Entry& candidate) { return candidate.first == name; });
  if (entry == std::end(kStatements)) {
    throw std::out_of_range(\"no embedded statement \" + std::string(name));
  }
  return entry->second;
}

std::vector<std::string_view> statement_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kStatements) names.push_back(entry.first);
  return names;
}

}  // namespace pgbackfill::sql
")
