#pragma once

#include "engine/engine.hpp"
#include "sql/connection.hpp"

#include <string>
#include <string_view>

namespace pgbackfill::engine {

enum class SessionRole { kCoordinator, kReader, kWriter };

/// What every session of a job sets first: text output that does not depend on the server's
/// configuration, no timeouts of others' making, row_security off so that a policy that would
/// hide rows is an error, and for the workers what their role needs.
sql::ConnectOptions session_options(const EngineOptions& options, std::string_view schema,
                                    SessionRole role, const LogSink& log);

/// Connects again and again, pausing, for up to ten minutes of a server that is down or starting;
/// other errors pass at once. Throws the last error when the time is over or a stop is asked for.
sql::Connection connect_patiently(const sql::ConnectOptions& options, const StopSignal& stop,
                                  const LogSink& log);

}  // namespace pgbackfill::engine
