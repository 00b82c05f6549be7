#include <ios>
#include <ostream>
#include <string>

#include "base/mutex.h"
#include "engin/observers.h"

namespace engin {

namespace {

class JsonObserver final : public Observer {
 public:
  explicit JsonObserver(std::ostream& out) : out_(out) {}

  void on_event(const Event& event) override {
    std::string line = to_json(event);
    line += '\n';
    const base::Lock lock(mutex_);
    out_ << line;
    if (event.kind == EventKind::ShutdownEnded) out_.flush();
    // Thrown, so that somebody learns of it: the supervisor drops this observer with a line.
    if (!out_) throw std::ios_base::failure("json_observer: the stream does not take any more");
  }

 private:
  base::Mutex mutex_;
  std::ostream& out_;
};

}  // namespace

std::shared_ptr<Observer> json_observer(std::ostream& out) { return std::make_shared<JsonObserver>(out); }

}  // namespace engin
