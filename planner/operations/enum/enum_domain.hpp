#pragma once

#include "planner/operations/enum/label_rewriter.hpp"
#include "planner/operations/enum/way_back.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A constraint or the default of a domain over a replaced type.
struct DomainRule {
  std::string kind;  ///< check, not null or default
  std::string name;  ///< empty where it has none
  std::string object;
  std::string definition;  ///< "CHECK (…)", with NOT VALID where it is; the default's expression
  std::string expression;  ///< what it demands of VALUE
  bool validated = true;
  std::optional<std::string> comment;
  RewrittenText rewritten;

  /// It demands something of every value, those that are there too.
  bool holds_for_all() const { return kind != "default" && validated; }
};

/// REQUIRES: no transaction is open.
std::vector<DomainRule> domain_rules(sql::Connection& connection, const EnumDomainWork& domain,
                                     const LabelRules& rules);

/// The new one without its rules, beside the old one until the swap.
std::string create_domain(const EnumWork& work, const EnumDomainWork& domain);

/// Where the tables have columns of a domain, of one over it, or of arrays of these.
struct DomainUse {
  std::vector<const EnumColumnWork*> columns;
  std::vector<const EnumColumnWork*> arrays;
};
DomainUse domain_use(const EnumWork& work, const sql::EnumDomain& domain);

/// The rule must be there before the columns are: the server adds no constraint that is to hold for
/// all values to a domain of which there are columns of arrays.
bool from_the_start(const EnumWork& work, const sql::EnumDomain& domain, const DomainRule& rule);

/// Beside each domain a new one, before there are columns of it.
void add_domain_steps(PlanContext& context, const EnumWork& work);

/// Of the swap: when the types have changed names.
std::vector<std::string> swap_domains(PlanContext& context, const EnumWork& work);

/// Steps that drop what the swap has put aside; their inverses make it again without its rules.
std::vector<Step> drop_old_domains(PlanContext& context, const WayBack& back);

}  // namespace pgbackfill::planner
