#include "tools/sample/tables.hpp"
#include "tools/sample/words.hpp"

namespace pgbackfill::tools {
namespace {

constexpr std::array kTasks{"Dust the shelves"sv, "Clean the oven"sv,   "Mop the floor"sv,
                            "Empty the bins"sv,   "Wipe the mirrors"sv, "Vacuum the stairs"sv};

void fill_template(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kChecklistTemplates, row);
  const std::string_view service = random.pick(kServices);
  out.number(row);
  out.format("Checklist {:03}: {}", row + 1, service);
  out.text(service);
  out.integer(random.between(1, 5));
  out.boolean(true);
  out.timestamp(sample.created_at(Table::kChecklistTemplates, row));
}

void fill_template_item(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kChecklistTemplateItems, row);
  const auto position = static_cast<int>(row % kItemsPerTemplate);
  out.number(row);
  out.number(row / kItemsPerTemplate);
  out.integer(position);
  out.text(random.pick(kTasks));
  out.text(position < 2 ? "BEFORE" : "DURING");
  out.boolean(random.chance(60));
}

void fill_run(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kChecklistRuns, row);
  const ChecklistRunLinks links = sample.checklist_run(row);
  const std::int64_t created = sample.created_at(Table::kChecklistRuns, row);
  const bool complete = random.chance(85);
  out.key(Table::kChecklistRuns, row);
  out.key(Table::kBookings, links.booking);
  out.number(links.checklist_template);
  out.text(complete ? "COMPLETE" : "IN_PROGRESS");
  out.timestamp(created);
  if (complete) {
    out.timestamp(created + random.between(1, 6) * RowWriter::kHour);
  } else {
    out.null();
  }
}

void fill_run_item(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kChecklistRunItems, row);
  const std::int64_t created = sample.created_at(Table::kChecklistRunItems, row);
  const Row run = sample.nearby(Table::kChecklistRunItems, row, Table::kChecklistRuns);
  const Row first_item = sample.checklist_run(run).checklist_template * kItemsPerTemplate;
  out.key(Table::kChecklistRunItems, row);
  out.key(Table::kChecklistRuns, run);
  out.number(first_item + row % kItemsPerTemplate);
  if (random.chance(85)) {
    out.timestamp(created + random.between(5, 240) * (RowWriter::kHour / 60));
  } else {
    out.null();
  }
  if (random.chance(12)) {
    out.text("Client asked to leave this for next time.");
  } else {
    out.null();
  }
  out.timestamp(created);
}

}  // namespace

std::vector<TableFiller> checklist_fillers() {
  return {
      {Table::kChecklistTemplates,
       "template_id, name, service_type, version, is_active, created_at",
       fill_template,
       {}},
      {Table::kChecklistTemplateItems,
       "item_id, template_id, position, label, phase, required",
       fill_template_item,
       {Table::kChecklistTemplates}},
      {Table::kChecklistRuns,
       "run_id, order_id, template_id, status, created_at, completed_at",
       fill_run,
       {Table::kBookings, Table::kChecklistTemplates}},
      {Table::kChecklistRunItems,
       "run_item_id, run_id, template_item_id, checked_at, note, created_at",
       fill_run_item,
       {Table::kChecklistRuns, Table::kChecklistTemplateItems}},
  };
}

}  // namespace pgbackfill::tools
