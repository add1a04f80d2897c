#pragma once

#include "engine/verify/verifier.hpp"

#include <string>

namespace pgbackfill::tools {

/// Failed checks in full, passed ones summed up per table, rows per organization, and one line
/// with the verdict.
std::string verify_text(const engine::VerifyReport& report);

/// {"passed", "checks": [{"object", "name", "passed", "message"}],
///  "counts": [{"table", "total", "organizations": [{"organization", "rows"}]}]}. Stable.
std::string verify_json(const engine::VerifyReport& report);

/// One <testsuite> with a <testcase> per check.
std::string verify_junit(const engine::VerifyReport& report);

}  // namespace pgbackfill::tools
