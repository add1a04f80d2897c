#pragma once

#include "planner/export/end_state.hpp"

#include <string>

namespace pgbackfill::planner {

struct AlembicRevision {
  std::string revision;
  std::string down_revision;
  std::string file;  ///< the migration file, for people
};

/// The text of an Alembic revision file that brings a database to the end state and back.
std::string alembic_revision(const AlembicRevision& revision, const EndState& state);

}  // namespace pgbackfill::planner
