#include "planner/operations/operation.hpp"

#include "planner/operations/alembic/alembic_operation.hpp"
#include "planner/operations/column/column_operation.hpp"
#include "planner/operations/convert/convert_operation.hpp"
#include "planner/operations/ensure/ensure_operation.hpp"
#include "planner/operations/enum/enum_operation.hpp"
#include "planner/operations/tenant/tenant_operation.hpp"
#include "planner/operations/unique/unique_operation.hpp"

namespace pgbackfill::planner {
namespace {

std::vector<const Operation*>& list() {
  static std::vector<const Operation*> operations{
      &ensure_operation(), &convert_operation(), &tenant_operation(),  &enum_operation(),
      &unique_operation(), &column_operation(),  &alembic_operation(),
  };
  return operations;
}

}  // namespace

const std::vector<const Operation*>& operations() { return list(); }

AddedOperation::AddedOperation(const Operation& operation) { list().push_back(&operation); }
AddedOperation::~AddedOperation() { list().pop_back(); }

}  // namespace pgbackfill::planner
