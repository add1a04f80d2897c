#pragma once

#include "planner/plan/plan.hpp"
#include "sql/identifier.hpp"

#include <string>

namespace pgbackfill::planner {

/// The step is about one partition: where that has left its table, or is dropped, there is nothing
/// to do.
void on_partition(Step& step, const sql::QualifiedName& partition);

/// The same for a step over the partition's part of an index; the server itself makes and attaches
/// one where a partition comes after the index `parent`.
void on_partition_index(Step& step, const sql::QualifiedName& partition,
                        const sql::QualifiedName& parent);

/// SQL that makes a partitioned index valid whose parts are built and attached: the last to be
/// attached may have gone with its partition, and the server looks only when it attaches. The part
/// of a partition that no plan could know is built here, while its writers wait.
/// `stage` is the one that builds it.
std::string make_index_valid(const sql::QualifiedName& index, Stage stage);

/// `plan` with the steps that `fresh`, a plan for the database as it is now, has for partitions
/// that `plan` does not know, in the places that they have there.
Plan with_new_partitions(const Plan& plan, const Plan& fresh);

}  // namespace pgbackfill::planner
