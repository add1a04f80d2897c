#pragma once

#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// A type name as format_type() would write it: lower case, aliases resolved ("int4" -> "integer",
/// "varchar(36)" -> "character varying(36)"). Quoted names keep their case.
std::string normalise_type(std::string_view type);

enum class TypeFamily { kInteger, kUuid, kText, kOther };

/// Of a normalised type. Values of one family compare by value whichever member holds them.
TypeFamily type_family(std::string_view normalised);

/// Whether a value of one (normalised) type can stand for a value of the other.
bool same_family(std::string_view a, std::string_view b);

}  // namespace pgbackfill::planner
