#include "tools/number_text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pgbackfill::tools {
namespace {

TEST(NumberTextTest, GroupsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(grouped(-123), "-123");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(NumberTextTest, ShortensCounts) {
  EXPECT_EQ(short_count(-1), "0");
  EXPECT_EQ(short_count(std::nan("")), "0");
  EXPECT_EQ(short_count(999), "999");
  EXPECT_EQ(short_count(999.6), "1.0k");
  EXPECT_EQ(short_count(71'234), "71.2k");
  EXPECT_EQ(short_count(999'960), "1.0M");
  EXPECT_EQ(short_count(6'100'000), "6.1M");
  EXPECT_EQ(short_count(2.5e9), "2.5G");
}

TEST(NumberTextTest, ScalesBytes) {
  EXPECT_EQ(bytes_text(-5), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(71'234), "71.2 kB");
  EXPECT_EQ(bytes_text(999'960), "1.0 MB");
  EXPECT_EQ(bytes_text(882'000'000), "882.0 MB");
  EXPECT_EQ(bytes_text(1'250'000'000'000), "1.2 TB");
}

TEST(NumberTextTest, WritesDurations) {
  EXPECT_EQ(duration_text(-1), "0.00 s");
  EXPECT_EQ(duration_text(0.424), "0.42 s");
  EXPECT_EQ(duration_text(12.34), "12.3 s");
  EXPECT_EQ(duration_text(59.96), "1m00s");
  EXPECT_EQ(duration_text(247), "4m07s");
  EXPECT_EQ(duration_text(7500), "2h05m");
  EXPECT_EQ(duration_text(273'600), "3d04h");
  EXPECT_EQ(duration_text(std::numeric_limits<double>::infinity()).back(), 'h');
}

TEST(NumberTextTest, PercentStaysWithinBounds) {
  EXPECT_EQ(percent_of(5, 0), 0);
  EXPECT_EQ(percent_of(5, -1), 0);
  EXPECT_EQ(percent_of(1, 4), 25);
  EXPECT_EQ(percent_of(9, 4), 100);
}

}  // namespace
}  // namespace pgbackfill::tools
