#include "tests/support/run_program.hpp"
#include "tests/support/scratch_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace pgbackfill::tools {
namespace {

namespace fs = std::filesystem;
using test::ProgramOptions;
using test::ProgramOutcome;
using test::run_program;
using test::ScratchDirectory;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Where the system looks for each, under a prefix.
void expect_installed(const fs::path& prefix) {
  for (const char* const file :
       {"bin/pgbackfill", "share/man/man1/pgbackfill.1", "share/man/man5/pgbackfill.toml.5",
        "share/bash-completion/completions/pgbackfill", "share/zsh/vendor-completions/_pgbackfill",
        "share/doc/pgbackfill/README.md", "share/doc/pgbackfill/copyright",
        "share/doc/pgbackfill/examples/migrations/by-team.toml",
        "share/doc/pgbackfill/examples/migrations/team_orgs.csv"}) {
    EXPECT_TRUE(fs::is_regular_file(prefix / file)) << file;
  }
  const ProgramOutcome version = run_program(prefix / "bin/pgbackfill", {"--version"});
  EXPECT_EQ(version.exit_code, 0) << version.err;
  EXPECT_THAT(version.out, StartsWith("pgbackfill "));
}

TEST(PackageTest, InstallsUnderAPrefix) {
  const ScratchDirectory directory;
  const ProgramOutcome outcome =
      run_program(PGBACKFILL_CMAKE,
                  {"--install", PGBACKFILL_BINARY_DIR, "--prefix", directory.path().string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  expect_installed(directory.path());
}

TEST(PackageTest, MakesADebianPackageThatNamesItsLibraries) {
  const ScratchDirectory directory;
  ProgramOptions options;
  options.timeout = std::chrono::minutes(5);
  const ProgramOutcome packed =
      run_program(PGBACKFILL_CPACK,
                  {"-G", "DEB", "--config", PGBACKFILL_BINARY_DIR "/CPackConfig.cmake", "-B",
                   directory.path().string(), "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"},
                  options);
  ASSERT_EQ(packed.exit_code, 0) << packed.out << packed.err;
  fs::path package;
  for (const auto& entry : fs::directory_iterator(directory.path())) {
    if (entry.path().extension() == ".deb") package = entry.path();
  }
  ASSERT_FALSE(package.empty()) << packed.out;
  const ProgramOutcome fields = run_program("dpkg-deb", {"-I", package.string()});
  EXPECT_THAT(fields.out, HasSubstr(" Package: pgbackfill\n"));
  EXPECT_THAT(fields.out, ::testing::ContainsRegex(" Depends: .*libpq5"));
  const fs::path root = directory.path() / "root";
  const ProgramOutcome unpacked = run_program("dpkg-deb", {"-x", package.string(), root.string()});
  ASSERT_EQ(unpacked.exit_code, 0) << unpacked.err;
  expect_installed(root / "usr");
}

}  // namespace
}  // namespace pgbackfill::tools
