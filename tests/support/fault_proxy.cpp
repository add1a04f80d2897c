#include "tests/support/fault_proxy.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace pgbackfill::test {
namespace {

constexpr int kPollMs = 5;
/// How a binary COPY begins, and the message that says it is over.
constexpr std::string_view kCopyHeader("PGCOPY\n\377", 8);
constexpr std::string_view kCopyDone("c\0\0\0\4", 5);

int unix_socket() {
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "socket");
  return file;
}

sockaddr_un address_in(const std::filesystem::path& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = (directory / ".s.PGSQL.5432").string();
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

FaultProxy::FaultProxy(std::filesystem::path server) : server_(std::move(server)) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "pgbackfill-proxy-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
  }
  directory_ = pattern;
  listener_ = unix_socket();
  const sockaddr_un address = address_in(directory_);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 64) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen in " + pattern);
  }
  acceptor_ = boost::thread([this] { accept_links(); });
}

FaultProxy::~FaultProxy() {
  ended_ = true;
  acceptor_.join();
  links_.join_all();
  close(listener_);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void FaultProxy::accept_links() {
  while (!ended_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) links_.create_thread([this, client] { forward(client); });
  }
}

void FaultProxy::forward(int client) {
  const int server = unix_socket();
  const sockaddr_un address = address_in(server_);
  const int cuts = cuts_;
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  bool losing = false;
  while (open && !ended_ && cuts == cuts_) {
    std::array<pollfd, 2> sides{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (poll(sides.data(), sides.size(), kPollMs) <= 0) continue;
    if (sides[0].revents != 0) open = pass(client, server, true, losing);
    if (open && sides[1].revents != 0) open = pass(server, client, false, losing);
  }
  close(server);
  close(client);
}

bool FaultProxy::pass(int from, int to, bool to_server, bool& losing) {
  std::array<char, 65536> buffer;
  const ssize_t got = recv(from, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  // The answer was given, and nobody hears it.
  if (!to_server) return !losing && send_all(to, bytes);
  const Cut armed = armed_;
  const bool in_copy = bytes.find(kCopyHeader) != std::string_view::npos;
  const auto end = bytes.rfind(kCopyDone);
  const bool over = end != std::string_view::npos;
  if (armed == Cut::kInCopy && in_copy) {
    armed_ = Cut::kNone;
    send_all(to, bytes.substr(0, bytes.size() / 2));
    return false;
  }
  if (armed == Cut::kBeforeCopyEnd && over) {
    armed_ = Cut::kNone;
    send_all(to, bytes.substr(0, end));
    return false;
  }
  if (armed == Cut::kBeforeAnswer && over) {
    armed_ = Cut::kNone;
    losing = true;
  }
  return send_all(to, bytes);
}

}  // namespace pgbackfill::test
