#pragma once

#include "planner/file/migration_file.hpp"
#include "tests/support/scratch_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// The smallest file that asks for something, to add a defect to. Nine lines.
inline constexpr std::string_view kSmall = R"toml(version = 1
[tenant]
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }
[[table]]
name = "teams"
[[table]]
name = "bookings"
value = { parent = "teams", via = "team_id" }
)toml";

/// Reads migration files that tests write as text.
class MigrationFixture : public testing::Test {
 protected:
  JobSpec read(std::string_view text) {
    return read_migration_file(directory_.write("job.toml", text));
  }

  // Errors as text, paths relative to the directory of the test.
  std::vector<std::string> errors_at(const std::filesystem::path& path) {
    std::vector<std::string> texts;
    try {
      read_migration_file(path);
    } catch (const SpecErrors& errors) {
      const std::string prefix = (directory_.path() / "").string();
      for (const SpecError& error : errors.errors()) {
        EXPECT_THAT(errors.what(), testing::HasSubstr(error.to_string()));
        std::string text = error.to_string();
        for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
          text.erase(at, prefix.size());
        }
        texts.push_back(text);
      }
    }
    return texts;
  }

  std::vector<std::string> errors(std::string_view text) {
    return errors_at(directory_.write("job.toml", text));
  }

  std::vector<std::string> errors_after_small(std::string_view more) {
    return errors(std::string(kSmall) + std::string(more));
  }

  // Errors of a value source, which stands at 5:9.
  std::vector<std::string> errors_of_value(std::string_view source) {
    return errors("version = 1\n[tenant]\nreferences = \"o(id)\"\n[[table]]\nvalue = " +
                  std::string(source) + "\nname = \"t\"\n");
  }

  test::ScratchDirectory directory_;
};

}  // namespace pgbackfill::planner
