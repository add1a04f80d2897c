#pragma once

#include <array>
#include <string_view>

namespace pgbackfill::tools {

using std::string_view_literals::operator""sv;

inline constexpr std::array kFirstNames{
    "Ada"sv,  "Bruno"sv, "Chioma"sv, "Dmitri"sv, "Elif"sv,   "Farid"sv, "Greta"sv, "Hiro"sv,
    "Inès"sv, "Jonas"sv, "Katya"sv,  "Liam"sv,   "Mónica"sv, "Noor"sv,  "Omar"sv,  "Priya"sv};
inline constexpr std::array kLastNames{"Almeida"sv, "Berg"sv,     "Castillo"sv, "Dube"sv,
                                       "Eriksen"sv, "Fischer"sv,  "Grant"sv,    "Hassan"sv,
                                       "Ivanova"sv, "Joshi"sv,    "Kowalski"sv, "Lindqvist"sv,
                                       "Moreau"sv,  "Nakamura"sv, "O'Neill"sv,  "Petrov"sv};
inline constexpr std::array kStreets{"Alder Lane"sv,     "Bridge Street"sv, "Canal Road"sv,
                                     "Dock Street"sv,    "Elm Avenue"sv,    "Foundry Row"sv,
                                     "Garden Terrace"sv, "Harbour View"sv};
inline constexpr std::array kServices{"standard"sv, "deep_clean"sv, "move_out"sv, "office"sv,
                                      "post_renovation"sv};

}  // namespace pgbackfill::tools
