#include "planner/operations/enum/enum_domain.hpp"

#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

std::string alter_domain(const sql::QualifiedName& domain, std::string_view action) {
  return fmt::format("ALTER DOMAIN {} {}", domain.quoted(), action);
}

std::vector<std::string> add_rule(const sql::QualifiedName& domain, const DomainRule& rule) {
  if (rule.kind == "default") return {alter_domain(domain, "SET DEFAULT " + rule.definition)};
  if (rule.name.empty()) return {alter_domain(domain, "SET " + rule.definition)};
  std::vector<std::string> statements{alter_domain(
      domain, fmt::format("ADD CONSTRAINT {} {}", quote_identifier(rule.name), rule.definition))};
  if (rule.comment) {
    statements.push_back(fmt::format("COMMENT ON CONSTRAINT {} ON DOMAIN {} IS {}",
                                     quote_identifier(rule.name), domain.quoted(),
                                     sql::quote_literal(*rule.comment)));
  }
  return statements;
}

/// The old column is NULL in new rows: no rule of its domain may outlive the swap.
std::string drop_rule(const sql::QualifiedName& domain, const DomainRule& rule) {
  if (rule.kind == "default") return alter_domain(domain, "DROP DEFAULT");
  if (rule.kind == "not null") return alter_domain(domain, "DROP NOT NULL");
  return alter_domain(domain, "DROP CONSTRAINT " + quote_identifier(rule.name));
}

}  // namespace

std::vector<DomainRule> domain_rules(sql::Connection& connection, const EnumDomainWork& domain,
                                     const LabelRules& rules) {
  sql::Transaction undone(connection);
  connection.execute("SET LOCAL search_path = pg_catalog");
  const sql::Result rows =
      connection.execute(sql::statement("enum_domain"), {domain.domain->name.quoted()});
  std::vector<DomainRule> found;
  for (int i = 0; i < rows.rows(); ++i) {
    DomainRule rule;
    rule.kind = rows.text(i, 0);
    rule.name = rows.text(i, 1);
    rule.object = rows.text(i, 2);
    rule.rewritten = rewrite_labels(rows.text(i, 3), rules);
    rule.definition = rule.rewritten.text;
    rule.validated = rows.boolean(i, 4);
    if (!rows.is_null(i, 5)) rule.comment = rows.text(i, 5);
    rule.expression = rewrite_labels(rows.text(i, 6), rules).text;
    found.push_back(std::move(rule));
  }
  return found;
}

std::string create_domain(const EnumWork& work, const EnumDomainWork& domain) {
  const EnumDomainWork* base = work.domain(domain.domain->base);
  return fmt::format("CREATE DOMAIN {} AS {}{}", domain.shadow.quoted(),
                     (base == nullptr ? work.shadow_type : base->shadow).quoted(),
                     domain.domain->over_array ? "[]" : "");
}

DomainUse domain_use(const EnumWork& work, const sql::EnumDomain& domain) {
  DomainUse use;
  for (const EnumColumnWork& column : work.columns) {
    bool in_array = column.domain_array;
    for (const sql::EnumDomain* part = column.domain; part != nullptr;) {
      if (part == &domain) (in_array ? use.arrays : use.columns).push_back(&column);
      in_array = in_array || part->over_array;
      const EnumDomainWork* base = work.domain(part->base);
      part = base == nullptr ? nullptr : base->domain;
    }
  }
  return use;
}

/// Not the others: the server writes a table anew that gets a column of a domain with one.
bool from_the_start(const EnumWork& work, const sql::EnumDomain& domain, const DomainRule& rule) {
  return rule.holds_for_all() && !domain_use(work, domain).arrays.empty();
}

void add_domain_steps(PlanContext& context, const EnumWork& work) {
  for (const EnumDomainWork& domain : work.domains) {
    const std::string label = domain.domain->name.display(context.spec.schema);
    Step step = make_step(Stage::kExpand, label, "create-domain");
    step.table.clear();
    step.title =
        fmt::format("create domain {} over the new labels as {}", label, domain.shadow.name);
    step.sql = {create_domain(work, domain)};
    for (const DomainRule& rule : domain_rules(context.connection, domain, shadow_rules(work))) {
      if (!from_the_start(work, *domain.domain, rule)) continue;
      append(step.sql, add_rule(domain.shadow, rule));
    }
    append(step.sql, type_decoration(context.connection, domain.domain->name, domain.shadow));
    step.probe = probe::type_exists(domain.shadow);
    step.inverse = {fmt::format("DROP DOMAIN IF EXISTS {}", domain.shadow.quoted())};
    context.plan.steps.push_back(std::move(step));
  }
}

std::vector<std::string> swap_domains(PlanContext& context, const EnumWork& work) {
  const LabelRules labels = label_rules(context.scope, work);
  std::vector<std::string> statements;
  for (const EnumDomainWork& domain : work.domains) {
    const sql::QualifiedName& name = domain.domain->name;
    statements.push_back(alter_domain(name, "RENAME TO " + quote_identifier(domain.old.name)));
    statements.push_back(alter_domain(domain.shadow, "RENAME TO " + quote_identifier(name.name)));
  }
  for (const EnumDomainWork& domain : work.domains) {
    for (const DomainRule& rule : domain_rules(context.connection, domain, labels)) {
      statements.push_back(drop_rule(domain.old, rule));
      if (from_the_start(work, *domain.domain, rule)) continue;
      append(statements, add_rule(domain.domain->name, rule));
      const DomainUse use = domain_use(work, *domain.domain);
      if (work.back || !rule.holds_for_all() || use.columns.empty()) continue;
      context.plan.notes.push_back(fmt::format(
          "domain {}: the cutover compares all rows of its columns with {}, their tables locked",
          domain.domain->name.display(context.spec.schema), rule.definition));
    }
  }
  return statements;
}

std::vector<Step> drop_old_domains(PlanContext& context, const WayBack& back) {
  const std::vector<EnumDomainWork>& domains = back.work().domains;
  std::vector<Step> steps;
  for (auto domain = domains.rbegin(); domain != domains.rend(); ++domain) {
    const sql::QualifiedName& old = domain->shadow;
    const std::string label = domain->domain->name.display(context.spec.schema);
    Step step = make_step(Stage::kFinish, label, "drop-domain");
    step.table.clear();
    step.title = fmt::format("drop the old domain {}", old.name);
    step.sql = {fmt::format("DROP DOMAIN IF EXISTS {}", old.quoted())};
    step.probe = probe::no(probe::type_exists(old));
    step.inverse = {create_domain(back.work(), *domain)};
    append(step.inverse, type_decoration(context.connection, domain->domain->name, old));
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace pgbackfill::planner
