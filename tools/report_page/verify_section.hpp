#pragma once

#include "engine/verify/verifier.hpp"

#include <string>

namespace pgbackfill::tools {

/// What verify found. `other_file`: it was asked with another file than the job's.
std::string verify_section(const engine::VerifyReport& report, bool other_file);

}  // namespace pgbackfill::tools
