#pragma once

#include "sql/catalog.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// What a migration file is to be proposed for.
struct InitRequest {
  std::string schema = "public";
  std::string tenant;             ///< "organizations(org_id)"; empty: looked for
  std::string column = "org_id";  ///< that the tables are to get
};

/// The request does not say enough, or names what is not there. what() says what to add.
class InitError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A foreign key that a table's organization could come by.
struct ParentChoice {
  const sql::Table* parent = nullptr;
  std::string via;
  bool certain = false;  ///< the key's column is NOT NULL: every row has one
};

struct ProposedTable {
  const sql::Table* table = nullptr;
  std::optional<ParentChoice> parent;      ///< the proposal; nullopt: the tenant's constant
  std::vector<ParentChoice> alternatives;  ///< other foreign keys to tables of the job
  std::string own_reference;  ///< a column of its own that refers to the organizations already
  bool own_certain = false;   ///< that column is NOT NULL
};

/// A key that is unique over all rows today.
struct ProposedUnique {
  const sql::Table* table = nullptr;
  std::vector<std::string> columns;
  bool per_tenant = true;  ///< by its name more likely a number or name than a token
};

struct Proposal {
  std::string schema;
  std::string column;
  const sql::Table* organizations = nullptr;
  const sql::Column* key = nullptr;  ///< the organizations' column that is referenced
  /// The organization that everything existing goes to, and the row that makes it; an empty row:
  /// it is there already.
  std::string default_id;
  std::vector<std::pair<std::string, std::string>> default_row;
  std::vector<std::string> default_notes;                     ///< what of it wants a look
  std::vector<ProposedTable> tables;                          ///< parents before children
  std::vector<std::pair<std::string, std::string>> left_out;  ///< table, why
  std::vector<ProposedUnique> uniques;
  std::vector<const sql::EnumType*> enums;  ///< used by the tables
};

/// Looks through the catalog, and at the organizations' rows. Throws InitError.
Proposal propose(const InitRequest& request, const sql::Catalog& catalog,
                 sql::Connection& connection);

/// The migration file, commented; what is not certain is marked with "?".
std::string migration_file_text(const Proposal& proposal);

}  // namespace pgbackfill::planner
