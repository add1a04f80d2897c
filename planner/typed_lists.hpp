#pragma once

#include <any>
#include <map>
#include <typeindex>
#include <typeinfo>
#include <vector>

namespace pgbackfill::planner {

/// One list for each type that anybody asks for: where each operation keeps what is its own,
/// without the others knowing. Copies are deep.
class TypedLists {
 public:
  template <typename T>
  std::vector<T>& of() {
    std::any& list = lists_[typeid(T)];
    if (!list.has_value()) list = std::vector<T>();
    return *std::any_cast<std::vector<T>>(&list);
  }

  template <typename T>
  const std::vector<T>& of() const {
    static const std::vector<T> none;
    const auto found = lists_.find(typeid(T));
    return found == lists_.end() ? none : *std::any_cast<std::vector<T>>(&found->second);
  }

 private:
  std::map<std::type_index, std::any> lists_;
};

}  // namespace pgbackfill::planner
