// What is behind an Engin: the order in which things start and stop.
#ifndef ENGIN_LIB_HOST_HOST_H_
#define ENGIN_LIB_HOST_HOST_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "engin/engin.h"
#include "host/assembly.h"
#include "host/lifecycle_runner.h"
#include "host/option_data.h"
#include "host/signals.h"

namespace engin::detail {

class Host {
 public:
  explicit Host(std::unique_ptr<OptionData> options);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  int run();
  void start();
  int stop();
  void request_stop(ShutdownCause cause) noexcept;
  std::stop_token stop_token() const;
  void check();
  Graph graph();
  EnginReport report() const;
  /// The Engin goes.
  static void dispose(Host* host) noexcept;

 private:
  /// Who acts: in Starting and Stopping `owner_`; in Running run() if it started it, else the first stop(). Ended is
  /// for good.
  enum class Phase : std::uint8_t { Built, Starting, Running, Stopping, Ended };

  std::vector<Element> with_own(std::vector<Element> elements);
  Value make_supervisor(const SupervisorOptions* given);
  void enter(Phase from, Phase to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void stop_from(Phase from);
  bool begin(bool in_run);
  bool bring_up();
  bool start_up();
  void make_all(bool invocations);
  void await_shutdown();
  void take_down();
  void destroy_all();
  int exit_code() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool stop_asked() const;
  void check_may_wait() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void resolve();
  void handle_signals();
  void on_signal(int signal, int count);
  std::string unfinished() const;
  bool abandons() const;
  [[noreturn]] static void end_process(const EnginReport& report) noexcept;

  const std::optional<SignalSettings> settings_;
  Lifecycle lifecycle_;
  base::Mutex assembly_mutex_;  // for resolving; what follows is done by the owner
  host::Assembly assembly_;
  bool told_unneeded_ ABSL_GUARDED_BY(assembly_mutex_) = false;

  mutable base::Mutex mutex_;
  std::condition_variable_any changed_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::Built;
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool in_run_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id owner_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::size_t> acting_on_ ABSL_GUARDED_BY(mutex_);     // what is being made, run or destroyed
  std::optional<ShutdownCause> stop_cause_ ABSL_GUARDED_BY(mutex_);  // asked for by the Engin, not by a task
  SupervisorOptions options_ ABSL_GUARDED_BY(mutex_);                // as supplied
  Supervisor* supervisor_ ABSL_GUARDED_BY(mutex_) = nullptr;         // a value of assembly_
  std::unique_ptr<LifecycleRunner> runner_ ABSL_GUARDED_BY(mutex_);  // made together with it, and stays
  EnginReport report_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<host::Signals> signals_;  // the owner's, from the first step of the start to the last of the stop
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_HOST_HOST_H_
