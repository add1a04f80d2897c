#pragma once

#include <cstdint>
#include <string>

namespace pgbackfill::tools {

/// 1234567 as "1,234,567".
std::string grouped(std::int64_t value);

/// At most about six characters: 950, 71.2k, 6.1M, 1.3G. Negative values count as 0.
std::string short_count(double value);

/// Bytes for people, in powers of 1000: "950 B", "71.2 kB", "882.0 MB", "1.3 GB".
std::string bytes_text(std::int64_t bytes);

/// The same in at most five characters, for columns: "950B", "71k", "5.2M", "882M", "1.3G".
std::string brief_bytes(double bytes);

/// Seconds for people: "0.42 s", "12.3 s", "4m07s", "2h05m", "3d04h".
std::string duration_text(double seconds);

/// Share of `part` in `whole` in percent, within 0 and 100; 0 where `whole` is not positive.
double percent_of(double part, double whole);

}  // namespace pgbackfill::tools
