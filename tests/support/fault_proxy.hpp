#pragma once

#include <boost/thread/mutex.hpp>
#include <boost/thread/thread.hpp>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

namespace pgbackfill::test {

/// Where a link is cut.
enum class Cut {
  kNone,
  kInCopy,         ///< within the data of a binary COPY to the server
  kBeforeCopyEnd,  ///< all rows are sent, that they are all is not
  kBeforeAnswer,   ///< all is sent; what the server says to it is lost
};

/// Stands between clients and a server's Unix socket, and cuts links. All of it is thread-safe.
class FaultProxy {
 public:
  /// `server`: the directory of its socket (port 5432). Throws std::system_error.
  explicit FaultProxy(std::filesystem::path server);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  /// What clients name as their host.
  const std::filesystem::path& directory() const noexcept { return directory_; }
  /// The next link that comes to that point is cut there. kNone takes it back.
  void arm(Cut cut) { armed_ = cut; }
  /// Whether nothing is left to come of arm().
  bool done() const { return armed_ == Cut::kNone; }
  /// Cuts every link that is open now.
  void cut_all() { ++cuts_; }

 private:
  void accept_links();
  void forward(int client);
  /// Passes on what one side sent. False: the link is over.
  bool pass(int from, int to, bool to_server, bool& losing);

  const std::filesystem::path server_;
  std::filesystem::path directory_;
  int listener_ = -1;
  std::atomic<bool> ended_{false};
  std::atomic<int> cuts_{0};
  std::atomic<Cut> armed_{Cut::kNone};
  boost::thread_group links_;
  boost::thread acceptor_;
};

}  // namespace pgbackfill::test
