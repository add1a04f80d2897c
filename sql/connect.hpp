#pragma once

#include "sql/connection.hpp"
#include "sql/handles.hpp"

namespace pgbackfill::sql {

/// Opens a session within the connect timeout (of the DSN, else of the options). The `settings`
/// are not applied yet. Throws Error with connection_lost() set; its text never holds a password.
ConnHandle connect(const ConnectOptions& options);

}  // namespace pgbackfill::sql
