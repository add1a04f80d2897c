#include "tools/sample/schema.hpp"

#include <stdexcept>

namespace pgbackfill::tools {
namespace {

std::size_t second_part() {
  const std::size_t at = sample_schema().find("\n-- After the data\n");
  if (at == std::string_view::npos) throw std::logic_error("schema.sql has lost its second part");
  return at + 1;
}

}  // namespace

std::string_view schema_before_data() { return sample_schema().substr(0, second_part()); }

std::string_view schema_after_data() { return sample_schema().substr(second_part()); }

}  // namespace pgbackfill::tools
