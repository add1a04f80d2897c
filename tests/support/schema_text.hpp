#pragma once

#include <filesystem>
#include <string>

namespace pgbackfill::test {

/// A client program of PostgreSQL (pg_dump, pg_restore) that fits the server under test: the one
/// beside it, else Debian's newest, if that is not older than the server. Empty where all are
/// older, which is printed. Throws std::runtime_error where there is none at all: a client is what
/// the tests need.
std::filesystem::path find_client(const std::string& program);

/// The newest client there is, even if it is older than the server. Throws as find_client().
std::filesystem::path find_any_client(const std::string& program);

/// The definition of a database's schema, all of it but the schema pgbackfill if `ledger` is
/// false: what pg_dump writes, without comments and settings; where no pg_dump fits the server, a
/// line for each object, from the catalogs.
std::string schema_text(const std::string& dsn, bool ledger = false);

}  // namespace pgbackfill::test
