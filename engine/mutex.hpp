#pragma once

#include <boost/thread/lock_guard.hpp>
#include <boost/thread/mutex.hpp>

namespace pgbackfill::engine {

using Mutex = boost::mutex;
using MutexLock = boost::lock_guard<boost::mutex>;

}  // namespace pgbackfill::engine
